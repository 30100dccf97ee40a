// The order of a search's rows, and the conditions that find what lies behind one of them.
//
// Purpose: paging by the values of a row instead of its number: nothing is lost or repeated however many rows are
// alike, NULL or of another type than the rest. Owner: SelectText. Threading: immutable once made. Invariants: rows
// have SQLite's order: NULL, numbers, texts, blobs, and the other way round when descending; no two rows are alike in
// all keys (unless a join multiplies them).
//
// Where an index has the first key, what lies behind a place is found in up to three ranges, each of which is one
// search of that index:   key = ? AND <behind in the other keys>   |   key > ?   |   key IS NULL (descending)
// Without an index they would be as many scans of the table: then it is one condition.
#pragma once

#include "engine/models/sql_text.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir {

struct Key {
  std::string name{};       ///< Tells sorts apart.
  std::string expression{}; ///< SQL
  bool descending = false;
  bool nullable = true;
  bool indexed = false;       ///< An index has it.
  bool without_nulls = false; ///< ... but not its NULLs.
};

/// Rows that follow one another.
struct KeyRange {
  SqlText condition{};
  std::size_t alike = 0; ///< So many keys, from the first, are alike in all of them.
};

class Keyset {
public:
  Keyset() = default;
  /// The last key tells all rows apart.
  explicit Keyset(std::vector<Key> keys) : keys_(std::move(keys)) {}

  [[nodiscard]] const std::vector<Key>& keys() const noexcept { return keys_; }
  /// Different for another model, other keys or directions; stable.
  [[nodiscard]] std::uint32_t fingerprint(std::string_view model) const;
  /// " ORDER BY ..." by the keys from `first` on; nothing without any.
  [[nodiscard]] std::string order_by(bool reversed, std::size_t first = 0) const;

  /// What lies behind a row with these values of the keys; before it if `reversed`.
  [[nodiscard]] SqlText behind(const std::vector<SqlValue>& values, bool reversed) const;
  /// The same as ranges, the nearest first; each is in order in itself.
  [[nodiscard]] std::vector<KeyRange> ranges_behind(const std::vector<SqlValue>& values, bool reversed) const;
  /// Ranges that are all rows: the empty condition, or two where an index has but the rows without NULL.
  [[nodiscard]] std::vector<KeyRange> ranges() const;

private:
  [[nodiscard]] SqlText behind_from(std::size_t first, const std::vector<SqlValue>& values, bool reversed) const;
  [[nodiscard]] KeyRange equal_and_behind(std::size_t first, const std::vector<SqlValue>& values, bool reversed) const;
  std::vector<Key> keys_;
};

} // namespace weir
