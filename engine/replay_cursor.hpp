// Reads one context in order, a batch at a time.
//
// Purpose: what every replay, pulled or pushed, runs on. Between batches the cursor keeps two sequences and nothing
// else: it takes a fresh view for every batch, so a slow reader never holds segments or memtables. Owner: one reader.
// Threading: one thread at a time. Invariants: each event once, in order; a batch pins the blocks it points into,
// counted against the engine's PinnedBudget; what is passed over since it is removed is named by a batch.
#pragma once

#include <weir/replay_options.hpp>

#include "engine/shard_view.hpp"

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace weir {

/// Bytes kept in memory by live batches, over the whole engine. Any thread.
class PinnedBudget {
public:
  explicit PinnedBudget(std::uint64_t bytes_max) noexcept : bytes_max_(bytes_max) {}
  [[nodiscard]] std::uint64_t used() const noexcept { return used_.load(std::memory_order_relaxed); }
  [[nodiscard]] bool exhausted() const noexcept { return used() >= bytes_max_; }
  [[nodiscard]] std::uint64_t bytes_max() const noexcept { return bytes_max_; }
  /// Counts `bytes` until the returned owner is gone.
  static std::shared_ptr<const void> pin(std::shared_ptr<PinnedBudget> budget, std::uint64_t bytes);

private:
  const std::uint64_t bytes_max_;
  std::atomic<std::uint64_t> used_{0};
};

class ReplayCursor {
public:
  using Views = std::function<Result<ShardView>()>;
  using Change = std::function<Status(EventBatch&)>;

  /// `views` gives a fresh view of the context's shard. `change`, if given, may change payloads of what is handed out.
  /// Precondition: options.validate() is ok.
  ReplayCursor(Views views, std::shared_ptr<PinnedBudget> budget, std::string context_id, ReplayOptions options,
               Change change = nullptr);

  /// The next events; an empty batch once the range, the limit or the context's last visible event is reached. Removed
  /// events of the range are passed over and named by the batch that comes after them, which may be the empty one.
  /// Errors: `overloaded` while live batches of the engine pin too much (drop some and call again), `corruption`,
  /// `io_error`; those of `change`, after which the next call goes on behind the batch.
  Result<EventBatch> next();

private:
  Status skip_removed(const ShardView& view);
  Result<EventBatch> read(const ShardView& view);
  EventBatch choose(EventBatch read);
  EventBatch end();

  Views views_;
  std::shared_ptr<PinnedBudget> budget_;
  Change change_;
  std::string context_id_;
  ReplayOptions options_;
  SequenceRange rest_;
  std::uint64_t left_;                 // of the limit
  std::optional<SequenceGap> removed_; // passed over, and not named by a batch yet
  bool begun_ = false;                 // some events were read: going back, the one before them is due
  bool done_ = false;
};

} // namespace weir
