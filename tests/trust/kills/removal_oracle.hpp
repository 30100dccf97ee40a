// What must be left of contexts whose events are removed, in a directory that is killed many times.
//
// Purpose: takes in what their writers said before each operation and after it was answered, and what showings,
// backups and the log dumper find. Of each context it knows in which states it may be: what was answered holds, what
// was not holds as a whole or not at all. Owner: the directory's KillOracle. Threading: one thread.
#pragma once

#include "trust/kills/removal_workload.hpp"

#include <weir/event.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace weir::trust {

/// Over all directories of a run.
struct RemovalTotals {
  std::uint64_t stored = 0, removed = 0,
                closed = 0;   ///< Calls that were answered; contexts seen to be deleted for good.
  std::uint64_t retained = 0; ///< Runs of retention that came to their end.
  std::uint64_t known = 0;    ///< Retries that were answered as they must be.
  std::uint64_t in_doubt = 0; ///< Operations that a kill cut short.
  std::uint64_t shown = 0;    ///< Contexts compared.

  void add(const RemovalTotals& other) noexcept;
};

class RemovalOracle {
public:
  /// What a showing found in a context.
  struct Found {
    struct Live {
      Sequence sequence = 0;
      Position position = 0;
      RemovableOrigin origin;
    };
    Sequence first_live = 1;
    Sequence last = 0;
    std::vector<Live> live;
  };
  /// What a backup that is asked for now must hold.
  struct Least {
    Sequence first_live = 1;
    Sequence last = 0;
    bool closed = false;
  };

  RemovalOracle(std::uint64_t seed, RemovalTotals& totals, std::function<void(std::string)> complain);

  /// What the host says (speech.hpp), word by word. False: it is none of these words.
  bool take(std::string_view word, std::string_view line);
  /// The host is dead or has closed the engine.
  void ended();
  /// Calls of earlier lives that a host may store again: they are there, or were removed.
  [[nodiscard]] std::vector<RemovableCall> again(Dice& dice) const;
  /// Events that the running showing has found; ends it.
  [[nodiscard]] std::uint64_t end_showing();

  [[nodiscard]] std::vector<Least> least() const;
  /// A copy of the directory holds this.
  void copied(const std::string& copy, std::uint32_t context, const Found& found, const Least& least);
  /// Takes a replay into `found`; false, and a complaint, if it does not go on where it was.
  bool find(std::uint32_t context, Sequence sequence, Position position, std::string_view fields, Found& found);

  /// The dumper has found these in the log of a dead directory ...
  void dumped_event(std::string_view context, Sequence sequence, Position position, std::string_view fields);
  void dumped_removal(std::string_view context, Position position, Sequence first_live, bool closes);
  /// ... and no more; what is at higher positions than these, by shard, is in no segment.
  void end_dump(const std::vector<Position>& segments_up_to);

private:
  struct Stored {
    Sequence first = 0;
    std::uint32_t events = 0;
    RemovableCall call;
    Position position = 0; ///< 0: not known yet.
    friend bool operator==(const Stored&, const Stored&) = default;
  };
  struct State {
    std::vector<Stored> calls;
    Sequence first_live = 1;
    bool closed = false;
    [[nodiscard]] Sequence last() const { return calls.empty() ? 0 : calls.back().first + calls.back().events - 1; }
  };
  struct Operation {
    enum class What : std::uint8_t { store, remove } what = What::store;
    RemovableCall call;
    Sequence before = 0;
    bool closes = false;
  };
  struct Answered {
    Sequence first_live = 0;
    bool closes = false;
  };
  struct Context {
    std::vector<State> states{State{}}; ///< It is in one of these.
    std::optional<Operation> pending;
    std::map<Position, Answered> removals; ///< That were answered.
    ShardId shard = 0;
    Found found; ///< Of the running showing.
  };

  [[nodiscard]] std::uint32_t events_of(const RemovableCall& call) const;
  void apply(State& state, const Operation& operation) const;
  static void retain(State& state, Sequence last);
  /// Keeps the states that fit; complains if none is left.
  void keep(std::uint32_t context, const std::string& what, const std::function<bool(State&)>& fits);
  void stored(std::uint32_t context, Sequence sequence, Position position);
  void removed(std::uint32_t context, Sequence before, Position position, bool already);
  void retained(bool resumed, Position before);
  static void drop_equal(std::vector<State>& states);
  void stored_again(const RemovableCall& call, bool duplicate, Sequence sequence, Position position);
  void shown(std::uint32_t context);
  static bool holds(State& state, const Found::Live& live);
  [[nodiscard]] Context* named(std::string_view context, std::uint32_t& number);

  const std::uint64_t seed_;
  RemovalTotals& totals_;
  std::function<void(std::string)> complain_;
  std::vector<Context> contexts_;
  bool retaining_ = false; ///< Asked for and not answered.
  bool may_be_ruled_ = false, ruled_ = false;
  std::uint64_t live_ = 0;
  std::set<Position> dumped_;
};

} // namespace weir::trust
