// Rows whose payloads are JSON documents, and what queries must find in them.
#pragma once

#include "engine/json/json.hpp"
#include "tests/segments/segment_fixture.hpp"

#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <string>

namespace weir::segments::test {

/// A JSON object of random members: nested, with nulls, numbers of all kinds and keys that need escapes.
[[nodiscard]] std::string random_document(std::mt19937_64& random);

/// `count` rows with these payloads, made by `payload(i)`, in contexts of a few rows each.
template <class Payload> Rows rows_with(std::size_t count, Payload payload) {
  std::mt19937_64 random(count);
  Rows rows;
  for (std::size_t i = 0; i < count; ++i) {
    Row row;
    row.context_id = "context-" + std::to_string(100'000 + i / 7);
    row.sequence = 1 + i % 7;
    row.event_type = "type-" + std::to_string(random() % 3);
    row.payload = payload(i);
    rows.push_back(std::move(row));
  }
  shuffle_positions(random, rows);
  for (Row& row : rows)
    row.timestamp = row.recorded_at;
  return rows;
}

/// Fails the test unless all columns have exactly what `rows` have, in the order of the zones, and zones say the same
/// of them.
void check_columns(const ColumnReader& reader, const Rows& rows);

/// That the reader counts `types`, all of a zone, as they are.
void check_type_counts(const ColumnReader& reader, std::size_t zone, std::span<const std::uint32_t> types,
                       std::mt19937_64& random);

} // namespace weir::segments::test
