// Lanes whose jobs run while somebody waits for them.
//
// Purpose: calls that wait for a lane (consumers, snapshots) would wait for ever where one thread plays all parts. Here
// a caller who said that he is to be blocked goes on, step by step, until the lane has nothing left to do, and only
// then begins to wait: his answer is there. Steps are everybody's, so what he waits for is overtaken like in real life.
// A backup asks these lanes first and the flush lane last, for which it takes steps itself. Owner: the engine that is
// played; the lanes keep what they need. Threading: one thread. Invariants: everything else is the ManualExecutor's.
#pragma once

#include "engine/io/manual_executor.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <string>

namespace weir::trust {

/// Who is blocked at the moment, and what goes on meanwhile.
struct Blocking {
  std::function<bool()> step;                             ///< See Machine::step.
  std::function<void(std::chrono::nanoseconds)> let_pass; ///< See Machine::let_pass.
  bool blocked = false;                                   ///< The next post is the caller's own,
  std::chrono::nanoseconds wait{0};                       ///< and it is not answered at once, but waits so long.
};

class BlockingExecutor final : public io::IoExecutor {
public:
  /// `blocking` outlives the lanes' use.
  BlockingExecutor(std::unique_ptr<io::ManualExecutor> steps, Blocking& blocking)
      : steps_(std::move(steps)), blocking_(blocking) {}

  std::shared_ptr<io::Lane> make_lane(io::LaneKind kind, std::string name) override;
  void post_read(Job job) override { steps_->post_read(std::move(job)); }
  void shutdown() override { steps_->shutdown(); }

private:
  std::unique_ptr<io::ManualExecutor> steps_;
  Blocking& blocking_;
};

} // namespace weir::trust
