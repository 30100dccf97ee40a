// What load() may give in a directory that is killed many times: the snapshot that was saved last, on the event it was
// made at, and the events after it.
//
// Purpose: takes in what the host said before it saved or dropped a snapshot and after it was answered, and what load()
// gave; of each context it knows which snapshot may be there: what was answered is, what was not is there whole or not
// at all, and one whose event a crash took is none. Owner: the directory's KillOracle, whose showings are the truth.
// Threading: one thread.
#pragma once

#include <weir/event.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::trust {

/// Over all directories of a run.
struct SnapshotTotals {
  std::uint64_t saved = 0, dropped = 0; ///< Calls that were answered.
  std::uint64_t in_doubt = 0;           ///< That a kill cut short.
  std::uint64_t loaded = 0;             ///< Loads that gave one, right after an open ...
  std::uint64_t lost_event = 0;         ///< ... and those that did not, because a crash had taken its event.

  void add(const SnapshotTotals& other) noexcept;
};

class SnapshotOracle {
public:
  /// The position of a context's event, as the last showing found it; 0: there is none.
  using PositionOf = std::function<Position(std::uint32_t context, Sequence sequence)>;

  SnapshotOracle(SnapshotTotals& totals, PositionOf position_of, std::function<void(std::string)> complain)
      : totals_(totals), position_of_(std::move(position_of)), complain_(std::move(complain)) {}

  /// What the host says (speech.hpp), word by word. False: it is none of these words.
  bool take(std::string_view word, std::string_view line);
  /// The host is dead or has closed the engine.
  void ended();

private:
  struct Saved {
    Sequence sequence = 0;
    Position position = 0; ///< Of that event.
    std::string tag;
    std::uint64_t mark = 0; ///< Of the bytes.
    bool fresh = false;     ///< Saved in this life, so its event is there.
  };
  using Maybe = std::optional<Saved>; ///< Nothing: no snapshot is there.
  struct Context {
    std::vector<Maybe> possible{Maybe{}};
    std::optional<Maybe> pending; ///< Asked for, and not answered.
  };

  void settle(std::uint32_t context);
  void apply(std::uint32_t context, const Maybe& before, const Maybe& asked, std::vector<Maybe>& after) const;
  /// Whether its event is known to be there.
  [[nodiscard]] bool stands(std::uint32_t context, const Saved& saved) const;
  void gave(std::uint32_t context, std::string_view line, bool opened);
  void went_on(std::uint32_t context, Sequence from, std::string_view line);

  SnapshotTotals& totals_;
  PositionOf position_of_;
  std::function<void(std::string)> complain_;
  std::map<std::uint32_t, Context> contexts_;
};

} // namespace weir::trust
