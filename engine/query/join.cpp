#include "engine/query/join.hpp"

#include "engine/query/leftovers.hpp"
#include "engine/query/order.hpp"

#include <utility>

namespace weir::query {
namespace {

/// Takes over the rows of `more`, and drops what the answer cannot use.
Status add_rows(const CompiledQuery& query, std::deque<ResultRow>& rows, std::deque<ResultRow>& more, Pacer& pacer) {
  WEIR_TRY(append_rows(rows, more, pacer));
  if (rows.size() <= query.rows_kept)
    return {};
  WEIR_TRY(select_paced(
      rows, query.rows_kept, [&](const ResultRow& a, const ResultRow& b) { return comes_before(query, a, b); }, pacer));
  while (rows.size() > query.rows_kept) {
    WEIR_TRY(pacer.spend(1));
    rows.pop_back();
  }
  return {};
}

} // namespace

Result<ShardRows> join(const Query& query, std::vector<ShardRows> parts, const QueryControl& control) {
  const auto compiled = CompiledQuery::make(query);
  if (!compiled)
    return compiled.error();
  const HandOver rest_of_parts(parts, control.leftovers);
  Pacer pacer(control);
  ShardRows joined;
  const HandOver rest(joined, control.leftovers); // unless it is the answer
  for (ShardRows& part : parts) {
    WEIR_TRY(pacer.pause());
    joined.stats.add(part.stats);
    WEIR_TRY(add_rows(**compiled, joined.rows, part.rows, pacer));
    if (!joined.groups)
      joined.groups = std::move(part.groups);
    else if (part.groups)
      WEIR_TRY(joined.groups->merge(*std::move(part.groups), pacer));
  }
  return joined;
}

} // namespace weir::query
