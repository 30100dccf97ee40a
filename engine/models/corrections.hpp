// Corrections: what an event should have said.
//
// Purpose: events are never changed, but a projection that stands at a wrong one must get on. A correction is an event
// itself, stored to the context of the one it corrects; projections put its type and payload in the place of that
// one's. Threading: pure functions. The latest correction of an event counts.
#pragma once

#include "engine/models/projection.hpp"

#include <weir/event.hpp>
#include <weir/query.hpp>
#include <weir/query_result.hpp>
#include <weir/result.hpp>

#include <map>
#include <string>
#include <string_view>

namespace weir {

inline constexpr std::string_view correction_event_type = "weir/correction";

/// {"position":p,"type":t,"data":payload}. Precondition: `payload` is a JSON object.
[[nodiscard]] std::string correction_payload(Position position, std::string_view type, std::string_view payload);
/// Asks for all corrections there are, oldest first.
[[nodiscard]] Query corrections_query();
/// Out of its answer. Errors: `corruption` for a correction that is none.
Result<std::map<Position, Correction>> read_corrections(const QueryResult& rows);

} // namespace weir
