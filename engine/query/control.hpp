// What bounds one run of a query: time, cancellation, memory.
//
// Threading: QueryControl is a plain value of borrowed parts, shared by all shards of one run; the parts are
// thread-safe. Pacer and ResultBudget have one owner each.
#pragma once

#include <weir/event.hpp>
#include <weir/limits.hpp>
#include <weir/result.hpp>

#include "engine/io/clock.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>

namespace weir::schema {
class Registry;
}

namespace weir::query {

inline constexpr std::uint64_t result_bytes_default_max = 256 * MiB;

class Leftovers;

/// Positions from `from` to below `below`.
struct PositionWindow {
  Position from = 0;
  Position below = std::numeric_limits<Position>::max(); ///< This one: no bound.
};

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
  /// Events elsewhere are none, as if WHERE said so too. Not of a sequence.
  PositionWindow positions{};
  /// Takes what would keep the answer waiting for its freeing; whoever runs the query frees it afterwards. Null: it is
  /// freed on the spot.
  Leftovers* leftovers = nullptr;
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
  [[nodiscard]] Leftovers* leftovers() const noexcept { return control_.leftovers; }

private:
  static constexpr std::uint64_t work_between_checks = 4'096;
  const QueryControl& control_;
  std::uint64_t spent_ = 0;
};

/// Looks at the deadline from inside an evaluation, which gives outcomes and no errors: what is over is remembered, and
/// whoever evaluates asks afterwards.
class Watch {
public:
  /// Watches nothing: spend() is always true.
  Watch() = default;
  explicit Watch(Pacer& pacer) : pacer_(&pacer) {}

  /// Bytes of text that cost as much as a plain row of a scan, where each is looked at once.
  static constexpr std::uint64_t bytes_per_work = 256;

  /// False: the run is over, and what is evaluated is of no use any more.
  bool spend(std::uint64_t work) {
    if (pacer_ == nullptr)
      return true;
    if (going_)
      going_ = pacer_->spend(work);
    return going_.ok();
  }
  /// Looking at each of these bytes once. Short texts are part of the row that they are in.
  bool spend_bytes(std::uint64_t bytes) { return bytes < bytes_per_work || spend(bytes / bytes_per_work); }
  /// Success, or what ended the run.
  [[nodiscard]] const Status& going() const noexcept { return going_; }

private:
  Pacer* pacer_ = nullptr;
  Status going_;
};

/// Counts the memory that results take.
class ResultBudget {
public:
  explicit ResultBudget(const QueryControl& control)
      : bytes_(control.result_bytes != nullptr ? *control.result_bytes : own_bytes_), max_(control.result_bytes_max) {}
  ResultBudget(const ResultBudget&) = delete;
  ResultBudget& operator=(const ResultBudget&) = delete;

  /// `too_large` if the bound is passed; nothing is taken then.
  Status take(std::uint64_t bytes);
  void give_back(std::uint64_t bytes) noexcept { bytes_.fetch_sub(bytes, std::memory_order_relaxed); }

private:
  std::atomic<std::uint64_t> own_bytes_{0};
  std::atomic<std::uint64_t>& bytes_;
  std::uint64_t max_;
};

} // namespace weir::query
