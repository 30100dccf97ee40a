// Values of an answer by the names of its columns.
#include <weir/query_result.hpp>

#include "engine/text.hpp"

#include <algorithm>

namespace weir {
namespace {

const Value null_value;

std::string_view kind_name(Value::Kind kind) noexcept {
  switch (kind) {
  case Value::Kind::null: return "null";
  case Value::Kind::boolean: return "a truth value";
  case Value::Kind::int64: return "an integer";
  case Value::Kind::uint64: return "a larger one";
  case Value::Kind::float64: return "a number";
  case Value::Kind::string: return "a string";
  case Value::Kind::timestamp: return "a time";
  case Value::Kind::json: break;
  }
  return "JSON text";
}

} // namespace

namespace detail {

Error no_such_value(const QueryResult& result, std::size_t row, std::string_view column) {
  if (row >= result.rows.size())
    return fail(Errc::not_found, format("the result has {} rows, and no row {}", result.rows.size(), row));
  std::string names;
  for (const std::string& name : result.columns)
    names += (names.empty() ? "" : ", ") + name;
  return fail(Errc::not_found, format("the result has no column {}; there are: {}", column, names));
}

Error other_kind(const Value& value, std::string_view column, std::string_view wanted) {
  return fail(Errc::invalid_argument, format("wanted {}, found {}", wanted, kind_name(value.kind())),
              std::string(column));
}

} // namespace detail

const Value* ResultRow::find(std::string_view column) const noexcept {
  const auto place = result_->column(column);
  if (!place || row_ >= result_->rows.size() || *place >= result_->rows[row_].size())
    return nullptr;
  return &result_->rows[row_][*place];
}

const Value& ResultRow::operator[](std::string_view column) const noexcept {
  const Value* const value = find(column);
  return value != nullptr ? *value : null_value;
}

std::optional<std::size_t> QueryResult::column(std::string_view name) const noexcept {
  const auto found = std::find(columns.begin(), columns.end(), name);
  return found != columns.end() ? std::optional(static_cast<std::size_t>(found - columns.begin())) : std::nullopt;
}

const Value& QueryResult::at(std::size_t row, std::string_view column) const noexcept {
  return ResultRow(*this, row)[column];
}

} // namespace weir
