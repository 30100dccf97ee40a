// Every event of an engine, one after another, for copies in other formats.
//
// Purpose: what `weir export` writes; also for services that move events elsewhere. Threading: any thread; the visitor
// runs in the caller's.
#pragma once

#include <weir/event.hpp>
#include <weir/result.hpp>

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace weir {

class Engine;

/// Which events are wanted; all that holds at once.
struct ExportFilter {
  std::string context_prefix;            ///< Contexts that begin with this; empty: all.
  std::optional<std::string> context_id; ///< This one alone.
  std::vector<std::string> types;        ///< Empty: all.
  std::optional<Timestamp> from;         ///< `timestamp` from this on ...
  std::optional<Timestamp> to;           ///< ... and before this.
};

/// Calls `visit` with every event that `filter` lets through, context by context in the order of their bytes, inside a
/// context in the order of its events. Each context is as it is when its turn comes; contexts that appear meanwhile may
/// be left out. The view lives until `visit` returns; an error of `visit` ends the export and is the result. Errors:
/// `invalid_argument` with what `visit` threw; those of Engine::replay and its streams; `shard_failed` unless every
/// shard is open.
Status export_events(const Engine& engine, const ExportFilter& filter,
                     const std::function<Status(const EventView&)>& visit);

} // namespace weir
