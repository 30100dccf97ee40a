#include "engine/query/execution.hpp"

#include "engine/query/collector_sink.hpp"
#include "engine/query/executor.hpp"
#include "engine/query/explain.hpp"
#include "engine/query/sequence_merge.hpp"

#include <utility>

namespace weir::query {
namespace {

QueryControl with_budget(QueryControl control, std::atomic<std::uint64_t>& result_bytes) {
  if (control.result_bytes == nullptr)
    control.result_bytes = &result_bytes;
  return control;
}

} // namespace

Result<std::shared_ptr<Execution>> Execution::make(const Query& query, std::vector<ShardView> views,
                                                   const QueryControl& control) {
  auto compiled = compile_scan(query, control.positions);
  if (!compiled)
    return std::move(compiled).error();
  return std::shared_ptr<Execution>(new Execution(query, *std::move(compiled), std::move(views), control));
}

Execution::Execution(const Query& query, std::shared_ptr<const CompiledQuery> compiled, std::vector<ShardView> views,
                     const QueryControl& control)
    : query_(query), compiled_(std::move(compiled)), control_(with_budget(control, result_bytes_)),
      scan_(target_of(*compiled_), std::move(views), control_) {
}

std::int64_t Execution::now_us() const {
  using std::chrono::microseconds;
  return control_.clock == nullptr
             ? 0
             : std::chrono::duration_cast<microseconds>(control_.clock->steady_now().time_since_epoch()).count();
}

void Execution::help() {
  {
    const std::lock_guard lock(mutex_);
    if (over_)
      return;
    ++inside_;
  }
  take_part();
  const std::lock_guard lock(mutex_);
  if (--inside_ == 0)
    left_.notify_all();
}

void Execution::take_part() {
  if (!scan_.has_work())
    return;
  CollectorSink sink(*compiled_, control_);
  QueryStats stats;
  const std::int64_t begin = now_us();
  if (!scan_.work(sink, stats))
    return; // run() asks for the error
  ShardRows part = std::move(sink).finish();
  stats.scan_us = static_cast<std::uint64_t>(now_us() - begin);
  stats.threads = 1;
  part.stats = stats;
  const std::lock_guard lock(mutex_);
  parts_.push_back(std::move(part));
}

Status Execution::finish() {
  take_part();
  std::unique_lock lock(mutex_);
  over_ = true;
  left_.wait(lock, [this] { return inside_ == 0; });
  return scan_.status();
}

Result<std::vector<ShardRows>> Execution::gather() {
  const Status scanned = finish();
  scan_.release_views();
  WEIR_TRY(scanned);
  return std::move(parts_);
}

Result<QueryResult> Execution::run() {
  const Status scanned = finish();
  std::vector<ShardView> views; // Of a sequence with documents, which are read once its matches are known.
  if (const CompiledSequence* sequence = compiled_->gathers; sequence != nullptr && !sequence->documents.empty())
    views.assign(scan_.views().begin(), scan_.views().end());
  scan_.release_views();
  WEIR_TRY(scanned);
  const std::int64_t begin = now_us();
  auto result = compiled_->gathers != nullptr ? merge_sequence(*compiled_->gathers, std::move(parts_), views, control_)
                                              : merge(*compiled_, std::move(parts_), control_);
  if (!result)
    return result;
  result->stats.merge_us = static_cast<std::uint64_t>(now_us() - begin);
  result->explain = explain_run(query_, result->stats);
  return result;
}

} // namespace weir::query
