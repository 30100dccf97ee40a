#include "engine/query/sequence_merge.hpp"

#include "engine/query/executor.hpp"
#include "engine/query/leftovers.hpp"

#include <utility>

namespace weir::query {

Result<QueryResult> merge_sequence(const CompiledSequence& query, std::vector<ShardRows> matches,
                                   std::span<const ShardView> views, const QueryControl& control) {
  auto result = merge(*query.match, std::move(matches), control);
  if (!result)
    return result;
  if (auto fetched = fetch_documents(query, views, control, result->rows); !fetched) {
    if (control.leftovers != nullptr)
      control.leftovers->add(std::move(result->rows));
    return std::move(fetched).error();
  }
  return result;
}

} // namespace weir::query
