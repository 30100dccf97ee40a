// Places in payloads and schemas, spelled as queries spell them: payload.lines[2]."odd key".
//
// Threading: pure functions.
#pragma once

#include <string>
#include <string_view>

namespace weir::schema {

/// Appends a field's name to the path of its object; quoted where it needs to be.
void append_member(std::string& path, std::string_view name);
/// A field's name as a definition writes it: as in a path.
void append_field_name(std::string& out, std::string_view name);

} // namespace weir::schema
