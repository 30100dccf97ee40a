// What reading and checking any table of the catalog takes. For segments/catalog_*.cpp.
//
// Threading: as the database itself.
#pragma once

#include "engine/hash.hpp"
#include "engine/sqlite/database.hpp"

#include <weir/event.hpp>
#include <weir/result.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace weir::catalog {

/// Part of every checksum: a record of one table is none of another.
enum Kind : std::uint64_t {
  kind_head = 1,
  kind_shard = 2,
  kind_segment = 3,
  kind_schema = 4,
  kind_retention_rule = 5,
  kind_retention_point = 6,
  kind_view = 7,
};

template <std::size_t n> std::uint64_t hash_words(const std::uint64_t (&words)[n], std::uint64_t seed) {
  return hash64(words, sizeof words, seed);
}

[[nodiscard]] inline std::int64_t microseconds(Timestamp time) noexcept {
  return time.time_since_epoch().count();
}

inline constexpr const char* checksum_differs = "the record's checksum differs";

/// Calls `take(row)` for every row of `sql` until it answers an error.
template <class Take> Status for_each_row(sqlite::Database& database, std::string_view sql, Take take) {
  auto statement = database.prepare(sql);
  if (!statement)
    return std::move(statement).error();
  for (;;) {
    auto row = statement->step();
    if (!row)
      return std::move(row).error();
    if (!*row)
      return {};
    WEIR_TRY(take(*statement));
  }
}

} // namespace weir::catalog
