// Random plans and statements of everything the language has, valid by construction.
#pragma once

#include <weir/query.hpp>
#include <weir/statement.hpp>

#include <random>

namespace weir::test {

/// A valid plan: of single events, grouped or not, or of sequences. Fields and values are of all sorts and mean nothing
/// together; queries with answers worth comparing are those of random_data.hpp.
Query random_plan(std::mt19937_64& random);
/// A statement of any kind but DEFINE (which random_schema.hpp makes), as parse_statement() could give it.
Statement random_statement(std::mt19937_64& random);

} // namespace weir::test
