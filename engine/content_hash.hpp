// What an event with an id says: two stores of one id are the same event exactly if their content hashes are equal.
//
// Threading: pure function.
#pragma once

#include <weir/event.hpp>

#include "engine/hash.hpp"

#include <string>

namespace weir {

/// XXH3-128 over type, payload and metadata with their lengths; of a stub, that of the event it is left of. `scratch`
/// is reused from call to call.
[[nodiscard]] Hash128 content_hash(const EventView& event, std::string& scratch);

} // namespace weir
