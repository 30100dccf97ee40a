#include "segments/position_run.hpp"

#include "segments/bit_pack.hpp"
#include "segments/context_index.hpp"
#include "segments/zone_tail.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <iterator>
#include <memory>
#include <mutex>
#include <new>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::segments {
namespace {

constexpr std::uint32_t nothing = UINT32_MAX;
constexpr std::size_t blocks_at_once = 16;
// Decoding fewer takes less time than waking a thread is worth.
constexpr std::uint64_t events_worth_help = 16'384;
constexpr std::array string_kinds = {BlockKind::event_ids, BlockKind::metadata, BlockKind::payloads};

Timestamp time_of(std::uint64_t micros) {
  return Timestamp(std::chrono::microseconds(static_cast<std::int64_t>(micros)));
}

BlockKind lengths_of(BlockKind strings) {
  return static_cast<BlockKind>(static_cast<std::uint8_t>(strings) - 1);
}

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

/// Which rows a run has, and where they go.
struct Plan {
  std::shared_ptr<const Footer> footer;
  std::vector<std::shared_ptr<const ZoneTail>> tails; ///< By zone; null: not looked at.
  std::vector<std::uint32_t> place_of_row;            ///< By row of the segment: its place in the run.
  std::vector<std::uint32_t> chosen_in_zone;
  std::vector<std::size_t> first_in_zone; ///< Of the run's rows, which lie in the order of the file.
  std::byte* rows = nullptr;              ///< Memory for the run's EventViews.
  std::vector<std::uint32_t> order;       ///< By place: the row.

  /// By row of the zone.
  [[nodiscard]] std::span<const std::uint32_t> places(std::size_t zone) const noexcept {
    return std::span(place_of_row).subspan(footer->zones[zone].first_row, footer->zones[zone].rows);
  }
  /// Rows of the run from `first` on, once they are there.
  [[nodiscard]] EventView* at(std::size_t first) const noexcept {
    return std::launder(reinterpret_cast<EventView*>(rows + first * sizeof(EventView)));
  }
};

void decode(const IntegerColumn& column, std::size_t rows, std::vector<std::uint64_t>& out) {
  out.resize(rows);
  column.decode(0, out);
}

/// Decodes zones into their places. One thread; several may work on different zones of one plan.
class ZoneDecoder {
public:
  ZoneDecoder(const BlockSource& source, Plan& plan)
      : source_(source), plan_(plan), texts_(std::make_shared<Texts>()) {}

  Status read(std::size_t zone) {
    const ZoneTail& columns = *plan_.tails[zone];
    const auto wanted = plan_.places(zone);
    decode(*columns.column(BlockKind::position), wanted.size(), positions_);
    decode(*columns.column(BlockKind::recorded_at), wanted.size(), recorded_);
    decode(*columns.column(BlockKind::type), wanted.size(), types_);
    const bool timestamps = columns.column(BlockKind::timestamp).has_value();
    if (timestamps)
      decode(*columns.column(BlockKind::timestamp), wanted.size(), timestamps_);
    std::size_t next = plan_.first_in_zone[zone];
    event_of_row_.assign(wanted.size(), nothing);
    for (std::size_t row = 0; row < wanted.size(); ++row) {
      if (wanted[row] == nothing)
        continue;
      if (types_[row] >= plan_.footer->types.size())
        return source_.damaged("a type is not in the dictionary",
                               columns.directory().at(BlockKind::type, 0).ref.offset);
      plan_.order[wanted[row]] = event_of_row_[row] = static_cast<std::uint32_t>(next);
      EventView& event = *new (plan_.rows + next++ * sizeof(EventView)) EventView;
      event.position = positions_[row];
      event.recorded_at = time_of(recorded_[row]);
      event.timestamp = timestamps ? time_of(timestamps_[row]) : event.recorded_at;
      event.event_type = plan_.footer->types[static_cast<std::size_t>(types_[row])];
    }
    WEIR_TRY(read_contexts(zone));
    return read_strings(columns, wanted);
  }

  /// Hands over what the rows point into; returns how much memory that is.
  std::uint64_t give(std::vector<std::shared_ptr<const void>>& owners) {
    std::move(kept_.begin(), kept_.end(), std::back_inserter(owners));
    owners.push_back(texts_);
    return kept_bytes_ + texts_->bytes();
  }

private:
  /// Contexts and sequences of the zone's chosen rows, out of the context index.
  Status read_contexts(std::size_t zone) {
    const auto wanted = plan_.places(zone);
    const std::uint64_t begin = plan_.footer->zones[zone].first_row, end = begin + wanted.size();
    auto block = std::prev(
        std::upper_bound(plan_.footer->index.begin(), plan_.footer->index.end(), begin,
                         [](std::uint64_t row, const IndexBlockRef& place) { return row < place.first_row; }));
    EventView* event = plan_.at(plan_.first_in_zone[zone]);
    for (std::uint64_t row = begin; row < end; ++block) {
      if (block == plan_.footer->index.end())
        return source_.damaged("the context index ends before the rows do", plan_.footer->index.back().ref.offset);
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
    for (std::size_t at = 0; at < blocks.size(); at += blocks_at_once) {
      const std::size_t count = std::min(blocks_at_once, blocks.size() - at);
      std::array<BlockRef, blocks_at_once> refs;
      std::array<BlockPtr, blocks_at_once> read;
      for (std::size_t i = 0; i < count; ++i)
        refs[i] = blocks[at + i].ref;
      WEIR_TRY(source_.read_all(std::span(refs).first(count), std::span(read).first(count), &plan_.footer->dictionary));
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
    EventView* const events = plan_.at(0);
    std::size_t at = 0;
    for (std::uint32_t row = first; row < end; ++row) {
      const std::string_view text = block->text().substr(at, static_cast<std::size_t>(lengths[row]));
      at += text.size();
      if (event_of_row_[row] != nothing)
        events[event_of_row_[row]].*fields[column] = keep ? text : texts_->keep(text);
    }
    if (keep) {
      kept_bytes_ += block->charge_bytes();
      kept_.push_back(std::move(block));
    }
    return {};
  }

  const BlockSource& source_;
  Plan& plan_;
  std::shared_ptr<Texts> texts_;
  std::vector<BlockPtr> kept_;
  std::uint64_t kept_bytes_ = 0;

  // Of the zone that is read:
  std::vector<std::uint64_t> positions_, recorded_, timestamps_, types_;
  std::array<std::vector<std::uint64_t>, string_kinds.size()> string_lengths_;
  std::vector<std::uint32_t> event_of_row_;
};

class RunBuilder {
public:
  RunBuilder(const BlockSource& source, std::shared_ptr<const Footer> footer)
      : source_(source), events_(footer->totals.event_count), order_blocks_(footer->order_blocks()) {
    plan_.tails.resize(footer->zones.size());
    plan_.footer = std::move(footer);
  }

  Result<std::shared_ptr<const PositionRun>> build(const PositionRange& range, const ReadBounds& bounds,
                                                   const WithHelp& help) {
    const auto first = first_rank_at(range.from);
    if (!first)
      return first.error();
    const auto last = first_rank_at(range.to);
    if (!last)
      return last.error();
    WEIR_TRY(choose({*first, *last}, range.backward, bounds));
    const std::size_t count = static_cast<std::size_t>(chosen_.size());
    const std::shared_ptr<std::byte[]> rows = std::make_shared_for_overwrite<std::byte[]>(count * sizeof(EventView));
    plan_.rows = rows.get();
    plan_.order.resize(count);
    WEIR_TRY(read_zones(count >= events_worth_help ? help : nullptr));
    const std::span<const EventView> all(plan_.at(0), count);
    const std::vector<std::uint32_t>& order = plan_.order;
    for (std::size_t i = 1; i < count; ++i)
      if (all[order[i]].position <= all[order[i - 1]].position)
        return order_damaged();
    if (count != 0 && (all[order.front()].position < range.from || all[order.back()].position >= range.to))
      return order_damaged();
    bytes_ += count * (sizeof(EventView) + sizeof(order[0]));
    owners_.push_back(rows);
    owners_.push_back(plan_.footer);
    return std::make_shared<const PositionRun>(all, std::move(plan_.order), std::move(owners_), bytes_);
  }

private:
  /// Places in the position order.
  struct Ranks {
    std::uint64_t begin = 0, end = 0;
    [[nodiscard]] std::uint64_t size() const noexcept { return end - begin; }
  };

  Error order_damaged() const { return source_.damaged("the position order is wrong", plan_.footer->order_offset); }

  Result<const ZoneTail*> tail(std::size_t zone) {
    if (!plan_.tails[zone]) {
      auto read = ZoneTail::read(source_, *plan_.footer, zone);
      if (!read)
        return std::move(read).error();
      if (!(*read)->column(BlockKind::position) || !(*read)->column(BlockKind::recorded_at) ||
          !(*read)->column(BlockKind::type))
        return source_.damaged("a zone lacks a column", plan_.footer->places[zone].directory.offset);
      plan_.tails[zone] = *std::move(read);
    }
    return plan_.tails[zone].get();
  }

  Result<std::uint32_t> row_at(std::uint64_t rank) {
    if (events_ == 1)
      return 0;
    const auto number = static_cast<std::size_t>(rank / order_rows_per_block);
    if (!order_blocks_[number]) {
      const BlockRef ref = plan_.footer->order_block(number);
      auto block = source_.read(ref);
      if (!block)
        return std::move(block).error();
      const std::uint64_t rows = std::min<std::uint64_t>(order_rows_per_block, events_ - number * order_rows_per_block);
      if ((*block)->size() != packed_bytes(rows, plan_.footer->order_width()) + bits_padding_bytes)
        return source_.damaged("a block of the position order has the wrong size", ref.offset);
      order_blocks_[number] = *std::move(block);
    }
    const std::uint64_t row =
        unpack(order_blocks_[number]->text().data(), rank % order_rows_per_block, plan_.footer->order_width());
    if (row >= events_)
      return order_damaged();
    return static_cast<std::uint32_t>(row);
  }

  Result<Position> position_at(std::uint64_t rank) {
    const auto row = row_at(rank);
    if (!row)
      return row.error();
    const auto columns = tail(*row / plan_.footer->zone_rows);
    if (!columns)
      return columns.error();
    Position position = 0;
    (*columns)->column(BlockKind::position)->decode(*row % plan_.footer->zone_rows, {&position, 1});
    return position;
  }

  /// The first place whose event is at `position` or above it.
  Result<std::uint64_t> first_rank_at(Position position) {
    if (position <= plan_.footer->totals.position_min)
      return std::uint64_t{0};
    if (position > plan_.footer->totals.position_max)
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
        plan_.footer->totals.payload_bytes / events_ + sizeof(EventView) + sizeof(std::uint32_t); // a first guess
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
    plan_.place_of_row.assign(events_, nothing);
    plan_.chosen_in_zone.assign(plan_.tails.size(), 0);
    chosen_ = ranks;
    for (std::uint64_t rank = ranks.begin; rank < ranks.end; ++rank) {
      const auto row = row_at(rank);
      if (!row)
        return row.error();
      if (plan_.place_of_row[*row] != nothing)
        return order_damaged();
      plan_.place_of_row[*row] = static_cast<std::uint32_t>(rank - ranks.begin);
      ++plan_.chosen_in_zone[*row / plan_.footer->zone_rows];
    }
    return {};
  }

  Result<std::uint64_t> bytes_of_chosen() {
    std::uint64_t bytes = chosen_.size() * (sizeof(EventView) + sizeof(std::uint32_t));
    for (std::size_t zone = 0; zone < plan_.tails.size(); ++zone) {
      if (plan_.chosen_in_zone[zone] == 0)
        continue;
      const auto columns = tail(zone);
      if (!columns)
        return columns.error();
      const auto wanted = plan_.places(zone);
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

  Status read_zones(const WithHelp& help) {
    std::vector<std::size_t> zones;
    plan_.first_in_zone.resize(plan_.tails.size());
    std::size_t first = 0;
    for (std::size_t zone = 0; zone < plan_.tails.size(); ++zone) {
      plan_.first_in_zone[zone] = std::exchange(first, first + plan_.chosen_in_zone[zone]);
      if (plan_.chosen_in_zone[zone] != 0)
        zones.push_back(zone);
    }
    std::atomic<std::size_t> next{0};
    std::mutex mutex; // guards what the threads bring together
    Status failed;
    const auto work = [&] {
      ZoneDecoder decoder(source_, plan_);
      Status status;
      for (std::size_t i = next.fetch_add(1); status && i < zones.size(); i = next.fetch_add(1))
        status = decoder.read(zones[i]);
      const std::lock_guard lock(mutex);
      bytes_ += decoder.give(owners_);
      if (!status && failed) {
        failed = std::move(status);
        next.store(zones.size());
      }
    };
    if (help)
      help(work);
    else
      work();
    return failed;
  }

  const BlockSource& source_;
  const std::uint64_t events_; ///< Of the segment.
  std::vector<BlockPtr> order_blocks_;
  Plan plan_;
  Ranks chosen_;
  std::vector<std::uint64_t> lengths_;
  std::vector<std::shared_ptr<const void>> owners_;
  std::uint64_t bytes_ = 0;
};

} // namespace

Result<std::shared_ptr<const PositionRun>> read_position_run(const BlockSource& source,
                                                             std::shared_ptr<const Footer> footer,
                                                             const PositionRange& range, const ReadBounds& bounds,
                                                             const WithHelp& help) {
  return RunBuilder(source, std::move(footer)).build(range, bounds, help);
}

} // namespace weir::segments
