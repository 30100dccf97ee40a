// The parser of one query: what it has read so far.
//
// Purpose: parser.cpp reads the source and puts the clauses together, clause_parser.cpp reads each.
// Threading: one owner.
#pragma once

#include <weir/query.hpp>
#include <weir/result.hpp>

#include "engine/query/column_parser.hpp"
#include "engine/query/token_reader.hpp"

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::query {

/// Reads one query. Its clauses are in clause_parser.cpp.
class QueryParser {
public:
  explicit QueryParser(TokenReader& in) : in_(in) {}
  Result<Query> run();

private:
  struct Clause {
    std::string_view keyword;
    Status (QueryParser::*parse)();
    std::optional<std::size_t> offset{}; ///< Where it was given, if it was.
  };

  Status parse_source();
  Status parse_steps(SequenceStep first, Place place);
  Status parse_for();
  Status parse_since();
  Status parse_until();
  Status parse_using();
  Status parse_where();
  Status parse_return();
  Status parse_aggregates();
  Status parse_per();
  Status parse_by();
  Status parse_having();
  Status parse_order();
  Status parse_within();
  Status parse_limit();
  Status parse_offset();
  Status check_whole();
  Status resolve_columns();

  Result<SequenceStep> step(std::string_view what);
  Result<std::string> as(bool of_aggregate);
  Result<Aggregate> aggregate();
  [[nodiscard]] std::optional<Aggregate::Kind> aggregate_here() const;
  Clause* clause_here();
  [[nodiscard]] std::string clauses_expected() const;
  [[nodiscard]] std::size_t offset_of(std::string_view clause) const;
  /// The column that `use` means.
  Result<std::string> resolved(const ColumnUse& use, std::string_view clause) const;

  TokenReader& in_;
  Query query_;
  std::size_t start_ = 0;
  std::vector<ColumnUse> order_uses_; ///< Judged once the columns are known.
  std::vector<ColumnUse> having_uses_;
  std::vector<Place> as_places_;
  std::array<Clause, 14> clauses_ = {{{"WITHIN", &QueryParser::parse_within},
                                      {"FOR", &QueryParser::parse_for},
                                      {"SINCE", &QueryParser::parse_since},
                                      {"UNTIL", &QueryParser::parse_until},
                                      {"USING", &QueryParser::parse_using},
                                      {"WHERE", &QueryParser::parse_where},
                                      {"RETURN", &QueryParser::parse_return},
                                      {"COUNT", &QueryParser::parse_aggregates},
                                      {"PER", &QueryParser::parse_per},
                                      {"BY", &QueryParser::parse_by},
                                      {"HAVING", &QueryParser::parse_having},
                                      {"ORDER", &QueryParser::parse_order},
                                      {"LIMIT", &QueryParser::parse_limit},
                                      {"OFFSET", &QueryParser::parse_offset}}};
};

} // namespace weir::query
