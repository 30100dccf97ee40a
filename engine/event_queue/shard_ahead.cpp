#include "engine/event_queue/shard_ahead.hpp"

#include "engine/limits.hpp"
#include "engine/text.hpp"

#include <algorithm>
#include <iterator>

namespace weir {

namespace {

constexpr std::uint64_t memtable_rows_ahead = 256;
constexpr std::size_t memtable_bytes_ahead = 256 * KiB;
// What a reader gets although others hold all there is.
constexpr std::uint64_t grant_bytes_min = 1 * MiB;

/// The first row of the memtable at `position` or above it.
std::uint64_t first_row_at(const MemtableView& memtable, Position position) {
  std::uint64_t low = 0, high = memtable.rows();
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    if (memtable.row(middle).position < position)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

} // namespace

void ShardAhead::renew(ShardView view, std::size_t events_max) {
  view_ = std::move(view);
  events_max_ = events_max;
}

void ShardAhead::let_go() {
  view_ = {};
  if (left_ == 0 || run_ == nullptr)
    forget();
}

void ShardAhead::forget() {
  left_ = 0;
  run_ = nullptr;
  owner_.reset();
  rows_.clear();
}

Result<const EventView*> ShardAhead::peek(Position from) {
  if (left_ == 0)
    WEIR_TRY(find(from));
  return left_ == 0 ? nullptr : next();
}

std::uint64_t ShardAhead::grant() const {
  const PinnedBudget& budget = *queue_->catch_up();
  const std::uint64_t free = budget.bytes_max() - std::min(budget.used(), budget.bytes_max());
  return std::max(grant_bytes_min, free / 4 * 3 / shards_); // something is left for who comes next
}

Status ShardAhead::find(Position from) {
  forget();
  const auto warmth = std::move(warmth_); // until the next run, if there is one, has taken what the last one had
  const SegmentList& segments = *view_.segments;
  if (backward_) {
    for (auto memtable = view_.memtables.rbegin(); memtable != view_.memtables.rend(); ++memtable)
      if (const std::uint64_t rows = first_row_at(*memtable, from); rows != 0) {
        const std::uint64_t count = std::min(rows, memtable_rows_ahead);
        read_memtable(*memtable, rows - count, count);
        return {};
      }
    const auto after = std::partition_point(
        segments.begin(), segments.end(), [from](const auto& segment) { return segment->meta().position_min < from; });
    for (auto segment = std::make_reverse_iterator(after); left_ == 0 && segment != segments.rend(); ++segment)
      WEIR_TRY(read_segment(**segment, from));
    return {};
  }
  for (auto segment = std::partition_point(segments.begin(), segments.end(),
                                           [from](const auto& each) { return each->meta().position_max < from; });
       segment != segments.end(); ++segment) {
    WEIR_TRY(read_segment(**segment, from));
    if (left_ != 0)
      return {};
  }
  for (const MemtableView& memtable : view_.memtables)
    if (const std::uint64_t row = first_row_at(memtable, from); row != memtable.rows()) {
      read_memtable(memtable, row, std::min(memtable.rows() - row, memtable_rows_ahead));
      return {};
    }
  return {};
}

void ShardAhead::read_memtable(const MemtableView& memtable, std::uint64_t first, std::uint64_t count) {
  std::size_t bytes = 0;
  for (std::uint64_t i = 0; i < count && (i == 0 || bytes < memtable_bytes_ahead); ++i) {
    rows_.push_back(memtable.row(backward_ ? first + count - 1 - i : first + i));
    bytes += rows_.back().bytes();
  }
  if (backward_)
    std::reverse(rows_.begin(), rows_.end());
  // Copied: a batch that is kept would keep all of the memtable, which nobody counts once it is flushed.
  const auto texts = std::make_shared_for_overwrite<char[]>(bytes);
  char* at = texts.get();
  for (EventView& row : rows_)
    for (std::string_view* text : {&row.context_id, &row.event_type, &row.event_id, &row.metadata, &row.payload}) {
      std::copy(text->begin(), text->end(), at);
      *text = {at, text->size()};
      at += text->size();
    }
  owner_ = texts;
  left_ = rows_.size();
}

Status ShardAhead::read_segment(const SegmentReader& segment, Position from) {
  struct Held {
    std::shared_ptr<const PositionRun> run;
    std::shared_ptr<const void> counted;
  };
  const std::uint64_t bytes_max = grant();
  const auto asked_for = PinnedBudget::pin(queue_->catch_up(), bytes_max);
  PositionRange range;
  (backward_ ? range.to : range.from) = from;
  range.backward = backward_;
  auto run = segment.read_positions(range, {events_max_, static_cast<std::size_t>(bytes_max)},
                                    [this](const std::function<void()>& work) { queue_->run_with_help(work); });
  if (!run)
    return std::move(run).error();
  if ((*run)->size() == 0) {
    // Where events were removed, a segment's bounds are wider than its rows.
    const auto has_marks = segment.has_marks();
    if (!has_marks || *has_marks)
      return has_marks ? Status{} : has_marks.error();
    return fail(Errc::corruption,
                format("no event {} position {}, but the catalog says so", backward_ ? "below" : "from", from),
                format("segment {} of shard {}", segment.meta().number, segment.meta().shard));
  }
  run_ = run->get();
  warmth_ = run_->keep_warm();
  left_ = run_->size();
  auto counted = PinnedBudget::pin(queue_->catch_up(), run_->bytes());
  owner_ = std::make_shared<const Held>(Held{*std::move(run), std::move(counted)});
  return {};
}

} // namespace weir
