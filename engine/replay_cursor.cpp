#include "engine/replay_cursor.hpp"

#include "engine/sabotage.hpp"
#include "engine/text.hpp"

#include <algorithm>
#include <utility>

namespace weir {

Status ReplayOptions::validate() const {
  if (batch_events_max == 0 || batch_events_max > 1'000'000)
    return fail(Errc::invalid_argument, format("batch_events_max is {}, allowed are 1 to 1000000", batch_events_max),
                "batch_events_max");
  if (batch_bytes_max == 0 || batch_bytes_max > (1u << 30))
    return fail(Errc::invalid_argument, format("batch_bytes_max is {}, allowed are 1 to 1073741824", batch_bytes_max),
                "batch_bytes_max");
  return {};
}

ReplayCursor::ReplayCursor(Views views, std::shared_ptr<PinnedBudget> budget, std::string context_id,
                           ReplayOptions options, Change change)
    : views_(std::move(views)), budget_(std::move(budget)), change_(std::move(change)),
      context_id_(std::move(context_id)),
      options_(std::move(options)), rest_{std::max<Sequence>(options_.from, 1), options_.to, options_.backward},
      left_(options_.limit == 0 ? UINT64_MAX : options_.limit) {
}

/// Takes what the context's mark says is removed out of the range. Forward it lies before the next event, backward
/// behind the last one.
Status ReplayCursor::skip_removed(const ShardView& view) {
  const auto mark = find_mark(view, context_id_);
  if (!mark)
    return mark.error();
  if (mark->first_live <= rest_.from)
    return {};
  const SequenceGap gap{rest_.from, std::min(mark->first_live - 1, rest_.to)};
  removed_ = SequenceGap{removed_ ? removed_->first : gap.first, gap.last};
  rest_.from = mark->first_live;
  return {};
}

/// The empty batch that says so.
EventBatch ReplayCursor::end() {
  done_ = true;
  EventBatch batch;
  if (!options_.backward || left_ != 0) // going back, a limit ends before what is removed
    batch.set_removed(std::exchange(removed_, std::nullopt));
  if (sabotaged(Sabotage::hide_removed_range))
    batch.set_removed(std::nullopt);
  return batch;
}

/// The next events of the range, whatever their types; `done_` if there are none behind them.
Result<EventBatch> ReplayCursor::read(const ShardView& view) {
  // Without a filter the limit also bounds the read; with one nobody knows how many rows it takes.
  const std::uint64_t events =
      options_.types.empty() ? std::min<std::uint64_t>(left_, options_.batch_events_max) : options_.batch_events_max;
  EventBatch read;
  auto more =
      read_context(view, context_id_, rest_, {static_cast<std::size_t>(events), options_.batch_bytes_max}, read);
  if (!more)
    return std::move(more).error();
  // read_context cannot know that a batch before this one ended right above the range.
  if (options_.backward && begun_ && (read.empty() || read[0].sequence != rest_.to))
    return fail(Errc::corruption, format("context {} lacks sequence {}", context_id_, rest_.to), context_id_);
  begun_ = true;
  done_ = !*more;
  if (read.empty())
    return read;
  const Sequence last = read.back().sequence;
  if (options_.backward) {
    rest_.to = last - 1;
    done_ |= last == 1;
  } else {
    rest_.from = last + 1;
  }
  return read;
}

/// Those of the wanted types, as many as are left of the limit.
EventBatch ReplayCursor::choose(EventBatch read) {
  if (options_.types.empty()) {
    left_ -= read.size();
    return read;
  }
  EventBatch batch;
  for (const EventView& event : read) {
    if (left_ == 0)
      break;
    if (std::find(options_.types.begin(), options_.types.end(), event.event_type) == options_.types.end())
      continue;
    batch.add(event);
    --left_;
  }
  batch.adopt_pins(std::move(read));
  return batch;
}

Result<EventBatch> ReplayCursor::next() {
  if (!done_ && budget_->exhausted())
    return fail(
        Errc::overloaded,
        format("live replay batches keep {} bytes in memory, allowed are {} (pinned_bytes_max); drop some first",
               budget_->used(), budget_->bytes_max()));
  while (!done_ && left_ != 0 && rest_.from <= rest_.to) {
    auto view = views_();
    if (!view)
      return std::move(view).error();
    WEIR_TRY(skip_removed(*view));
    if (rest_.from > rest_.to)
      break;
    auto found = read(*view);
    if (!found)
      return found;
    if (found->empty())
      break;
    EventBatch batch = choose(*std::move(found));
    if (batch.empty())
      continue;
    if (change_)
      WEIR_TRY(change_(batch));
    if (!options_.backward && !sabotaged(Sabotage::hide_removed_range))
      batch.set_removed(std::exchange(removed_, std::nullopt));
    batch.pin(PinnedBudget::pin(budget_, batch.pinned_bytes()));
    return batch;
  }
  return end();
}

} // namespace weir
