// Who keeps snapshots of some contexts of the host's engine while others store to them, and says so (speech.hpp).
//
// Owner: the host's run(). Threading: show() from one thread before anybody stores; begin() and join() from one thread;
// snapshots are saved by a thread of their own, so of a context one operation is in doubt when the host dies.
#pragma once

#include "trust/kills/orders.hpp"

#include <weir/engine.hpp>

#include <atomic>
#include <cstdint>
#include <string_view>
#include <thread>

namespace weir::trust {

class Dice;

class SnapshotKeeper {
public:
  /// One is saved each time `stored` has grown a little, until `stopping` is set. Whoever sets that changes `stored`
  /// afterwards, and tells who waits for it.
  SnapshotKeeper(Engine& engine, const HostOrders& orders, const std::atomic<std::uint64_t>& stored,
                 const std::atomic<bool>& stopping)
      : engine_(engine), orders_(orders), stored_(stored), stopping_(stopping) {}
  /// Says what a load gives of each context that may have a snapshot. Nobody stores.
  void show() const;
  void begin();
  /// Once `stopping` is set.
  void join();

private:
  void show(std::uint32_t context, std::string_view tag) const;
  void keep(std::uint32_t context, std::string_view tag, Dice& dice);

  Engine& engine_;
  const HostOrders& orders_;
  const std::atomic<std::uint64_t>& stored_;
  const std::atomic<bool>& stopping_;
  std::thread thread_;
};

} // namespace weir::trust
