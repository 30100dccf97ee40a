// Reads one context in order, a batch at a time.
//
// Purpose: what every replay, pulled or pushed, runs on. Between batches the cursor keeps two sequences and nothing
// else: it takes a fresh view for every batch, so a slow reader never holds segments or memtables. Owner: one reader.
// Threading: one thread at a time. Invariants: each event once, in order; a batch pins the blocks it points into,
// counted against the engine's PinnedBudget; what is passed over since it is removed is named by a batch.
#pragma once

#include <weir/replay_options.hpp>

#include "engine/pinned_budget.hpp"
#include "engine/shard_view.hpp"
#include "engine/unique_function.hpp"

#include <memory>
#include <optional>
#include <string>

namespace weir {

class ReplayCursor {
public:
  using Views = UniqueFunction<Result<ShardView>()>;
  using Change = UniqueFunction<Status(EventBatch&)>;

  /// `views` gives a fresh view of the context's shard. `change`, if given, may change payloads of what is handed out.
  /// Precondition: options.validate() is ok.
  ReplayCursor(Views views, std::shared_ptr<PinnedBudget> budget, std::string context_id, ReplayOptions options,
               Change change = {});

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
