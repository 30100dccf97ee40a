#include "bench/table.hpp"

#include "engine/text.hpp"

#include <algorithm>
#include <cmath>

namespace weir::bench {

namespace {

using TextRow = std::vector<std::string>;

std::string ratio_to(const Series* base, double value) {
  return base == nullptr || base->median() == 0 ? "" : format("{:.2f}", value / base->median());
}

/// The further figures that any peer of this line has.
std::vector<Figure> columns_of(const Results::Row& row) {
  std::vector<Figure> columns;
  for (const auto& figure : further_figures())
    if (std::ranges::any_of(row.cells, [&](const auto& cell) { return cell.figures.contains(figure.aspect); }))
      columns.push_back(figure);
  return columns;
}

void add_check(TextRow& row, const std::optional<Check>& check) {
  row.push_back(check ? format("{}", check->acknowledged.events) : "");
  row.push_back(check ? format("{}", check->found.events) : "");
  row.push_back(!check ? "" : check->ok() ? format("{:016x}", check->found.checksum) : "DIFFERS");
}

std::string table_of(const Results& results, const Results::Row& row) {
  const std::string name = row.line.name();
  const auto columns = columns_of(row);
  const auto best = results.best_peer(name);
  const Series* const raw = results.find(name, "raw");
  const bool checked = std::ranges::any_of(row.cells, [](const auto& cell) { return cell.check.has_value(); });

  std::vector<TextRow> rows;
  TextRow head = {"peer", "median", "min - max", "x best peer", "x raw"};
  for (const auto& figure : columns)
    head.push_back(figure.title);
  if (checked)
    head.insert(head.end(), {"acknowledged", "found", "checksum"});
  rows.push_back(head);
  for (const auto& cell : row.cells) {
    const auto own = cell.figures.find("");
    if (own == cell.figures.end())
      continue;
    const Series& series = own->second;
    TextRow line = {cell.peer, readable(series.median()), readable(series.min()) + " - " + readable(series.max()),
                    best ? ratio_to(best->second, series.median()) : "", ratio_to(raw, series.median())};
    for (const auto& figure : columns) {
      const auto found = cell.figures.find(figure.aspect);
      line.push_back(found == cell.figures.end() ? "n/a" : readable(found->second.median()));
    }
    if (checked)
      add_check(line, cell.check);
    rows.push_back(line);
  }
  return format("{} ({}): {}\n{}", name, row.line.unit, row.line.says, aligned(rows));
}

} // namespace

std::string readable(double value) {
  constexpr const char* letters[] = {"", " k", " M", " G"};
  std::size_t thousands = 0;
  while (std::abs(value) >= 10'000 && thousands < 3) {
    value /= 1000;
    ++thousands;
  }
  const int digits = std::abs(value) >= 1000 ? 0 : std::abs(value) >= 100 ? 1 : std::abs(value) >= 10 ? 2 : 3;
  return format("{:.{}f}{}", value, digits, letters[thousands]);
}

std::string aligned(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths.resize(std::max(widths.size(), i + 1));
      widths[i] = std::max(widths[i], row[i].size());
    }
  std::string text;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i)
      text += i == 0 ? format("  {:<{}}", row[i], widths[i]) : format("  {:>{}}", row[i], widths[i]);
    text += '\n';
  }
  return text;
}

std::string to_tables(const Results& results) {
  std::string text;
  for (const auto& row : results.rows())
    text += table_of(results, row) + '\n';
  return text;
}

} // namespace weir::bench
