// The writers of the contexts whose events are removed: they store, truncate, delete softly and for good, have
// retention applied and store again what was stored before, and say so (speech.hpp).
//
// Owner: the host's run(). Threading: show() from one thread before anybody stores; begin() and join() from one thread;
// each writer is a thread of its own, and of a context there is one, so one operation is in doubt when the host dies.
#pragma once

#include "trust/kills/orders.hpp"
#include "trust/kills/removal_workload.hpp"

#include <weir/engine.hpp>

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace weir::trust {

class Removers {
public:
  /// Each does something when `stored` has grown a little, until `stopping` is set. Whoever sets that changes `stored`
  /// afterwards, and tells who waits for it.
  Removers(Engine& engine, const HostOrders& orders, const std::atomic<std::uint64_t>& stored,
           const std::atomic<bool>& stopping)
      : engine_(engine), orders_(orders), stored_(stored), stopping_(stopping) {}
  /// Says in which shards the contexts are, and whether there is a rule of retention.
  void introduce() const;
  /// Says what there is. Nobody stores.
  void show() const;
  void begin();
  /// Once `stopping` is set.
  void join();

private:
  void write(std::uint32_t writer);
  void give_rule() const;
  [[nodiscard]] bool store(const RemovableCall& call);
  void store_again(const RemovableCall& call) const;
  void truncate(std::uint32_t context, Sequence before) const;
  void remove(std::uint32_t context, Deletion deletion) const;
  void retain() const;

  Engine& engine_;
  const HostOrders& orders_;
  const std::atomic<std::uint64_t>& stored_;
  const std::atomic<bool>& stopping_;
  Sequence last_[removable_contexts] = {};         ///< Known from this life.
  std::uint32_t numbers_[removable_contexts] = {}; ///< Of the last call.
  std::vector<std::thread> threads_;
};

} // namespace weir::trust
