// The catalog's records of views. For segments/catalog.cpp.
//
// Threading: one thread at a time, as the database itself.
#pragma once

#include "engine/ports.hpp"
#include "engine/sqlite/database.hpp"
#include "segments/catalog_records.hpp"

#include <cstdint>
#include <string_view>
#include <vector>

namespace weir::catalog {

[[nodiscard]] std::uint64_t checksum(const ViewRecord& view, std::uint64_t directory_seed) noexcept;
/// What is wrong with the record, or nullptr.
[[nodiscard]] const char* fault(const ViewRecord& view) noexcept;
/// By name (bytes); as the readers of catalog_records.hpp.
Result<std::vector<ViewRecord>> read_views(sqlite::Database& database, const Head& head, std::uint64_t& sum);
/// The view must be new.
Status write(sqlite::Database& database, const ViewRecord& view, std::uint64_t directory_seed);
Status erase_view(sqlite::Database& database, std::string_view name);

} // namespace weir::catalog
