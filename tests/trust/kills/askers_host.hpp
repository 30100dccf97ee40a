// Those who ask the host's engine questions and tell it when to compact, while others store: one remembers, shows and
// forgets queries, and says so (speech.hpp), one calls compact(), pauses compaction and changes its rate.
//
// Owner: the host's run(). Threading: check() from one thread before anybody stores; begin() and join() from one
// thread; the askers are threads of their own. Invariants: one at a time changes what is remembered.
#pragma once

#include "trust/kills/orders.hpp"

#include <weir/engine.hpp>

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace weir::trust {

class Askers {
public:
  /// They do something each time `stored` has grown a little, and end when `stopping` is set. Whoever sets that changes
  /// `stored` afterwards, and tells who waits for it.
  Askers(Engine& engine, const HostOrders& orders, const std::atomic<std::uint64_t>& stored,
         const std::atomic<bool>& stopping)
      : engine_(engine), orders_(orders), stored_(stored), stopping_(stopping) {}
  /// Says which queries are remembered. Nobody stores: with `answers` each of them must show what its query gives.
  void check(bool answers) const;
  void begin();
  /// Once `stopping` is set.
  void join();

private:
  void ask_about_views() const;
  void show(const std::string& name) const;
  void compact() const;

  Engine& engine_;
  const HostOrders& orders_;
  const std::atomic<std::uint64_t>& stored_;
  const std::atomic<bool>& stopping_;
  std::vector<std::thread> threads_;
};

} // namespace weir::trust
