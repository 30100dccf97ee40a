// A query inside of a text: alone, or as part of a statement.
//
// Threading: as the TokenReader given.
#pragma once

#include <weir/query.hpp>
#include <weir/result.hpp>

#include "engine/query/token_reader.hpp"

namespace weir::query {

/// Reads `QUERY ...` up to the end of the text or a `;`, which it leaves. The plan is valid. Parameters that were not
/// taken are for the caller to judge.
Result<Query> parse_query(TokenReader& in);

/// Refuses texts beyond `bytes_max`, and those that are not UTF-8.
Status check_text(std::string_view text, std::size_t bytes_max);

} // namespace weir::query
