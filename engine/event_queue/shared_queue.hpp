// What all readers of the event queue share: views, watermark, memory, and why it may have ended.
//
// Purpose: the engine's side of the queue, for QueueCursor. Owner: the engine; cursors share it (and with it the
// engine's core). Threading: any thread. Invariants: once it has ended it never wakes up late: whoever waits is woken
// then, and whoever waits afterwards at once.
#pragma once

#include <weir/result.hpp>

#include "engine/event_queue/watermark.hpp"
#include "engine/pinned_budget.hpp"
#include "engine/schema/registry.hpp"
#include "engine/shard_view.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace weir {

/// Threads that may help a reader to decode a segment, and how to ask them: a job that is destroyed unrun is none.
struct ReadHelpers {
  std::size_t count = 0;
  std::function<void(Job)> post{};
};

class SharedQueue {
public:
  /// A fresh view of every shard. Errors: `closing`, `shard_failed` for a shard that could not be opened.
  using Views = std::function<Result<std::vector<ShardView>>()>;

  /// `watermark` outlives the queue. Readers hold at most `catch_up_bytes` of decoded segments together, beyond
  /// 1 MiB for each of them and shard. `schemas`, which outlives the queue, upcasts; null: nothing does.
  SharedQueue(Watermark& watermark, Views views, std::shared_ptr<PinnedBudget> pinned, std::uint64_t catch_up_bytes,
              ReadHelpers helpers = {}, const schema::Registry* schemas = nullptr)
      : watermark_(watermark), views_(std::move(views)), pinned_(std::move(pinned)),
        catch_up_(std::make_shared<PinnedBudget>(catch_up_bytes)), helpers_(std::move(helpers)), schemas_(schemas) {}

  /// See WithHelp.
  void run_with_help(const std::function<void()>& work) const;

  [[nodiscard]] Result<std::vector<ShardView>> views() const { return views_(); }
  /// See Watermark::now().
  [[nodiscard]] Position watermark() const noexcept { return watermark_.now(); }
  using Waiter = Watermark::Waiter;
  /// Calls `wake` once: as soon as the watermark is above `beyond`, or the queue has ended. See Watermark::wait().
  void wait(Waiter& waiter, Position beyond, UniqueFunction<void()> wake) {
    watermark_.wait(waiter, beyond, std::move(wake));
  }

  /// The queue gets no further: whoever has caught up is told `why` (the first one said). A failed shard may hold
  /// events of which nobody knows whether they survive, and nothing behind them can be shown.
  void end(Error why);
  /// Why the queue gets no further, if it does not.
  [[nodiscard]] std::optional<Error> ended() const;

  [[nodiscard]] const std::shared_ptr<PinnedBudget>& pinned() const noexcept { return pinned_; }
  [[nodiscard]] const std::shared_ptr<PinnedBudget>& catch_up() const noexcept { return catch_up_; }
  /// What upcasts payloads, or null if none is other than it was stored.
  [[nodiscard]] const schema::Registry* upcasts() const noexcept {
    return schemas_ != nullptr && schemas_->upcasts() ? schemas_ : nullptr;
  }

private:
  Watermark& watermark_;
  Views views_;
  std::shared_ptr<PinnedBudget> pinned_;
  std::shared_ptr<PinnedBudget> catch_up_;
  ReadHelpers helpers_;
  const schema::Registry* schemas_;
  mutable std::mutex mutex_;
  std::optional<Error> ended_;
};

} // namespace weir
