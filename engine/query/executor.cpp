#include "engine/query/executor.hpp"

#include "engine/query/execution.hpp"
#include "engine/query/leftovers.hpp"
#include "engine/query/order.hpp"

#include <algorithm>
#include <deque>
#include <iterator>

namespace weir::query {
namespace {

using Rows = std::vector<std::vector<Value>>;

/// LIMIT and OFFSET over `ordered`.
template <class Ordered> Status take_window(const CompiledQuery& query, Ordered& ordered, Rows& out, Pacer& pacer) {
  const auto skipped = std::min<std::uint64_t>(query.rows_skipped, ordered.size());
  const auto taken = std::min<std::uint64_t>(query.rows_max, ordered.size() - skipped);
  out.reserve(taken);
  for (std::uint64_t i = skipped; i < skipped + taken; ++i) {
    WEIR_TRY(pacer.spend(1));
    out.push_back(std::move(ordered[i].cells));
  }
  return {};
}

Status order_rows(const CompiledQuery& query, std::vector<ShardRows>& parts, std::deque<ResultRow>& rows,
                  Pacer& pacer) {
  for (ShardRows& part : parts)
    WEIR_TRY(append_rows(rows, part.rows, pacer));
  return sort_paced(
      rows, [&](const ResultRow& a, const ResultRow& b) { return comes_before(query, a, b); }, pacer);
}

Status merge_rows(const CompiledQuery& query, std::vector<ShardRows>& parts, Rows& out, Pacer& pacer) {
  std::deque<ResultRow> rows;
  const HandOver rest(rows, pacer.leftovers());
  WEIR_TRY(order_rows(query, parts, rows, pacer));
  return take_window(query, rows, out, pacer);
}

/// Drops all but the first `count` of `rows` by `before`, if that is much less work than sorting them all.
template <class Before>
Status keep_first(std::vector<ResultRow>& rows, std::uint64_t count, const Before& before, Pacer& pacer) {
  if (count == 0 || count >= rows.size() / 8)
    return {};
  const auto end = rows.begin() + static_cast<std::ptrdiff_t>(count); // of a heap with the last of them in front
  std::make_heap(rows.begin(), end, before);
  for (auto row = end; row != rows.end(); ++row) {
    WEIR_TRY(pacer.spend(1));
    if (!before(*row, rows.front()))
      continue;
    std::pop_heap(rows.begin(), end, before);
    std::swap(*std::prev(end), *row);
    std::push_heap(rows.begin(), end, before);
  }
  while (rows.size() > count) { // what they hold takes time to free
    WEIR_TRY(pacer.spend(1));
    rows.pop_back();
  }
  return {};
}

/// By ORDER BY, then by their keys: no two groups have the same.
bool group_before(const CompiledQuery& query, const ResultRow& a, const ResultRow& b) {
  for (const CompiledQuery::OrderKey& key : query.order) {
    const auto order = total_order(a.cells[key.source], b.cells[key.source]);
    if (order != 0)
      return key.descending ? order > 0 : order < 0;
  }
  for (std::size_t i = 0; i < query.key_count(); ++i) {
    const auto order = total_order(a.cells[i], b.cells[i]);
    if (order != 0)
      return order < 0;
  }
  return false;
}

/// The columns of a group.
Result<ResultRow> group_row(const CompiledQuery& query, Group& group, Pacer& pacer) {
  ResultRow row;
  row.cells = std::move(group.keys);
  row.cells.reserve(query.columns.size());
  for (const CompiledQuery::AggregateColumn& column : query.aggregates) {
    auto value = group.states[column.state].result(column.kind, pacer);
    if (!value)
      return std::move(value).error();
    row.cells.push_back(*std::move(value));
  }
  return row;
}

Status merge_groups(const CompiledQuery& query, std::vector<ShardRows>& parts, const QueryControl& control, Rows& out,
                    Pacer& pacer) {
  GroupTable groups(query);
  const HandOver rest_of_groups(groups, pacer.leftovers());
  for (ShardRows& part : parts) {
    if (part.groups)
      WEIR_TRY(groups.merge(*std::move(part.groups), pacer));
  }
  ResultBudget budget(control);
  if (query.key_count() == 0) { // Aggregates of nothing are a row, too.
    if (const auto all = groups.at({}, budget); !all)
      return all.error();
  }
  std::vector<ResultRow> rows;
  const HandOver rest_of_rows(rows, pacer.leftovers());
  rows.reserve(groups.size());
  Scratch scratch(pacer);
  std::vector<ValueView> cells;
  const auto add_row = [&](Group& group) -> Status {
    WEIR_TRY(pacer.spend(1));
    auto row = group_row(query, group, pacer);
    if (!row)
      return std::move(row).error();
    if (query.having) {
      cells.clear();
      for (const Value& cell : row->cells)
        cells.push_back(ValueView::of(cell));
      const bool kept = query.having->evaluate(cells, scratch).is_true();
      WEIR_TRY(scratch.watch().going());
      if (!kept)
        return {};
    }
    rows.push_back(*std::move(row));
    return {};
  };
  WEIR_TRY(groups.each(add_row));
  const auto before = [&](const ResultRow& a, const ResultRow& b) { return group_before(query, a, b); };
  const bool window = query.rows_max < rows.size() && query.rows_skipped < rows.size();
  if (window)
    WEIR_TRY(keep_first(rows, query.rows_skipped + query.rows_max, before, pacer));
  WEIR_TRY(sort_paced(rows, before, pacer));
  return take_window(query, rows, out, pacer);
}

} // namespace

Result<QueryResult> merge(const CompiledQuery& query, std::vector<ShardRows> parts, const QueryControl& control) {
  const HandOver rest(parts, control.leftovers);
  WEIR_TRY(check(control));
  Pacer pacer(control);
  QueryResult result;
  const HandOver rest_of_rows(result.rows, control.leftovers); // unless they are the answer
  result.columns = query.columns;
  for (const ShardRows& part : parts)
    result.stats.add(part.stats);
  if (query.grouped())
    WEIR_TRY(merge_groups(query, parts, control, result.rows, pacer));
  else
    WEIR_TRY(merge_rows(query, parts, result.rows, pacer));
  WEIR_TRY(check(control));
  return result;
}

Result<std::vector<ResultRow>> rows_by_position(const CompiledQuery& query, std::vector<ShardRows> parts,
                                                const QueryControl& control) {
  const HandOver rest(parts, control.leftovers);
  Pacer pacer(control);
  std::deque<ResultRow> rows;
  const HandOver rest_of_rows(rows, control.leftovers);
  WEIR_TRY(order_rows(query, parts, rows, pacer));
  const auto end = rows.begin() + static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(rows.size(), query.rows_max));
  return std::vector<ResultRow>(std::make_move_iterator(rows.begin()), std::make_move_iterator(end));
}

Result<QueryResult> run(const Query& query, std::span<const ShardView> views, const QueryControl& control) {
  const auto execution = Execution::make(query, {views.begin(), views.end()}, control);
  if (!execution)
    return execution.error();
  return (*execution)->run();
}

} // namespace weir::query
