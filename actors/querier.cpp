#include "actors/querier.hpp"

#include "engine/query/control.hpp"
#include "engine/query/execution.hpp"
#include "engine/query/executor.hpp"
#include "engine/query/explain.hpp"

#include <algorithm>
#include <utility>

namespace weir {
namespace {

/// Waking a thread costs about as much as scanning this many rows by columns.
constexpr std::uint64_t rows_per_thread = 32'768;
/// Less is freed sooner than handed over.
constexpr std::uint64_t bytes_freed_later_min = 4 * MiB;

} // namespace

std::size_t query_helpers_max(std::size_t query_threads_max, std::size_t read_threads) noexcept {
  // Half of them are left to stores, replays and other queries.
  const std::size_t wanted = query_threads_max == 0 ? (read_threads + 1) / 2 : query_threads_max - 1;
  return std::min(wanted, read_threads);
}

query::QueryControl Querier::control(const QueryRun& run) const {
  query::QueryControl control;
  control.clock = &clock_;
  control.deadline = run.deadline.value_or(clock_.steady_now() + run.timeout_ms);
  control.cancel = run.cancel.get();
  control.upcasts = run.as_stored || !schemas_.upcasts() ? nullptr : &schemas_;
  return control;
}

Result<std::shared_ptr<query::Execution>> Querier::begin(const Query& query, std::vector<ShardView> views,
                                                         const query::QueryControl& control) const {
  WEIR_TRY(freeing_->wait_for_room(control));
  return query::Execution::make(query, std::move(views), control);
}

void Querier::call_helpers(const std::shared_ptr<query::Execution>& execution, std::uint64_t rows,
                           const std::shared_ptr<std::atomic<bool>>& cancel) const {
  const auto count = std::min<std::uint64_t>(helpers_max_, rows / rows_per_thread);
  for (std::uint64_t i = 0; i < count; ++i)
    post_read_([execution, cancel] { execution->help(); });
}

Result<QueryResult> Querier::run(const Query& query, std::vector<ShardView> views, const QueryRun& run) const {
  const auto leftovers = std::make_shared<query::Leftovers>();
  std::atomic<std::uint64_t> bytes{0};
  query::QueryControl bounded = control(run);
  bounded.leftovers = leftovers.get();
  bounded.result_bytes = &bytes;
  const auto execution = begin(query, std::move(views), bounded);
  if (!execution)
    return execution.error();
  auto result = (*execution)->run([&](std::uint64_t rows) { call_helpers(*execution, rows, run.cancel); });
  free_later(leftovers, bytes.load());
  return result;
}

void Querier::free_later(std::shared_ptr<query::Leftovers> leftovers, std::uint64_t bytes) const {
  if (bytes < bytes_freed_later_min || leftovers->empty())
    return;
  // Counted until the job is gone, whether it ran or not; what it holds is freed before.
  post_read_([counted = Freeing::begin(freeing_), leftovers = std::move(leftovers)]() mutable { leftovers.reset(); });
}

Result<std::vector<query::ShardRows>> Querier::gather(const Query& query, std::vector<ShardView> views,
                                                      const query::QueryControl& control,
                                                      const std::shared_ptr<std::atomic<bool>>& cancel) const {
  const auto execution = begin(query, std::move(views), control);
  if (!execution)
    return execution.error();
  return (*execution)->gather([&](std::uint64_t rows) { call_helpers(*execution, rows, cancel); });
}

Result<query::RowStream::PassRows> Querier::pass(const Query& query, const std::vector<ShardView>& views,
                                                 const QueryRun& run, const query::PositionWindow& positions,
                                                 std::uint64_t bytes_max) const {
  std::atomic<std::uint64_t> bytes{0};
  query::QueryControl bounded = control(run);
  bounded.positions = positions;
  bounded.result_bytes_max = bytes_max;
  bounded.result_bytes = &bytes;
  auto parts = gather(query, views, bounded, run.cancel);
  if (!parts)
    return std::move(parts).error();
  const auto compiled = query::CompiledQuery::make(query);
  if (!compiled)
    return compiled.error();
  auto rows = query::rows_by_position(**compiled, *std::move(parts), bounded);
  if (!rows)
    return std::move(rows).error();
  return query::RowStream::PassRows{*std::move(rows), bytes.load()};
}

Result<std::vector<std::string>> Querier::explain(const Query& query, const std::vector<ShardView>& views,
                                                  const QueryRun& run) const {
  return query::explain_plan(query, views, control(run));
}

} // namespace weir
