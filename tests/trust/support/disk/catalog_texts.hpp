// What the catalog says of schemas and of retention, as text to compare.
//
// Purpose: who asks for a change and who judges what is left of it write it down the same way. Threading: pure
// functions.
#pragma once

#include "engine/ports.hpp"
#include "engine/schema/registry.hpp"

#include <string>
#include <string_view>

namespace weir::trust {

/// Names in Ledger::records().
inline constexpr const char* schema_record = "schemas";
inline constexpr const char* retention_record = "retention";

/// All versions of the type's schema, in order; empty: there is none.
[[nodiscard]] std::string text_of_versions(const schema::Registry& schemas, std::string_view event_type);
/// Empty: nothing was ever recorded.
[[nodiscard]] std::string text_of(const RetentionRecord& record);
/// The same of a run under way.
[[nodiscard]] std::string text_of_run(RetentionRecord record);

} // namespace weir::trust
