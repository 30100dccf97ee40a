#include "engine/shard_table.hpp"

#include "engine/check.hpp"
#include "engine/event_codec.hpp"
#include "engine/sabotage.hpp"
#include "engine/text.hpp"

#include <algorithm>

namespace weir {

ShardTable::ShardTable(ShardId shard, std::uint64_t hash_seed, UnsealedBudget& budget, SegmentList segments)
    : shard_(shard), hash_seed_(hash_seed), budget_(budget), active_(std::make_shared<Memtable>(hash_seed)),
      segments_(std::make_shared<const SegmentList>(std::move(segments))) {
}

ShardTable::~ShardTable() {
  std::uint64_t bytes = active_bytes();
  for (const auto& memtable : passive_)
    bytes += memtable->bytes();
  budget_.remove(bytes);
}

void ShardTable::apply(std::shared_ptr<const void> owner, std::span<const std::string_view> records,
                       std::uint64_t first_record, std::uint64_t owner_bytes) {
  // Only this lane replaces active_, so reading the pointer needs no lock here.
  if (sabotaged(Sabotage::show_stores_late))
    active_->publish();
  active_->apply(std::move(owner), records, first_record, owner_bytes);
  show_applied();
}

Status ShardTable::recover(std::shared_ptr<const void> owner, std::span<const std::string_view> records,
                           std::uint64_t first_record, std::uint64_t owner_bytes) {
  std::vector<std::shared_ptr<const Memtable>> before; // newest first
  {
    const std::lock_guard lock(mutex_);
    before.assign(passive_.rbegin(), passive_.rend());
  }
  const auto last = [&before](std::string_view context_id, std::uint64_t hash) {
    std::optional<Sequence> found;
    for (std::size_t i = 0; !found && i < before.size(); ++i)
      found = before[i]->last_sequence(context_id, hash);
    return found;
  };
  const Memtable::Recovered done = active_->recover(std::move(owner), records, first_record, owner_bytes, last);
  recovered_events_ += done.events;
  recovered_at_max_ = std::max(recovered_at_max_, done.recorded_at_max);
  show_applied();
  if (done.records == records.size())
    return {};
  const std::string where = format("shard {} log record {}", shard_, first_record + done.records);
  if (done.malformed != nullptr)
    return fail(Errc::corruption, done.malformed, where);
  std::vector<std::string_view> calls;
  WEIR_TRY(split_record(records[done.records], calls));
  CallHeader bad;
  for (const std::string_view call : calls) {
    bad = CallReader::open(call)->header();
    if (last_sequence_in_memtables(bad.context_id).value_or(0) + 1 != bad.first_sequence)
      break;
  }
  return fail(Errc::corruption,
              format("context {} goes on with sequence {} after {}", bad.context_id, bad.first_sequence,
                     last_sequence_in_memtables(bad.context_id).value_or(0)),
              where);
}

void ShardTable::show_applied() {
  if (!sabotaged(Sabotage::show_stores_late))
    active_->publish();
  const std::uint64_t bytes = active_->bytes();
  budget_.add(bytes - active_bytes());
  active_bytes_.store(bytes, std::memory_order_relaxed);
}

bool ShardTable::freeze() {
  if (active_->visible().nothing())
    return false;
  auto fresh = std::make_shared<Memtable>(hash_seed_);
  std::shared_ptr<const Memtable> frozen;
  {
    std::lock_guard lock(mutex_);
    frozen = std::exchange(active_, std::move(fresh));
    removals_ += frozen->visible().marks;
    passive_.push_back(frozen);
  }
  active_bytes_.store(0, std::memory_order_relaxed);
  flush_queue_.push(std::move(frozen));
  return true;
}

void ShardTable::publish_segment(std::shared_ptr<const SegmentReader> segment) {
  std::shared_ptr<const Memtable> flushed;
  {
    std::lock_guard lock(mutex_);
    WEIR_CHECK(!passive_.empty());
    auto segments = std::make_shared<SegmentList>(*segments_);
    segments->push_back(std::move(segment));
    segments_ = std::move(segments);
    flushed = std::move(passive_.front());
    passive_.erase(passive_.begin());
  }
  budget_.remove(flushed->bytes());
  flush_queue_.pop();
}

void ShardTable::replace_segments(std::span<const std::shared_ptr<const SegmentReader>> replaced,
                                  std::shared_ptr<const SegmentReader> merged) {
  std::shared_ptr<const SegmentList> before; // the last to hold it frees it without the lock
  std::lock_guard lock(mutex_);
  auto segments = std::make_shared<SegmentList>(*segments_);
  const auto first = std::search(segments->begin(), segments->end(), replaced.begin(), replaced.end());
  WEIR_CHECK(!replaced.empty() && first != segments->end());
  *first = std::move(merged);
  segments->erase(first + 1, first + static_cast<std::ptrdiff_t>(replaced.size()));
  before = std::exchange(segments_, std::move(segments));
}

ShardView ShardTable::view() const {
  std::lock_guard lock(mutex_);
  ShardView view;
  view.shard = shard_;
  view.segments = segments_;
  view.memtables.reserve(passive_.size() + 1);
  for (const auto& memtable : passive_)
    if (!sabotaged(Sabotage::hide_passive_memtables))
      view.memtables.emplace_back(memtable);
  view.memtables.emplace_back(active_);
  view.removals = removals_ + view.memtables.back().removals();
  return view;
}

std::optional<ContextHead> ShardTable::head_in_memtables(std::string_view context_id) const {
  const std::lock_guard lock(mutex_); // a look into a few hash tables: cheaper than a view to look at afterwards
  const auto in = [&](std::shared_ptr<const Memtable> memtable) {
    return context_head(MemtableView(std::move(memtable)), context_id);
  };
  if (const auto head = in(active_))
    return head;
  for (auto memtable = passive_.rbegin(); memtable != passive_.rend(); ++memtable)
    if (const auto head = in(*memtable))
      return head;
  return std::nullopt;
}

std::optional<Sequence> ShardTable::last_sequence_in_memtables(std::string_view context_id) const {
  const auto head = head_in_memtables(context_id);
  return head ? std::optional(head->last) : std::nullopt;
}

std::optional<ContextHead> ShardTable::head_in_memory(std::string_view context_id) const {
  if (const auto head = head_in_memtables(context_id))
    return head;
  // Asked second: a memtable that has just become a segment must be looked up there, not be taken for nothing.
  const std::lock_guard lock(mutex_);
  return segments_->empty() ? std::optional(ContextHead{}) : std::nullopt;
}

bool ShardTable::rules_out_event_ids(std::span<const std::uint64_t> hashes, Position checked_to) const {
  if (sabotaged(Sabotage::forget_event_ids))
    return true;
  const std::lock_guard lock(mutex_);
  if (!segments_->empty() && segments_->back()->meta().position_max > checked_to)
    return false;
  const auto holds = [&](const Memtable& memtable) {
    return std::any_of(hashes.begin(), hashes.end(),
                       [&](std::uint64_t hash) { return memtable.may_hold_event_id(hash, checked_to); });
  };
  return !holds(*active_) &&
         std::none_of(passive_.begin(), passive_.end(), [&](const auto& memtable) { return holds(*memtable); });
}

namespace {

bool memory_holds(const ShardView& view, Position after, std::uint64_t rows_max) {
  if (!view.segments->empty() && view.segments->back()->meta().position_max > after)
    return false;
  std::uint64_t rows = 0;
  for (const MemtableView& memtable : view.memtables)
    rows += memtable.rows() - memtable.first_row_behind(after);
  return rows <= rows_max;
}

} // namespace

bool ShardTable::holds_in_memory(Position after, std::uint64_t rows_max) const {
  return memory_holds(view(), after, rows_max);
}

MemoryVerdict ShardTable::match_in_memory(const FailIf& condition, Position after, std::uint64_t rows_max) const {
  // One view for both questions: between two of them a flush could take away the memtable that has the answer.
  const ShardView now = view();
  if (!memory_holds(now, after, rows_max))
    return {.tells = false, .match = {}};
  return {.tells = true, .match = first_match(now.memtables, condition, after)};
}

std::shared_ptr<const SegmentList> ShardTable::segments() const {
  const std::lock_guard lock(mutex_);
  return segments_;
}

Timestamp ShardTable::recorded_at_max() const {
  Timestamp latest = recovered_at_max_;
  std::lock_guard lock(mutex_);
  for (const auto& segment : *segments_)
    latest = std::max(latest, segment->meta().recorded_at_max);
  return latest;
}

} // namespace weir
