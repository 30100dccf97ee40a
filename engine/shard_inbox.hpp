// A shard's bounded mailbox.
//
// Purpose: CAF mailboxes have no bound, so this is the bounded mailbox that backpressure rests on: counted where the
// message is sent, in calls and in bytes. A full inbox makes its own senders wait (a thread in turn, a parked command
// answered later) or refuses them, and nobody else notices.
// Owner: the engine's shard; senders and the shard share it.
// Threading: all calls from any thread; drain and close by the shard's side only.
// Invariants: first come, first served, also between those who wait, so nobody overtakes himself; an empty inbox admits
// one call whatever its size; only the idle-to-busy edge wakes the shard.
#pragma once

#include "engine/store_command.hpp"
#include "engine/unique_function.hpp"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <vector>

namespace weir {

enum class Admission {
  accepted,
  full,      ///< Not taken: the command is still the caller's.
  closed,    ///< Not taken.
  timed_out, ///< Not taken.
};

struct InboxBounds {
  std::size_t commands_max = 4'096;
  std::uint64_t bytes_max = 8u << 20;
  std::size_t parked_max = 1'024;
};

struct InboxStats {
  std::size_t commands = 0;
  std::uint64_t bytes = 0;
  std::size_t waiting = 0; ///< Threads in the waiting room and parked commands.
  std::uint64_t refused = 0;
  std::uint64_t waited = 0;
};

class ShardInbox {
public:
  /// `wake` is called, without the lock, whenever commands arrive for a shard that has seen the inbox empty.
  ShardInbox(InboxBounds bounds, UniqueFunction<void()> wake);

  /// Full: refused, also while others wait.
  Admission try_push(StorePtr&& command);
  /// Full: queued in the waiting room and admitted in turn; beyond parked_max refused.
  Admission push_or_park(StorePtr&& command);
  /// Full: the calling thread waits its turn, at most until `deadline` (none: as long as it takes).
  Admission push_until(StorePtr&& command, std::optional<std::chrono::steady_clock::time_point> deadline);

  /// Moves up to `max` commands to the end of `out` and lets waiting ones in. True: more is queued, and the shard must
  /// come again by itself; false: the next push wakes it.
  bool drain(std::vector<StorePtr>& out, std::size_t max);
  /// Refuses everything from now on and wakes waiting threads with `closed`. Returns the parked commands, unanswered;
  /// what was admitted stays to be drained.
  std::vector<StorePtr> close();

  [[nodiscard]] InboxStats stats() const;

private:
  struct Queued {
    StorePtr* command = nullptr; // of a waiting thread
    StorePtr parked;             // or a parked command
    bool admitted = false;
    std::condition_variable* turn = nullptr;
  };

  std::size_t queued() const noexcept { return queue_.size() - head_; }
  bool has_room(std::size_t bytes) const noexcept;
  bool admit(StorePtr command); // true: wake the shard
  bool let_waiting_in();        // true: wake the shard

  const InboxBounds bounds_;
  UniqueFunction<void()> wake_;
  mutable std::mutex mutex_;
  std::vector<StorePtr> queue_; // from head_ on
  std::size_t head_ = 0;
  std::uint64_t bytes_ = 0;
  std::list<Queued> waiting_;
  std::size_t parked_ = 0;
  std::size_t unserved_ = 0; // of waiting_: not admitted yet. Above 0 the queue is not empty, so the shard will come
  bool armed_ = true;        // the shard has seen the inbox empty: the next command must wake it
  bool closed_ = false;
  std::uint64_t refused_ = 0;
  std::uint64_t waited_ = 0;
};

} // namespace weir
