#include "trust/kills/schema_planted.hpp"

#include "trust/kills/planted.hpp"
#include "trust/kills/schema_oracle.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::trust {

namespace {

const std::vector<Planted>& planted_in_schemas() {
  static const std::vector<Planted> all = {
      {"nothing",
       {"schema 0 0 any", "defines 0 1", "defined 0 1", "schema 0 1 1", "defines 0 2"},
       {"schema 0 2 2", "schema 1 0 any", "defines 0 3"},
       nullptr},
      {"nothing but a kill that took a definition",
       {"defines 0 1", "defined 0 1", "defines 0 2"},
       {"schema 0 1 1"},
       nullptr},
      {"a definition that is gone", {"defines 0 1", "defined 0 1"}, {"schema 0 0 any"}, "and version 1 was defined"},
      {"the version before the last one",
       {"defines 0 1", "defined 0 1", "defines 0 2", "defined 0 2"},
       {"schema 0 1 1"},
       "is at version 1, and version 2"},
      {"a definition that nobody gave", {"defines 0 1", "defined 0 1"}, {"schema 1 1 1"}, "type 1 is at version 1"},
      {"a definition that judges nothing", {"defines 0 1", "defined 0 1"}, {"schema 0 1 any"}, "as by version any"},
      {"a definition that judges as the one before",
       {"defines 0 1", "defined 0 1", "defines 0 2", "defined 0 2"},
       {"schema 0 2 1"},
       "as by version 1"},
      {"a definition that comes about after it was not there",
       {"defines 0 1"},
       {"schema 0 0 any", "schema 0 1 1"},
       "is at version 1, and version 0"},
      {"an answer to nobody", {"defined 0 1"}, {}, "nobody asked for it"},
  };
  return all;
}

Complaints complaints_of_schemas(const Planted& mistake) {
  Complaints complaints;
  SchemaTotals totals;
  SchemaOracle oracle(totals, [&](std::string what) { complaints.push_back(std::move(what)); });
  const auto take = [&](std::string_view word, std::string_view line) { return oracle.take(word, line); };
  tell(mistake.first_life, take);
  tell(mistake.second_life, take);
  return complaints;
}

} // namespace

std::uint64_t find_planted_in_schemas() {
  return find_planted(planted_in_schemas(), complaints_of_schemas);
}

} // namespace weir::trust
