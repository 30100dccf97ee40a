#include "engine/check.hpp"
#include "engine/hash.hpp"
#include "engine/memtable_rows.hpp"

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

MemtableView::MemtableView(std::shared_ptr<const Memtable> memtable) : memtable_(std::move(memtable)) {
  const auto [rows, marks] = memtable_->visible();
  rows_ = rows;
  marks_ = marks;
}

/// Writes all of `event`.
inline void MemtableView::show(const Memtable::Row& row, EventView& event) {
  event.context_id = row.context->id;
  event.sequence = row.sequence;
  event.position = row.position;
  event.recorded_at = row.recorded_at;
  event.timestamp = row.timestamp;
  const char* at = row.bytes;
  event.event_type = {at, row.type_bytes};
  event.event_id = {at += row.type_bytes, row.id_bytes};
  event.metadata = {at += row.id_bytes, row.metadata_bytes};
  event.payload = {at + row.metadata_bytes, row.payload_bytes};
  event.schema_version = row.schema_version;
}

EventView MemtableView::row(std::uint64_t number) const {
  WEIR_CHECK(number < rows_);
  EventView event;
  show(*memtable_->row(number), event);
  return event;
}

std::uint64_t MemtableView::first_row_behind(Position after) const {
  std::uint64_t first = 0;
  for (std::uint64_t count = rows_; count != 0;) { // rows are in position order
    const std::uint64_t half = count / 2;
    if (memtable_->row(first + half)->position <= after) {
      first += half + 1;
      count -= half + 1;
    } else {
      count = half;
    }
  }
  return first;
}

std::span<const Memtable::Row* const> MemtableView::rows_of(const Memtable::Context& context) const {
  std::uint32_t count = context.count.load(std::memory_order_acquire);
  const Memtable::Rows* rows = context.rows.load(std::memory_order_acquire);
  if (rows == nullptr)
    return {};
  // Rows of a context come in row order, so what this view does not cover yet is at the end. Mostly that is nothing,
  // and a search among rows that lie about would cost a look into memory for each of its steps.
  if (count != 0 && rows->items[count - 1]->number < rows_)
    return {rows->items, count};
  const auto* end = std::partition_point(rows->items, rows->items + count,
                                         [this](const Memtable::Row* row) { return row->number < rows_; });
  return {rows->items, static_cast<std::size_t>(end - rows->items)};
}

std::optional<ContextRange> MemtableView::find_context(std::string_view context_id) const {
  const Memtable::Context* context = memtable_->find(context_id);
  if (context == nullptr)
    return std::nullopt;
  const auto rows = rows_of(*context);
  if (rows.empty())
    return std::nullopt;
  return ContextRange{rows.front()->sequence, rows.back()->sequence, 0, rows.size()};
}

Sequence MemtableView::find_event_id(std::string_view context_id, std::string_view event_id) const {
  EventView event;
  const auto is_it = [&](std::uint64_t number) {
    return number < rows_ && (event = row(number)).event_id == event_id && event.context_id == context_id;
  };
  const std::uint64_t hash = event_id_hash(hash64(context_id, memtable_->hash_seed_), event_id);
  return memtable_->ids_.find(hash, is_it) ? event.sequence : 0;
}

bool MemtableView::read_context(std::string_view context_id, const SequenceRange& range, const ReadBounds& bounds,
                                EventBatch& out) const {
  const Memtable::Context* context = memtable_->find(context_id);
  if (context == nullptr)
    return false;
  const auto rows = rows_of(*context);
  if (rows.empty() || range.from > rows.back()->sequence || range.to < rows.front()->sequence || range.from > range.to)
    return false;
  const Sequence first = rows.front()->sequence;
  const std::size_t low = range.from <= first ? 0 : range.from - first;
  const std::size_t high = std::min<std::size_t>(rows.size() - 1, range.to - first);
  const std::size_t count = std::min(high - low + 1, bounds.events_max);
  const auto nth = [&](std::size_t i) { return rows[range.backward ? high - i : low + i]; };
  out.pin(memtable_);
  out.reserve(count);
  for (std::size_t i = 0; i < std::min(count, Memtable::Row::rows_ahead); ++i)
    Memtable::Row::ask_for(nth(i));
  for (std::size_t i = 0; i < std::min(count, Memtable::Row::bytes_ahead); ++i)
    nth(i)->ask_for_bytes();
  for (std::size_t i = 0; i <= high - low; ++i) {
    if (out.size() >= bounds.events_max || (!out.empty() && out.bytes() >= bounds.bytes_max))
      return true;
    if (i + Memtable::Row::rows_ahead < count)
      Memtable::Row::ask_for(nth(i + Memtable::Row::rows_ahead));
    if (i + Memtable::Row::bytes_ahead < count)
      nth(i + Memtable::Row::bytes_ahead)->ask_for_bytes();
    out.add_filled([&](EventView& event) { show(*nth(i), event); });
  }
  return false;
}

class MemtableView::Sorted final : public SortedEvents {
public:
  explicit Sorted(const MemtableView& view) : memtable_(view.memtable_), marks_(view.marks_) {
    std::vector<Entry> contexts = contexts_of(view);
    std::sort(contexts.begin(), contexts.end(), [](const Entry& a, const Entry& b) {
      return a.prefix != b.prefix ? a.prefix < b.prefix : a.context->id < b.context->id;
    });
    rows_.reserve(view.rows());
    for (const Entry& entry : contexts) {
      const auto rows = view.rows_of(*entry.context);
      rows_.insert(rows_.end(), rows.begin(), rows.end());
    }
  }

  bool next(EventView& event) override {
    if (at_ == rows_.size())
      return false;
    if (at_ + Memtable::Row::rows_ahead < rows_.size())
      Memtable::Row::ask_for(rows_[at_ + Memtable::Row::rows_ahead]);
    if (at_ + Memtable::Row::bytes_ahead < rows_.size())
      rows_[at_ + Memtable::Row::bytes_ahead]->ask_for_bytes();
    show(*rows_[at_++], event);
    return true;
  }
  bool next_mark(std::string_view& context_id, ContextMark& mark) override {
    auto next = memtable_->marks_.next(marked_, marks_);
    if (!next)
      return false;
    marked_ = std::move(next->first);
    context_id = marked_;
    mark = next->second;
    return true;
  }

private:
  struct Entry {
    std::uint64_t prefix = 0; ///< The first bytes in which ids may differ, first byte highest.
    const Memtable::Context* context = nullptr;
  };
  /// The contexts with rows in the view. Ids often begin alike ("order-"), so what is the same in all of them is left
  /// out of the prefix: then it decides nearly every comparison.
  static std::vector<Entry> contexts_of(const MemtableView& view) {
    const Memtable::Table& table = *view.memtable_->table_.load(std::memory_order_acquire);
    std::vector<Entry> contexts;
    std::string_view shared;
    for (std::size_t i = 0; i <= table.mask; ++i) {
      const Memtable::Context* const context = table.slots[i].context.load(std::memory_order_acquire);
      if (context == nullptr || view.rows_of(*context).empty())
        continue;
      const std::string_view id = context->id;
      if (contexts.empty())
        shared = id;
      else
        shared = shared.substr(
            0, static_cast<std::size_t>(std::mismatch(shared.begin(), shared.end(), id.begin(), id.end()).first -
                                        shared.begin()));
      contexts.push_back({0, context});
    }
    for (Entry& entry : contexts)
      for (std::size_t i = 0; i < sizeof entry.prefix; ++i) {
        const std::string_view id = entry.context->id;
        const std::size_t at = shared.size() + i;
        entry.prefix = entry.prefix << 8 | (at < id.size() ? static_cast<unsigned char>(id[at]) : 0u);
      }
    return contexts;
  }

  std::shared_ptr<const Memtable> memtable_;
  std::uint64_t marks_;
  std::vector<const Memtable::Row*> rows_;
  std::size_t at_ = 0;
  std::string marked_; // the context whose mark was handed out last
};

std::unique_ptr<SortedEvents> MemtableView::sorted() const {
  return std::make_unique<Sorted>(*this);
}

} // namespace weir
