#include "engine/models/search_condition.hpp"

#include "engine/models/column_call.hpp"
#include "engine/text.hpp"

#include <bit>
#include <optional>
#include <string>

namespace weir {
namespace {

std::string named(const ModelTable& table, const TableColumn& column) {
  return table.name() + "." + column.spec.name;
}

// Behind the quote or comment that begins at `at`, or `at` if none does.
std::size_t skip_quoted(std::string_view sql, std::size_t at) {
  const auto behind = [&](std::string_view end) {
    const std::size_t found = sql.find(end, at + 1);
    return found == std::string_view::npos ? sql.size() : found + end.size();
  };
  switch (sql[at]) {
  case '\'':
  case '"':
  case '`': return behind(sql.substr(at, 1)); // A doubled quote inside reads as two texts side by side: as well.
  case '[': return behind("]");
  case '-': return sql.substr(at, 2) == "--" ? behind("\n") : at;
  case '/': return sql.substr(at, 2) == "/*" ? behind("*/") : at;
  default: return at;
  }
}

// Of plain placeholders; nothing if there are others, whose order is not that of the text.
std::optional<std::size_t> placeholders(std::string_view sql) {
  std::size_t count = 0;
  for (std::size_t at = 0; at < sql.size();) {
    if (const std::size_t behind = skip_quoted(sql, at); behind != at) {
      at = behind;
      continue;
    }
    const char letter = sql[at++];
    if (letter == ':' || letter == '@' || letter == '$')
      return std::nullopt;
    if (letter == '?') {
      if (at < sql.size() && sql[at] >= '0' && sql[at] <= '9')
        return std::nullopt;
      ++count;
    }
  }
  return count;
}

// The column as a table of its items: without rows if it has no list.
std::string items_of(const TableColumn& column) {
  const std::string& list = column.selection;
  // What is no JSON text would fail the whole search, so json_type() comes second.
  return "json_each(CASE WHEN json_valid(" + list + ") THEN CASE json_type(" + list + ") WHEN 'array' THEN " + list +
         " END END)";
}

Json as_list(const Json& wanted) {
  return wanted.is_array() ? wanted : Json::array({wanted});
}

// "{" is in no model's name, so these aliases hide no table of the search.
SqlText has_any(const TableColumn& column, const Json& list) {
  return {.sql = "EXISTS (SELECT 1 FROM " + items_of(column) +
                 " AS \"{has}\", json_each(?) AS \"{wanted}\" WHERE \"{has}\".value IS \"{wanted}\".value)",
          .values = {list.to_text()}};
}

SqlText has_all(const TableColumn& column, const Json& list) {
  return {.sql = "NOT EXISTS (SELECT 1 FROM json_each(?) AS \"{wanted}\" WHERE NOT EXISTS (SELECT 1 FROM " +
                 items_of(column) + " AS \"{has}\" WHERE \"{has}\".value IS \"{wanted}\".value))",
          .values = {list.to_text()}};
}

Result<SqlText> one_of(const ModelTable& table, const TableColumn& column, const Json& list) {
  if (list.size() > list_values_max)
    return fail(Errc::too_large, format("{}: {} values to search for, of {} at most", named(table, column), list.size(),
                                        list_values_max));
  SqlText condition;
  bool or_null = false;
  for (const Json& item : list.items()) {
    auto value = table.to_sql(column, item);
    if (!value)
      return std::move(value).error();
    if (std::holds_alternative<std::monostate>(*value))
      or_null = true;
    else
      condition.values.push_back(std::move(*value));
  }
  if (!condition.values.empty()) {
    // Lists of like length have one text.
    condition.values.resize(std::bit_ceil(condition.values.size()), SqlValue(condition.values.back()));
    condition.append(column.expression).append(" IN (?");
    for (std::size_t i = 1; i < condition.values.size(); ++i)
      condition.append(",?");
    condition.append(")");
  }
  if (or_null)
    condition.sql = condition.values.empty() ? column.expression + " IS NULL"
                                             : "(" + condition.sql + " OR " + column.expression + " IS NULL)";
  return condition;
}

// Not LIKE: that reads text up to its first NUL, and takes no pattern above 50 000 bytes.
SqlText has_text(const TableColumn& column, const Json& wanted) {
  std::string text = wanted.is_string() ? std::string(wanted.string()) : wanted.to_text();
  return {.sql = "instr(lower(" + column.expression + "), lower(?)) > 0", .values = {std::move(text)}};
}

Result<SqlText> as_the_column_says(const ModelTable& table, const TableColumn& column, const Json& wanted) {
  std::vector<SqlValue> values;
  if (column.spec.where_values) {
    auto given = column_call(table.name(), column.spec.name, [&] { return column.spec.where_values(wanted); });
    if (!given)
      return std::move(given).error();
    if (!*given)
      return SqlText{};
    values = std::move(**given);
  } else {
    auto value = table.to_sql(column, wanted);
    if (!value)
      return std::move(value).error();
    values.push_back(std::move(*value));
  }
  return bracketed(named(table, column), column.spec.where.empty() ? column.expression + " = ?" : column.spec.where,
                   values);
}

} // namespace

Result<SqlText> checked(std::string_view what, std::string_view sql, const std::vector<SqlValue>& values) {
  const auto count = placeholders(sql);
  if (!count)
    return fail(Errc::invalid_argument, format("{}: only plain placeholders (?) are taken", what), std::string(sql));
  if (*count != values.size())
    return fail(Errc::invalid_argument, format("{}: {} values for {} placeholders", what, values.size(), *count),
                std::string(sql));
  return SqlText{.sql = std::string(sql), .values = values};
}

Result<SqlText> bracketed(std::string_view what, std::string_view sql, const std::vector<SqlValue>& values) {
  auto text = checked(what, sql, values);
  if (text)
    text->sql = "(" + text->sql + ")";
  return text;
}

Result<SqlText> search_condition(const ModelTable& table, const TableColumn& column, const Json& wanted) {
  const Column& spec = column.spec;
  if (wanted.is_null())
    return SqlText{};
  if (!spec.where.empty() || spec.where_values)
    return as_the_column_says(table, column, wanted);
  if (spec.falsy_bool)
    return SqlText{.sql = column.expression + (wanted.truthy() ? " IS NOT NULL" : " IS NULL")};
  if (spec.text_search)
    return wanted.is_string() && wanted.string().empty() ? SqlText{} : has_text(column, wanted);
  if (spec.is_array && !spec.in)
    return has_any(column, Json::array({wanted}));
  if (spec.in || spec.is_any_of_array || spec.in_all) {
    const Json list = as_list(wanted);
    if (list.size() == 0)
      return SqlText{};
    if (spec.in_all)
      return has_all(column, list);
    return spec.is_any_of_array || spec.is_array ? has_any(column, list) : one_of(table, column, list);
  }
  auto value = table.to_sql(column, wanted);
  if (!value)
    return std::move(value).error();
  return SqlText{.sql = column.expression + " = ?", .values = {std::move(*value)}};
}

} // namespace weir
