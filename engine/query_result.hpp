// What a query answers: values in rows under named columns, and what it cost.
//
// Purpose: the caller's side of a query. Value is also a literal of a query plan.
// Threading: plain values.
// Invariants: an integer that fits int64 is held as int64, whatever type it was given as, so a number has one form.
#pragma once

#include <weir/event.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace weir {

/// Raw JSON text: a whole payload or metadata, or an object or array inside of one, byte for byte as stored.
struct JsonText {
  std::string text;
  friend bool operator==(const JsonText&, const JsonText&) = default;
};

/// One value of a result row, or a literal of a query. What an event does not have is null.
class Value {
public:
  enum class Kind : std::uint8_t { null, boolean, int64, uint64, float64, string, timestamp, json };

  Value() = default;
  Value(std::nullptr_t) {}
  Value(std::same_as<bool> auto value) : data_(value) {}
  Value(std::signed_integral auto value) : data_(static_cast<std::int64_t>(value)) {}
  template <std::unsigned_integral T>
  requires(!std::same_as<T, bool>) Value(T value) {
    if (std::in_range<std::int64_t>(value))
      data_ = static_cast<std::int64_t>(value);
    else
      data_ = static_cast<std::uint64_t>(value);
  }
  Value(std::floating_point auto value) : data_(static_cast<double>(value)) {}
  Value(std::string value) : data_(std::move(value)) {}
  Value(std::string_view value) : data_(std::string(value)) {}
  Value(const char* value) : data_(std::string(value)) {}
  Value(Timestamp value) : data_(value) {}
  Value(JsonText value) : data_(std::move(value)) {}

  [[nodiscard]] Kind kind() const noexcept { return static_cast<Kind>(data_.index()); }
  [[nodiscard]] bool is_null() const noexcept { return kind() == Kind::null; }

  /// The value in the wanted type, or nothing if it is of another kind.
  [[nodiscard]] std::optional<bool> as_bool() const noexcept { return held<bool>(); }
  [[nodiscard]] std::optional<std::int64_t> as_int64() const noexcept { return held<std::int64_t>(); }
  /// Any integer that is not negative.
  [[nodiscard]] std::optional<std::uint64_t> as_uint64() const noexcept;
  /// Any number; integers beyond 2^53 are rounded.
  [[nodiscard]] std::optional<double> as_double() const noexcept;
  [[nodiscard]] std::optional<Timestamp> as_timestamp() const noexcept { return held<Timestamp>(); }
  /// The characters of a string; the view lives as long as this value.
  [[nodiscard]] std::optional<std::string_view> as_string() const noexcept;
  /// The raw text of a JsonText value; the view lives as long as this value.
  [[nodiscard]] std::optional<std::string_view> as_json() const noexcept;

  /// Same kind and same content: 1 and 1.0 differ here, although a query finds them equal.
  friend bool operator==(const Value&, const Value&) = default;

private:
  template <class T> [[nodiscard]] std::optional<T> held() const noexcept {
    const T* value = std::get_if<T>(&data_);
    return value != nullptr ? std::optional<T>(*value) : std::nullopt;
  }
  /// In the order of Kind.
  std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, std::string, Timestamp, JsonText> data_;
};

/// Appends `value` as JSON text; a timestamp becomes a string in RFC 3339, UTC with microseconds.
void append_json(std::string& out, const Value& value);
/// The same as a string of its own.
[[nodiscard]] std::string to_json(const Value& value);

/// What a query looked at. Zones of pruned segments are not counted: their footers were never read.
struct QueryStats {
  std::uint64_t shards = 0;
  std::uint64_t segments_total = 0;
  std::uint64_t segments_pruned = 0;
  std::uint64_t zones_total = 0;
  std::uint64_t zones_pruned = 0;
  std::uint64_t zones_counted = 0; ///< Answered a COUNT from their metadata alone.
  std::uint64_t zones_scanned = 0;
  std::uint64_t payload_zones = 0; ///< Of those scanned: a row was left that needed more than the condition's columns.
  std::uint64_t rows_scanned = 0;  ///< Rows looked at in segments.
  std::uint64_t memtable_rows = 0; ///< Rows looked at in memory.
  std::uint64_t rows_matched = 0;  ///< Rows the condition holds for, as far as they had to be looked at.

  void add(const QueryStats& other) noexcept;
  friend bool operator==(const QueryStats&, const QueryStats&) = default;
};

struct QueryResult {
  std::vector<std::string> columns;     ///< Names of fields as the query spells them; aggregates by keyword: "count".
  std::vector<std::vector<Value>> rows; ///< Each as long as `columns`.
  QueryStats stats;
  std::vector<std::string> explain; ///< The plan and `stats` in words, a line each.
};

} // namespace weir
