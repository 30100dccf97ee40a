// Moves store calls from a shard's inbox to its log, as far as they can go now.
//
// Purpose: what the shard actor does at each wake-up, without CAF: take from the inbox, let ShardState decide, number,
// encode, hand over to the log. Never waits: whatever is missing (room, positions, memory, a look-up) wakes it again.
// Owner: the shard actor (or a test). Threading: one thread at a time, except `outside` calls made by jobs.
#pragma once

#include "actors/engine_parts.hpp"
#include "engine/shard_state.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace weir {

class ShardPump {
public:
  using Answers = std::shared_ptr<ShardState::Answers>;
  /// How a read job hands its answers back; called on a look-up thread.
  using Resolved = std::function<void(Answers)>;

  ShardPump(EngineParts& parts, ShardParts& shard, Resolved resolved);

  void pump();
  void resolved(const Answers& answers);
  /// The log has lost groups; numbers are given again as `epoch`.
  void renumber(std::uint64_t epoch);
  /// The shard takes no more stores.
  void stop(const Error& why);
  /// True if nothing that was admitted is left to do.
  [[nodiscard]] bool idle() const;

private:
  struct Formed {
    std::vector<ShardState::Numbered> calls;
    std::uint64_t positions = 0;
    std::size_t bytes = 0;
  };

  void move_on();
  void take();
  void start_lookups();
  bool refuse_if_disk_is_low();
  bool memory_is_short();
  bool form();   // false: what is ready waits for groups in flight, or for a look-up
  bool submit(); // false: no positions yet
  void add_several(const StoreCommand& command, wal::Group& records, Position position) const;
  void refuse_if_positions_are_blocked();
  void refuse_all(const Error& why); // what was taken from the inbox
  void refuse_everything();          // once stopped: what is still in the inbox as well
  [[nodiscard]] std::optional<ContextHead> in_memory(std::string_view context_id) const;

  EngineParts& parts_;
  ShardParts& shard_;
  Resolved resolved_;
  ShardState state_;
  std::vector<StorePtr> taken_;
  std::optional<Formed> formed_; // numbered, waits for positions
  std::uint64_t group_ = 0;
  std::uint64_t epoch_ = 1;
  std::optional<Error> stopped_;
};

} // namespace weir
