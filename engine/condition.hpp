// Which events a FailIf speaks of.
//
// Purpose: one rule for what is in segments, in memtables and on its way. Threading: pure functions.
#pragma once

#include "engine/shard_view.hpp"
#include "engine/store_command.hpp"

#include <weir/fail_if.hpp>
#include <weir/result.hpp>

#include <optional>
#include <span>
#include <string>

namespace weir {

/// Group, types and tags within limits.hpp. `invalid_argument`, `too_large`.
Status validate_fail_if(const FailIf& condition);

/// Where an event is that a condition speaks of.
struct Match {
  std::string context_id;
  std::string event_id;
  Sequence sequence = 0;
  Position position = 0; ///< 0: it has got none yet.
};

/// What memory alone says of a condition.
struct MemoryVerdict {
  bool tells = true;          ///< False: segments must be asked as well.
  std::optional<Match> match; ///< The first event in the way, if memory tells and there is one.
};

/// Whether the condition speaks of the event, wherever that stands. An event whose metadata.tags are no array of
/// strings has no tags.
[[nodiscard]] bool concerns(const FailIf& condition, const EventView& event);

/// The first event behind `after` that the condition speaks of and that is not removed. May do I/O.
Result<std::optional<Match>> first_match(const ShardView& view, const FailIf& condition, Position after);
/// The same in memtables alone: all of a shard, oldest first.
[[nodiscard]] std::optional<Match> first_match(std::span<const MemtableView> memtables, const FailIf& condition,
                                               Position after);
/// The same in a call that has got its numbers; the first one's context begins with `first_sequence`.
[[nodiscard]] std::optional<Match> first_match(const StoreCommand& command, Sequence first_sequence,
                                               const FailIf& condition);

/// The answer to a call whose condition failed: `condition_failed`, with the event in Error::conflicts.
[[nodiscard]] Error condition_failed(const Match& match);
/// The answer to a call of which expectations failed as well: one error, which has the code of `expectations`.
[[nodiscard]] Error both_failed(Error expectations, Error condition);

} // namespace weir
