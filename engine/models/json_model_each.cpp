// JsonModel: visiting all objects that are found, batch by batch.
#include "engine/guarded_call.hpp"
#include "engine/models/json_model_state.hpp"
#include "engine/models/run_search.hpp"

#include <weir/model_database.hpp>

#include <algorithm>

namespace weir {
namespace {

Status check_batches(const ModelTable& table, const Json& attributes, const SearchOptions& batch) {
  const auto select = SelectText::make(table, attributes, batch);
  if (!select)
    return select.error();
  if (!select->has_places())
    return fail(Errc::invalid_argument, table.name() + ": each: distinct expressions have no cursor to go on from");
  if (select->reversed())
    return fail(Errc::invalid_argument, table.name() + ": each: goes on from a cursor, not from a previous_cursor");
  return {};
}

} // namespace

Status JsonModel::each(const Visit& visit, const Json& attributes, const EachOptions& options) const {
  if (options.batch_rows == 0)
    return fail(Errc::invalid_argument, name() + ": each: a batch has at least one row");
  SearchOptions batch = options.search;
  batch.no_total = true;
  batch.no_cursor = false;
  std::uint64_t index = 0;
  for (;;) {
    const std::uint64_t left = options.search.limit.value_or(UINT64_MAX) - index;
    batch.limit = std::min<std::uint64_t>(options.batch_rows, left);
    if (index == 0)
      WEIR_TRY(check_batches(state_->table, attributes, batch));
    // Nothing is held while items are visited: a visit may write, and search.
    const auto found = run_search(state_->table, state_->database->connections(), attributes, batch, Cursors::next);
    if (!found)
      return found.error();
    Status first_error;
    for (const Json& item : found->items) {
      Status visited;
      const Status called = guarded_call(name() + ": each: the function given", [&]() -> Status {
        visited = visit(item, index);
        return {};
      });
      ++index;
      if (first_error)
        first_error = called ? std::move(visited) : called;
    }
    if (!first_error || found->cursor.empty() || found->items.size() == left)
      return first_error;
    batch.cursor = found->cursor;
    batch.offset = 0;
  }
}

} // namespace weir
