#include "api/cli/query_output.hpp"

#include "api/cli/plot.hpp"
#include "api/cli/printable.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace weir::cli {
namespace {

constexpr std::size_t plot_width_elsewhere = 80;

/// Where a query asks for whole events, programs get every field and people those that fit a line.
bool shown(const std::string& column, Format format) {
  static constexpr std::string_view in_table[] = {"context_id", "event_type", "sequence", "timestamp", "payload"};
  return format != Format::table || std::find(std::begin(in_table), std::end(in_table), column) != std::end(in_table);
}

bool asks_for_whole_events(const Query& query) {
  return query.fields.empty() && !query.is_grouped() && !query.is_sequence() && query.group_by.empty();
}

Status print_rows(const Executed& executed, const AnswerStyle& style, Output& out) {
  const QueryResult& result = executed.result;
  const bool whole_events = executed.query && asks_for_whole_events(*executed.query);
  std::vector<Column> columns;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < result.columns.size(); ++i) {
    const std::string& name = result.columns[i];
    if (whole_events && !shown(name, style.format))
      continue;
    columns.push_back({name, whole_events && (name == "event_id" || name == "metadata")});
    places.push_back(i);
  }
  const auto format = make_row_format(style.format, std::move(columns), style.width);
  format->begin(out.buffer());
  std::vector<Value> picked(places.size());
  for (const auto& row : result.rows) {
    std::transform(places.begin(), places.end(), picked.begin(), [&](std::size_t place) { return row[place]; });
    format->add(out.buffer(), picked);
    WEIR_TRY(out.pass_on());
  }
  format->settle(out.buffer());
  return out.flush();
}

} // namespace

Status print_answer(const Executed& executed, const AnswerStyle& style, Output& out) {
  if (executed.explained) {
    for (const std::string& line : executed.result.explain)
      out.buffer() += printable(line) + '\n';
    return out.flush();
  }
  if (style.plot) {
    const auto bars = plot(executed.query.value_or(Query()), executed.result,
                           {style.width > 0 ? style.width : plot_width_elsewhere, style.utf8});
    if (!bars)
      return bars.error();
    out.buffer() += *bars;
    return out.flush();
  }
  return executed.result.columns.empty() ? Status() : print_rows(executed, style, out);
}

std::size_t lines_of_answer(const Executed& executed, const AnswerStyle& style) {
  if (executed.explained)
    return executed.result.explain.size();
  constexpr std::size_t heading = 2;
  std::size_t lines = executed.result.rows.size() + heading;
  if (style.format == Format::table || style.width == 0)
    return lines;
  for (const auto& row : executed.result.rows) // other formats wrap
    for (const Value& value : row)
      lines += value.as_json().value_or(std::string_view()).size() / style.width;
  return lines;
}

} // namespace weir::cli
