#include "bench/results.hpp"

#include <algorithm>

namespace weir::bench {

const std::vector<Figure>& further_figures() {
  static const std::vector<Figure> figures = {
      {"p50", "us", "p50 us"},
      {"p99", "us", "p99 us"},
      {"p999", "us", "p99.9 us"},
      {"cpu", "us/event", "CPU us/ev"},
      {"device", "bytes/event", "device B/ev"},
      {"memory", "MiB", "peak MiB"},
      {"files", "bytes/event", "all files B/ev"},
  };
  return figures;
}

double Series::median() const {
  auto sorted = values_;
  std::ranges::sort(sorted);
  const std::size_t middle = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

double Series::min() const {
  return *std::ranges::min_element(values_);
}
double Series::max() const {
  return *std::ranges::max_element(values_);
}

std::string family_of(const std::string& peer) {
  return peer.substr(0, peer.find('-'));
}

Results::Cell& Results::cell(const Line& line, const std::string& peer) {
  auto row = std::ranges::find_if(rows_, [&](const Row& known) { return known.line.name() == line.name(); });
  if (row == rows_.end())
    row = rows_.insert(row, Row{line, {}});
  auto cell = std::ranges::find(row->cells, peer, &Cell::peer);
  if (cell == row->cells.end())
    cell = row->cells.insert(cell, Cell{peer, {}, {}});
  return *cell;
}

void Results::add(const Line& line, const std::string& peer, const std::string& aspect, double value) {
  cell(line, peer).figures[aspect].add(value);
}

void Results::check(const Line& line, const std::string& peer, const Check& check) {
  auto& known = cell(line, peer).check;
  if (!known || known->ok())
    known = check;
  if (!check.ok())
    fail(line.name() + " " + peer + ": acknowledged " + std::to_string(check.acknowledged.events) + " events, found " +
         std::to_string(check.found.events) + (check.acknowledged.events == check.found.events ? " others" : ""));
}

const Series* Results::find(const std::string& line_name, const std::string& peer, const std::string& aspect) const {
  for (const Row& row : rows_)
    if (row.line.name() == line_name)
      for (const Cell& cell : row.cells)
        if (const auto found = cell.figures.find(aspect); cell.peer == peer && found != cell.figures.end())
          return &found->second;
  return nullptr;
}

namespace {

bool better(const Line& line, const std::string& aspect, double a, double b) {
  const bool less = line.less_is_better || !aspect.empty(); // latencies, costs and sizes
  return less ? a < b : a > b;
}

} // namespace

bool Results::best_of_family(const std::string& line_name, const std::string& peer) const {
  const Series* const mine = find(line_name, peer);
  if (mine == nullptr)
    return false;
  for (const Row& row : rows_)
    if (row.line.name() == line_name)
      for (const Cell& cell : row.cells)
        if (const auto other = cell.figures.find(""); other != cell.figures.end() && cell.peer != peer &&
                                                      family_of(cell.peer) == family_of(peer) &&
                                                      better(row.line, "", other->second.median(), mine->median()))
          return false;
  return true;
}

std::optional<std::pair<std::string, const Series*>> Results::best_peer(const std::string& line_name,
                                                                        const std::string& aspect) const {
  std::optional<std::pair<std::string, const Series*>> best;
  for (const Row& row : rows_) {
    if (row.line.name() != line_name)
      continue;
    for (const Cell& cell : row.cells) {
      const auto found = cell.figures.find(aspect);
      if (found == cell.figures.end() || family_of(cell.peer) == "weir" || family_of(cell.peer) == "raw")
        continue;
      const double mine = found->second.median();
      if (!best || better(row.line, aspect, mine, best->second->median()))
        best = {cell.peer, &found->second};
    }
  }
  return best;
}

} // namespace weir::bench
