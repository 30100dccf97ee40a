// What an engine holds, as values that tests compare.
#pragma once

#include "tests/support/happenings.hpp"

#include <weir/engine.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::test {

struct StoredEvent {
  std::string context_id;
  Sequence sequence = 0;
  Position position = 0;
  Timestamp recorded_at{};
  Timestamp timestamp{};
  std::string event_type;
  std::string event_id;
  std::string metadata;
  std::string payload;

  friend bool operator==(const StoredEvent&, const StoredEvent&) = default;
};

/// A copy of the batch's events.
[[nodiscard]] std::vector<StoredEvent> copy(const EventBatch& batch);
/// Every event the replay gives, or its first error.
[[nodiscard]] Result<std::vector<StoredEvent>> read_all(const Engine& engine, std::string_view context_id,
                                                        ReplayOptions options = {});
/// The events of a context that must be readable and dense from `first`; a failed check otherwise.
[[nodiscard]] std::vector<StoredEvent> read_dense(const Engine& engine, std::string_view context_id,
                                                  Sequence first = 1);
/// The event that a conflict tells of, as it can be read now; nothing if it cannot, or if the receipt is not its own.
[[nodiscard]] std::optional<StoredEvent> event_told(const Engine& engine, const Conflict& told);
/// The only number of a query's only row; a failed check if the answer looks otherwise.
[[nodiscard]] std::uint64_t count_of(const Result<QueryResult>& answer);
/// An id of a context that lives in `shard`; another one for each `salt`.
[[nodiscard]] std::string context_in_shard(const Engine& engine, ShardId shard, int salt = 0);

/// Waits until somebody begins to close the engine. False if its event queue ends for another reason.
[[nodiscard]] bool wait_until_closing(const Engine& engine);

} // namespace weir::test
