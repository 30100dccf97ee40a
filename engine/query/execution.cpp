#include "engine/query/execution.hpp"

#include "engine/query/collector_sink.hpp"
#include "engine/query/executor.hpp"
#include "engine/query/explain.hpp"
#include "engine/query/leftovers.hpp"
#include "engine/query/sequence_merge.hpp"

#include <memory>
#include <thread>
#include <utility>

namespace weir::query {
namespace {

/// Waking a thread costs about as much as matching this many events.
constexpr std::uint64_t matched_alone_max = 8'192;
constexpr int looks_before_sleep = 100;

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
      bytes_before_(control_.result_bytes->load()) {
  scan_.emplace(target_of(*compiled_), std::move(views), control_);
}

std::int64_t Execution::now_us() const {
  using std::chrono::microseconds;
  return control_.clock == nullptr
             ? 0
             : std::chrono::duration_cast<microseconds>(control_.clock->steady_now().time_since_epoch()).count();
}

void Execution::help() {
  SequenceMatching* matching = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (over_)
      return;
    ++inside_;
    matching = matching_ ? &*matching_ : nullptr;
  }
  if (matching != nullptr)
    matching->work();
  else
    take_part();
  const std::lock_guard lock(mutex_);
  if (--inside_ == 0)
    left_.notify_all();
}

void Execution::take_part(const CallHelpers& call_helpers) {
  if (!scan_->has_work())
    return;
  auto sink = std::make_unique<CollectorSink>(*compiled_, control_);
  const HandOver rest(sink, control_.leftovers);
  {
    const std::lock_guard lock(mutex_);
    ++gatherers_;
  }
  QueryStats stats;
  const std::int64_t begin = now_us();
  if (!scan_->work(*sink, stats, call_helpers))
    return; // run() asks for the error
  ShardRows part = std::move(*sink).finish();
  stats.scan_us = static_cast<std::uint64_t>(now_us() - begin);
  stats.threads = 1;
  part.stats = stats;
  const std::lock_guard lock(mutex_);
  parts_.push_back(std::move(part));
}

Status Execution::finish(const CallHelpers& call_helpers) {
  if (call_helpers && scan_->shares_plans()) {
    call_helpers(scan_->rows());
    take_part();
  } else {
    take_part(call_helpers);
  }
  wait_for_helpers();
  alone_ = gatherers_ <= 1;
  Status status = scan_->status();
  if (!alone_ && status.code() == Errc::too_large)
    status = gather_alone();
  if (!status && control_.leftovers != nullptr)
    control_.leftovers->add(std::move(parts_));
  return status;
}

void Execution::wait_for_helpers() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  // They are about to leave, and a thread that sleeps takes longer to wake than they take.
  for (int look = 0; look < looks_before_sleep && inside_ != 0; ++look)
    std::this_thread::yield();
  std::unique_lock lock(mutex_);
  left_.wait(lock, [this] { return inside_ == 0; });
}

Status Execution::gather_alone() {
  alone_ = true;
  if (control_.leftovers != nullptr)
    control_.leftovers->add(std::move(parts_));
  parts_.clear();
  control_.result_bytes->store(bytes_before_);
  std::vector<ShardView> views(scan_->views().begin(), scan_->views().end());
  scan_.emplace(target_of(*compiled_), std::move(views), control_);
  take_part();
  return scan_->status();
}

Result<std::vector<ShardRows>> Execution::gather(const CallHelpers& call_helpers) {
  const Status scanned = finish(call_helpers);
  scan_->release_views();
  WEIR_TRY(scanned);
  return std::move(parts_);
}

Result<std::vector<ShardRows>> Execution::match(const CallHelpers& call_helpers) {
  QueryStats stats;
  std::vector<SequencePart> candidates;
  for (ShardRows& part : parts_) {
    stats.add(part.stats);
    candidates.push_back(std::move(part.candidates));
  }
  matching_.emplace(*compiled_->gathers, std::move(candidates), control_);
  if (call_helpers && matching_->events() >= matched_alone_max) {
    {
      const std::lock_guard lock(mutex_);
      over_ = false;
    }
    call_helpers(scan_->rows());
  }
  matching_->work();
  wait_for_helpers();
  alone_ = alone_ && matching_->threads() <= 1;
  auto matches = std::move(*matching_).rows();
  matching_.reset();
  if (matches)
    matches->emplace_back().stats = stats;
  return matches;
}

Result<QueryResult> Execution::merged(const CallHelpers& call_helpers) {
  if (compiled_->gathers == nullptr)
    return merge(*compiled_, std::move(parts_), control_);
  auto matches = match(call_helpers);
  if (!matches)
    return std::move(matches).error();
  return merge_sequence(*compiled_->gathers, *std::move(matches), scan_->views(), control_);
}

Result<QueryResult> Execution::run(const CallHelpers& call_helpers) {
  const Status scanned = finish(call_helpers);
  const bool sequence = compiled_->gathers != nullptr;
  if (!sequence || !scanned) // Documents of a sequence are read once its matches are known.
    scan_->release_views();
  WEIR_TRY(scanned);
  const std::int64_t begin = now_us();
  auto result = merged(call_helpers);
  // Link values that several threads met were counted for each of them.
  if (sequence && !alone_ && result.code() == Errc::too_large) {
    const Status again = gather_alone();
    result = again ? merged({}) : Result<QueryResult>(again.error());
  }
  scan_->release_views();
  if (!result)
    return result;
  result->stats.merge_us = static_cast<std::uint64_t>(now_us() - begin);
  result->explain = explain_run(query_, result->stats);
  return result;
}

} // namespace weir::query
