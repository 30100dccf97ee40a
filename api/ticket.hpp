// A waitable answer to an asynchronous store.
//
// Threading: copies share one answer; wait and poll from any thread.
#pragma once

#include <weir/event.hpp>
#include <weir/result.hpp>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>

namespace weir {

class Ticket {
public:
  /// Waits for the answer. Not from a callback of the engine: it may be the thread that has to answer.
  [[nodiscard]] Result<Receipt> wait() const;
  /// The answer, or nothing if it has not come before `timeout_ms` has passed.
  [[nodiscard]] std::optional<Result<Receipt>> wait_for(std::chrono::milliseconds timeout_ms) const;
  /// True once the answer is there.
  [[nodiscard]] bool ready() const;

private:
  friend class Engine;
  struct State {
    std::mutex mutex;
    std::condition_variable answered;
    std::optional<Result<Receipt>> answer;
    void set(Result<Receipt> result);
  };
  explicit Ticket(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

} // namespace weir
