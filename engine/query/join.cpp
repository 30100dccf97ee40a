#include "engine/query/join.hpp"

#include "engine/query/leftovers.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace weir::query {
namespace {

void keep_first(const CompiledQuery& query, std::vector<ResultRow>& rows) {
  if (rows.size() <= query.rows_kept)
    return;
  const auto kept = rows.begin() + static_cast<std::ptrdiff_t>(query.rows_kept);
  std::nth_element(rows.begin(), kept, rows.end(),
                   [&](const ResultRow& a, const ResultRow& b) { return comes_before(query, a, b); });
  rows.erase(kept, rows.end());
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
    WEIR_TRY(pacer.spend(part.rows.size() / 16));
    std::move(part.rows.begin(), part.rows.end(), std::back_inserter(joined.rows));
    keep_first(**compiled, joined.rows);
    if (!joined.groups)
      joined.groups = std::move(part.groups);
    else if (part.groups)
      WEIR_TRY(joined.groups->merge(*std::move(part.groups), pacer));
  }
  return joined;
}

} // namespace weir::query
