// The state of a context at one of its events, kept so that the events up to there need not be replayed.
//
// Purpose: what Engine::load gives. A snapshot is a cache of the caller's own fold over the events: weir keeps the
// newest one of each context, looks into none of them, and gives one out only where it can vouch that it still stands
// on the event it was made at. Threading: plain values; the stream is for one thread at a time.
#pragma once

#include <weir/event.hpp>
#include <weir/replay_stream.hpp>

#include <optional>
#include <string>

namespace weir {

struct Snapshot {
  Sequence sequence = 0; ///< Of the last event that `state` takes into account.
  std::string state;     ///< The bytes that were saved.
};

/// What it takes to have a context's present state: begin with the snapshot, if there is one, and apply every event.
struct LoadedContext {
  std::optional<Snapshot> snapshot;
  ReplayStream events; ///< From the event after the snapshot; without one from the first.
};

} // namespace weir
