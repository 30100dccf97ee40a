#include "segments/position_run.hpp"

#include "segments/bit_pack.hpp"
#include "segments/position_order.hpp"
#include "segments/run_zone_decoder.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
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

// Decoding fewer takes less time than waking a thread is worth, and others may soon want the same.
constexpr std::uint64_t large_run_events = 16'384;
// Of an event, beside its strings.
constexpr std::uint64_t event_bytes = sizeof(EventView) + sizeof(const EventView*);

class RunBuilder {
public:
  RunBuilder(const BlockSource& source, std::shared_ptr<const Footer> footer)
      : source_(source), events_(footer->totals.event_count), order_blocks_(footer->order_blocks()) {
    plan_.tails.resize(footer->zones.size());
    plan_.chosen_in_zone.resize(footer->zones.size());
    plan_.footer = std::move(footer);
  }

  Result<std::shared_ptr<const PositionRun>> build(const PositionRange& range, const ReadBounds& bounds,
                                                   const WithHelp& help) {
    if (events_ == 0)
      return std::make_shared<const PositionRun>();
    const auto first = first_rank_at(range.from);
    if (!first)
      return first.error();
    const auto last = first_rank_at(range.to);
    if (!last)
      return last.error();
    WEIR_TRY(choose({*first, *last}, range.backward, bounds));
    const std::size_t count = static_cast<std::size_t>(chosen_.size());
    plan_.events.resize(count);
    plan_.positions.resize(count);
    plan_.large = count >= large_run_events;
    WEIR_TRY(read_zones(plan_.large ? help : nullptr));
    const std::vector<Position>& positions = plan_.positions;
    if (std::adjacent_find(positions.begin(), positions.end(), std::greater_equal<>()) != positions.end())
      return order_damaged();
    if (count != 0 && (positions.front() < range.from || positions.back() >= range.to))
      return order_damaged();
    bytes_ += count * sizeof(plan_.events[0]);
    owners_.push_back(plan_.footer);
    return std::make_shared<const PositionRun>(std::move(plan_.events), std::move(owners_), bytes_);
  }

private:
  /// Places in the position order.
  struct Ranks {
    std::uint64_t begin = 0, end = 0;
    [[nodiscard]] std::uint64_t size() const noexcept { return end - begin; }
  };

  Error order_damaged() const { return source_.damaged(order_is_wrong, plan_.footer->order_offset); }

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

  /// Block `number` of the position order: packed row numbers.
  Result<const char*> order_block(std::size_t number) {
    if (!order_blocks_[number]) {
      auto block = read_order_block(source_, *plan_.footer, number);
      if (!block)
        return std::move(block).error();
      order_blocks_[number] = *std::move(block);
    }
    return order_blocks_[number]->text().data();
  }

  Result<std::uint32_t> row_at(std::uint64_t rank) {
    if (events_ == 1)
      return 0;
    const auto block = order_block(static_cast<std::size_t>(rank / order_rows_per_block));
    if (!block)
      return block.error();
    const std::uint64_t row = unpack(*block, rank % order_rows_per_block, plan_.footer->order_width());
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
    // A first guess, a little too high: a second one costs more than some rows less.
    const std::uint64_t each = plan_.footer->totals.payload_bytes / events_ * 65 / 64 + event_bytes + 1;
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
    plan_.place_of_row.assign(events_, RunPlan::nothing);
    chosen_ = ranks;
    const unsigned width = plan_.footer->order_width();
    for (std::uint64_t rank = ranks.begin; rank < ranks.end && events_ > 1;) {
      const std::uint64_t number = rank / order_rows_per_block;
      const auto block = order_block(static_cast<std::size_t>(number));
      if (!block)
        return block.error();
      const std::uint64_t before = number * order_rows_per_block;
      for (const std::uint64_t end = std::min(ranks.end, before + order_rows_per_block); rank < end; ++rank) {
        const std::uint64_t row = unpack(*block, rank - before, width);
        if (row >= events_ || plan_.place_of_row[row] != RunPlan::nothing)
          return order_damaged();
        plan_.place_of_row[row] = static_cast<std::uint32_t>(rank - ranks.begin);
      }
    }
    if (events_ == 1 && ranks.size() != 0)
      plan_.place_of_row[0] = 0;
    for (std::size_t zone = 0; zone < plan_.tails.size(); ++zone) {
      const auto places = plan_.places(zone);
      plan_.chosen_in_zone[zone] = static_cast<std::uint32_t>(
          places.size() - static_cast<std::size_t>(std::count(places.begin(), places.end(), RunPlan::nothing)));
    }
    return {};
  }

  Result<std::uint64_t> bytes_of_chosen() {
    std::uint64_t bytes = chosen_.size() * event_bytes;
    for (std::size_t zone = 0; zone < plan_.tails.size(); ++zone) {
      if (plan_.chosen_in_zone[zone] == 0)
        continue;
      const auto columns = tail(zone);
      if (!columns)
        return columns.error();
      const auto wanted = plan_.places(zone);
      for (const BlockKind kind : run_string_kinds) {
        const auto& column = (*columns)->column(lengths_of(kind));
        if (!column)
          continue;
        decode(*column, wanted.size(), lengths_);
        for (std::size_t row = 0; row < wanted.size(); ++row)
          bytes += wanted[row] != RunPlan::nothing ? lengths_[row] : 0;
      }
    }
    return bytes;
  }

  Status read_zones(const WithHelp& help) {
    std::vector<std::size_t> zones;
    for (std::size_t zone = 0; zone < plan_.tails.size(); ++zone)
      if (plan_.chosen_in_zone[zone] != 0)
        zones.push_back(zone);
    std::atomic<std::size_t> next{0};
    std::mutex mutex; // guards what the threads bring together
    Status failed;
    const auto work = [&] {
      RunZoneDecoder decoder(source_, plan_);
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
  RunPlan plan_;
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
