#include "actors/shard_turns.hpp"

namespace weir {

ShardTurns::ShardTurns(EngineParts& parts, ShardParts& shard, UniqueFunction<void()> pass_on)
    : shard_(shard), pump_(parts, shard,
                           [this](ShardPump::Answers answers) {
                             tell([answers = std::move(answers)](ShardPump& pump) { pump.resolved(answers); });
                           }),
      pass_on_(std::move(pass_on)), turns_([this] { round(); }, [this] { return this->pass_on(); }) {
}

bool ShardTurns::pass_on() {
  passed_on_.store(true);
  if (!actor_ended_.load()) {
    pass_on_(); // an actor that ends before the message comes finds passed_on_ set
    return true;
  }
  return !passed_on_.exchange(false);
}

void ShardTurns::tell(Note note) {
  {
    const std::lock_guard lock(notes_mutex_);
    notes_.push_back(std::move(note));
  }
  take();
}

void ShardTurns::round() {
  std::vector<Note> notes;
  {
    const std::lock_guard lock(notes_mutex_);
    notes.swap(notes_);
  }
  for (Note& note : notes)
    note(pump_);
  pump_.pump();
  if (!shard_.idle_awaited())
    return;
  shard_.log->want_progress(); // first: the last group may leave the log while we look
  if (pump_.idle())
    if (const auto idle = shard_.take_when_idle())
      idle();
}

} // namespace weir
