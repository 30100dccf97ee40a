// The records of the catalog: tables, checksums, rules, and their way in and out of SQLite. For segments/catalog.cpp.
//
// Purpose: SQLite pages carry no checksum, so each record carries one, and the head record a sum over all others; one
// place says which values a record may hold. Threading: one thread at a time, as the database itself.
#pragma once

#include "engine/ports.hpp"
#include "engine/sqlite/database.hpp"

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace weir::catalog {

/// The single row of table `head`.
struct Head {
  std::uint32_t shard_count = 0;
  std::uint64_t directory_seed = 0;
  Position positions_reserved = 1;
  std::uint64_t segment_count = 0;
  std::uint64_t records_sum = 0; ///< Checksums of all rows of the other tables, added modulo 2^64.
};

/// XXH3-64 over the record's kind and fields, seeded with the directory's seed: a row of another directory, another
/// table or another place does not fit.
[[nodiscard]] std::uint64_t checksum(const Head& head) noexcept;
[[nodiscard]] std::uint64_t checksum(const ShardRecord& record, std::uint64_t directory_seed) noexcept;
[[nodiscard]] std::uint64_t checksum(const SegmentMeta& segment, std::uint64_t directory_seed) noexcept;
[[nodiscard]] std::uint64_t checksum(const SchemaRecord& schema, std::uint64_t directory_seed) noexcept;

/// What is wrong with the values of a record, or nullptr. A checksum tells damage; this tells nonsense.
[[nodiscard]] const char* fault(const Head& head) noexcept;
[[nodiscard]] const char* fault(const ShardRecord& record) noexcept;
[[nodiscard]] const char* fault(const SegmentMeta& segment, const Head& head) noexcept;
/// `before`: the record in front of it, by type and version; nullptr: it is the first.
[[nodiscard]] const char* fault(const SchemaRecord& schema, const SchemaRecord* before) noexcept;

/// Why `merged` cannot hold the events of `inputs` (at least one, oldest first) but for `dropped`, or nullptr.
[[nodiscard]] const char* merge_fault(std::span<const SegmentMeta> inputs, const SegmentMeta& merged,
                                      const Dropped& dropped) noexcept;

/// Makes the empty tables that format `version` has and `from` had not (0: no table).
Status create_tables(sqlite::Database& database, std::int32_t from, std::int32_t version);
/// `corruption` unless the database's schema is, word for word, what create_tables() made for format `version`.
Status check_tables(sqlite::Database& database, std::int32_t version);

/// Readers check each record and answer `corruption` with its place. `sum` grows by the checksums read.
Result<Head> read_head(sqlite::Database& database);
/// The shards 0, 1 ... shard_count - 1.
Result<std::vector<ShardRecord>> read_shards(sqlite::Database& database, const Head& head, std::uint64_t& sum);
/// By shard, then position: the order of the shard's history. `shards` as read_shards() gave them.
Result<std::vector<SegmentMeta>> read_segments(sqlite::Database& database, const Head& head,
                                               const std::vector<ShardRecord>& shards, std::uint64_t& sum);
/// By type (bytes), then version.
Result<std::vector<SchemaRecord>> read_schemas(sqlite::Database& database, const Head& head, std::uint64_t& sum);
/// For calls behind close().
[[nodiscard]] Error closed();
[[nodiscard]] Error corrupt(const sqlite::Database& database, std::string message, std::string_view record);

/// Heads and shards replace the row they stand for; a segment and a schema must be new.
Status write(sqlite::Database& database, const Head& head);
Status write(sqlite::Database& database, const ShardRecord& record, std::uint64_t directory_seed);
Status write(sqlite::Database& database, const SegmentMeta& segment, std::uint64_t directory_seed);
Status write(sqlite::Database& database, const SchemaRecord& schema, std::uint64_t directory_seed);
/// Removes the segment's row.
Status erase(sqlite::Database& database, const SegmentMeta& segment);

} // namespace weir::catalog
