// Judges payloads by a schema.
//
// Purpose: one pass over the payload before the call is encoded, in the caller's thread; nothing is allocated unless
// something is wrong. Threading: pure function.
#pragma once

#include <weir/schema.hpp>

#include <string_view>

namespace weir::schema {

/// Error: `schema_violation` with what was expected and found; its place is the path, "payload.lines[2].count".
/// Precondition: `payload` passed validate_object, the schema its validate().
Status check_payload(const SchemaVersion& version, std::string_view payload);

} // namespace weir::schema
