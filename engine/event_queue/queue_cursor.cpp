#include "engine/event_queue/queue_cursor.hpp"

#include "engine/sabotage.hpp"
#include "engine/stub.hpp"

#include <algorithm>
#include <deque>
#include <string>
#include <utility>

namespace weir {

namespace {

/// The first position of the shard whose event was recorded at `time` or later, or UINT64_MAX.
Result<Position> first_position_since(const ShardView& view, Timestamp time) {
  for (const auto& segment : *view.segments) {
    if (segment->meta().recorded_at_max < time)
      continue;
    const auto zones = segment->zones();
    if (!zones)
      return zones.error();
    Position first = UINT64_MAX;
    for (std::size_t i = 0; i < zones->size(); ++i) {
      const ZoneMeta& zone = (*zones)[i];
      if (zone.recorded_at_max < time || zone.position_min >= first)
        continue;
      if (zone.recorded_at_min >= time) {
        first = zone.position_min;
        continue;
      }
      const auto rows = segment->read_zone(i, column_position | column_recorded_at);
      if (!rows)
        return rows.error();
      for (std::uint32_t row = 0; row < (*rows)->rows(); ++row)
        if (const EventView event = (*rows)->row(row); event.recorded_at >= time)
          first = std::min(first, event.position);
    }
    return first;
  }
  for (const MemtableView& memtable : view.memtables)
    for (std::uint64_t row = 0; row < memtable.rows(); ++row)
      if (const EventView event = memtable.row(row); event.recorded_at >= time)
        return event.position;
  return Position{UINT64_MAX};
}

} // namespace

/// What one read() has got so far. The cursor itself moves only when all of it went well.
struct QueueCursor::Reading {
  QueueBatch batch;
  Position next = 0;
  Position end = 0;  ///< Forward: the watermark, or where the subscription ends.
  Position mark = 0; ///< The watermark.
  std::uint64_t left = 0;
  std::uint64_t scanned = 0;
  const void* pinned = nullptr; ///< The owner of events that was pinned last.
  bool full = false;
  bool more = false;                               ///< There may be, where nobody has looked.
  bool cut_short = false;                          ///< By an error that the next read will meet again.
  std::shared_ptr<std::deque<std::string>> upcast; ///< Payloads.
};

QueueCursor::QueueCursor(std::shared_ptr<SharedQueue> queue, SubscribeOptions options, QueueFilter filter)
    : queue_(std::move(queue)), options_(std::move(options)), filter_(std::move(filter)),
      upcasts_(options_.as_stored || sabotaged(Sabotage::queue_forgets_upcasts) ? nullptr : queue_->upcasts()),
      left_(options_.limit == 0 ? UINT64_MAX : options_.limit) {
}

Result<QueueCursor> QueueCursor::open(std::shared_ptr<SharedQueue> queue, SubscribeOptions options) {
  auto filter = QueueFilter::make(options);
  if (!filter)
    return std::move(filter).error();
  QueueCursor cursor(std::move(queue), std::move(options), std::move(*filter));
  WEIR_TRY(cursor.begin());
  return cursor;
}

Status QueueCursor::begin() {
  const Position mark = queue_->watermark();
  auto views = queue_->views(); // also tells whether there is a queue at all
  if (!views)
    return std::move(views).error();
  for (std::size_t i = 0; i < views->size(); ++i)
    shards_.emplace_back(*queue_, views->size(), options_.backward);
  heads_.resize(shards_.size());
  if (!options_.backward && !options_.follow)
    end_ = mark;
  switch (options_.from.kind()) {
  case QueueStart::Kind::oldest: next_ = options_.backward ? mark : 0; break;
  case QueueStart::Kind::now: next_ = mark; break;
  case QueueStart::Kind::position:
    next_ = options_.backward ? std::min(mark, options_.from.position()) : options_.from.position();
    break;
  case QueueStart::Kind::time:
    next_ = options_.backward ? 0 : mark;
    for (const ShardView& view : *views) {
      const std::chrono::microseconds late_by(sabotaged(Sabotage::start_behind_time) ? 1 : 0);
      const auto first = first_position_since(view, options_.from.time() + late_by);
      if (!first)
        return first.error();
      next_ = options_.backward ? std::max(next_, std::min(*first, mark)) : std::min(next_, *first);
    }
    break;
  }
  return {};
}

Status QueueCursor::renew(std::size_t events_max) {
  auto views = queue_->views();
  if (!views)
    return std::move(views).error();
  for (std::size_t i = 0; i < shards_.size(); ++i)
    shards_[i].renew(std::move((*views)[i]), events_max);
  return {};
}

Result<QueueBatch> QueueCursor::read() {
  Reading reading;
  reading.next = next_;
  reading.left = left_;
  const auto over = queue_->ended(); // before the watermark: once it is known, the watermark is final
  // Before the views: what is below it is in all of them.
  reading.mark = queue_->watermark();
  reading.end = options_.backward ? 0 : std::min(reading.mark, end_);
  if (!options_.backward && sabotaged(Sabotage::ignore_watermark))
    reading.end = end_;
  reading.batch.ended = ended_;
  reading.batch.next = next_;
  if (ended_)
    return std::move(reading.batch);
  const bool bounded = filter_.passes_all() && options_.limit != 0;
  Status read = renew(bounded ? static_cast<std::size_t>(std::min<std::uint64_t>(left_, SIZE_MAX)) : SIZE_MAX);
  if (read)
    read = merge(reading);
  if (!read && reading.next != next_) {
    reading.cut_short = true; // what was read before is good
    read = {};
  }
  const bool exhausted = read && !reading.cut_short && is_exhausted(reading);
  for (ShardAhead& shard : shards_) {
    read && !reading.cut_short ? shard.let_go() : shard.forget();
    if (!read || exhausted || reading.left == 0)
      shard.rest();
  }
  if (!read)
    return std::move(read).error();
  QueueBatch& batch = reading.batch;
  if (exhausted)
    reading.next = options_.backward ? 0 : std::max(reading.next, reading.end);
  if (exhausted && sabotaged(Sabotage::checkpoint_skips_held_back))
    reading.next = std::max(reading.next, reading.end + 1);
  if (!exhausted && !filter_.passes_all() && sabotaged(Sabotage::checkpoint_skips_unread))
    reading.next = reading.end;
  batch.ended = reading.left == 0 || (exhausted && (options_.backward || (!options_.follow && reading.next >= end_)));
  batch.caught_up = exhausted || batch.ended;
  batch.fell_behind = caught_up_ && !batch.caught_up;
  batch.next = reading.next;
  if (over && exhausted && !batch.ended && batch.events.empty() && caught_up_)
    return *over;
  next_ = reading.next;
  left_ = reading.left;
  caught_up_ = batch.caught_up;
  ended_ = batch.ended;
  if (reading.upcast)
    batch.events.pin(std::move(reading.upcast));
  if (!batch.events.empty())
    batch.events.pin(PinnedBudget::pin(queue_->pinned(), batch.events.pinned_bytes()));
  return std::move(batch);
}

bool QueueCursor::is_exhausted(const Reading& reading) const {
  return !reading.more && std::none_of(heads_.begin(), heads_.end(), [&](const EventView* head) {
    return head != nullptr && (options_.backward || head->position < reading.end);
  });
}

Status QueueCursor::merge(Reading& reading) {
  for (std::size_t i = 0; i < shards_.size(); ++i)
    WEIR_TRY(find_head(i, reading.next));
  const auto before = [backward = options_.backward](const EventView* a, const EventView* b) {
    return b == nullptr || (a != nullptr && (backward ? a->position > b->position : a->position < b->position));
  };
  while (!reading.full) {
    // The shard with the next event, and where it has to give way to another one.
    std::size_t first = 0;
    const EventView* other = nullptr;
    for (std::size_t i = 1; i < heads_.size(); ++i) {
      if (heads_[i] != nullptr && before(heads_[i], heads_[first])) {
        other = heads_[first];
        first = i;
      } else if (heads_[i] != nullptr && before(heads_[i], other)) {
        other = heads_[i];
      }
    }
    if (heads_[first] == nullptr || (!options_.backward && heads_[first]->position >= reading.end))
      return {};
    Position limit = reading.end;
    if (other != nullptr)
      limit = options_.backward ? other->position : std::min(limit, other->position);
    WEIR_TRY(take_from(first, limit, reading));
  }
  return {};
}

Status QueueCursor::find_head(std::size_t number, Position from) {
  auto head = shards_[number].peek(from);
  if (!head)
    return std::move(head).error();
  heads_[number] = *head;
  return {};
}

/// The shard's head after some were taken. Where the batch keeps a stretch alive that takes much memory, it is to be
/// consumed before the next one is decoded.
Status QueueCursor::find_next(std::size_t number, Reading& reading) {
  const ShardAhead& shard = shards_[number];
  heads_[number] = shard.at_hand();
  if (heads_[number] != nullptr)
    return {};
  if (reading.batch.events.empty() || !shard.spent_much())
    return find_head(number, reading.next);
  reading.full = reading.more = true;
  return {};
}

bool QueueCursor::add(const EventView& event, std::string* payload, ShardAhead& shard, Reading& reading) {
  EventBatch& events = reading.batch.events;
  if (!events.empty() && events.bytes() + event.bytes() > options_.batch_bytes_max)
    return false;
  if (reading.pinned != shard.owner().get()) {
    events.pin(shard.owner());
    reading.pinned = shard.owner().get();
  }
  if (payload == nullptr) {
    events.add(event);
  } else {
    if (!reading.upcast)
      reading.upcast = std::make_shared<std::deque<std::string>>();
    EventView kept = event;
    kept.payload = reading.upcast->emplace_back(std::move(*payload));
    events.add(kept);
  }
  --reading.left;
  return true;
}

/// Fills an empty batch with events as they lie there, if they can be given so.
void QueueCursor::lend_from(ShardAhead& shard, Position limit, Reading& reading) {
  const std::span<const EventView> there = shard.side_by_side();
  const auto most = static_cast<std::size_t>(std::min<std::uint64_t>(
      {there.size(), options_.batch_events_max, reading.left, scan_events_max - reading.scanned}));
  std::size_t count = 0, bytes = 0;
  for (; count < most && there[count].position < limit && !is_stub(there[count]); ++count) {
    const EventView& event = there[count];
    if (count != 0 && bytes + event.bytes() > options_.batch_bytes_max) {
      reading.full = true;
      break;
    }
    bytes += event.bytes();
    PositionRun::prefetch_payload(event);
  }
  if (count == 0)
    return;
  reading.batch.events.pin(shard.owner());
  reading.pinned = shard.owner().get();
  reading.batch.events.lend(there.first(count), bytes);
  reading.next = there[count - 1].position + 1;
  reading.left -= count;
  reading.scanned += count;
  reading.full =
      reading.full || reading.left == 0 || count == options_.batch_events_max || reading.scanned >= scan_events_max;
  shard.pop(count);
}

Status QueueCursor::take_from(std::size_t number, Position limit, Reading& reading) {
  ShardAhead& shard = shards_[number];
  EventBatch& events = reading.batch.events;
  const bool all = filter_.passes_all();
  reading.pinned = nullptr;
  if (all && upcasts_ == nullptr && events.empty()) {
    lend_from(shard, limit, reading);
    if (reading.left == 0)
      return {};
    WEIR_TRY(find_next(number, reading));
    if (reading.full)
      return {};
  }
  if (all && events.empty())
    events.reserve(std::min<std::size_t>(shard.count_at_hand(), options_.batch_events_max - events.size()));
  while (const EventView* event = heads_[number]) {
    if (options_.backward ? event->position < limit : event->position >= limit)
      return {};
    const bool stub = is_stub(*event) && !sabotaged(Sabotage::queue_shows_stubs);
    EventView changed;
    std::string payload;
    if (upcasts_ != nullptr && !stub) {
      auto upcast = upcasts_->upcast(*event);
      if (!upcast)
        return std::move(upcast).error();
      if (*upcast) {
        payload = *std::move(*upcast);
        changed = *event;
        changed.payload = payload;
        event = &changed;
      }
    }
    bool wanted = all && !stub;
    if (!all && !stub) {
      auto passes = filter_.passes(*event);
      if (!passes)
        return std::move(passes).error();
      wanted = *passes;
    }
    if (wanted && !add(*event, event == &changed ? &payload : nullptr, shard, reading)) {
      reading.full = true;
      return {};
    }
    reading.next = options_.backward ? event->position : event->position + 1;
    shard.pop();
    if (reading.left == 0) {
      reading.full = true;
      return {};
    }
    WEIR_TRY(find_next(number, reading));
    if (events.size() >= options_.batch_events_max || ++reading.scanned >= scan_events_max) {
      reading.full = true;
      return {};
    }
  }
  return {};
}

} // namespace weir
