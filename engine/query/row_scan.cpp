#include "engine/query/row_scan.hpp"

#include "engine/sabotage.hpp"
#include "engine/schema/registry.hpp"

#include <utility>

namespace weir::query {
namespace {

/// Parsing a kilobyte of JSON takes as long as some plain rows.
std::uint64_t extraction_work(const EventView& event) {
  return (event.payload.size() + event.metadata.size()) / 1024;
}

/// What a service's upcasters do with a payload is parsed, changed and written again, a version after the other.
std::uint64_t upcast_work(std::string_view before, std::string_view after) {
  return 32 + (before.size() + after.size()) / 64;
}

} // namespace

RowScan::RowScan(const ScanTarget& target, const QueryControl& control, RowSink& sink, Pacer& pacer, QueryStats& stats)
    : target_(target), control_(control), sink_(sink), pacer_(pacer), stats_(stats),
      upcasts_(control.upcasts != nullptr && (target.columns & column_payload) != 0 &&
               !sabotaged(Sabotage::query_forgets_upcasts)),
      required_text_(target.predicate, target.fields, target.step), row_(target.fields, target.step), scratch_(pacer),
      row_work_(1 + target.predicate.leaves().size() / 16) {
}

Status RowScan::judge(const EventView& event, Outcomes known, RemovedRows* removed) {
  WEIR_TRY(pacer_.spend(row_work_));
  if (control_.prune && !known.is_true() && !upcasts_) { // first: many rows come no further
    WEIR_TRY(pacer_.spend(extraction_work(event)));
    if (!required_text_.may_match(event.payload))
      return {};
  }
  row_.bind(event);
  if (control_.prune) {
    if (event.position >= sink_.end())
      return {};
    if (!known.is_true()) {
      known = target_.predicate.evaluate(row_.values(), scratch_, false);
      WEIR_TRY(scratch_.watch().going());
    }
    if (!known.may_be_true())
      return {};
  }
  if (removed != nullptr && removed->any()) {
    WEIR_TRY(pacer_.spend(removed->work(event.context_id)));
    const auto gone = removed->holds(event);
    if (!gone)
      return gone.error();
    if (*gone)
      return {};
  }
  if (upcasts_) {
    auto payload = control_.upcasts->upcast(event);
    if (!payload)
      return std::move(payload).error();
    if (*payload) {
      upcast_payload_ = *std::move(*payload);
      WEIR_TRY(pacer_.spend(upcast_work(event.payload, upcast_payload_)));
      EventView upcast = event;
      upcast.payload = upcast_payload_;
      row_.bind(upcast);
    }
  }
  if (target_.fields.has_paths(target_.step)) {
    WEIR_TRY(pacer_.spend(extraction_work(event)));
    WEIR_TRY(row_.extract(&pacer_));
  }
  if (!known.is_true()) {
    const bool found = target_.predicate.evaluate(row_.values(), scratch_).is_true();
    WEIR_TRY(scratch_.watch().going());
    if (!found)
      return {};
  }
  ++stats_.rows_matched;
  return sink_.add(event.position, row_.values());
}

Status RowScan::scan_memtable(const MemtableView& memtable, std::uint64_t first, std::uint64_t last,
                              RemovedRows* removed) {
  for (std::uint64_t i = first; i < last; ++i) {
    const EventView event = memtable.row(i);
    if (control_.prune && event.position >= sink_.end())
      return {}; // Rows are in position order.
    ++stats_.memtable_rows;
    WEIR_TRY(judge(event, Outcomes::any(), removed));
  }
  return {};
}

Status RowScan::scan_context(const MemtableView& memtable, std::string_view context, RemovedRows* removed) {
  SequenceRange range;
  bool more = true;
  while (more) {
    EventBatch batch;
    more = memtable.read_context(context, range, ReadBounds{}, batch);
    if (batch.empty())
      return {};
    for (const EventView& event : batch) {
      if (event.position >= sink_.end())
        return {};
      ++stats_.memtable_rows;
      WEIR_TRY(judge(event, Outcomes::any(), removed));
    }
    range.from = batch.back().sequence + 1;
  }
  return {};
}

} // namespace weir::query
