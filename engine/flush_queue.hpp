// Passive memtables on their way into segments, oldest first, and those who wait for them.
//
// Purpose: the hand-over between the log lane, which freezes memtables, and the flush lane, which writes them.
// Owner: ShardTable. Threading: any thread.
// Invariants: memtables leave in the order they came; a waiter is answered once every memtable that was queued when it
// came is in a segment, or at the next failed flush; one that is still waiting when the queue ends is dropped.
#pragma once

#include "engine/memtable.hpp"
#include "engine/unique_function.hpp"

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace weir {

class FlushQueue {
public:
  using Waiter = UniqueFunction<void(Status)>;

  void push(std::shared_ptr<const Memtable> memtable);
  /// The oldest one, or null.
  [[nodiscard]] std::shared_ptr<const Memtable> front() const;
  /// The oldest one is in a segment: drops it and answers who waited for it.
  void pop();
  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] std::vector<std::shared_ptr<const Memtable>> memtables() const;

  /// Answers `waiter` once everything queued now is in segments: at once if nothing is.
  void wait_for_all(Waiter waiter);
  /// A flush has failed: answers who waits with `why`. The memtables stay queued and readable, to be tried again.
  void fail_waiters(const Error& why);
  /// No flush will come any more: who waits, or will wait, is answered `why`.
  void end(const Error& why);

private:
  struct Waiting {
    std::uint64_t ticket;
    Waiter waiter;
  };
  mutable std::mutex mutex_;
  std::deque<std::shared_ptr<const Memtable>> queue_;
  std::deque<Waiting> waiting_;
  std::uint64_t pushed_ = 0;
  std::uint64_t popped_ = 0;
  std::optional<Error> ended_;
};

} // namespace weir
