// Replays of the host's engine, of which none may fail, and waiting for what others store.
//
// Threading: any thread.
#pragma once

#include "trust/kills/speech.hpp"

#include <weir/engine.hpp>

#include <atomic>
#include <cstdint>
#include <string>

namespace weir::trust {

/// Calls `each` with the events of `stream`, which is of `context`.
template <class Each> void read_to_end(ReplayStream& stream, const std::string& context, Each each) {
  while (true) {
    const auto batch = stream.next();
    if (!batch)
      give_up("replay of " + context + ": " + to_string(batch.error()));
    if (batch->empty())
      return;
    for (const EventView& event : *batch)
      each(event);
  }
}

/// Calls `each` with the events of a context from `from` on.
template <class Each> void replay(const Engine& engine, const std::string& context, Sequence from, Each each) {
  ReplayOptions options;
  options.from = from;
  auto stream = engine.replay(context, options);
  if (!stream)
    give_up("replay of " + context + ": " + to_string(stream.error()));
  read_to_end(*stream, context, each);
}

/// Returns when `stored` has grown by `more`; false: `stopping` was set.
inline bool wait_for_stores(const std::atomic<std::uint64_t>& stored, const std::atomic<bool>& stopping,
                            std::uint64_t more) {
  const std::uint64_t enough = stored.load() + more;
  for (std::uint64_t now = stored.load(); now < enough && !stopping.load(); now = stored.load())
    stored.wait(now);
  return !stopping.load();
}

} // namespace weir::trust
