// Store calls on their way: sent by one thread, their answers taken in order of sending by another.
//
// Purpose: keeps the disk busy without ever holding more than a bounded number of calls and bytes; an answer is passed
// on as soon as it and all before it are there, even while the sender waits for input.
// Owner: Importer. Threading: send() and wait_for_all() are for the sending thread; the handlers run on the window's
// own. Invariants: at most `calls_max` calls, and at most `bytes_max` bytes unless a single call is larger.
#pragma once

#include <weir/limits.hpp>
#include <weir/ticket.hpp>

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace weir::cli {

class StoreWindow {
public:
  static constexpr std::size_t calls_max = 1'024;
  static constexpr std::uint64_t bytes_max = 8 * MiB;

  struct Call {
    std::uint64_t line = 0;
    std::uint64_t bytes = 0;
    std::string context_id;
    Ticket ticket;
  };

  struct Handlers {
    std::function<void(const Call&, const Result<Receipt>&)> answered;
    std::function<void()> idle; ///< No further answer is there yet: a good moment to flush what was printed.
  };

  explicit StoreWindow(Handlers handlers);
  /// Waits for every answer.
  ~StoreWindow();
  StoreWindow(const StoreWindow&) = delete;
  StoreWindow& operator=(const StoreWindow&) = delete;

  /// Waits while the window is full of others.
  void wait_for_room(std::uint64_t bytes);
  void add(Call call);
  /// Returns once every answer has been handled; nothing may be added afterwards.
  void finish();

private:
  void take_answers();

  Handlers handlers_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Call> calls_;
  std::uint64_t bytes_ = 0;
  bool finishing_ = false;
  std::thread taker_;
};

} // namespace weir::cli
