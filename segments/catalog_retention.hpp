// The catalog's records of retention: rules, and the point of the last run. For segments/catalog.cpp.
//
// Threading: one thread at a time, as the database itself.
#pragma once

#include "engine/ports.hpp"
#include "engine/sqlite/database.hpp"
#include "segments/catalog_records.hpp"

#include <cstdint>

namespace weir::catalog {

/// What is wrong with the record, or nullptr.
[[nodiscard]] const char* fault(const RetentionRecord& retention) noexcept;
/// The sum of the checksums of its rows.
[[nodiscard]] std::uint64_t checksum_sum(const RetentionRecord& retention, std::uint64_t directory_seed) noexcept;
/// As the readers of catalog_records.hpp.
Result<RetentionRecord> read_retention(sqlite::Database& database, const Head& head, std::uint64_t& sum);
/// Replaces all there is.
Status write(sqlite::Database& database, const RetentionRecord& retention, std::uint64_t directory_seed);

} // namespace weir::catalog
