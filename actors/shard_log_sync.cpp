// The log's syncs: what waits for one, and what is done meanwhile.
#include "actors/shard_log.hpp"

#include "engine/kill_point.hpp"
#include "engine/sabotage.hpp"

#include <utility>

namespace weir {

void ShardLog::commit(std::vector<Submission>& waiting) {
  if (waiting.empty())
    return;
  const bool early = sabotaged(Sabotage::answer_duplicate_before_sync) && waiting.front().records->records() == 0;
  const bool unsynced = writer_->synced_record() != writer_->last_record() && !early;
  StoreCommand::WhenSynced when_synced = unsynced ? use_the_wait(waiting) : StoreCommand::WhenSynced();
  if (const Status synced = unsynced ? sync() : Status{}; !synced) {
    if (when_synced)
      when_synced(false);
    for (Submission& submission : waiting)
      refuse(submission, *failed_);
    waiting.clear();
    return;
  }
  kill_point("log.before_apply");
  for (Submission& submission : waiting) {
    apply(submission, submission.first_record);
    freeze_if_full();
  }
  kill_point("log.before_answer");
  answer(waiting, unsynced, std::move(when_synced));
  kill_point("log.after_answer");
  waiting.clear();
}

/// A lone caller has nothing to share the sync with. What he does after it he can do while the disk works.
StoreCommand::WhenSynced ShardLog::use_the_wait(const std::vector<Submission>& waiting) {
  if (waiting.size() != 1 || waiting.front().answers.size() != 1 || waiting.front().records->records() != 1)
    return {};
  StoreCommand& command = *waiting.front().answers.front().command;
  if (!command.meanwhile)
    return {};
  writer_->begin_sync();
  return command.meanwhile(waiting.front().records->body(0));
}

Status ShardLog::sync() {
  const auto began = parts_.clock.steady_now();
  Status synced = writer_->sync();
  if (!synced) {
    fail_shard(synced.error());
    return synced;
  }
  syncs_.fetch_add(1, std::memory_order_relaxed);
  sync_cost_ = parts_.clock.steady_now() - began;
  return synced;
}

} // namespace weir
