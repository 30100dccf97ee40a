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
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::segments {
namespace {

// Decoding fewer takes less time than waking a thread is worth, and others may soon want the same.
constexpr std::uint64_t large_run_events = 16'384;
// The disk is told of some MiB ahead of those who decode: enough to keep it busy, little to have read in vain.
constexpr std::size_t zones_ahead = 8;
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
    help_ = &help;
    WEIR_TRY(choose({*first, *last}, range.backward, bounds));
    plan_.tails = order_.tails();
    make_room();
    WEIR_TRY(read_zones());
    WEIR_TRY(check_order(range));
    owners_.push_back(plan_.footer);
    return std::make_shared<const PositionRun>(std::vector<const EventView*>(plan_.chunks.begin(), plan_.chunks.end()),
                                               static_cast<std::size_t>(chosen_.size()), std::move(owners_), bytes_,
                                               plan_.large ? std::optional(source_.slabs()) : std::nullopt);
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
    plan_.large = ranks.size() >= large_run_events;
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

  /// The disk may look for all of them at the same time.
  void begin_tails() const {
    for (std::size_t zone = 0; zone < plan_.chosen_in_zone.size(); ++zone)
      if (const ZonePlace& place = plan_.footer->places[zone]; read_ahead(zone))
        source_.file().begin_read(place.tail, place.directory.end() - place.tail);
  }

  /// And for the strings of a zone while others are decoded.
  void begin_strings(std::size_t zone) const {
    if (const ZonePlace& place = plan_.footer->places[zone]; read_ahead(zone))
      source_.file().begin_read(place.begin, place.tail - place.begin);
  }

  [[nodiscard]] bool read_ahead(std::size_t zone) const noexcept {
    return plan_.large && plan_.chosen_in_zone[zone] != 0;
  }

  Result<std::uint64_t> bytes_of_chosen() {
    std::atomic<std::uint64_t> bytes = chosen_.size() * event_bytes;
    begin_tails();
    WEIR_TRY(share_zones([&](const auto& next_zone) -> Status {
      std::vector<std::uint64_t> lengths;
      while (const auto zone = next_zone()) {
        const auto columns = order_.tail(source_, *zone);
        if (!columns)
          return columns.error();
        bytes.fetch_add(text_bytes(**columns, plan_.places(*zone), lengths));
      }
      return {};
    }));
    return bytes.load();
  }

  static std::uint64_t text_bytes(const ZoneTail& columns, std::span<const std::uint32_t> wanted,
                                  std::vector<std::uint64_t>& lengths) {
    std::uint64_t bytes = 0;
    for (const BlockKind kind : run_string_kinds) {
      const auto& column = columns.column(lengths_of(kind));
      if (!column)
        continue;
      decode(*column, wanted.size(), lengths);
      for (std::size_t row = 0; row < wanted.size(); ++row)
        bytes += wanted[row] != RunPlan::nothing ? lengths[row] : 0;
    }
    return bytes;
  }

  /// For the events, by place.
  void make_room() {
    const auto count = static_cast<std::size_t>(chosen_.size());
    const std::size_t chunks = (count + PositionRun::chunk_events - 1) / PositionRun::chunk_events;
    plan_.chunks.resize(chunks);
    owners_.resize(chunks);
    if (plan_.large) {
      std::atomic<std::size_t> next{0}; // memory is cheap the second time only
      run([&] {
        for (std::size_t i = next.fetch_add(1); i < chunks; i = next.fetch_add(1)) {
          auto slab = source_.slabs().take();
          plan_.chunks[i] = reinterpret_cast<EventView*>(slab.get());
          owners_[i] = std::move(slab);
        }
      });
      bytes_ += chunks * io::SlabPool::slab_bytes;
      return;
    }
    for (std::size_t i = 0; i < chunks; ++i) {
      const std::size_t events = std::min(PositionRun::chunk_events, count - i * PositionRun::chunk_events);
      auto some = std::make_shared<EventView[]>(events);
      plan_.chunks[i] = some.get();
      bytes_ += events * sizeof(EventView);
      owners_[i] = std::move(some);
    }
  }

  Status read_zones() {
    for (std::size_t zone = 0; zone < std::min(zones_ahead, plan_.chosen_in_zone.size()); ++zone)
      begin_strings(zone);
    return share_zones([&](const auto& next_zone) {
      RunZoneDecoder decoder(source_, plan_);
      Status status;
      for (auto zone = next_zone(); status && zone; zone = next_zone()) {
        if (*zone + zones_ahead < plan_.chosen_in_zone.size())
          begin_strings(*zone + zones_ahead);
        status = decoder.read(*zone);
      }
      const std::lock_guard lock(mutex_);
      bytes_ += decoder.give(owners_);
      return status;
    });
  }

  /// Runs `work(next_zone)` in some threads, which share the zones with chosen rows among them.
  template <class Work> Status share_zones(const Work& work) {
    std::vector<std::size_t> zones;
    for (std::size_t zone = 0; zone < plan_.chosen_in_zone.size(); ++zone)
      if (plan_.chosen_in_zone[zone] != 0)
        zones.push_back(zone);
    std::atomic<std::size_t> next{0};
    Status failed;
    run([&] {
      Status status = work([&]() -> std::optional<std::size_t> {
        const std::size_t i = next.fetch_add(1);
        return i < zones.size() ? std::optional(zones[i]) : std::nullopt;
      });
      const std::lock_guard lock(mutex_);
      if (!status && failed) {
        failed = std::move(status);
        next.store(zones.size());
      }
    });
    return failed;
  }

  /// Positions ascend and are those of `range`. Each is looked up in its event, which is as much memory as all events
  /// take, so this is shared out, too.
  Status check_order(const PositionRange& range) const {
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
    run(work);
    return wrong.load() ? order_.damaged(source_) : Status{};
  }

  void run(const std::function<void()>& work) const {
    if (plan_.large && *help_)
      (*help_)(work);
    else
      work();
  }

  const BlockSource& source_;
  RunOrder order_;
  const std::uint64_t events_; ///< Of the segment.
  RunPlan plan_;
  Ranks chosen_;
  std::vector<std::uint32_t> rows_; ///< By place.
  const WithHelp* help_ = nullptr;  ///< Where it is worth it.
  std::mutex mutex_;                ///< Guards what the threads bring together: the following two.
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
