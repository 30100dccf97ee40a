// What the backups of a directory that is killed many times must be, and what they must hold.
//
// Purpose: BackupOracle takes in what the host said before it asked for a backup and after it was answered, and knows
// of each place whether there must be one, and what was acknowledged before. CopyOracle compares what a restored
// directory holds with that, and with the directory it is a copy of. Owner: the driver; the first one belongs to the
// directory's KillOracle. Threading: one thread.
#pragma once

#include "trust/kills/removal_oracle.hpp"
#include "trust/kills/workload.hpp"

#include <weir/event.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace weir::trust {

class KillOracle;

/// Over all directories of a run.
struct BackupTotals {
  std::uint64_t made = 0;      ///< And answered.
  std::uint64_t with_base = 0; ///< Of these, with segments that were linked.
  std::uint64_t cancelled = 0;
  std::uint64_t restored = 0; ///< And compared.
  std::uint64_t refused = 0;  ///< Half backups and half restored directories that nobody took for whole ones.

  void add(const BackupTotals& other) noexcept;
};

class BackupOracle {
public:
  /// What a backup that is asked for now must hold at least.
  struct Least {
    std::vector<Sequence> last; ///< Of each context, its first so many events.
    std::vector<RemovalOracle::Least> removable;
  };

  struct Place {
    bool must_be = false; ///< A backup is there, for it was answered.
    bool may_be = false;  ///< One was asked for, and the host died before it could say more.
    bool changed = false; ///< In this life.
    Least least;
  };

  BackupOracle(BackupTotals& totals, std::function<Least()> least, std::function<void(std::string)> complain)
      : totals_(totals), least_(std::move(least)), complain_(std::move(complain)) {}

  /// What the host says (speech.hpp), word by word. False: it is none of these words.
  bool take(std::string_view word, std::string_view line);
  /// The host is dead or has closed the engine, and a look has shown whether there is a manifest at `place`.
  void found(const std::string& place, bool manifest);
  /// The places by name; those that were changed in the life that has ended are looked at.
  [[nodiscard]] const std::map<std::string, Place>& places() const { return places_; }
  [[nodiscard]] BackupTotals& totals() { return totals_; }

private:
  BackupTotals& totals_;
  std::function<Least()> least_;
  std::function<void(std::string)> complain_;
  std::map<std::string, Place> places_;
};

/// A restored directory, shown context by context.
class CopyOracle {
public:
  /// `what` names it in complaints.
  CopyOracle(KillOracle& oracle, std::string what, const BackupOracle::Least& least);

  void shown(std::string_view context, Sequence sequence, Position position, std::string_view fields);
  void shown_removable(std::uint32_t context, const RemovalOracle::Found& found);
  /// `count`: events as the engine counts them. Returns the last sequence of each context.
  std::vector<Sequence> end(std::uint64_t count);
  [[nodiscard]] Position last_position() const { return last_position_; }

private:
  void complain(const std::string& what);

  KillOracle& oracle_;
  const std::string what_;
  const BackupOracle::Least& least_;
  std::vector<Sequence> last_;                    ///< By context.
  std::map<CallId, std::set<std::size_t>> parts_; ///< Shown of calls for several contexts.
  Position last_position_ = 0;
  std::uint64_t count_ = 0;
};

} // namespace weir::trust
