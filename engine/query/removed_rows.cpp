#include "engine/query/removed_rows.hpp"

#include <algorithm>

namespace weir::query {

Result<RemovedRows> RemovedRows::of(const ShardView& view, Pacer* pacer) {
  RemovedRows removed;
  for (const auto& segment : *view.segments) {
    if (pacer != nullptr)
      WEIR_TRY(pacer->pause());
    const auto has_marks = segment->has_marks();
    if (!has_marks)
      return has_marks.error();
    if (*has_marks)
      removed.segments_.push_back(segment);
  }
  for (const MemtableView& memtable : view.memtables)
    if (memtable.has_marks())
      removed.memtables_.push_back(memtable);
  return removed;
}

Result<bool> RemovedRows::holds(const EventView& event) {
  const auto first = first_live(event.context_id);
  if (!first)
    return first.error();
  return event.sequence < *first;
}

Result<Sequence> RemovedRows::first_live(std::string_view context_id) {
  if (context_id == context_id_)
    return first_live_;
  Sequence first_live = 1;
  for (const auto& segment : segments_) {
    const auto mark = segment->find_mark(context_id);
    if (!mark)
      return mark.error();
    if (*mark)
      first_live = std::max(first_live, (*mark)->first_live);
  }
  for (const MemtableView& memtable : memtables_)
    if (const auto mark = memtable.find_mark(context_id))
      first_live = std::max(first_live, mark->first_live);
  context_id_ = context_id;
  first_live_ = first_live;
  return first_live_;
}

} // namespace weir::query
