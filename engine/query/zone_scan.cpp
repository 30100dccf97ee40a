#include "engine/query/zone_scan.hpp"

#include "engine/check.hpp"
#include "engine/sabotage.hpp"
#include "engine/text.hpp"

#include <algorithm>

namespace weir::query {
namespace {

constexpr ColumnSet document_columns = column_event_id | column_metadata | column_payload;

/// Puts the core columns `read` into `event`.
void fill_core(const ZoneValues& values, ColumnSet read, std::uint32_t row, EventView& event) {
  if ((read & column_context) != 0)
    event.context_id = values.context_texts()[values.contexts()[row]];
  if ((read & column_sequence) != 0)
    event.sequence = values.sequences()[row];
  if ((read & column_position) != 0)
    event.position = values.positions()[row];
  if ((read & column_recorded_at) != 0)
    event.recorded_at = time_of(values.recorded_at()[row]);
  if ((read & column_timestamp) != 0)
    event.timestamp = time_of(values.timestamps()[row]);
  if ((read & column_type) != 0)
    event.event_type = values.type_text(values.types()[row]);
}

} // namespace

Status ZoneScan::scan_unpruned(const SegmentReader& segment, std::size_t zone, RemovedRows& removed) {
  ++stats_.zones_total;
  ++stats_.zones_scanned;
  ++stats_.payload_zones;
  WEIR_TRY(pacer_.pause());
  const auto rows = segment.read_zone(zone, columns_all);
  if (!rows)
    return rows.error();
  stats_.rows_scanned += (*rows)->rows();
  for (std::uint32_t row = 0; row < (*rows)->rows(); ++row)
    WEIR_TRY(row_scan_.judge((*rows)->row(row), Outcomes::any(), &removed));
  return {};
}

Status ZoneScan::scan(const SegmentPlan& plan, std::size_t zone, RemovedRows& removed) {
  ++stats_.zones_total;
  WEIR_TRY(pacer_.pause());
  const ZoneMeta& meta = plan.zones()[zone];
  const auto known = plan.evaluate(zone, by_leaf_, pacer_);
  if (!known)
    return known.error();
  if (!known->may_be_true() || meta.position_min >= sink_.end()) {
    ++stats_.zones_pruned;
    return {};
  }
  RowBits rows(meta.rows);
  plan.add_rows(zone, rows);
  const std::uint64_t asked = rows.count();
  if (asked == 0) {
    ++stats_.zones_pruned;
    return {};
  }
  RowBits unsure;
  if (plan.has_unsure()) {
    unsure = rows;
    plan.keep_unsure(zone, unsure);
  }
  if (known->is_true() && target_.counts_only && !removed.any() && !unsure.any()) {
    ++stats_.zones_counted;
    stats_.rows_matched += asked;
    return sink_.add_count(asked);
  }
  ++stats_.zones_scanned;
  stats_.rows_scanned += asked;
  ZoneValues values(target_, plan, zone, control_.columns);
  RowBits certain(meta.rows);
  if (known->is_true())
    certain = rows;
  else
    WEIR_TRY(predicate_.evaluate(plan, by_leaf_, values, rows, certain, pacer_));
  if (unsure.any() && !sabotaged(Sabotage::trust_unsure_rows))
    WEIR_TRY(keep_demanded(values, rows, std::move(unsure)));
  if (rows.any() && removed.any())
    WEIR_TRY(remove_rows(values, rows, removed));
  if (rows.any() && target_.by_position)
    WEIR_TRY(keep_wanted(values, rows));
  stats_.field_columns += values.fields_read();
  if (!rows.any())
    return {};
  const bool all_certain = certain.contains(rows);
  const bool columns_do = std::all_of(target_.slots.begin(), target_.slots.end(),
                                      [&](std::size_t slot) { return values.has_column(slot); });
  WEIR_TRY(pacer_.pause());
  if (all_certain && columns_do)
    return hand_on(values, rows);
  WEIR_CHECK(!plan.by_position()); // there are no documents, and nobody needs them
  return read_documents(plan, values, rows, certain);
}

/// Of `rows` that are `unsure`, those are kept that meet the demands. By now these are few.
Status ZoneScan::keep_demanded(ZoneValues& values, RowBits& rows, RowBits unsure) {
  unsure.keep(rows.words());
  for (const CoreDemand& demand : predicate_.demands()) {
    if (!unsure.any())
      return {};
    WEIR_TRY(pacer_.spend(1 + rows.rows() / rows_per_work));
    RowBits meets(rows.rows());
    const auto& [column, ranges] = demand.condition;
    const auto marked = values.mark(column, ranges, unsure, meets.words());
    if (!marked)
      return marked.error();
    if (!*marked) {
      WEIR_TRY(values.read({}, column, &unsure));
      unsure.each([&, column = column, ranges = ranges](std::size_t row) {
        const std::uint64_t number = values.number(column, row);
        if (std::any_of(ranges.begin(), ranges.end(),
                        [number](const NumberRange& range) { return number >= range.low && number <= range.high; }))
          meets.add(row);
      });
    }
    unsure.each([&](std::size_t row) {
      if (!meets.has(row))
        rows.remove(row);
    });
    unsure.keep(meets.words());
  }
  return {};
}

/// Rows of one context follow each other, so its mark is looked up once.
Status ZoneScan::remove_rows(ZoneValues& values, RowBits& rows, RemovedRows& removed) {
  WEIR_TRY(values.read({}, column_context | column_sequence));
  constexpr std::uint32_t none = UINT32_MAX;
  std::uint32_t context = none;
  Sequence first_live = 0;
  Status going;
  RowBits left = rows;
  rows.each([&](std::size_t row) {
    if (!going)
      return;
    if (values.contexts()[row] != context) {
      context = values.contexts()[row];
      const std::uint64_t work = 1 + removed.work(values.context_texts()[context]);
      const auto first = removed.first_live(values.context_texts()[context]);
      going = first ? pacer_.spend(work) : Status(first.error());
      first_live = first ? *first : 0;
    }
    if (values.sequences()[row] < first_live)
      left.remove(row);
  });
  rows = std::move(left);
  return going;
}

Status ZoneScan::keep_wanted(ZoneValues& values, RowBits& rows) {
  const Position end = sink_.end();
  if (end == std::numeric_limits<Position>::max())
    return {};
  WEIR_TRY(values.read({}, column_position, &rows));
  RowBits left = rows;
  rows.each([&](std::size_t row) {
    if (values.positions()[row] >= end)
      left.remove(row);
  });
  rows = std::move(left);
  return {};
}

Status ZoneScan::hand_on(ZoneValues& values, const RowBits& rows) {
  const std::uint64_t count = rows.count();
  stats_.rows_matched += count;
  if (target_.counts_only)
    return sink_.add_count(count);
  if (const auto done = sink_.add_types(values, rows, pacer_); !done || *done)
    return done ? Status{} : Status(done.error());
  const bool positions = target_.ties_by_position && (target_.columns & column_position) != 0;
  const std::size_t before = values.fields_read();
  WEIR_TRY(values.read(target_.slots, positions ? ColumnSet{column_position} : ColumnSet{0}, &rows));
  stats_.field_columns += values.fields_read() - before;
  const auto done = sink_.add_zone(values, rows, pacer_);
  if (!done)
    return done.error();
  if (*done)
    return {};
  Status going;
  rows.each([&](std::size_t row) {
    if (!going)
      return;
    for (const std::size_t slot : target_.slots)
      row_[slot] = values.value(slot, row);
    going = sink_.add(positions ? values.positions()[row] : 0, row_);
    if (going)
      going = pacer_.spend(1);
  });
  return going;
}

Status ZoneScan::read_documents(const SegmentPlan& plan, ZoneValues& values, const RowBits& rows,
                                const RowBits& certain) {
  // Removed rows are out already; what upcasts want to know, and their version, comes with the type.
  const ColumnSet upcast = row_scan_.upcasts() ? RowScan::upcast_columns : ColumnSet{0};
  const ColumnSet core = (target_.columns | upcast) & ~document_columns;
  WEIR_TRY(values.read({}, core, &rows));
  const ColumnSet documents = (target_.columns & document_columns) | (upcast & column_type);
  stats_.payload_zones += (documents & column_payload) != 0 ? 1 : 0;
  WEIR_TRY(pacer_.pause());
  for (RowBits left = rows; left.any();) {
    const auto read = plan.segment().read_zone(values.zone(), documents, left.words());
    if (!read)
      return read.error();
    if ((*read)->rows() != values.rows())
      return fail(Errc::corruption,
                  format("zone {} has {} rows, its metadata says {}", values.zone(), (*read)->rows(), values.rows()),
                  place_of(plan.segment()));
    WEIR_TRY(pacer_.pause());
    const std::uint32_t end = (*read)->texts_end();
    WEIR_TRY(judge_documents(**read, values, core, left, end, certain));
    left.remove(0, end);
  }
  return {};
}

/// Those of `rows` before `end`.
Status ZoneScan::judge_documents(const ZoneRows& documents, const ZoneValues& values, ColumnSet core,
                                 const RowBits& rows, std::uint32_t end, const RowBits& certain) {
  Status going;
  rows.each([&](std::size_t row) {
    if (!going || row >= end)
      return;
    const auto number = static_cast<std::uint32_t>(row);
    EventView event = documents.row(number + (sabotaged(Sabotage::read_next_payload) && number + 1 < values.rows()));
    fill_core(values, core, number, event);
    going = row_scan_.judge(event, certain.has(row) ? Outcomes::always() : Outcomes::any(), nullptr);
  });
  return going;
}

} // namespace weir::query
