// Whether the events of a store call were stored before, by their ids.
//
// Purpose: an event_id is unique in its context for ever. A call with ids that memory alone cannot rule out is turned
// into a question, which a look-up thread answers from a view of the shard. Decision 0008 has the whole picture.
// Threading: pure functions.
#pragma once

#include "engine/hash.hpp"
#include "engine/shard_view.hpp"
#include "engine/store_command.hpp"

#include <weir/event.hpp>
#include <weir/result.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

/// Hashes of the ids of `events`, all of one context, in their order; events without an id have none.
/// `invalid_argument` if two of them have the same id.
Result<std::vector<std::uint64_t>> hash_event_ids(std::string_view context_id, std::span<const Event> events,
                                                  std::uint64_t directory_seed);

/// What a call with event ids says, without its bytes.
struct IdQuestion {
  struct Asked {
    std::string event_id; ///< May be empty.
    Hash128 content;
    std::optional<Timestamp> timestamp; ///< Only if the caller gave one.
  };
  /// Of one context. If any of a call's parts has ids, then all that have events do.
  struct Part {
    std::string context_id;
    std::vector<Asked> events;
  };
  std::vector<Part> parts;
  std::uint64_t number = 0;        ///< The asker's own.
  std::optional<FailIf> fail_if{}; ///< Looked at if no id is found.
  Position looked_to = 0;          ///< Behind this position.
};

[[nodiscard]] IdQuestion id_question(const StoreCommand& command, std::uint64_t number);

struct IdAnswer {
  std::uint64_t number = 0; ///< Of the question.
  /// Nothing: no event with a position up to `checked_to` has one of the ids, or fails the condition. Otherwise the
  /// receipt of the first store, `event_id_conflict` or `condition_failed`; or why the answer cannot be had.
  std::optional<Result<Receipt>> verdict;
  std::vector<Receipt> receipts{}; ///< Of a call for several contexts whose verdict is a receipt: one for each.
  Position checked_to = 0;
};

/// Answers questions from one view. May do I/O.
[[nodiscard]] std::vector<IdAnswer> answer_id_questions(const ShardView& view, std::span<const IdQuestion> questions);

/// The position up to which memory alone can tell that no segment holds one of the ids of `events`: that of the last
/// segment, or 0. Never does I/O.
[[nodiscard]] Position ids_excluded_to(const SegmentList& segments, std::string_view context_id,
                                       std::span<const Event> events);

/// The position of the view's last event, 0 if it has none.
[[nodiscard]] Position last_position(const ShardView& view);

} // namespace weir
