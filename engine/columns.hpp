// Columns of a segment as a query reads them: plain arrays, a zone at a time.
//
// Purpose: engine/query evaluates conditions and aggregates over arrays; segments/ fills them. Core columns and the
// payload fields that a segment keeps as columns (docs/formats/segment.md) look the same here.
// Owner: whoever read a zone's columns; the arrays live as long as the ZoneColumns. Threading: immutable.
// Invariants: every array has ZoneColumns::rows() elements, or is empty where it was not asked for; who asked for some
// rows finds anything in the elements of the others. A column only speeds things up: the payload has the same values,
// and a field without a column is read there. A column has exactly what json::find_paths finds for its path in each
// row's payload: the same integers, doubles to the bit, strings to the byte.
#pragma once

#include <weir/event.hpp>

#include "engine/json/json.hpp"

#include <cstdint>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

namespace weir {

/// Rows of a zone, a bit each, low bits of the first word first; bits behind the last row are 0. Empty: all of them.
using RowWords = std::span<const std::uint64_t>;

/// Numbers from `low` to `high`, both inclusive. Times are these words by their bits.
struct NumberRange {
  std::uint64_t low = 0, high = 0;
};

/// Values from `low` to `high`, both inclusive.
template <class T> struct ValueRange { T low{}, high{}; };
/// Of a payload field of one form: integers and booleans, or doubles; the two zeros are equal.
using FieldRanges = std::variant<std::span<const ValueRange<std::int64_t>>, std::span<const ValueRange<double>>>;

/// What is told of the rows of a field without an array of it. Each has a word for each 64 rows.
struct FieldMarks {
  std::span<std::uint64_t> inside; ///< The value lies in one of the ranges.
  std::span<std::uint64_t> values; ///< There is a value.
  std::span<std::uint64_t> nulls;  ///< There is a JSON null.
};

/// What the values of a payload field are in one zone.
enum class FieldForm : std::uint8_t {
  none,    ///< No row of the zone has it: absent or null everywhere.
  boolean, ///< Kept as integers 0 and 1.
  int64,
  float64,
  string, ///< Kept as codes into the zone's own list of values.
  mixed,  ///< The payload is read: several types, integers beyond int64, objects or arrays, or a column not worth it.
};

/// Whether a row has the field.
enum class Presence : std::uint8_t { absent, null, value };

/// What pruning may ask of one payload field in one zone.
struct FieldZone {
  FieldForm type = FieldForm::mixed;
  std::uint32_t values = 0;                      ///< Rows with a value; not for `mixed`.
  std::uint32_t nulls = 0;                       ///< Rows with JSON null; not for `mixed`.
  std::int64_t integer_min = 0, integer_max = 0; ///< Of int64 and boolean, where there are values.
  double real_min = 0, real_max = 0;             ///< Of float64, where there are values.
  std::uint32_t distinct = 0;                    ///< Of string: different values.
  /// Of string: the bytes of the smallest and largest value, the largest rounded up to a longer string's prefix bound;
  /// see text_max_open. Both at most 32 bytes.
  std::string_view text_min, text_max;
  bool text_max_open = false; ///< text_max was cut: values may begin with it and go on.
  /// may_hold() has a filter to ask. Beside `string` also where `mixed` comes of strings that are nearly all different.
  bool text_filter = false;
};

/// One payload field in the rows of one zone. Which arrays are filled is told by `type`.
struct FieldColumn {
  FieldForm type = FieldForm::mixed;
  std::span<const Presence> presence;     ///< Empty: every row has a value (of `none`: every row is absent).
  std::span<const std::int64_t> integers; ///< int64, boolean; 0 where there is no value.
  std::span<const double> reals;          ///< float64; 0 where there is no value.
  std::span<const std::uint32_t> codes;   ///< string: into `texts`; 0 where there is no value.
  std::span<const std::string_view> texts;
};

/// The wanted columns of one zone.
class ZoneColumns {
public:
  virtual ~ZoneColumns() = default;
  [[nodiscard]] std::uint32_t rows() const noexcept { return rows_; }
  [[nodiscard]] std::span<const std::uint64_t> sequences() const noexcept { return sequences_; }
  [[nodiscard]] std::span<const std::uint64_t> positions() const noexcept { return positions_; }
  /// Microseconds since 1970.
  [[nodiscard]] std::span<const std::int64_t> recorded_at() const noexcept { return recorded_at_; }
  [[nodiscard]] std::span<const std::int64_t> timestamps() const noexcept { return timestamps_; }
  /// Places in SegmentReader::types().
  [[nodiscard]] std::span<const std::uint32_t> types() const noexcept { return types_; }
  /// Context of each row, as codes into context_texts(), ascending.
  [[nodiscard]] std::span<const std::uint32_t> contexts() const noexcept { return contexts_; }
  [[nodiscard]] std::span<const std::string_view> context_texts() const noexcept { return context_texts_; }
  /// In the order they were asked for.
  [[nodiscard]] std::span<const FieldColumn> fields() const noexcept { return fields_; }

protected:
  std::uint32_t rows_ = 0;
  std::span<const std::uint64_t> sequences_, positions_;
  std::span<const std::int64_t> recorded_at_, timestamps_;
  std::span<const std::uint32_t> types_, contexts_;
  std::span<const std::string_view> context_texts_;
  std::vector<FieldColumn> fields_;
};

/// A payload field that a segment keeps as a column.
struct FieldInfo {
  json::Path path;
};

} // namespace weir
