#include "engine/models/run_search.hpp"

#include "engine/validate.hpp"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

namespace weir {
namespace {

constexpr std::int64_t all_rows = -1;

std::int64_t as_count(std::uint64_t count) {
  constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  return static_cast<std::int64_t>(std::min(count, most));
}

// Rows in the order they are read, which is the other way round for a reversed search.
struct Page {
  std::vector<Json> items;
  std::vector<SqlValue> near_keys, far_keys; // Of the first row; of the last one if there are more.
  bool more = false;
};

Result<Json> json_of(const ModelTable& table, const SqlValue& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value))
    return Json(*integer);
  if (const auto* real = std::get_if<double>(&value))
    return Json(*real);
  const auto* text = std::get_if<std::string>(&value);
  const auto* blob = std::get_if<SqlBlob>(&value);
  if (text == nullptr && blob == nullptr)
    return Json();
  const std::string& bytes = text ? *text : blob->bytes;
  if (!valid_utf8(bytes))
    return fail(Errc::invalid_argument, table.name() + ": a selected expression gives bytes that are no text");
  return Json(bytes);
}

class PageReader {
public:
  PageReader(const ModelTable& table, sqlite::Lease& lease, const SelectText& select, const SearchOptions& options)
      : table_(table), lease_(lease), select_(select), limit_(options.limit), offset_(options.offset) {}

  Result<Page> read() {
    for (const SqlText& text : select_.page()) {
      WEIR_TRY(read_range(text));
      if (page_.more)
        break;
    }
    return std::move(page_);
  }

private:
  Status read_range(const SqlText& text) {
    auto statement = prepare(lease_, text);
    if (!statement)
      return std::move(statement).error();
    const auto next = static_cast<int>(text.values.size()) + 1;
    // One more than wanted tells whether there are more.
    (*statement)->bind(next, limit_ ? as_count(std::max(*limit_, *limit_ + 1) - page_.items.size()) : all_rows);
    (*statement)->bind(next + 1, as_count(offset_));
    for (;;) {
      const auto row = (*statement)->step();
      if (!row)
        return row.error();
      if (!*row)
        return {};
      if (limit_ && page_.items.size() == *limit_) {
        page_.more = true;
        return {};
      }
      auto item = read_item(**statement);
      if (!item)
        return std::move(item).error();
      page_.items.push_back(std::move(*item));
      if (page_.items.size() == 1)
        page_.near_keys = read_keys(**statement);
      if (limit_ && page_.items.size() == *limit_)
        page_.far_keys = read_keys(**statement);
    }
  }

  Result<Json> read_item(const sqlite::Statement& row) const {
    if (select_.columns().empty())
      return table_.read_object(row);
    Json item = Json::object();
    for (std::size_t i = 0; i < select_.columns().size(); ++i) {
      const auto at = static_cast<int>(i);
      const TableColumn* column = select_.columns()[i].column;
      Result<Json> value =
          column ? table_.from_sql(*column, column_value(row, at)) : json_of(table_, column_value(row, at));
      if (!value)
        return std::move(value).error();
      if (value->is_null())
        continue;
      if (column)
        put_path(item, column->path, std::move(*value));
      else
        item.set(row.column_name(at), std::move(*value));
    }
    return item;
  }

  std::vector<SqlValue> read_keys(const sqlite::Statement& row) const {
    std::vector<SqlValue> values;
    for (std::size_t i = 0; i < select_.keys(); ++i)
      values.push_back(column_value(row, static_cast<int>(select_.item_columns() + i)));
    return values;
  }

  const ModelTable& table_;
  sqlite::Lease& lease_;
  const SelectText& select_;
  std::optional<std::uint64_t> limit_;
  std::uint64_t offset_;
  Page page_;
};

Result<bool> is_any_from(sqlite::Lease& lease, const SelectText& select, const Place& place) {
  for (const SqlText& text : select.any_from(place)) {
    const auto found = first_value(lease, text);
    if (!found)
      return found.error();
    if (*found)
      return true;
  }
  return false;
}

} // namespace

Result<sqlite::CachedStatement> prepare(sqlite::Lease& lease, const SqlText& text) {
  auto statement = lease.prepare(text.sql, sqlite::SqlFrom::caller_reads);
  if (statement)
    for (std::size_t i = 0; i < text.values.size(); ++i)
      bind_value(**statement, static_cast<int>(i) + 1, text.values[i]);
  return statement;
}

Result<std::optional<SqlValue>> first_value(sqlite::Lease& lease, const SqlText& text) {
  auto statement = prepare(lease, text);
  if (!statement)
    return std::move(statement).error();
  const auto row = (*statement)->step();
  if (!row)
    return row.error();
  return *row ? std::optional(column_value(**statement, 0)) : std::nullopt;
}

Result<SearchResult> run_search(const ModelTable& table, sqlite::Connections& connections, const Json& attributes,
                                const SearchOptions& options, Cursors cursors) {
  const auto select = SelectText::make(table, attributes, options);
  if (!select)
    return select.error();
  auto lease = connections.read();
  if (!lease)
    return std::move(lease).error();

  SearchResult result;
  // Its row is not left until the end: as long, all statements of the connection read one state of the database.
  std::optional<sqlite::CachedStatement> held;
  const SqlText any_row{.sql = "SELECT 1 FROM " + table.quoted() + " LIMIT 1"};
  if (auto first = prepare(*lease, options.no_total ? any_row : select->count(false)); !first)
    return std::move(first).error();
  else
    held.emplace(std::move(*first));
  const auto row = (*held)->step();
  if (!row)
    return row.error();
  if (!options.no_total)
    result.total = *row ? (*held)->u64(0) : 0;
  if (options.limit == 0)
    return result;

  auto page = PageReader(table, *lease, *select, options).read();
  if (!page)
    return std::move(page).error();
  result.items = std::move(page->items);
  const bool reversed = select->reversed();
  if (reversed)
    std::reverse(result.items.begin(), result.items.end());
  if (!select->has_places() || result.items.empty())
    return result;

  if (page->more)
    (reversed ? result.previous_cursor : result.cursor) =
        select->cursor({.values = std::move(page->far_keys), .reversed = reversed});
  if (cursors == Cursors::next || (!select->from() && options.offset == 0))
    return result;
  Place back{.values = std::move(page->near_keys), .reversed = !reversed};
  bool any = options.offset != 0; // What was left out.
  if (!any) {
    const auto found = is_any_from(*lease, *select, back);
    if (!found)
      return found.error();
    any = *found;
  }
  if (any)
    (reversed ? result.cursor : result.previous_cursor) = select->cursor(back);
  return result;
}

} // namespace weir
