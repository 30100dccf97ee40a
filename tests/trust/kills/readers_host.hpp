// Those who read the event queue of the host's engine, and say what they see (speech.hpp): subscribers that pull and
// are pushed to, one that joins a run, a consumer with a checkpoint, and a group of four whose members die.
//
// Owner: the host's run(). Threading: begin(), catch_up() and join() from one thread; the readers are threads of their
// own, except the one that is pushed to. Invariants: no line is longer than a pipe takes at once.
#pragma once

#include "trust/kills/orders.hpp"

#include <weir/engine.hpp>

#include <atomic>
#include <cstdint>
#include <optional>
#include <string_view>
#include <thread>
#include <vector>

namespace weir::trust {

class Readers {
public:
  /// The one that joins a run does so as soon as `stored` is so far; all of them end when `stopping` is set. Whoever
  /// sets that changes `stored` afterwards, and tells who waits for it.
  Readers(const Engine& engine, const HostOrders& orders, const std::atomic<std::uint64_t>& stored,
          const std::atomic<bool>& stopping);
  /// Nobody stores: everybody reads to the end, one who has never read before from the beginning, and the group settles
  /// all there is.
  void catch_up();
  /// They read while others store.
  void begin();
  /// Once `stopping` is set.
  void join();

private:
  void subscribe_pushed();
  void pull(std::string_view name, Position from, bool to_the_end) const;
  void consume(bool to_the_end);
  void be_member(std::uint64_t number);
  /// One has joined, waited for events or settled some: drain() looks again.
  void member_moved();
  void drain();
  [[nodiscard]] bool ends(const Error& error) const;

  const Engine& engine_;
  const HostOrders& orders_;
  const std::atomic<std::uint64_t>& stored_;
  const std::atomic<bool>& stopping_;
  std::atomic<bool> drained_{false};
  std::atomic<std::uint64_t> member_moves_{0};
  std::atomic<bool> pushed_to_end_{false};
  std::optional<PushSubscription> pushed_;
  std::vector<std::thread> threads_;
};

} // namespace weir::trust
