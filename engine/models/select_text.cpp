#include "engine/models/select_text.hpp"

#include "engine/models/search_condition.hpp"
#include "engine/text.hpp"

#include <algorithm>

namespace weir {
namespace {

Key key_of(const TableColumn& column, const TableColumn& id, bool descending) {
  const Column& spec = column.spec;
  const bool is_id = &column == &id;
  return {.name = spec.name,
          .expression = column.expression,
          .descending = descending,
          .nullable = !is_id,
          .indexed = is_id || spec.index != ColumnIndex::none,
          .without_nulls = spec.index == ColumnIndex::sparse || (spec.index == ColumnIndex::automatic && !spec.unique)};
}

bool has(const std::vector<Key>& keys, std::string_view name) {
  return std::any_of(keys.begin(), keys.end(), [&](const Key& key) { return key.name == name; });
}

} // namespace

Result<SelectText> SelectText::make(const ModelTable& table, const Json& attributes, const SearchOptions& options) {
  SelectText select(table);
  WEIR_TRY(select.add_attributes(attributes));
  WEIR_TRY(select.add_options(options));
  WEIR_TRY(select.add_keys(options));
  if (!options.cursor.empty()) {
    auto place = read_cursor(options.cursor, select.keyset_.fingerprint(table.name()), select.keyset_.keys().size());
    if (!place)
      return fail(place.code(), table.name() + ": " + place.error().message);
    select.from_ = std::move(*place);
  }
  return select;
}

Status SelectText::restrict(Result<SqlText> condition) {
  if (!condition)
    return std::move(condition).error();
  if (condition->sql.empty())
    return {};
  if (!where_.sql.empty())
    where_.append(" AND ");
  where_.append(*condition);
  return {};
}

Status SelectText::add_attributes(const Json& attributes) {
  if (!attributes.is_object() && !attributes.is_null())
    return fail(Errc::invalid_argument, table_->name() + ": attributes to search for are an object");
  for (const auto& [name, wanted] : attributes.members()) {
    const auto column = table_->need(name);
    if (!column)
      return column.error();
    WEIR_TRY(restrict(search_condition(*table_, **column, wanted)));
  }
  return {};
}

Status SelectText::add_options(const SearchOptions& options) {
  for (const SqlCondition& condition : options.where)
    if (!condition.sql.empty() || !condition.values.empty())
      WEIR_TRY(restrict(bracketed(table_->name() + ": where", condition.sql, condition.values)));
  if (!options.join.empty() || !options.join_values.empty()) {
    auto join = checked(table_->name() + ": join", options.join, options.join_values);
    if (!join)
      return std::move(join).error();
    join_.append(" ").append(*join);
  }
  distinct_ = options.distinct;
  return add_columns(options.columns);
}

Status SelectText::add_columns(const std::vector<std::string>& columns) {
  for (const std::string& sql : columns) {
    if (const TableColumn* column = table_->find(sql)) {
      columns_.push_back({.column = column, .sql = column->selection});
      continue;
    }
    if (sql.empty())
      return fail(Errc::invalid_argument, table_->name() + ": a selected column has no name");
    if (const auto text = checked(table_->name() + ": selected", sql, {}); !text)
      return text.error();
    columns_.push_back({.sql = sql});
  }
  // What holds others comes before them, so that they are not lost when it is put into the item.
  const auto depth = [](const SelectedColumn& selected) { return selected.column ? selected.column->path.size() : 1; };
  std::stable_sort(columns_.begin(), columns_.end(),
                   [&](const SelectedColumn& left, const SelectedColumn& right) { return depth(left) < depth(right); });
  return {};
}

Result<std::vector<Key>> SelectText::sort_keys(const std::vector<SortKey>& sort) const {
  std::vector<Key> keys;
  for (const auto& [name, descending] : sort) {
    const auto column = table_->need(name);
    if (!column)
      return column.error();
    if (has(keys, name))
      continue; // Rows that are alike in it once are so again.
    keys.push_back(key_of(**column, table_->id(), descending));
    if (*column == &table_->id())
      break; // No two rows are alike in it.
  }
  return keys;
}

Status SelectText::add_keys(const SearchOptions& options) {
  auto keys = sort_keys(options.sort);
  if (!keys)
    return std::move(keys).error();
  const bool paged = options.limit || options.offset != 0 || !options.cursor.empty();
  has_places_ = paged && !options.no_cursor;
  if (distinct_ && !columns_.empty()) {
    WEIR_TRY(add_distinct_keys(*keys));
    if (std::any_of(columns_.begin(), columns_.end(),
                    [](const SelectedColumn& selected) { return !selected.column; })) {
      if (!options.cursor.empty())
        return fail(Errc::invalid_argument, table_->name() + ": distinct expressions have no cursor");
      has_places_ = false;
    }
  } else if (paged && !has(*keys, table_->id().spec.name)) {
    keys->push_back(key_of(table_->id(), table_->id(), false));
  }
  page_in_ranges_ = options.offset == 0 && (options.limit || !options.cursor.empty());
  keyset_ = Keyset(std::move(*keys));
  return {};
}

// A distinct row has no id: it is known by its columns, all of which it has.
Status SelectText::add_distinct_keys(std::vector<Key>& keys) const {
  for (const Key& key : keys)
    if (std::none_of(columns_.begin(), columns_.end(), [&](const SelectedColumn& selected) {
          return selected.column && selected.column->spec.name == key.name;
        }))
      return fail(Errc::invalid_argument, format("{}: distinct rows are sorted by what is selected, and \"{}\" is not",
                                                 table_->name(), key.name));
  for (const SelectedColumn& selected : columns_)
    if (selected.column && (selected.sql != selected.column->expression || !has(keys, selected.column->spec.name)))
      keys.push_back({.name = selected.column->spec.name, .expression = selected.sql});
  return {};
}

std::size_t SelectText::item_columns() const noexcept {
  return columns_.empty() ? table_->object_columns() : columns_.size();
}

std::string SelectText::selection() const {
  if (columns_.empty())
    return table_->object_selection();
  std::string text;
  for (const SelectedColumn& selected : columns_)
    text.append(text.empty() ? "" : ", ").append(selected.sql);
  return text;
}

SqlText SelectText::from_where(std::string_view selected, const SqlText& more) const {
  SqlText text;
  text.append("SELECT ").append(selected).append(" FROM ").append(table_->quoted()).append(join_);
  if (!where_.sql.empty())
    text.append(" WHERE ").append(where_);
  if (!more.sql.empty())
    text.append(where_.sql.empty() ? " WHERE " : " AND ").append(more);
  return text;
}

std::vector<SqlText> SelectText::page() const {
  std::vector<KeyRange> ranges{{.condition = behind()}};
  if (page_in_ranges_)
    ranges = from_ ? keyset_.ranges_behind(from_->values, from_->reversed) : keyset_.ranges();
  std::string selected = (distinct_ ? "DISTINCT " : "") + selection();
  if (has_places_)
    for (const Key& key : keyset_.keys())
      selected.append(", ").append(key.expression);
  std::vector<SqlText> statements;
  for (const KeyRange& range : ranges)
    statements.push_back(from_where(selected, range.condition)
                             .append(keyset_.order_by(reversed(), range.alike))
                             .append(" LIMIT ? OFFSET ?"));
  return statements;
}

std::vector<SqlText> SelectText::any_from(const Place& place) const {
  std::vector<SqlText> statements;
  for (const KeyRange& range : keyset_.ranges_behind(place.values, place.reversed))
    statements.push_back(from_where("1", range.condition).append(" LIMIT 1"));
  return statements;
}

SqlText SelectText::any() const {
  return from_where("1", {}).append(" LIMIT 1");
}

SqlText SelectText::behind() const {
  return from_ ? keyset_.behind(from_->values, from_->reversed) : SqlText{};
}

SqlText SelectText::count(bool with_cursor) const {
  const SqlText more = with_cursor ? behind() : SqlText{};
  if (!distinct_)
    return from_where("count(*)", more);
  if (columns_.empty())
    return from_where("count(DISTINCT " + table_->id().expression + ")", more);
  SqlText text{.sql = "SELECT count(*) FROM ("};
  return std::move(text.append(from_where("DISTINCT " + selection(), more)).append(")"));
}

SqlText SelectText::aggregate(std::string_view function, const TableColumn& column) const {
  // As REAL: a sum of integers fails where it leaves their range.
  return from_where(format("{}({}CAST({} AS REAL))", function, distinct_ ? "DISTINCT " : "", column.expression),
                    behind());
}

std::string SelectText::cursor(const Place& place) const {
  return write_cursor(place, keyset_.fingerprint(table_->name()));
}

} // namespace weir
