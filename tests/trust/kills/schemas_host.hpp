// Who defines schemas in the host's engine while others store, one version after another, and says so (speech.hpp).
//
// Owner: the host's run(). Threading: show() from one thread before anybody stores; begin() and join() from one thread;
// versions are defined by a thread of their own. Invariants: nothing is stored of the types it defines.
#pragma once

#include "trust/kills/orders.hpp"

#include <weir/engine.hpp>

#include <atomic>
#include <cstdint>
#include <thread>

namespace weir::trust {

class Definer {
public:
  /// One version is defined each time `stored` has grown a little, until `stopping` is set. Whoever sets that changes
  /// `stored` afterwards, and tells who waits for it.
  Definer(Engine& engine, const HostOrders& orders, const std::atomic<std::uint64_t>& stored,
          const std::atomic<bool>& stopping)
      : engine_(engine), orders_(orders), stored_(stored), stopping_(stopping) {}
  /// Says of each type which version it has, and by which one its stores are judged.
  void show();
  void begin();
  /// Once `stopping` is set.
  void join();

private:
  void show(std::uint32_t type);
  [[nodiscard]] bool takes(std::uint32_t type, const std::string& field);

  Engine& engine_;
  const HostOrders& orders_;
  const std::atomic<std::uint64_t>& stored_;
  const std::atomic<bool>& stopping_;
  std::thread thread_;
};

} // namespace weir::trust
