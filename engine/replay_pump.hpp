// Pushes a replay to a callback, one batch for each credit.
//
// Purpose: actors and callback-minded services; the reader's credit bounds what is in memory.
// Owner: shared by the subscription and the job in flight. Threading: request and cancel from any thread; the callbacks
// run in `lane`, one at a time; only where no job is left to do it, on_end runs in the thread that drops the pump or
// asks it after the executor has stopped (its answer is `closing`). Invariants: on_end is called exactly once, after
// the last on_batch.
#pragma once

#include "engine/io/executor.hpp"
#include "engine/replay_cursor.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>

namespace weir {

class ReplayPump : public std::enable_shared_from_this<ReplayPump> {
public:
  using OnBatch = std::function<void(const EventBatch&)>;
  using OnEnd = std::function<void(Status)>;

  static std::shared_ptr<ReplayPump> start(std::shared_ptr<io::Lane> lane, ReplayCursor cursor, OnBatch on_batch,
                                           OnEnd on_end, std::uint64_t credit);
  ~ReplayPump();
  void request(std::uint64_t batches);
  void cancel();

private:
  ReplayPump(std::shared_ptr<io::Lane> lane, ReplayCursor cursor, OnBatch on_batch, OnEnd on_end);
  bool needs_job(); // with the lock held; true: the caller posts one, without the lock
  void post_job();
  void step();
  bool cancelled();
  void finish(Status status);

  const std::shared_ptr<io::Lane> lane_;
  ReplayCursor cursor_;
  OnBatch on_batch_;
  OnEnd on_end_;
  std::mutex mutex_;
  std::uint64_t credit_ = 0;
  bool scheduled_ = false;
  bool cancelled_ = false;
  bool ended_ = false;
};

} // namespace weir
