#include "engine/query/compiled_query.hpp"

#include "engine/query/check_plan.hpp"

#include <algorithm>
#include <limits>

namespace weir::query {
namespace {

constexpr std::uint64_t unbounded = std::numeric_limits<std::uint64_t>::max();

/// Precondition: `name` is valid, as validate() has seen to.
std::size_t slot_of(FieldTable& fields, std::string_view name) {
  return fields.add(*parse_field(name));
}

} // namespace

Result<std::shared_ptr<const CompiledQuery>> CompiledQuery::make(const Query& query) {
  WEIR_TRY(query.validate());
  auto compiled = std::make_shared<CompiledQuery>(query);
  compiled->counted = query.counted;
  compiled->columns = query.counted ? query.group_by : query.fields;
  if (!query.counted && query.fields.empty())
    compiled->columns.assign(core_names.begin(), core_names.end());
  for (const std::string& name : compiled->columns)
    compiled->outputs.push_back(slot_of(compiled->fields, name));
  if (query.counted)
    compiled->columns.emplace_back(count_column);
  for (const OrderTerm& term : query.order) {
    const bool descending = term.order == SortOrder::descending;
    const auto column = std::find(compiled->columns.begin(), compiled->columns.end(), term.name);
    compiled->order.push_back({query.counted ? static_cast<std::size_t>(column - compiled->columns.begin())
                                             : slot_of(compiled->fields, term.name),
                               descending});
  }
  compiled->needed_columns = compiled->fields.columns();
  // Rows tie by position, and damage found in a document is reported with it.
  if (!query.counted || compiled->fields.has_paths())
    compiled->needed_columns |= column_position;
  compiled->rows_skipped = query.rows_skipped;
  compiled->rows_max = query.rows_max.value_or(unbounded);
  compiled->rows_kept =
      compiled->rows_max < unbounded - query.rows_skipped ? compiled->rows_max + query.rows_skipped : unbounded;
  return std::shared_ptr<const CompiledQuery>(std::move(compiled));
}

} // namespace weir::query
