// What bounds one run of a query: time, cancellation, memory.
//
// Threading: QueryControl is a plain value of borrowed parts, shared by all shards of one run; the parts are
// thread-safe. Pacer and ResultBudget have one owner each.
#pragma once

#include <weir/limits.hpp>
#include <weir/result.hpp>

#include "engine/io/clock.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

namespace weir::schema {
class Registry;
}

namespace weir::query {

inline constexpr std::uint64_t result_bytes_default_max = 256 * MiB;

struct QueryControl {
  /// Both or neither: the run ends with `deadline_exceeded` once `clock` has reached `deadline`.
  const io::Clock* clock = nullptr;
  std::optional<std::chrono::steady_clock::time_point> deadline;
  /// Set to true from any thread, it ends the run with `cancelled`. May be null.
  const std::atomic<bool>* cancel = nullptr;
  /// Off: everything is read and every row evaluated in full. Slow, and the same answer.
  bool prune = true;
  /// Off: payload fields are read in payloads alone. Slower, and the same answer.
  bool columns = true;
  /// Makes payloads of old schema versions what the newest has; null: as stored.
  const schema::Registry* upcasts = nullptr;
  /// Memory for rows and groups; beyond it the run ends with `too_large`.
  std::uint64_t result_bytes_max = result_bytes_default_max;
  /// Zero at first; shared by the shards of one run, so that the bound holds for their sum. Null: each shard counts
  /// alone.
  std::atomic<std::uint64_t>* result_bytes = nullptr;
};

/// `cancelled`, `deadline_exceeded` or success.
Status check(const QueryControl& control);

/// Asks check() every so often, measured in work: a clock read per row would cost more than the row.
class Pacer {
public:
  explicit Pacer(const QueryControl& control) : control_(control) {}
  /// `work`: 1 for a plain row.
  Status spend(std::uint64_t work) {
    spent_ += work;
    return spent_ < work_between_checks ? Status{} : pause();
  }
  Status pause() {
    spent_ = 0;
    return check(control_);
  }

private:
  static constexpr std::uint64_t work_between_checks = 4'096;
  const QueryControl& control_;
  std::uint64_t spent_ = 0;
};

/// Counts the memory that results take.
class ResultBudget {
public:
  explicit ResultBudget(const QueryControl& control)
      : bytes_(control.result_bytes != nullptr ? *control.result_bytes : own_bytes_), max_(control.result_bytes_max) {}
  ResultBudget(const ResultBudget&) = delete;
  ResultBudget& operator=(const ResultBudget&) = delete;

  /// `too_large` if the bound is passed.
  Status take(std::uint64_t bytes);
  void give_back(std::uint64_t bytes) noexcept { bytes_.fetch_sub(bytes, std::memory_order_relaxed); }

private:
  std::atomic<std::uint64_t> own_bytes_{0};
  std::atomic<std::uint64_t>& bytes_;
  std::uint64_t max_;
};

} // namespace weir::query
