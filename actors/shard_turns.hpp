// Runs a shard's pump in whichever thread wakes it, one at a time.
//
// Purpose: waking an actor's thread costs more than what the shard then does, twice over on an idle machine. So a
// sender or a log thread that has something for the shard takes the shard's turn itself (see Turns); the shard actor
// comes in where a turn is passed on, and for control. Owner: ShardParts, while the actors live. Threading: take and
// tell from any thread, go_on and actor_ended by the actor only.
#pragma once

#include "actors/shard_pump.hpp"
#include "engine/turns.hpp"
#include "engine/unique_function.hpp"

#include <atomic>
#include <mutex>
#include <vector>

namespace weir {

class ShardTurns {
public:
  using Note = UniqueFunction<void(ShardPump&)>;

  /// `pass_on` has some other thread call go_on(), soon.
  ShardTurns(EngineParts& parts, ShardParts& shard, UniqueFunction<void()> pass_on);

  /// Something may have changed for the shard: commands, room, applied groups, positions, memory.
  void take() { turns_.take(); }
  /// Has the pump do something between two rounds.
  void tell(Note note);
  /// Goes on with a turn that was passed on.
  void go_on() {
    if (passed_on_.exchange(false))
      turns_.go_on();
  }
  /// The actor has ended. Turns are passed on no more, and one that it has been passed is not lost.
  void actor_ended() {
    actor_ended_.store(true);
    go_on();
  }

private:
  void round();
  bool pass_on();

  ShardParts& shard_;
  ShardPump pump_;
  std::mutex notes_mutex_;
  std::vector<Note> notes_;
  UniqueFunction<void()> pass_on_;
  std::atomic<bool> passed_on_{false}, actor_ended_{false}; // sequentially consistent: see pass_on()
  Turns turns_;
};

} // namespace weir
