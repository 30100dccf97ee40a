#include "bench/json_report.hpp"

#include "engine/text.hpp"

#include <algorithm>

namespace weir::bench {

namespace {

std::string unit_of(const Line& line, const std::string& aspect) {
  const auto& all = further_figures();
  const auto figure = std::ranges::find(all, aspect, &Figure::aspect);
  return figure == all.end() ? line.unit : figure->unit;
}

} // namespace

std::string to_json(const Results& results) {
  // Names, peers and units are our own words: nothing in them needs escaping.
  std::string json = "[";
  for (const auto& [line, cells] : results.rows())
    for (const auto& cell : cells)
      for (const auto& [aspect, series] : cell.figures) {
        const std::string operation = line.operation + (aspect.empty() ? "" : "-" + aspect);
        json +=
            format("{}\n  {{\"name\": \"{}/{}/{}\", \"peer\": \"{}\", \"unit\": \"{}\", \"median\": {:.6g}, "
                   "\"min\": {:.6g}, \"max\": {:.6g}, \"runs\": {}, \"durability\": \"{}\"}}",
                   json.size() > 1 ? "," : "", operation, line.shape, line.durability, cell.peer, unit_of(line, aspect),
                   series.median(), series.min(), series.max(), series.runs(), line.durability);
      }
  return json + "\n]\n";
}

} // namespace weir::bench
