#include "engine/query/shard_scan.hpp"

#include "engine/query/row_scan.hpp"
#include "engine/query/zone_scan.hpp"

#include <algorithm>
#include <limits>
#include <span>
#include <utility>

namespace weir::query {
namespace {

using Piece = ScanQueue::Piece;
constexpr Position no_end = std::numeric_limits<Position>::max();
/// Rows of a memtable that are worth a piece of their own.
constexpr std::uint64_t memtable_piece_rows = 4'096;
/// Zones are taken some at a time, for taking one costs a part of scanning it, but of one segment there are pieces for
/// all threads.
constexpr std::size_t piece_zones_max = 4, pieces_per_segment = 32;
/// Comparing so many bounds costs as much as a plain row.
constexpr std::uint64_t looks_per_work = 64;
/// To plan the scan of so many takes no longer than to wake a thread.
constexpr std::size_t segments_planned_alone = 4;
/// Rows of pages that are only counted cost a part of others: most are ruled out with all that are of their type.
constexpr std::uint64_t page_rows_per_row = 8;

/// A sink that also knows what the others no longer need.
class BoundedSink final : public RowSink {
public:
  BoundedSink(RowSink& sink, std::atomic<Position>& end, bool shared) : sink_(sink), end_(end), shared_(shared) {}
  [[nodiscard]] Position end() const noexcept override {
    return shared_ ? std::min(sink_.end(), end_.load(std::memory_order_relaxed)) : sink_.end();
  }
  Status add(Position position, RowValues row) override { return sink_.add(position, row); }
  Status add_count(std::uint64_t matches) override { return sink_.add_count(matches); }
  Result<bool> add_types(const ZoneValues& values, const RowBits& rows, Pacer& pacer) override {
    return sink_.add_types(values, rows, pacer);
  }
  Result<bool> add_zone(const ZoneValues& values, const RowBits& rows, Pacer& pacer) override {
    return sink_.add_zone(values, rows, pacer);
  }
  /// Tells the others how far this one has come.
  void publish() noexcept {
    if (!shared_)
      return;
    const Position own = sink_.end();
    for (Position least = end_.load(std::memory_order_relaxed); own < least;)
      if (end_.compare_exchange_weak(least, own, std::memory_order_relaxed))
        return;
  }

private:
  RowSink& sink_;
  std::atomic<Position>& end_;
  bool shared_;
};

} // namespace

/// One thread of a scan.
class ShardScan::Worker {
public:
  Worker(ShardScan& scan, RowSink& sink, QueryStats& stats)
      : scan_(scan), sink_(sink, scan.end_, scan.target_.by_position), stats_(stats), pacer_(scan.control_),
        row_scan_(scan.target_, scan.control_, sink_, pacer_, stats),
        zone_scan_(scan.target_, scan.predicate_, scan.control_, sink_, row_scan_, pacer_, stats),
        removed_(scan.views_.size()) {}

  Status run(const Piece& piece) {
    WEIR_TRY(pacer_.spend(1));
    switch (piece.kind) {
    case Piece::Kind::shard: return begin_shard(piece);
    case Piece::Kind::segment: return begin_segment(piece);
    case Piece::Kind::zone: return scan_zones(piece);
    case Piece::Kind::memtable: return scan_memtable(piece);
    }
    return {};
  }
  void publish() noexcept { sink_.publish(); }
  /// The pieces that it found, in rows.
  [[nodiscard]] std::uint64_t found() const noexcept { return found_; }

private:
  Status begin_shard(const Piece& piece) {
    WEIR_TRY(pacer_.pause());
    ++stats_.shards;
    const ShardView& view = scan_.views_[piece.shard];
    auto removed = RemovedRows::of(view, &pacer_);
    if (!removed)
      return std::move(removed).error();
    {
      const std::lock_guard lock(scan_.mutex_);
      Shard& shard = scan_.shards_[piece.shard];
      shard.removed = std::make_shared<const RemovedRows>(*std::move(removed));
      shard.plans.resize(view.segments->size());
    }
    std::vector<Piece> pieces;
    for (std::size_t i = 0; i < view.segments->size(); ++i)
      pieces.push_back(scan_.piece(Piece::Kind::segment, piece.shard, i, (*view.segments)[i]->meta().position_min));
    const auto contexts = scan_.target_.predicate.contexts();
    for (std::size_t i = 0; i < view.memtables.size(); ++i) {
      const MemtableView& memtable = view.memtables[i];
      // Rows of few contexts are found by their index, as one piece.
      const bool whole = scan_.control_.prune && !contexts.empty();
      const std::uint64_t step = whole ? std::max<std::uint64_t>(memtable.rows(), 1) : memtable_piece_rows;
      for (std::uint64_t first = 0; first < memtable.rows(); first += step) {
        Piece part = scan_.piece(Piece::Kind::memtable, piece.shard, i, memtable.row(first).position);
        part.first = first;
        part.last = std::min(first + step, memtable.rows());
        pieces.push_back(part);
      }
      found_ += memtable.rows();
    }
    scan_.queue_.add(std::move(pieces));
    return {};
  }

  Status begin_segment(const Piece& piece) {
    WEIR_TRY(pacer_.pause());
    ++stats_.segments_total;
    const SegmentReader& segment = *(*scan_.views_[piece.shard].segments)[piece.source];
    std::vector<Piece> pieces;
    // Where positions matter each zone has its own place in the order.
    const auto add = [&](std::span<const ZoneMeta> zones, std::size_t begin, std::size_t end) {
      const std::size_t step = scan_.target_.by_position
                                   ? 1
                                   : std::clamp(zones.size() / pieces_per_segment, std::size_t{1}, piece_zones_max);
      for (std::size_t zone = begin; zone < end; zone += step) {
        pieces.push_back(scan_.piece(Piece::Kind::zone, piece.shard, piece.source, zones[zone].position_min));
        pieces.back().first = zone;
        pieces.back().last = std::min(zone + step, end);
      }
      std::uint64_t rows = 0;
      for (const ZoneMeta& zone : zones.subspan(begin, end - begin))
        rows += zone.rows;
      return rows;
    };
    if (!scan_.control_.prune) {
      const auto zones = segment.zones();
      if (!zones)
        return zones.error();
      found_ += add(*zones, 0, zones->size());
    } else {
      std::shared_ptr<const SegmentPlan> plan;
      if (segment.meta().position_min < sink_.end()) {
        auto made = SegmentPlan::make(scan_.target_, scan_.predicate_.demands(), segment, removed_of(piece.shard).any(),
                                      scan_.control_);
        if (!made)
          return std::move(made).error();
        plan = *std::move(made);
      }
      if (plan == nullptr) {
        ++stats_.segments_pruned;
        return {};
      }
      const std::size_t zones = plan->zones().size();
      const bool quick = plan->by_position() && scan_.target_.counts_only;
      std::uint64_t looks = 0;
      for (const CoreDemand& demand : scan_.predicate_.demands())
        looks += demand.condition.ranges.size();
      WEIR_TRY(pacer_.spend(zones * looks / looks_per_work));
      for (std::size_t begin = 0, end = 0; begin < zones; begin = end) { // those in a row that may meet what is asked
        const bool may_match = plan->may_meet_demands(begin);
        for (end = begin + 1; end < zones && plan->may_meet_demands(end) == may_match;)
          ++end;
        if (may_match) {
          found_ += add(plan->zones(), begin, end) / (quick ? page_rows_per_row : 1);
        } else {
          stats_.zones_total += end - begin;
          stats_.zones_pruned += end - begin;
        }
      }
      const std::lock_guard lock(scan_.mutex_);
      scan_.shards_[piece.shard].plans[piece.source] = std::move(plan);
    }
    scan_.queue_.add(std::move(pieces));
    return {};
  }

  Status scan_zones(const Piece& piece) {
    RemovedRows& removed = removed_of(piece.shard);
    if (!scan_.control_.prune) {
      const SegmentReader& segment = *(*scan_.views_[piece.shard].segments)[piece.source];
      for (std::uint64_t zone = piece.first; zone < piece.last && !scan_.queue_.stopped(); ++zone)
        WEIR_TRY(zone_scan_.scan_unpruned(segment, zone, removed));
      return {};
    }
    if (plan_ == nullptr || plan_shard_ != piece.shard || plan_source_ != piece.source) {
      const std::lock_guard lock(scan_.mutex_);
      plan_ = scan_.shards_[piece.shard].plans[piece.source];
      plan_shard_ = piece.shard;
      plan_source_ = piece.source;
    }
    for (std::uint64_t zone = piece.first; zone < piece.last && !scan_.queue_.stopped(); ++zone)
      WEIR_TRY(zone_scan_.scan(*plan_, zone, removed));
    return {};
  }

  Status scan_memtable(const Piece& piece) {
    WEIR_TRY(pacer_.pause());
    const MemtableView& memtable = scan_.views_[piece.shard].memtables[piece.source];
    RemovedRows& removed = removed_of(piece.shard);
    const auto contexts = scan_.target_.predicate.contexts();
    if (!scan_.control_.prune || contexts.empty())
      return row_scan_.scan_memtable(memtable, piece.first, piece.last, &removed);
    for (const std::string_view context : contexts)
      WEIR_TRY(row_scan_.scan_context(memtable, context, &removed));
    return {};
  }

  /// Each thread has its own: they remember the context asked for last.
  RemovedRows& removed_of(std::size_t shard) {
    if (!removed_[shard]) {
      const std::lock_guard lock(scan_.mutex_);
      removed_[shard] = *scan_.shards_[shard].removed;
    }
    return *removed_[shard];
  }

  ShardScan& scan_;
  BoundedSink sink_;
  QueryStats& stats_;
  Pacer pacer_;
  RowScan row_scan_;
  ZoneScan zone_scan_;
  std::vector<std::optional<RemovedRows>> removed_; ///< By shard, once needed.
  std::shared_ptr<const SegmentPlan> plan_;         ///< Of the zone before.
  std::size_t plan_shard_ = 0, plan_source_ = 0;
  std::uint64_t found_ = 0;
};

ShardScan::ShardScan(ScanTarget target, std::vector<ShardView> views, const QueryControl& control)
    : target_(std::move(target)), views_(std::move(views)), control_(control), predicate_(target_), end_(no_end),
      shards_(views_.size()) {
  std::vector<Piece> pieces;
  for (std::size_t i = 0; i < views_.size(); ++i)
    pieces.push_back(piece(Piece::Kind::shard, i, 0, 0));
  queue_.add(std::move(pieces));
}

Piece ShardScan::piece(Piece::Kind kind, std::size_t shard, std::size_t source, Position lowest) const {
  Piece made;
  made.kind = kind;
  made.order = target_.by_position ? lowest : 0;
  made.shard = shard;
  made.source = source;
  return made;
}

bool ShardScan::shares_plans() const noexcept {
  std::size_t segments = 0;
  for (const ShardView& view : views_)
    segments += view.segments->size();
  return target_.by_position || segments > segments_planned_alone || predicate_.demands().empty();
}

std::uint64_t ShardScan::rows() const noexcept {
  std::uint64_t rows = 0;
  for (const ShardView& view : views_) {
    for (const auto& segment : *view.segments)
      rows += segment->meta().event_count;
    for (const MemtableView& memtable : view.memtables)
      rows += memtable.rows();
  }
  return rows;
}

Status ShardScan::work(RowSink& sink, QueryStats& stats, Found found) {
  Worker worker(*this, sink, stats);
  Piece piece;
  while (queue_.take(piece)) {
    // Unless positions matter, shards and segments come before all rows.
    if (found && (piece.kind == Piece::Kind::zone || piece.kind == Piece::Kind::memtable))
      std::exchange(found, {})(worker.found());
    Status done = worker.run(piece);
    worker.publish();
    if (!done) {
      queue_.stop();
      const std::lock_guard lock(mutex_);
      if (!error_)
        error_ = done.error();
    }
    queue_.release(piece);
  }
  return status();
}

Status ShardScan::status() const {
  const std::lock_guard lock(mutex_);
  return error_ ? Status(*error_) : Status();
}

void ShardScan::release_views() noexcept {
  shards_.clear();
  views_.clear();
}

} // namespace weir::query
