// An answer that somebody waits for, and always gets.
//
// Purpose: calls that are answered later, by a lane's job or after a commit. Owner: whoever is to answer; the waiting
// side shares the state. Threading: answered by one thread, once; waited for by another. Invariants: a Reply that is
// dropped unanswered answers `closing`: only the end of the engine drops one.
#pragma once

#include <weir/result.hpp>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace weir {

template <class T> class Awaited {
public:
  /// Waits for the answer, and takes it.
  Result<T> wait() {
    std::unique_lock lock(mutex_);
    answered_.wait(lock, [this] { return answer_.has_value(); });
    return std::move(*answer_);
  }
  /// False: not answered by then.
  bool wait_until(std::chrono::steady_clock::time_point deadline) {
    std::unique_lock lock(mutex_);
    return answered_.wait_until(lock, deadline, [this] { return answer_.has_value(); });
  }

private:
  template <class> friend class Reply;
  std::mutex mutex_;
  std::condition_variable answered_;
  std::optional<Result<T>> answer_;
};

template <class T> class Reply {
public:
  explicit Reply(std::shared_ptr<Awaited<T>> awaited) : awaited_(std::move(awaited)) {}
  Reply(Reply&&) noexcept = default;
  Reply& operator=(Reply&& other) noexcept {
    if (this != &other) {
      drop();
      awaited_ = std::move(other.awaited_);
    }
    return *this;
  }
  ~Reply() { drop(); }

  void operator()(Result<T> result) {
    const auto awaited = std::exchange(awaited_, nullptr);
    const std::lock_guard lock(awaited->mutex_);
    awaited->answer_ = std::move(result);
    awaited->answered_.notify_all();
  }

private:
  void drop() {
    if (awaited_)
      (*this)(fail(Errc::closing, "the engine is closing"));
  }
  std::shared_ptr<Awaited<T>> awaited_;
};

} // namespace weir
