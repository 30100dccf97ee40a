// Who makes backups of the host's engine while others store, and says so (speech.hpp); and the host that restores one.
//
// Owner: the host's run(). Threading: begin() and join() from one thread; the backups are made by a thread of their
// own. Invariants: what lies at a place is told to go before it goes, and stops being a backup in one step.
#pragma once

#include "trust/kills/orders.hpp"

#include <weir/engine.hpp>

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

namespace weir::trust {

class Backups {
public:
  /// One is made each time `stored` has grown a little, and none any more when `stopping` is set. Whoever sets that
  /// changes `stored` afterwards, and tells who waits for it.
  Backups(const Engine& engine, const HostOrders& orders, const std::atomic<std::uint64_t>& stored,
          const std::atomic<bool>& stopping)
      : engine_(engine), orders_(orders), stored_(stored), stopping_(stopping) {}
  void begin();
  /// Once `stopping` is set.
  void join();

private:
  void make_backups() const;
  void make(const std::string& place, const std::string& base, bool cancels) const;
  [[nodiscard]] Result<BackupReport> ask(const std::string& place, const std::string& base, bool cancels) const;
  void clear(const std::string& place) const;
  [[nodiscard]] std::string path(const std::string& place) const { return orders_.backups + "/" + place; }

  const Engine& engine_;
  const HostOrders& orders_;
  const std::atomic<std::uint64_t>& stored_;
  const std::atomic<bool>& stopping_;
  std::thread thread_;
};

/// Restores `orders.restore` into `orders.directory`, and says so.
void restore(const HostOrders& orders);

} // namespace weir::trust
