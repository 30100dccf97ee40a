// A question that a lane answers while the caller waits.
//
// Purpose: what belongs to one thread (a database) is asked by many. Owner: the caller's stack. Threading: any thread
// but the lane's own, and none that the lane waits for. Invariants: answered exactly once; `closing` if the lane drops
// the question unrun because its executor has been shut down.
#pragma once

#include "engine/io/executor.hpp"

#include <weir/result.hpp>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace weir::io {

/// Runs `answer`, which returns a Result or a Status, in the lane and waits for what it returns.
template <class Answer> auto ask_lane(Lane& lane, Answer&& answer) {
  using Reply = decltype(answer());
  struct Wait {
    std::mutex mutex;
    std::condition_variable done;
    std::optional<Reply> reply;
  } wait;
  // The job and its question end together: whichever way, somebody is told.
  struct Question {
    explicit Question(Wait& w) : wait(&w) {}
    Question(Question&& other) noexcept : wait(std::exchange(other.wait, nullptr)) {}
    Question& operator=(Question&&) = delete;
    ~Question() {
      if (wait != nullptr)
        tell(fail(Errc::closing, "the engine is closing"));
    }
    void tell(Reply reply) {
      const std::lock_guard lock(wait->mutex);
      wait->reply = std::move(reply);
      // Under the lock: who waits is gone as soon as it is released.
      std::exchange(wait, nullptr)->done.notify_all();
    }
    Wait* wait;
  };
  lane.post([question = Question(wait), &answer]() mutable { question.tell(answer()); });
  std::unique_lock lock(wait.mutex);
  wait.done.wait(lock, [&wait] { return wait.reply.has_value(); });
  return std::move(*wait.reply);
}

} // namespace weir::io
