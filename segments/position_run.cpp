#include "segments/position_run.hpp"

#include "segments/bit_pack.hpp"
#include "segments/context_index.hpp"
#include "segments/zone_tail.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace weir::segments {
namespace {

constexpr std::uint32_t nothing = UINT32_MAX;
constexpr std::size_t blocks_at_once = 16;
constexpr std::array string_kinds = {BlockKind::event_ids, BlockKind::metadata, BlockKind::payloads};

Timestamp time_of(std::uint64_t micros) {
  return Timestamp(std::chrono::microseconds(static_cast<std::int64_t>(micros)));
}

BlockKind lengths_of(BlockKind strings) {
  return static_cast<BlockKind>(static_cast<std::uint8_t>(strings) - 1);
}

/// Memory for EventViews that is not written before they are.
class Rows {
public:
  explicit Rows(std::size_t count) : bytes_(std::make_unique_for_overwrite<std::byte[]>(count * sizeof(EventView))) {}
  EventView& add() { return *new (bytes_.get() + sizeof(EventView) * count_++) EventView; }
  [[nodiscard]] std::span<EventView> all() const noexcept {
    return {std::launder(reinterpret_cast<EventView*>(bytes_.get())), count_};
  }

private:
  std::unique_ptr<std::byte[]> bytes_;
  std::size_t count_ = 0;
};

/// Texts side by side, for those whose block is not worth keeping.
class Texts {
public:
  std::string_view keep(std::string_view text) {
    if (text.size() > left_) {
      left_ = std::max(text.size(), chunk_bytes);
      chunks_.push_back(std::make_unique_for_overwrite<char[]>(left_));
      at_ = chunks_.back().get();
      bytes_ += left_;
    }
    std::copy(text.begin(), text.end(), at_);
    const std::string_view kept(at_, text.size());
    at_ += text.size();
    left_ -= text.size();
    return kept;
  }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }

private:
  static constexpr std::size_t chunk_bytes = 64 * KiB;
  std::vector<std::unique_ptr<char[]>> chunks_;
  char* at_ = nullptr;
  std::size_t left_ = 0;
  std::uint64_t bytes_ = 0;
};

class RunBuilder {
public:
  RunBuilder(const BlockSource& source, std::shared_ptr<const Footer> footer)
      : source_(source), footer_(std::move(footer)), events_(footer_->totals.event_count),
        order_blocks_(footer_->order_blocks()), tails_(footer_->zones.size()) {}

  Result<std::shared_ptr<const PositionRun>> build(const PositionRange& range, const ReadBounds& bounds) {
    const auto first = first_rank_at(range.from);
    if (!first)
      return first.error();
    const auto last = first_rank_at(range.to);
    if (!last)
      return last.error();
    WEIR_TRY(choose({*first, *last}, range.backward, bounds));
    rows_ = std::make_shared<Rows>(chosen_.size());
    texts_ = std::make_shared<Texts>();
    order_.resize(chosen_.size());
    for (std::size_t zone = 0; zone < tails_.size(); ++zone)
      if (chosen_in_zone_[zone] != 0)
        WEIR_TRY(read_zone(zone));
    const std::span<const EventView> rows = rows_->all();
    for (std::size_t i = 1; i < order_.size(); ++i)
      if (rows[order_[i]].position <= rows[order_[i - 1]].position)
        return order_damaged();
    if (!rows.empty() && (rows[order_.front()].position < range.from || rows[order_.back()].position >= range.to))
      return order_damaged();
    const std::uint64_t bytes = kept_bytes_ + texts_->bytes() + rows.size() * (sizeof(EventView) + sizeof(order_[0]));
    owners_.push_back(std::move(rows_));
    owners_.push_back(std::move(texts_));
    owners_.push_back(std::move(footer_));
    return std::make_shared<const PositionRun>(rows, std::move(order_), std::move(owners_), bytes);
  }

private:
  /// Places in the position order.
  struct Ranks {
    std::uint64_t begin = 0, end = 0;
    [[nodiscard]] std::uint64_t size() const noexcept { return end - begin; }
  };

  Error order_damaged() const { return source_.damaged("the position order is wrong", footer_->order_offset); }

  Result<const ZoneTail*> tail(std::size_t zone) {
    if (!tails_[zone]) {
      auto read = ZoneTail::read(source_, *footer_, zone);
      if (!read)
        return std::move(read).error();
      if (!(*read)->column(BlockKind::position) || !(*read)->column(BlockKind::recorded_at) ||
          !(*read)->column(BlockKind::type))
        return source_.damaged("a zone lacks a column", footer_->places[zone].directory.offset);
      tails_[zone] = *std::move(read);
    }
    return tails_[zone].get();
  }

  Result<std::uint32_t> row_at(std::uint64_t rank) {
    if (events_ == 1)
      return 0;
    const auto number = static_cast<std::size_t>(rank / order_rows_per_block);
    if (!order_blocks_[number]) {
      const BlockRef ref = footer_->order_block(number);
      auto block = source_.read(ref);
      if (!block)
        return std::move(block).error();
      const std::uint64_t rows = std::min<std::uint64_t>(order_rows_per_block, events_ - number * order_rows_per_block);
      if ((*block)->size() != packed_bytes(rows, footer_->order_width()) + bits_padding_bytes)
        return source_.damaged("a block of the position order has the wrong size", ref.offset);
      order_blocks_[number] = *std::move(block);
    }
    const std::uint64_t row =
        unpack(order_blocks_[number]->text().data(), rank % order_rows_per_block, footer_->order_width());
    if (row >= events_)
      return order_damaged();
    return static_cast<std::uint32_t>(row);
  }

  Result<Position> position_at(std::uint64_t rank) {
    const auto row = row_at(rank);
    if (!row)
      return row.error();
    const auto columns = tail(*row / footer_->zone_rows);
    if (!columns)
      return columns.error();
    Position position = 0;
    (*columns)->column(BlockKind::position)->decode(*row % footer_->zone_rows, {&position, 1});
    return position;
  }

  /// The first place whose event is at `position` or above it.
  Result<std::uint64_t> first_rank_at(Position position) {
    if (position <= footer_->totals.position_min)
      return std::uint64_t{0};
    if (position > footer_->totals.position_max)
      return events_;
    std::uint64_t low = 0, high = events_;
    while (low < high) {
      const std::uint64_t middle = low + (high - low) / 2;
      const auto at = position_at(middle);
      if (!at)
        return at.error();
      if (*at < position)
        low = middle + 1;
      else
        high = middle;
    }
    return low;
  }

  /// Settles on as many rows of `all` as fit.
  Status choose(const Ranks& all, bool backward, const ReadBounds& bounds) {
    const std::uint64_t each =
        footer_->totals.payload_bytes / events_ + sizeof(EventView) + sizeof(std::uint32_t); // a first guess
    std::uint64_t count = std::min<std::uint64_t>({all.size(), bounds.events_max, bounds.bytes_max / each});
    count = std::max<std::uint64_t>(count, all.size() == 0 ? 0 : 1);
    while (true) {
      WEIR_TRY(mark(backward ? Ranks{all.end - count, all.end} : Ranks{all.begin, all.begin + count}));
      const auto bytes = bytes_of_chosen();
      if (!bytes)
        return bytes.error();
      if (*bytes <= bounds.bytes_max || count <= 1)
        return {};
      count = std::clamp<std::uint64_t>(
          static_cast<std::uint64_t>(static_cast<double>(count) * 0.95 * static_cast<double>(bounds.bytes_max) /
                                     static_cast<double>(*bytes)),
          1, count - 1);
    }
  }

  Status mark(const Ranks& ranks) {
    place_of_row_.assign(events_, nothing);
    chosen_in_zone_.assign(tails_.size(), 0);
    chosen_ = ranks;
    for (std::uint64_t rank = ranks.begin; rank < ranks.end; ++rank) {
      const auto row = row_at(rank);
      if (!row)
        return row.error();
      if (place_of_row_[*row] != nothing)
        return order_damaged();
      place_of_row_[*row] = static_cast<std::uint32_t>(rank - ranks.begin);
      ++chosen_in_zone_[*row / footer_->zone_rows];
    }
    return {};
  }

  /// By row of the zone.
  [[nodiscard]] std::span<const std::uint32_t> places(std::size_t zone) const noexcept {
    return std::span(place_of_row_).subspan(footer_->zones[zone].first_row, footer_->zones[zone].rows);
  }

  Result<std::uint64_t> bytes_of_chosen() {
    std::uint64_t bytes = chosen_.size() * (sizeof(EventView) + sizeof(std::uint32_t));
    for (std::size_t zone = 0; zone < tails_.size(); ++zone) {
      if (chosen_in_zone_[zone] == 0)
        continue;
      const auto columns = tail(zone);
      if (!columns)
        return columns.error();
      const auto wanted = places(zone);
      for (const BlockKind kind : string_kinds) {
        const auto& column = (*columns)->column(lengths_of(kind));
        if (!column)
          continue;
        decode(*column, wanted.size(), lengths_);
        for (std::size_t row = 0; row < wanted.size(); ++row)
          bytes += wanted[row] != nothing ? lengths_[row] : 0;
      }
    }
    return bytes;
  }

  static void decode(const IntegerColumn& column, std::size_t rows, std::vector<std::uint64_t>& out) {
    out.resize(rows);
    column.decode(0, out);
  }

  Status read_zone(std::size_t zone) {
    const ZoneTail& columns = *tails_[zone];
    const auto wanted = places(zone);
    decode(*columns.column(BlockKind::position), wanted.size(), positions_);
    decode(*columns.column(BlockKind::recorded_at), wanted.size(), recorded_);
    decode(*columns.column(BlockKind::type), wanted.size(), types_);
    const bool timestamps = columns.column(BlockKind::timestamp).has_value();
    if (timestamps)
      decode(*columns.column(BlockKind::timestamp), wanted.size(), timestamps_);
    first_in_zone_ = rows_->all().size();
    for (std::size_t row = 0; row < wanted.size(); ++row) {
      if (wanted[row] == nothing)
        continue;
      if (types_[row] >= footer_->types.size())
        return source_.damaged("a type is not in the dictionary",
                               columns.directory().at(BlockKind::type, 0).ref.offset);
      order_[wanted[row]] = static_cast<std::uint32_t>(rows_->all().size());
      EventView& event = rows_->add();
      event.position = positions_[row];
      event.recorded_at = time_of(recorded_[row]);
      event.timestamp = timestamps ? time_of(timestamps_[row]) : event.recorded_at;
      event.event_type = footer_->types[static_cast<std::size_t>(types_[row])];
    }
    WEIR_TRY(read_contexts(zone));
    return read_strings(columns, wanted);
  }

  /// Contexts and sequences of the zone's chosen rows, out of the context index.
  Status read_contexts(std::size_t zone) {
    const auto wanted = places(zone);
    const std::uint64_t begin = footer_->zones[zone].first_row, end = begin + wanted.size();
    auto block = std::prev(
        std::upper_bound(footer_->index.begin(), footer_->index.end(), begin,
                         [](std::uint64_t row, const IndexBlockRef& place) { return row < place.first_row; }));
    EventView* event = rows_->all().data() + first_in_zone_;
    for (std::uint64_t row = begin; row < end; ++block) {
      if (block == footer_->index.end())
        return source_.damaged("the context index ends before the rows do", footer_->index.back().ref.offset);
      auto cursor = IndexCursor::open(source_, *block);
      if (!cursor)
        return std::move(cursor).error();
      auto found = cursor->seek_row(row);
      if (found && !*found)
        return source_.damaged("the context index has a gap", block->ref.offset);
      for (; found && *found && row < end; found = cursor->next()) {
        const IndexEntry entry = cursor->entry();
        std::string_view name;
        for (; row < std::min(entry.first_row + entry.rows, end); ++row) {
          if (wanted[static_cast<std::size_t>(row - begin)] == nothing)
            continue;
          if (name.empty())
            name = texts_->keep(entry.context_id);
          event->context_id = name;
          event->sequence = entry.first_sequence + (row - entry.first_row);
          ++event;
        }
      }
      if (!found)
        return std::move(found).error();
    }
    return {};
  }

  Status read_strings(const ZoneTail& columns, std::span<const std::uint32_t> wanted) {
    const ZoneDirectory& directory = columns.directory();
    struct Wanted {
      BlockRef ref;
      std::size_t column = 0;
      std::uint32_t first_row = 0, row_end = 0;
    };
    std::vector<Wanted> blocks;
    for (std::size_t column = 0; column < string_kinds.size(); ++column) {
      const BlockKind kind = string_kinds[column];
      if (!columns.column(lengths_of(kind)))
        continue;
      decode(*columns.column(lengths_of(kind)), wanted.size(), string_lengths_[column]);
      for (std::size_t i = 0; i < directory.count(kind); ++i) {
        const ZoneBlock block = directory.at(kind, i);
        const std::uint32_t end = directory.row_end(kind, i);
        if (std::any_of(wanted.begin() + block.first_row, wanted.begin() + end,
                        [](std::uint32_t place) { return place != nothing; }))
          blocks.push_back({block.ref, column, block.first_row, end});
      }
    }
    // By offset: columns share a stretch of the file, and one read gets neighbours of all of them.
    std::sort(blocks.begin(), blocks.end(),
              [](const Wanted& a, const Wanted& b) { return a.ref.offset < b.ref.offset; });
    event_of_row_.resize(wanted.size());
    std::uint32_t event = static_cast<std::uint32_t>(first_in_zone_);
    for (std::size_t row = 0; row < wanted.size(); ++row)
      event_of_row_[row] = wanted[row] == nothing ? nothing : event++;
    for (std::size_t at = 0; at < blocks.size(); at += blocks_at_once) {
      const std::size_t count = std::min(blocks_at_once, blocks.size() - at);
      std::array<BlockRef, blocks_at_once> refs;
      std::array<BlockPtr, blocks_at_once> read;
      for (std::size_t i = 0; i < count; ++i)
        refs[i] = blocks[at + i].ref;
      WEIR_TRY(source_.read_all(std::span(refs).first(count), std::span(read).first(count), &footer_->dictionary));
      for (std::size_t i = 0; i < count; ++i)
        WEIR_TRY(slice(blocks[at + i].column, blocks[at + i].first_row, blocks[at + i].row_end, refs[i].offset,
                       std::move(read[i])));
    }
    return {};
  }

  /// Finds the strings of the rows from `first` to below `end` in their block.
  Status slice(std::size_t column, std::uint32_t first, std::uint32_t end, std::uint64_t offset, BlockPtr block) {
    const std::vector<std::uint64_t>& lengths = string_lengths_[column];
    std::uint64_t all = 0, wanted = 0;
    for (std::uint32_t row = first; row < end; ++row) {
      if (lengths[row] > block->size() - all)
        return source_.damaged("a block holds less than the lengths of its rows", offset);
      all += lengths[row];
      wanted += event_of_row_[row] != nothing ? lengths[row] : 0;
    }
    if (all != block->size())
      return source_.damaged("a block holds more than the lengths of its rows", offset);
    static constexpr std::array fields = {&EventView::event_id, &EventView::metadata, &EventView::payload};
    const bool keep = wanted >= all / 4 * 3;
    EventView* const events = rows_->all().data();
    std::size_t at = 0;
    for (std::uint32_t row = first; row < end; ++row) {
      const std::string_view text = block->text().substr(at, static_cast<std::size_t>(lengths[row]));
      at += text.size();
      if (event_of_row_[row] != nothing)
        events[event_of_row_[row]].*fields[column] = keep ? text : texts_->keep(text);
    }
    if (keep) {
      kept_bytes_ += block->charge_bytes();
      owners_.push_back(std::move(block));
    }
    return {};
  }

  const BlockSource& source_;
  std::shared_ptr<const Footer> footer_;
  const std::uint64_t events_; ///< Of the segment.
  std::vector<BlockPtr> order_blocks_;
  std::vector<std::shared_ptr<const ZoneTail>> tails_; ///< By zone; null: not looked at yet.

  Ranks chosen_;
  std::vector<std::uint32_t> place_of_row_; ///< By row of the segment: which of the chosen ones it is.
  std::vector<std::uint32_t> chosen_in_zone_;

  std::shared_ptr<Rows> rows_;
  std::shared_ptr<Texts> texts_;
  std::vector<std::uint32_t> order_;
  std::vector<std::shared_ptr<const void>> owners_;
  std::uint64_t kept_bytes_ = 0;

  // Of the zone that is read:
  std::size_t first_in_zone_ = 0;
  std::vector<std::uint64_t> positions_, recorded_, timestamps_, types_, lengths_;
  std::array<std::vector<std::uint64_t>, string_kinds.size()> string_lengths_;
  std::vector<std::uint32_t> event_of_row_;
};

} // namespace

Result<std::shared_ptr<const PositionRun>> read_position_run(const BlockSource& source,
                                                             std::shared_ptr<const Footer> footer,
                                                             const PositionRange& range, const ReadBounds& bounds) {
  return RunBuilder(source, std::move(footer)).build(range, bounds);
}

} // namespace weir::segments
