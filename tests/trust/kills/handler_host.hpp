// A service that handles each event of the host's engine exactly once: ExactlyOnce over a SQLite database of its own,
// which lies outside of the directory. Of each event it writes a row; some batches fail, and are undone.
//
// Owner: the host's run(). Threading: catch_up(), begin() and join() from one thread; the handler is a thread of its
// own. Invariants: it says a batch before it begins and after it was answered (speech.hpp).
#pragma once

#include "trust/kills/orders.hpp"

#include <weir/engine.hpp>
#include <weir/exactly_once.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>

struct sqlite3;
struct sqlite3_stmt;

namespace weir::trust {

class Handler {
public:
  /// It ends when `stopping` is set.
  Handler(const Engine& engine, const HostOrders& orders, const std::atomic<bool>& stopping)
      : engine_(engine), orders_(orders), stopping_(stopping) {}
  ~Handler();
  Handler(const Handler&) = delete;
  Handler& operator=(const Handler&) = delete;

  /// Nobody stores: it handles all there is.
  void catch_up();
  /// It handles events while others store.
  void begin();
  /// Once `stopping` is set.
  void join();

private:
  void handle_events(bool to_the_end);
  void open_database();
  void apply(ExactlyOnce& once, const QueueBatch& batch, std::uint64_t way);
  Status handle(const EventView& event);
  /// The host dies here, if it is told to and has come by often enough.
  void come_by(HandlerMoment moment);
  static int before_commit(void* handler);

  const Engine& engine_;
  const HostOrders& orders_;
  const std::atomic<bool>& stopping_;
  sqlite3* database_ = nullptr;
  sqlite3_stmt* insert_ = nullptr;
  std::uint32_t hits_ = 0; ///< Of the moment that it is to die at.
  std::thread thread_;
};

} // namespace weir::trust
