// One run of a query, by as many threads as come to help.
//
// Purpose: the thread that asks can do everything alone; others that have nothing else to do take pieces of the scan.
// Each gathers into a part of its own, and parts merge to the same answer whoever made them. Where the parts of several
// threads take more memory than there may be, the caller gathers all of it alone: the memory that one thread needs
// decides, and an answer never depends on how many came.
// What a sequence gathered is matched the same way (sequence_matching.hpp), for which helpers are called once more.
// Owner: shared by the caller and the jobs that help. Threading: help() from any thread, run() or gather() from one,
// once. Invariants: what comes to help too late touches nothing but this object; views are dropped when that returns.
#pragma once

#include <weir/query.hpp>
#include <weir/query_result.hpp>
#include <weir/result.hpp>

#include "engine/query/compiled_query.hpp"
#include "engine/query/control.hpp"
#include "engine/query/partial.hpp"
#include "engine/query/sequence_matching.hpp"
#include "engine/query/shard_scan.hpp"
#include "engine/shard_view.hpp"

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace weir::query {

class Execution {
public:
  /// What `control` borrows must outlive the run. Errors: as Query::validate().
  static Result<std::shared_ptr<Execution>> make(const Query& query, std::vector<ShardView> views,
                                                 const QueryControl& control);

  /// Does a part of what is going on until nothing is left of it, or nothing at all if the run is over.
  void help();
  /// Has others call help(), now, later or never: as many as so many rows, read by columns, are worth. What was called
  /// before leaves.
  using CallHelpers = std::function<void(std::uint64_t rows)>;
  /// Does what nobody else does, waits for those who help, and makes the answer. `call_helpers` is called once it is
  /// known how much there is to scan, and where a second thing is worth sharing. May be empty. Errors:
  /// `deadline_exceeded`, `cancelled`, `too_large`; `corruption` and `io_error` of a segment.
  Result<QueryResult> run(const CallHelpers& call_helpers = {});
  /// The same, but for the answer: the parts that it would be made of.
  Result<std::vector<ShardRows>> gather(const CallHelpers& call_helpers = {});

private:
  Execution(const Query& query, std::shared_ptr<const CompiledQuery> compiled, std::vector<ShardView> views,
            const QueryControl& control);
  [[nodiscard]] std::int64_t now_us() const;
  void take_part(const CallHelpers& call_helpers = {});
  /// Takes part, then waits for those who do. What went wrong with any of them.
  Status finish(const CallHelpers& call_helpers);
  /// Lets nobody in any more, and waits for those who are inside.
  void wait_for_helpers();
  /// The answer of all parts, which are gone then.
  Result<QueryResult> merged(const CallHelpers& call_helpers);
  /// The matches of a sequence.
  Result<std::vector<ShardRows>> match(const CallHelpers& call_helpers);
  /// Drops all parts and begins again. Precondition: finish() was done.
  Status gather_alone();

  const Query query_;
  const std::shared_ptr<const CompiledQuery> compiled_;
  QueryControl control_;
  std::atomic<std::uint64_t> result_bytes_{0};
  const std::uint64_t bytes_before_; ///< Of control_.result_bytes: not of this run.
  std::optional<ShardScan> scan_;    ///< Always there.
  std::mutex mutex_;
  std::condition_variable left_;
  std::atomic<std::size_t> inside_ = 0; ///< Written under the mutex.
  bool over_ = false;
  std::size_t gatherers_ = 0; ///< That had a share in the scan.
  bool alone_ = false;        ///< All was done by one thread.
  std::vector<ShardRows> parts_;
  std::optional<SequenceMatching> matching_; ///< Of a sequence, once all is gathered.
};

} // namespace weir::query
