#include "tests/api/stored.hpp"

#include "tests/support/why.hpp"

#include <doctest/doctest.h>

namespace weir::test {

std::vector<StoredEvent> copy(const EventBatch& batch) {
  std::vector<StoredEvent> events;
  for (const EventView& event : batch)
    events.push_back({std::string(event.context_id), event.sequence, event.position, event.recorded_at, event.timestamp,
                      std::string(event.event_type), std::string(event.event_id), std::string(event.metadata),
                      std::string(event.payload)});
  return events;
}

Result<std::vector<StoredEvent>> read_all(const Engine& engine, std::string_view context_id, ReplayOptions options) {
  auto stream = engine.replay(context_id, std::move(options));
  if (!stream)
    return std::move(stream).error();
  std::vector<StoredEvent> all;
  while (true) {
    const auto batch = stream->next();
    if (!batch)
      return batch.error();
    if (batch->empty())
      return all;
    for (StoredEvent& event : copy(*batch))
      all.push_back(std::move(event));
  }
}

std::vector<StoredEvent> read_dense(const Engine& engine, std::string_view context_id, Sequence first) {
  auto events = read_all(engine, context_id);
  REQUIRE_MESSAGE(events.ok(), why(events));
  for (std::size_t i = 0; i < events->size(); ++i)
    REQUIRE((*events)[i].sequence == first + i);
  return std::move(*events);
}

std::optional<StoredEvent> event_told(const Engine& engine, const Conflict& told) {
  const auto found = read_all(engine, told.context_id, {.from = told.current, .to = told.current});
  if (!found || found->size() != 1 || !told.receipt)
    return std::nullopt;
  const StoredEvent& event = found->front();
  const bool its_own = told.receipt->sequence == event.sequence && told.receipt->position == event.position &&
                       told.receipt->events == 1 && told.current == event.sequence;
  return its_own ? std::optional(event) : std::nullopt;
}

std::uint64_t count_of(const Result<QueryResult>& answer) {
  REQUIRE_MESSAGE(answer.ok(), why(answer));
  REQUIRE(answer->rows.size() == 1);
  REQUIRE(answer->rows.front().size() == 1);
  const auto count = answer->rows.front().front().as_uint64();
  REQUIRE(count.has_value());
  return *count;
}

bool wait_until_closing(const Engine& engine) {
  SubscribeOptions options;
  options.from = QueueStart::now();
  auto events = engine.subscribe(std::move(options));
  if (!events)
    return events.code() == Errc::closing;
  while (true) {
    if (const auto batch = events->next(); !batch)
      return batch.code() == Errc::closing;
  }
}

std::string context_in_shard(const Engine& engine, ShardId shard, int salt) {
  for (int i = 0;; ++i) {
    std::string context = "context-" + std::to_string(salt) + "-" + std::to_string(i);
    if (engine.shard_of(context) == shard)
      return context;
  }
}

} // namespace weir::test
