// The rows that one writer is given, one after another.
//
// Purpose: hands out rows until they or the time are used up, at next to no cost, and says afterwards what they were.
// Owner: one writer. Threading: one thread at a time.
#pragma once

#include "bench/adapter.hpp"
#include "bench/workload.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace weir::bench {

using Clock = std::chrono::steady_clock;

class RowFeed {
public:
  /// Rows `first`, `first + step` and so on; at the workload's end it begins again.
  RowFeed(const Workload& workload, std::size_t first, std::size_t step = 1)
      : workload_(&workload), first_(first), step_(step) {}
  /// The rows with these numbers, over and over.
  RowFeed(const Workload& workload, std::vector<std::uint32_t> rows) : workload_(&workload), rows_(std::move(rows)) {}

  RowFeed& at_most(std::size_t rows) {
    rows_max_ = rows;
    return *this;
  }
  /// Ends once `*deadline` has passed, looking at the clock every `check_every` rows.
  RowFeed& until(const Clock::time_point* deadline, std::size_t check_every) {
    deadline_ = deadline;
    check_every_ = check_every;
    return *this;
  }

  bool next(Row& row) {
    if (given_ == rows_max_)
      return false;
    if (deadline_ != nullptr && given_ % check_every_ == 0 && Clock::now() >= *deadline_)
      return false;
    row = workload_->row(number(given_++));
    return true;
  }
  [[nodiscard]] RowSource source() {
    return [this](Row& row) { return next(row); };
  }

  [[nodiscard]] std::size_t given() const noexcept { return given_; }
  /// Of all rows given so far.
  [[nodiscard]] Tally tally() const {
    Tally tally;
    for (std::size_t i = 0; i < given_; ++i)
      tally.add(workload_->row(number(i)));
    return tally;
  }

private:
  [[nodiscard]] std::size_t number(std::size_t i) const {
    return rows_.empty() ? (first_ + i * step_) % workload_->size() : rows_[i % rows_.size()];
  }

  const Workload* workload_;
  std::size_t first_ = 0;
  std::size_t step_ = 1;
  std::vector<std::uint32_t> rows_;
  std::size_t rows_max_ = SIZE_MAX;
  const Clock::time_point* deadline_ = nullptr;
  std::size_t check_every_ = 1;
  std::size_t given_ = 0;
};

/// What making a row costs the harness, to be taken off the processor time of a measurement.
[[nodiscard]] double row_cost_us(const Workload& workload);

/// The first `count` rows' numbers by the shard their context belongs to.
[[nodiscard]] std::vector<std::vector<std::uint32_t>> rows_by_shard(const Workload& workload, std::size_t count,
                                                                    const Adapter& adapter, unsigned shards);

} // namespace weir::bench
