// The scan of some shards, shared by as many threads as take part.
//
// Purpose: shards, segments, zones and stretches of memtables are pieces of work in one queue, segments from their
// metadata inwards. Where lower positions come first and only so many rows are wanted, pieces are taken by their lowest
// position, and what lies behind the last row wanted is never looked at.
// Owner: whoever runs the query; the threads that help share it. Threading: work() from any thread, each with a sink of
// its own. A view is held until release_views().
#pragma once

#include <weir/query_result.hpp>
#include <weir/result.hpp>

#include "engine/query/column_predicate.hpp"
#include "engine/query/control.hpp"
#include "engine/query/removed_rows.hpp"
#include "engine/query/row_sink.hpp"
#include "engine/query/scan_plan.hpp"
#include "engine/query/scan_queue.hpp"
#include "engine/shard_view.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace weir::query {

class ShardScan {
public:
  /// What `target` and `control` borrow from must outlive this.
  ShardScan(ScanTarget target, std::vector<ShardView> views, const QueryControl& control);
  ShardScan(const ShardScan&) = delete;
  ShardScan& operator=(const ShardScan&) = delete;

  /// How much work it is, in rows read by columns, once that is known.
  using Found = std::function<void(std::uint64_t rows)>;

  /// Takes pieces until none is left, and hands what matches to `sink`; adds to `stats` what that took. The first error
  /// of any thread ends the work of all. `found` is called once, before the first row is looked at, unless there is
  /// none; may be empty. Errors: `deadline_exceeded`, `cancelled`, `corruption`, `io_error`, those of the sink.
  Status work(RowSink& sink, QueryStats& stats, Found found = {});
  /// The first error, once no thread works.
  [[nodiscard]] Status status() const;
  /// Whether anything is left to do.
  [[nodiscard]] bool has_work() const { return !queue_.empty(); }
  /// Threads may as well share from the beginning: there are many segments, little that zones are ruled out by, or rows
  /// are looked at before all segments are.
  [[nodiscard]] bool shares_plans() const noexcept;
  /// All that may be looked at.
  [[nodiscard]] std::uint64_t rows() const noexcept;
  /// Precondition: no thread works, nor will.
  void release_views() noexcept;
  [[nodiscard]] std::span<const ShardView> views() const noexcept { return views_; }

private:
  /// What is known of a shard once it was begun with.
  struct Shard {
    std::shared_ptr<const RemovedRows> removed;
    std::vector<std::shared_ptr<const SegmentPlan>> plans; ///< By segment, once it was begun with.
  };
  class Worker;

  [[nodiscard]] ScanQueue::Piece piece(ScanQueue::Piece::Kind kind, std::size_t shard, std::size_t source,
                                       Position lowest) const;

  ScanTarget target_;
  std::vector<ShardView> views_;
  QueryControl control_;
  ColumnPredicate predicate_;
  ScanQueue queue_;
  std::atomic<Position> end_; ///< The least end() of the sinks.
  mutable std::mutex mutex_;  ///< Of what follows.
  std::vector<Shard> shards_;
  std::optional<Error> error_;
};

} // namespace weir::query
