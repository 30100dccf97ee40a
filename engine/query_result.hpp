// What a query answers: values in rows under named columns, and what it cost.
//
// Purpose: the caller's side of a query. Value is also a literal of a query plan.
//
//   for (std::size_t i = 0; i < result.rows.size(); ++i) {
//     const auto count = result.row(i).get<std::int64_t>("count");
//     const auto country = result.row(i).get<std::optional<std::string>>("payload.country");
//
// Threading: plain values.
// Invariants: an integer that fits int64 is held as int64, whatever type it was given as, so a number has one form.
#pragma once

#include <weir/event.hpp>
#include <weir/result.hpp>

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
  std::uint64_t field_columns = 0; ///< Payload fields read as columns, each once a zone.
  std::uint64_t rows_scanned = 0;  ///< Rows looked at in segments.
  std::uint64_t memtable_rows = 0; ///< Rows looked at in memory.
  std::uint64_t rows_matched = 0;  ///< Rows the condition holds for, as far as they had to be looked at.
  std::uint64_t threads = 0;       ///< That took part in the scan.
  std::uint64_t scan_us = 0;       ///< Time they spent there, in sum.
  std::uint64_t merge_us = 0;      ///< From their parts to the answer.

  void add(const QueryStats& other) noexcept;
  friend bool operator==(const QueryStats&, const QueryStats&) = default;
};

struct QueryResult;

namespace detail {

/// What ResultRow::get() gives: `convert` takes the value as a T, or refuses; `name` is for the error.
template <class T> struct RowType;
template <> struct RowType<bool> {
  static constexpr std::string_view name = "a truth value";
  static std::optional<bool> convert(const Value& value) noexcept { return value.as_bool(); }
};
template <> struct RowType<std::int64_t> {
  static constexpr std::string_view name = "an integer of 64 bits";
  static std::optional<std::int64_t> convert(const Value& value) noexcept { return value.as_int64(); }
};
template <> struct RowType<std::uint64_t> {
  static constexpr std::string_view name = "an integer that is not negative";
  static std::optional<std::uint64_t> convert(const Value& value) noexcept { return value.as_uint64(); }
};
template <> struct RowType<double> {
  static constexpr std::string_view name = "a number";
  static std::optional<double> convert(const Value& value) noexcept { return value.as_double(); }
};
template <> struct RowType<Timestamp> {
  static constexpr std::string_view name = "a time";
  static std::optional<Timestamp> convert(const Value& value) noexcept { return value.as_timestamp(); }
};
template <> struct RowType<std::string_view> {
  static constexpr std::string_view name = "a string";
  static std::optional<std::string_view> convert(const Value& value) noexcept { return value.as_string(); }
};
template <> struct RowType<std::string> {
  static constexpr std::string_view name = RowType<std::string_view>::name;
  static std::optional<std::string> convert(const Value& value) {
    const auto text = value.as_string();
    return text ? std::optional<std::string>(*text) : std::nullopt;
  }
};
template <> struct RowType<JsonText> {
  static constexpr std::string_view name = "JSON text";
  static std::optional<JsonText> convert(const Value& value) {
    const auto text = value.as_json();
    return text ? std::optional<JsonText>(JsonText{std::string(*text)}) : std::nullopt;
  }
};

template <class T> inline constexpr bool is_optional = false;
template <class T> inline constexpr bool is_optional<std::optional<T>> = true;

[[nodiscard]] Error no_such_value(const QueryResult& result, std::size_t row, std::string_view column);
[[nodiscard]] Error other_kind(const Value& value, std::string_view column, std::string_view wanted);

} // namespace detail

/// One row of a QueryResult, which must outlive it: its values by the names of the columns.
class ResultRow {
public:
  ResultRow(const QueryResult& result, std::size_t row) noexcept : result_(&result), row_(row) {}

  /// The value under `column`; null if there is no such column.
  [[nodiscard]] const Value& operator[](std::string_view column) const noexcept;

  /// The value under `column` as T: bool, std::int64_t, std::uint64_t, double, Timestamp, std::string, JsonText,
  /// std::string_view (lives as long as the result), or std::optional of one of these, where null is nothing. As in
  /// Value, any number is a double, and nothing else is converted. Errors: `not_found` naming the columns there are;
  /// `invalid_argument` if the value is of another kind, or null and T is no optional.
  template <class T> [[nodiscard]] Result<T> get(std::string_view column) const {
    const Value* const value = find(column);
    if (value == nullptr)
      return detail::no_such_value(*result_, row_, column);
    if constexpr (detail::is_optional<T>) {
      using Type = detail::RowType<typename T::value_type>;
      auto converted = Type::convert(*value);
      if (!converted && !value->is_null())
        return detail::other_kind(*value, column, Type::name);
      return T(std::move(converted));
    } else {
      auto converted = detail::RowType<T>::convert(*value);
      if (!converted)
        return detail::other_kind(*value, column, detail::RowType<T>::name);
      return T(*std::move(converted));
    }
  }

private:
  [[nodiscard]] const Value* find(std::string_view column) const noexcept;

  const QueryResult* result_;
  std::size_t row_;
};

struct QueryResult {
  std::vector<std::string> columns;     ///< Names of fields as the query spells them; aggregates by keyword: "count".
  std::vector<std::vector<Value>> rows; ///< Each as long as `columns`.
  QueryStats stats;
  std::vector<std::string> explain; ///< The plan and `stats` in words, a line each.

  /// The place of the first column with this name.
  [[nodiscard]] std::optional<std::size_t> column(std::string_view name) const noexcept;
  /// The value of a row under a column: at(0, "count").as_int64(). Null if there is no such row or column.
  [[nodiscard]] const Value& at(std::size_t row, std::string_view column) const noexcept;
  /// Row number `row`, with typed access: row(0).get<std::int64_t>("count"). If there is none, every get() fails.
  [[nodiscard]] ResultRow row(std::size_t row) const noexcept { return {*this, row}; }
};

} // namespace weir
