#include "engine/models/column_checks.hpp"

#include "engine/text.hpp"
#include "engine/validate.hpp"

#include <weir/limits.hpp>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir {

namespace {

constexpr std::size_t name_bytes_max = 128;

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

Status check_name(std::string_view what, std::string_view name) {
  auto status = validate_name(what, name, name_bytes_max);
  if (!status && status.code() == Errc::too_large) // what a caller wrote down is no size of data
    return fail(Errc::invalid_argument, status.error().message, status.error().where);
  return status;
}

/// The options of a column that are wrong together: the first pair whose halves are both there.
struct Pair {
  bool both;
  std::string_view text;
};

template <std::size_t n> std::string_view first_of(const std::array<Pair, n>& pairs) {
  for (const Pair& pair : pairs)
    if (pair.both)
      return pair.text;
  return {};
}

/// What contradicts itself in where a column lies and how it is read and written.
std::string_view check_storage(const Column& c, bool is_id) {
  const bool stored = is_id || c.real || c.type != ColumnType::none;
  const bool is_json = c.type == ColumnType::json;
  const bool numeric = c.type == ColumnType::none || c.type == ColumnType::integer || c.type == ColumnType::numeric;
  const bool expression = !c.sql.empty();
  const bool given = c.get.value_or(stored);
  return first_of(std::array{
      Pair{expression && stored, "`sql` is read and never stored: no type and no `real`"},
      Pair{expression && bool(c.value), "`sql` is read and never stored: no `value`"},
      Pair{expression && bool(c.slug_value), "`sql` is read and never stored: no `slug_value`"},
      Pair{expression && c.required, "`sql` is read and never stored: not `required`"},
      Pair{bool(c.parse) && !given, "`parse` is for what reads give: `get` is needed"},
      Pair{bool(c.stringify) && !stored, "`stringify` is for columns of the table: a type or `real` is needed"},
      Pair{is_json && (c.parse || c.stringify), "json is read and written as JSON: no `parse` and no `stringify`"},
      Pair{c.value && c.slug_value, "`value` and `slug_value` exclude each other"},
      Pair{c.slug_value && !is_id && c.index == ColumnIndex::none, "`slug_value` is for the id or needs an index"},
      Pair{c.falsy_bool && c.parse, "`falsy_bool` and `parse` exclude each other"},
      Pair{c.falsy_bool && c.stringify, "`falsy_bool` and `stringify` exclude each other"},
      Pair{c.falsy_bool && c.default_value, "`falsy_bool` with a default could never be false"},
      Pair{c.falsy_bool && !numeric, "`falsy_bool` is stored as a number: integer or numeric"},
      Pair{c.always_object && !is_json, "`always_object` is for json"},
      Pair{c.default_value && c.default_value->is_null(), "the default is null, which is what it would replace"},
      Pair{c.unique && c.index == ColumnIndex::none, "`unique` needs an index"},
      Pair{c.auto_increment && !is_id, "`auto_increment` is for the id"},
  });
}

std::string_view check_id(const JsonModelOptions& options, const Column& c) {
  const bool integer = c.type == ColumnType::integer;
  return first_of(std::array{
      Pair{c.type != ColumnType::none && c.type != ColumnType::text && !integer, "an id is a text or an integer"},
      Pair{!c.sql.empty(), "the id is stored: no `sql`"},
      Pair{c.get == false, "reads always give the id: not `get` = false"},
      Pair{c.default_value.has_value(), "a default would give every object the same id"},
      Pair{c.falsy_bool, "an id is no `falsy_bool`"},
      Pair{c.parse || c.stringify, "an id is stored as it is: no `parse` and no `stringify`"},
      Pair{c.auto_increment && !integer, "`auto_increment` is for integers"},
      Pair{integer && bool(c.slug_value), "`slug_value` makes texts, the id is an integer"},
      Pair{bool(options.make_id) && integer, "`make_id` makes texts, the id is an integer"},
      Pair{bool(options.make_id) && bool(c.value), "`make_id` and `value` of the id exclude each other"},
  });
}

std::string check_search(const Column& c) {
  const std::array<std::pair<bool, std::string_view>, 6> ways{{{!c.where.empty(), "where"},
                                                               {c.in, "in"},
                                                               {c.is_array, "is_array"},
                                                               {c.is_any_of_array, "is_any_of_array"},
                                                               {c.in_all, "in_all"},
                                                               {c.text_search, "text_search"}}};
  std::string_view chosen;
  for (const auto& [there, name] : ways) {
    if (!there)
      continue;
    if (!chosen.empty())
      return format("`{}` and `{}` exclude each other", chosen, name);
    chosen = name;
  }
  if (c.where_values && !chosen.empty() && chosen != "where")
    return format("`where_values` and `{}` exclude each other", chosen);
  if (chosen == "where" && !c.where_values && c.where.find('?') == std::string::npos)
    return "`where` without `where_values` needs a placeholder";
  const bool lists = c.is_array || c.is_any_of_array || c.in_all;
  if (lists && c.type != ColumnType::none && c.type != ColumnType::json)
    return format("`{}` is for lists, which only json and virtual columns hold", chosen);
  if (c.falsy_bool && !chosen.empty() && chosen != "where")
    return format("`falsy_bool` and `{}` exclude each other", chosen);
  return {};
}

std::string check_path(const std::string& path) {
  if (path.front() == '.' || path.back() == '.' || path.find("..") != std::string::npos)
    return "a part of the path is empty";
  // As names: what is no text, or ends a line, is a mistake. Deep places may be longer than a name.
  if (const Status text = validate_name("the path", path, path.size()); !text)
    return text.error().message;
  if (static_cast<std::size_t>(std::count(path.begin(), path.end(), '.')) >= limits::json_depth_max)
    return format("the path is deeper than {} levels", limits::json_depth_max);
  return {};
}

Error wrong(const JsonModelOptions& options, const Column& column, std::string_view what) {
  return fail(Errc::invalid_argument, format("{}.{}: {}", options.name, column.name, what));
}

} // namespace

Status check_model(const JsonModelOptions& options) {
  WEIR_TRY(check_name("model name", options.name));
  const std::string name = lower(options.name);
  if (name.starts_with("sqlite_") || name.starts_with('{'))
    return fail(Errc::invalid_argument, format("{}: names that begin with sqlite_ or {{ are taken", options.name));
  WEIR_TRY(check_name(format("{}: id_column", options.name), options.id_column));
  std::vector<std::string> names;
  for (const Column& column : options.columns) {
    names.push_back(lower(column.name)); // SQLite takes a and A for the same
    if (std::find(names.begin(), names.end() - 1, names.back()) != names.end() - 1)
      return wrong(options, column, "there are two columns of this name");
  }
  for (const Migration& migration : options.migrations)
    if (migration.key.empty() || migration.key.front() <= '!')
      return fail(Errc::invalid_argument, format("{}: a migration's key begins with a letter, a digit or a sign behind "
                                                 "'!', so that it runs when the table is there",
                                                 options.name));
  return {};
}

Status check_column(const JsonModelOptions& options, const Column& column) {
  WEIR_TRY(check_name(format("{}: column name", options.name), column.name));
  if (const std::string name = lower(column.name); name == "json" || name == "rowid")
    return wrong(options, column, "the table has a column of this name already");
  const bool is_id = column.name == options.id_column;
  if (is_id)
    if (const std::string_view what = check_id(options, column); !what.empty())
      return wrong(options, column, what);
  if (const std::string_view what = check_storage(column, is_id); !what.empty())
    return wrong(options, column, what);
  if (const std::string what = check_path(column.path.empty() ? column.name : column.path); !what.empty())
    return wrong(options, column, what);
  if (const std::string what = check_search(column); !what.empty())
    return wrong(options, column, what);
  return {};
}

} // namespace weir
