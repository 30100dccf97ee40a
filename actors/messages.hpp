// Every message the engine's own actors understand, one sentence each: the map of the inside.
//
// Purpose: a wrong message does not compile. Payload does not travel here (it goes through ShardInbox and views); these
// are wake-ups, control and answers of jobs. Services that speak CAF use <weir/actors.hpp> instead, never these.
#pragma once

#include "actors/compat.hpp"
#include "engine/flush_queue.hpp"

#include <weir/event.hpp>
#include <weir/result.hpp>

#include <caf/all.hpp>

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace weir {

/// Collects the answers of several shards and passes on the first error, or success, when the last one is in.
class Gather {
public:
  Gather(std::size_t shards, FlushQueue::Waiter done) : left_(shards), done_(std::move(done)) {}
  /// Dropped unanswered (an actor died, the engine closed): that is an answer too.
  ~Gather() {
    if (done_)
      done_(Status{fail(Errc::closing, "the engine is closing")});
  }
  Gather(const Gather&) = delete;
  Gather& operator=(const Gather&) = delete;
  void answer(Status status);

private:
  std::mutex mutex_;
  std::size_t left_;
  Status worst_;
  FlushQueue::Waiter done_;
};
using GatherPtr = std::shared_ptr<Gather>;

} // namespace weir

CAF_BEGIN_TYPE_ID_BLOCK(weir_inside, caf::first_custom_type_id)
CAF_ADD_ATOM(weir_inside, weir, drain_atom, "drain")
CAF_ADD_ATOM(weir_inside, weir, go_on_atom, "goon")
CAF_ADD_ATOM(weir_inside, weir, flush_now_atom, "flushnow")
CAF_ADD_ATOM(weir_inside, weir, frozen_atom, "frozen")
CAF_ADD_ATOM(weir_inside, weir, flushed_atom, "flushed")
CAF_ADD_ATOM(weir_inside, weir, relieve_atom, "relieve")
CAF_ADD_ATOM(weir_inside, weir, poke_all_atom, "pokeall")
CAF_ADD_ATOM(weir_inside, weir, changed_atom, "changed")
CAF_ADD_ATOM(weir_inside, weir, look_atom, "look")
CAF_ADD_ATOM(weir_inside, weir, merged_atom, "merged")
CAF_END_TYPE_ID_BLOCK(weir_inside)

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(weir::GatherPtr)

namespace weir {

/// SHARD: owns the order of one slice of all contexts. Stores reach it through its inbox (see ShardTurns).
using ShardActor = caf::typed_actor<
    // Memory, positions or disk space came back: take what can be taken.
    Op<drain_atom>::Returns<void>,
    // A thread has served the shard long enough: go on in its place.
    Op<go_on_atom>::Returns<void>,
    // Freeze what is in memory and answer once it is in segments.
    Op<flush_now_atom, GatherPtr>::Returns<void>>;

/// FLUSHER: one passive memtable in, one segment out, a shard at a time.
using FlusherActor = caf::typed_actor<
    // A memtable of this shard waits for its flush.
    Op<frozen_atom, std::uint32_t>::Returns<void>,
    // The flush lane is done with a memtable of this shard (true) or must try again (false).
    Op<flushed_atom, std::uint32_t, bool>::Returns<void>>;

/// COMPACTOR: neighbouring segments in, one segment out, one merge at a time.
using CompactorActor = caf::typed_actor<
    // Some shard has one more segment.
    Op<changed_atom>::Returns<void>,
    // Time has passed, or the turn is free again: what had to wait may be due.
    Op<look_atom>::Returns<void>,
    // This shard's merge has ended: in the view or cancelled (true), or it has failed (false).
    Op<merged_atom, std::uint32_t, bool>::Returns<void>>;

/// SHARD MANAGER: owns the shards, and speaks to all of them at once.
using ShardManagerActor = caf::typed_actor<
    // Flush every shard; the gather is answered once for each.
    Op<flush_now_atom, GatherPtr>::Returns<void>,
    // Memory is used up: freeze the largest active memtable.
    Op<relieve_atom>::Returns<void>,
    // Memory, positions or disk space came back: every shard may go on.
    Op<poke_all_atom>::Returns<void>>;

} // namespace weir
