// Lets a visitor take records in a thread of its own, while its caller reads on.
//
// Why: half of a restart is reading and checking the log, the other half is what becomes of its records; each has a
// core to itself this way. Owner: one recovery. Threading: one thread visits and finishes; the visitor is called in
// order, by one thread at a time, and never after finish(). Short logs need no thread: they are visited at once, and
// so is what comes while the system has no thread to give.
// Invariants: no more than `batches_ahead_max` batches wait; after an error nothing is visited any more.
#pragma once

#include "wal/record_batch.hpp"

#include <weir/result.hpp>

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <thread>
#include <vector>

namespace weir::wal {

class VisitBehind {
public:
  /// `visitor` is not empty and outlives this.
  explicit VisitBehind(const RecordVisitor& visitor) : visitor_(visitor) {}
  ~VisitBehind();
  VisitBehind(const VisitBehind&) = delete;
  VisitBehind& operator=(const VisitBehind&) = delete;

  /// As a RecordVisitor. Waits while too many batches do. Errors: the visitor's, of this batch or of one before.
  Status visit(std::uint64_t first_record, std::span<const std::string_view> bodies, std::shared_ptr<const void> owner,
               std::uint64_t owner_bytes);
  /// Returns when all that was given has been visited; to be called once, last. Errors: the visitor's first one; what
  /// it threw is thrown here.
  Status finish();

private:
  struct Batch {
    std::uint64_t first_record = 0;
    std::vector<std::string_view> bodies;
    std::shared_ptr<const void> owner;
    std::uint64_t owner_bytes = 0;
  };
  static constexpr std::size_t batches_ahead_max = 2;
  static constexpr std::uint64_t batch_bytes_worth_a_thread = 1u << 20;

  void run();
  /// False if the system has none.
  bool start_thread();
  void end_thread();

  const RecordVisitor& visitor_;
  std::mutex mutex_; ///< Guards all below.
  std::condition_variable changed_;
  std::deque<Batch> waiting_;
  bool ended_ = false; ///< Nothing more will come.
  Status status_;
  std::exception_ptr thrown_;
  std::thread thread_; // Last: it uses the others.
};

} // namespace weir::wal
