// Runs queries over the views of shards, in the caller's thread and in read threads.
//
// Purpose: decides how many threads one query may have; what they do is decided in engine/query/execution.hpp.
// Owner: EngineCore, for one query. Threading: the thread that asks. Jobs that are posted own what they need and are no
// loss if they never run: a query ends even if every read thread is busy.
#pragma once

#include "actors/freeing.hpp"
#include "engine/io/clock.hpp"
#include "engine/query/leftovers.hpp"
#include "engine/query/row_stream.hpp"
#include "engine/schema/registry.hpp"
#include "engine/shard_view.hpp"
#include "engine/unique_function.hpp"

#include <weir/query.hpp>
#include <weir/query_result.hpp>
#include <weir/result.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace weir {

namespace query {
class Execution;
} // namespace query

struct QueryRun {
  std::chrono::milliseconds timeout_ms{60'000};
  std::shared_ptr<std::atomic<bool>> cancel;
  bool allow_partial = false;
  bool as_stored = false;
  std::optional<std::chrono::steady_clock::time_point> deadline{}; ///< In the place of timeout_ms.
};

class Querier {
public:
  /// `helpers_max`: read threads that one query may take beside its caller. `post_read` runs a job in one of them, now,
  /// later or never. `clock` and `schemas` must outlive all jobs.
  Querier(const io::Clock& clock, const schema::Registry& schemas, std::size_t helpers_max,
          std::function<void(Job)> post_read, std::shared_ptr<Freeing> freeing)
      : clock_(clock), schemas_(schemas), helpers_max_(helpers_max), post_read_(std::move(post_read)),
        freeing_(std::move(freeing)) {}

  /// Errors: as Query::validate(); `deadline_exceeded`, `cancelled`, `too_large`, `corruption`, `io_error`.
  Result<QueryResult> run(const Query& query, std::vector<ShardView> views, const QueryRun& run) const;
  /// The rows of `query` at `positions`, for a stream. Errors: as run(); `too_large` beyond `bytes_max`.
  Result<query::RowStream::PassRows> pass(const Query& query, const std::vector<ShardView>& views, const QueryRun& run,
                                          const query::PositionWindow& positions, std::uint64_t bytes_max) const;
  /// What run() would do, a line each; no row is read.
  Result<std::vector<std::string>> explain(const Query& query, const std::vector<ShardView>& views,
                                           const QueryRun& run) const;

  /// What bounds `run`; borrows its `cancel`.
  [[nodiscard]] query::QueryControl control(const QueryRun& run) const;
  /// As run(), but for the answer: the parts that it would be made of.
  Result<std::vector<query::ShardRows>> gather(const Query& query, std::vector<ShardView> views,
                                               const query::QueryControl& control,
                                               const std::shared_ptr<std::atomic<bool>>& cancel) const;

  /// Has them freed in a read thread, if that is worth it. `bytes`: about so much memory.
  void free_later(std::shared_ptr<query::Leftovers> leftovers, std::uint64_t bytes) const;

private:
  Result<std::shared_ptr<query::Execution>> begin(const Query& query, std::vector<ShardView> views,
                                                  const query::QueryControl& control) const;
  /// Has read threads help, as many as so many rows are worth.
  void call_helpers(const std::shared_ptr<query::Execution>& execution, std::uint64_t rows,
                    const std::shared_ptr<std::atomic<bool>>& cancel) const;

  const io::Clock& clock_;
  const schema::Registry& schemas_;
  std::size_t helpers_max_;
  std::function<void(Job)> post_read_;
  std::shared_ptr<Freeing> freeing_; ///< Of all queries of the engine.
};

/// Read threads that one query may take beside its caller, as EngineOptions::query_threads_max says.
[[nodiscard]] std::size_t query_helpers_max(std::size_t query_threads_max, std::size_t read_threads) noexcept;

} // namespace weir
