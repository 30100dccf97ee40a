#include "api/cli/plot.hpp"

#include "api/cli/plot_bar.hpp"
#include "api/cli/printable.hpp"
#include "api/cli/rows.hpp"
#include "engine/query/column_names.hpp"
#include "engine/text.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace weir::cli {
namespace {

// What a line needs besides the name of its group: a time, the longest number, gaps, and a bar that says something.
constexpr std::size_t width_of_others = 16 + 20 + 6 + 8;
constexpr std::size_t label_width_max = 24;
static_assert(plot_width_min >= width_of_others + 10);
constexpr std::int64_t gap_lines_max = 3; ///< A longer gap is one line that says how long it is.

/// One line: what stands before the bar, and the number it shows; none: only the text, where the bar would begin.
struct Bar {
  std::string label;
  std::optional<double> number;
  std::string text;
};

/// Where the answer has what.
struct Places {
  std::size_t time = 0;
  std::vector<std::size_t> keys;
  std::vector<std::size_t> values;
};

Result<Places> find_places(const Query& plan, const QueryResult& result) {
  if (!plan.per_unit)
    return fail(Errc::invalid_argument,
                "only the answer of a query with PER can be plotted, like QUERY * COUNT PER day");
  Places places;
  const auto time = result.column(query::unit_name(*plan.per_unit));
  if (!time)
    return fail(Errc::invalid_argument, format("the answer has no column {}", query::unit_name(*plan.per_unit)));
  places.time = *time;
  for (std::size_t i = 0; i < result.columns.size(); ++i) {
    if (i == places.time)
      continue;
    if (std::find(plan.group_by.begin(), plan.group_by.end(), result.columns[i]) != plan.group_by.end()) {
      places.keys.push_back(i);
      continue;
    }
    // Null throughout is a column of numbers that has none, except where other columns say more.
    const bool numbers = std::all_of(result.rows.begin(), result.rows.end(),
                                     [i](const auto& row) { return row[i].is_null() || row[i].as_double(); });
    if (numbers)
      places.values.push_back(i);
  }
  if (places.values.empty())
    return fail(Errc::invalid_argument, "no column of the answer has numbers, so there is nothing to plot");
  return places;
}

std::string group_label(const std::vector<Value>& row, const std::vector<std::size_t>& keys, std::size_t width) {
  std::string label;
  for (const std::size_t key : keys) {
    std::string text;
    append_text(text, row[key]);
    label += (label.empty() ? "" : ", ") + (row[key].is_null() ? std::string("null") : printable(text));
  }
  cut_to_width(label, std::min(label_width_max, width - width_of_others));
  return label;
}

/// The rows that belong to one time, by time. Rows without one come last.
using Rows = std::vector<const std::vector<Value>*>;
struct Buckets {
  std::map<Timestamp, Rows> timed;
  Rows untimed;
};

Buckets by_time(const QueryResult& result, std::size_t time) {
  Buckets buckets;
  for (const auto& row : result.rows) {
    const auto at = row[time].as_timestamp();
    (at ? buckets.timed[*at] : buckets.untimed).push_back(&row);
  }
  return buckets;
}

/// Everything of one column, from the first time to the last.
class Panel {
public:
  Panel(const Query& plan, const Places& places, std::size_t value, PlotStyle style)
      : plan_(plan), places_(places), value_(value), style_(style) {}

  void add(const Buckets& buckets) {
    std::optional<Timestamp> before;
    for (const auto& [time, rows] : buckets.timed) {
      if (before)
        add_gap(*before, time);
      add_bars(time_label(time, *plan_.per_unit), rows);
      before = time;
    }
    if (!buckets.untimed.empty())
      add_bars("no time", buckets.untimed);
  }

  void print(std::string& out) const {
    std::size_t label = 0, text = 0;
    double low = 0, high = 0;
    for (const Bar& bar : bars_) {
      label = std::max(label, display_width(bar.label));
      if (bar.number)
        text = std::max(text, bar.text.size());
      low = std::min(low, bar.number.value_or(0));
      high = std::max(high, bar.number.value_or(0));
    }
    const std::size_t around = label + text + 4;
    const BarScale scale(low, high, style_.width > around ? style_.width - around : 1, style_.utf8);
    for (const Bar& bar : bars_) {
      std::string line = bar.label;
      line.append(label - display_width(bar.label) + 2, ' ');
      if (bar.number) {
        const std::size_t used = scale.append(line, *bar.number);
        line.append(scale.width() - used + 2 + text - bar.text.size(), ' ');
      }
      line += bar.text;
      line.erase(line.find_last_not_of(' ') + 1);
      out += line + '\n';
    }
  }

private:
  void add_bars(const std::string& time, const Rows& rows) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto& row = *rows[i];
      std::string label = i == 0 ? time : std::string(display_width(time), ' ');
      if (!places_.keys.empty())
        label += "  " + group_label(row, places_.keys, style_.width);
      auto number = row[value_].as_double();
      std::string text = number ? number_text(row[value_]) : std::string();
      if (number && !std::isfinite(*number))
        number.reset();
      bars_.push_back({std::move(label), number, std::move(text)});
    }
  }

  void add_gap(Timestamp before, Timestamp after) {
    const std::int64_t missing = units_between(before, after, *plan_.per_unit) - 1;
    if (missing > gap_lines_max) {
      bars_.push_back({{}, std::nullopt, format("no rows for {} {}s", missing, query::unit_name(*plan_.per_unit))});
      return;
    }
    for (std::int64_t i = 1; i <= missing; ++i)
      bars_.push_back({time_label(time_after(before, i, *plan_.per_unit), *plan_.per_unit), std::nullopt, {}});
  }

  const Query& plan_;
  const Places& places_;
  std::size_t value_;
  PlotStyle style_;
  std::vector<Bar> bars_;
};

} // namespace

Result<std::string> plot(const Query& plan, const QueryResult& result, PlotStyle style) {
  const auto places = find_places(plan, result);
  if (!places)
    return places.error();
  std::vector<std::string> series;
  for (const auto& row : result.rows) {
    std::string label = to_json(Value()); // groups are told apart by their values, not by labels that may be cut
    for (const std::size_t key : places->keys)
      label += '\n' + to_json(row[key]);
    if (std::find(series.begin(), series.end(), label) == series.end())
      series.push_back(std::move(label));
    if (series.size() > plot_series_max)
      return fail(Errc::invalid_argument,
                  format("the answer has more than {} groups at a time; choose some with WHERE", plot_series_max));
  }
  style.width = std::max(style.width, plot_width_min);
  const Buckets buckets = by_time(result, places->time);
  std::string out;
  for (const std::size_t value : places->values) {
    std::string heading = printable(result.columns[value]) + " per " + query::unit_name(*plan.per_unit);
    cut_to_width(heading, style.width);
    out += (out.empty() ? "" : "\n") + heading + '\n';
    Panel panel(plan, *places, value, style);
    panel.add(buckets);
    panel.print(out);
  }
  if (result.rows.empty())
    out += "no rows\n";
  return out;
}

} // namespace weir::cli
