#include "segments/position_run.hpp"

#include "engine/io/slab_pool.hpp"
#include "segments/run_order.hpp"
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
constexpr std::uint64_t event_bytes = sizeof(EventView);
static_assert(PositionRun::chunk_events * event_bytes <= io::SlabPool::slab_bytes);

class RunBuilder {
public:
  RunBuilder(const BlockSource& source, std::shared_ptr<const Footer> footer)
      : source_(source), order_(footer), events_(footer->totals.event_count) {
    plan_.chosen_in_zone.resize(footer->zones.size());
    plan_.footer = std::move(footer);
  }

  Result<std::shared_ptr<const PositionRun>> build(const PositionRange& range, const ReadBounds& bounds,
                                                   const WithHelp& help) {
    if (events_ == 0)
      return std::make_shared<const PositionRun>();
    const auto first = order_.first_rank_at(source_, range.from);
    if (!first)
      return first.error();
    const auto last = order_.first_rank_at(source_, range.to);
    if (!last)
      return last.error();
    WEIR_TRY(choose({*first, *last}, range.backward, bounds));
    plan_.large = chosen_.size() >= large_run_events;
    plan_.tails = order_.tails();
    make_room();
    WEIR_TRY(read_zones(plan_.large ? help : nullptr));
    WEIR_TRY(check_order(range, plan_.large ? help : nullptr));
    owners_.push_back(plan_.footer);
    return std::make_shared<const PositionRun>(std::vector<const EventView*>(plan_.chunks.begin(), plan_.chunks.end()),
                                               static_cast<std::size_t>(chosen_.size()), std::move(owners_), bytes_);
  }

private:
  /// Settles on as many rows of `all` as fit.
  Status choose(const Ranks& all, bool backward, const ReadBounds& bounds) {
    // A first guess, a little too high: a second one costs more than some rows less.
    const std::uint64_t each = plan_.footer->totals.payload_bytes / events_ * 65 / 64 + event_bytes + 1;
    const std::uint64_t fit = std::max<std::uint64_t>(bounds.bytes_max / each, 1);
    // Stretches of the same length: a short one at the end would decode nearly as many blocks as a long one.
    const std::uint64_t stretches = std::max<std::uint64_t>((all.size() + fit - 1) / fit, 1);
    std::uint64_t count = std::min<std::uint64_t>((all.size() + stretches - 1) / stretches, bounds.events_max);
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
    WEIR_TRY(order_.rows_at(source_, ranks, rows_));
    for (std::uint32_t place = 0; place < rows_.size(); ++place) {
      std::uint32_t& place_of_row = plan_.place_of_row[rows_[place]];
      if (place_of_row != RunPlan::nothing)
        return order_.damaged(source_);
      place_of_row = place;
    }
    std::uint64_t in_zones = 0;
    for (std::size_t zone = 0; zone < plan_.chosen_in_zone.size(); ++zone) {
      const auto places = plan_.places(zone);
      plan_.chosen_in_zone[zone] = static_cast<std::uint32_t>(
          places.size() - static_cast<std::size_t>(std::count(places.begin(), places.end(), RunPlan::nothing)));
      in_zones += plan_.chosen_in_zone[zone];
    }
    return in_zones == ranks.size() ? Status{} : order_.damaged(source_);
  }

  Result<std::uint64_t> bytes_of_chosen() {
    std::uint64_t bytes = chosen_.size() * event_bytes;
    for (std::size_t zone = 0; zone < plan_.chosen_in_zone.size(); ++zone) {
      if (plan_.chosen_in_zone[zone] == 0)
        continue;
      const auto columns = order_.tail(source_, zone);
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

  /// For the events, by place.
  void make_room() {
    const auto count = static_cast<std::size_t>(chosen_.size());
    for (std::size_t i = 0; i < count; i += PositionRun::chunk_events) {
      if (plan_.large) {
        auto slab = source_.slabs().take();
        plan_.chunks.push_back(reinterpret_cast<EventView*>(slab.get()));
        bytes_ += io::SlabPool::slab_bytes;
        owners_.push_back(std::move(slab));
      } else {
        const std::size_t events = std::min(PositionRun::chunk_events, count - i);
        auto some = std::make_shared<EventView[]>(events);
        plan_.chunks.push_back(some.get());
        bytes_ += events * sizeof(EventView);
        owners_.push_back(std::move(some));
      }
    }
  }

  Status read_zones(const WithHelp& help) {
    std::vector<std::size_t> zones;
    for (std::size_t zone = 0; zone < plan_.chosen_in_zone.size(); ++zone)
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
    run(work, help);
    return failed;
  }

  /// Positions ascend and are those of `range`. Each is looked up in its event, which is as much memory as all events
  /// take, so this is shared out, too.
  Status check_order(const PositionRange& range, const WithHelp& help) const {
    const auto count = static_cast<std::size_t>(chosen_.size());
    if (count == 0)
      return {};
    std::atomic<std::size_t> next{0};
    std::atomic<bool> wrong{plan_.at(0)->position < range.from ||
                            plan_.at(static_cast<std::uint32_t>(count - 1))->position >= range.to};
    const auto work = [&] {
      for (std::size_t i = next.fetch_add(1); i < plan_.chunks.size(); i = next.fetch_add(1)) {
        // With the last one of the chunk before.
        const std::size_t first = i * PositionRun::chunk_events,
                          end = std::min(first + PositionRun::chunk_events, count);
        Position before =
            i == 0 ? plan_.chunks[0]->position : plan_.at(static_cast<std::uint32_t>(first - 1))->position;
        bool ascend = true;
        for (const EventView& event : std::span(plan_.chunks[i], end - first).subspan(i == 0 ? 1 : 0)) {
          ascend = ascend && before < event.position;
          before = event.position;
        }
        if (!ascend)
          wrong.store(true);
      }
    };
    run(work, help);
    return wrong.load() ? order_.damaged(source_) : Status{};
  }

  static void run(const std::function<void()>& work, const WithHelp& help) {
    if (help)
      help(work);
    else
      work();
  }

  const BlockSource& source_;
  RunOrder order_;
  const std::uint64_t events_; ///< Of the segment.
  RunPlan plan_;
  Ranks chosen_;
  std::vector<std::uint32_t> rows_; ///< By place.
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
