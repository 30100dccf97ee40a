// Fields and columns as a query names them.
//
// Threading: as the TokenReader given.
#pragma once

#include <weir/query.hpp>
#include <weir/result.hpp>

#include "engine/query/token_reader.hpp"

#include <string>

namespace weir::query {

/// A column as it is written, and where: which one it is shows at the end of the query.
struct ColumnUse {
  std::string name;
  Place place;
};

/// Reads the name of a column: a field, a name given with AS, a unit of PER, or an aggregate as it is written in the
/// list (`TOTAL payload.amount`), which gives its default name.
Result<ColumnUse> parse_column(TokenReader& in);

/// The field at the current token, in its canonical spelling; of a step in a sequence.
Result<std::string> parse_query_field(TokenReader& in, const Query& query, bool whole_too);

} // namespace weir::query
