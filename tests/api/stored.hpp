// What an engine holds, as values that tests compare.
#pragma once

#include <weir/engine.hpp>

#include <chrono>
#include <string>
#include <string_view>
#include <thread>
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
/// The events of a context that must be readable and dense from 1; a failed check otherwise.
[[nodiscard]] std::vector<StoredEvent> read_dense(const Engine& engine, std::string_view context_id);
/// The only number of a query's only row; a failed check if the answer looks otherwise.
[[nodiscard]] std::uint64_t count_of(const Result<QueryResult>& answer);
/// An id of a context that lives in `shard`; another one for each `salt`.
[[nodiscard]] std::string context_in_shard(const Engine& engine, ShardId shard, int salt = 0);

/// True as soon as `condition` holds, false if it does not for two minutes (a loaded machine is slow). For what the
/// engine does by itself and tells nobody about.
template <class Condition> [[nodiscard]] bool eventually(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(2);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline)
      return false;
    std::this_thread::yield();
  }
  return true;
}

} // namespace weir::test
