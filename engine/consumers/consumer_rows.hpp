// The rows of consumers.db: their tables and their checksums. For consumer_store.cpp.
//
// Purpose: SQLite pages carry no checksum, so each row carries one over its kind, its consumer and its fields, seeded
// with the directory's seed: a row of another directory, table, consumer or place does not fit. Threading: pure
// functions.
#pragma once

#include <weir/consumer_types.hpp>
#include <weir/event.hpp>

#include "engine/consumers/consumer_store.hpp"

#include <cstdint>
#include <string_view>

namespace weir::consumer_rows {

struct Table {
  const char* name;
  const char* sql; ///< Part of the format: a file whose schema differs is none of ours.
};
/// In the order of their names.
inline constexpr Table tables[] = {
    {"consumers", "CREATE TABLE consumers(id INTEGER PRIMARY KEY, name BLOB NOT NULL, kind INTEGER NOT NULL, "
                  "checkpoint INTEGER NOT NULL, rows INTEGER NOT NULL, rows_sum INTEGER NOT NULL, "
                  "checksum INTEGER NOT NULL) STRICT"},
    {"deliveries", "CREATE TABLE deliveries(consumer INTEGER NOT NULL, position INTEGER NOT NULL, "
                   "deliveries INTEGER NOT NULL, done INTEGER NOT NULL, checksum INTEGER NOT NULL, "
                   "PRIMARY KEY(consumer, position)) STRICT, WITHOUT ROWID"},
    {"parked", "CREATE TABLE parked(consumer INTEGER NOT NULL, position INTEGER NOT NULL, context_id BLOB NOT NULL, "
               "sequence INTEGER NOT NULL, event_type BLOB NOT NULL, reason BLOB NOT NULL, "
               "deliveries INTEGER NOT NULL, parked_at INTEGER NOT NULL, wanted INTEGER NOT NULL, "
               "checksum INTEGER NOT NULL, PRIMARY KEY(consumer, position)) STRICT, WITHOUT ROWID"},
};

[[nodiscard]] std::uint64_t checksum(const ConsumerRecord& record, std::uint64_t seed);
[[nodiscard]] std::uint64_t delivery_checksum(std::int64_t consumer, Position position, std::uint64_t deliveries,
                                              std::uint64_t done, std::uint64_t seed);
[[nodiscard]] std::uint64_t checksum(std::int64_t consumer, const ParkedEvent& event, std::uint64_t seed);

} // namespace weir::consumer_rows
