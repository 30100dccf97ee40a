#include "actors/consumer_service.hpp"
#include "actors/countdown.hpp"
#include "actors/engine_core.hpp"
#include "engine/kill_point.hpp"
#include "engine/text.hpp"

#include <algorithm>
#include <mutex>

namespace weir {

namespace {

// Shards below this are cheaper to read back from the log than to flush.
constexpr std::uint64_t flush_on_close_bytes = 1 * MiB;
// The last part of the timeout belongs to syncing and sealing.
constexpr std::chrono::milliseconds seal_time{100};

} // namespace

std::chrono::steady_clock::time_point EngineCore::now() const {
  return stepped_ ? parts_.clock->steady_now() : std::chrono::steady_clock::now();
}

Status EngineCore::close(std::chrono::milliseconds timeout_ms) {
  std::lock_guard closing(close_mutex_);
  if (close_result_)
    return *close_result_;
  const auto deadline = now() + timeout_ms;
  parts_.closing.store(true); // what a merge has written is dropped: its inputs are live
  parts_.compaction.wake();
  closing_.store(true);
  kill_point("close.begin");
  if (parts_.queue)
    parts_.queue->end(fail(Errc::closing, "the engine is closing"));
  bool in_time = true;
  Status sealed;
  if (actors_) {
    for (auto& shard : parts_.shards)
      if (shard->inbox)
        for (const StorePtr& parked : shard->inbox->close())
          parked->done(fail(Errc::closing, "the engine is closing; the events were not stored"));
    in_time = drain(deadline);
    kill_point("close.after_drain");
    in_time = in_time && flush_large_shards(deadline - seal_time);
    kill_point("close.after_flush");
    sealed = close_logs();
    kill_point("close.after_logs");
    door_.shut();
    stop_threads();
    stop_actors();
  } else {
    stop_threads();
  }
  stream_pins_.release_all();
  if (parts_.snapshots)
    parts_.snapshots->close();
  if (consumers_)
    consumers_->close();
  kill_point("close.before_catalog");
  if (parts_.catalog)
    if (const Status closed = parts_.catalog->close(); !closed && sealed)
      sealed = closed;
  kill_point("close.after_catalog");
  parts_.lock.reset();
  in_time = in_time && now() <= deadline;
  if (sealed && !in_time)
    sealed = fail(Errc::deadline_exceeded,
                  format("closing took longer than {} ms; what was acknowledged is in the logs", timeout_ms.count()));
  close_result_ = sealed;
  return sealed;
}

void EngineCore::stop_threads() {
  for (io::IoExecutor* executor : {parts_.lookups.get(), parts_.executor.get()})
    if (executor != nullptr)
      executor->shutdown();
}

bool EngineCore::drain(std::chrono::steady_clock::time_point deadline) {
  std::size_t running = 0;
  for (auto& shard : parts_.shards)
    running += shard->table ? 1 : 0;
  if (running == 0)
    return true;
  const auto drained = std::make_shared<Countdown>(running, stepped_, *parts_.clock);
  for (auto& shard : parts_.shards)
    if (shard->table)
      shard->when_idle([drained] { drained->down(); });
  for (auto& shard : parts_.shards) // by hand: the actors may have ended
    if (shard->table)
      shard->wake();
  return drained->wait_until(deadline);
}

bool EngineCore::flush_large_shards(std::chrono::steady_clock::time_point deadline) {
  if (now() >= deadline)
    return true;
  std::vector<ShardParts*> large;
  for (auto& shard : parts_.shards)
    if (shard->table &&
        (shard->table->active_bytes() > flush_on_close_bytes || shard->table->flush_queue().size() != 0))
      large.push_back(shard.get());
  if (large.empty())
    return true;
  const auto flushed = std::make_shared<Countdown>(large.size(), stepped_, *parts_.clock);
  for (ShardParts* shard : large)
    shard->log->flush([flushed](Status) { flushed->down(); }); // a failed one is in the log, as all else
  return flushed->wait_until(deadline);
}

Status EngineCore::close_logs() {
  // No deadline here: the lanes are joined next anyway, and only a sync makes the last `written` events safe.
  std::mutex mutex;
  Status worst;
  std::vector<ShardParts*> running;
  for (auto& shard : parts_.shards)
    if (shard->table)
      running.push_back(shard.get());
  if (running.empty())
    return worst;
  const auto closed = std::make_shared<Countdown>(running.size(), stepped_, *parts_.clock);
  for (ShardParts* shard : running)
    shard->log->close([&mutex, &worst, closed](Status status) {
      {
        std::lock_guard lock(mutex);
        if (!status && worst)
          worst = std::move(status);
      }
      closed->down();
    });
  closed->wait();
  return worst;
}

} // namespace weir
