// From the events that may take part, of all shards, to the matches, by as many threads as come to help.
//
// Purpose: matches of different link values share no event, so bins of link values are pieces of work of their own.
// Owner: whoever runs the query. Threading: work() from any thread; all else from one, while no thread works.
#pragma once

#include <weir/result.hpp>

#include "engine/query/control.hpp"
#include "engine/query/partial.hpp"
#include "engine/query/sequence_part.hpp"
#include "engine/query/sequence_plan.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

namespace weir::query {

class SequenceMatching {
public:
  /// `query`, and what `control` borrows, must outlive this. What `parts` took of the budget was counted in
  /// QueryControl::result_bytes.
  SequenceMatching(const CompiledSequence& query, std::vector<SequencePart> parts, const QueryControl& control);
  SequenceMatching(const SequenceMatching&) = delete;
  SequenceMatching& operator=(const SequenceMatching&) = delete;
  ~SequenceMatching();

  /// How many events may take part.
  [[nodiscard]] std::uint64_t events() const noexcept { return events_; }
  /// Matches bins until none is left. The first error of any thread ends the work of all.
  void work();
  /// How many threads had a share in the work.
  [[nodiscard]] std::size_t threads() const noexcept { return threads_; }
  /// The matches as rows of CompiledSequence::match, each at the position of its first event. All that was taken of the
  /// budget for anything else is given back. Errors: `too_large`, `deadline_exceeded`, `cancelled`. Precondition:
  /// work() was done, and nobody works any more.
  Result<std::vector<ShardRows>> rows() &&;

private:
  class MatchRow;
  /// Matches `bin` and those that next_bin() says. `taken_bytes`: of the budget, and not for rows.
  Status match_bins(std::size_t bin, Collector& collector, std::uint64_t& taken_bytes);
  /// A bin for the caller alone; from SequencePart::bin_count on: none is left, or some thread failed.
  [[nodiscard]] std::size_t next_bin() noexcept { return next_bin_.fetch_add(1, std::memory_order_relaxed); }

  const CompiledSequence& query_;
  std::vector<SequencePart> parts_; ///< While threads work each changes bins of its own alone.
  const QueryControl control_;
  std::uint64_t events_ = 0;
  std::atomic<std::size_t> next_bin_{0};
  std::mutex mutex_;              ///< Of what follows.
  std::uint64_t taken_bytes_ = 0; ///< Of the budget, for other things than rows.
  Status status_;
  std::size_t threads_ = 0;
  std::vector<ShardRows> rows_;
};

} // namespace weir::query
