#include "engine/query/explain.hpp"

#include "engine/query/collector_sink.hpp"
#include "engine/query/column_predicate.hpp"
#include "engine/query/compiled_query.hpp"
#include "engine/query/removed_rows.hpp"
#include "engine/query/scan_plan.hpp"
#include "engine/query/sequence_plan.hpp"
#include "engine/query/text_pieces.hpp"
#include "engine/text.hpp"
#include "engine/validate.hpp"
#include <weir/limits.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace weir::query {
namespace {

/// What pruning leaves, and why the rest is not read.
struct Outlook {
  std::uint64_t segments = 0;
  std::uint64_t out_of_range = 0;  ///< Segments, by what the catalog says of them.
  std::uint64_t without_match = 0; ///< Segments, by their contexts and types.
  std::uint64_t by_position = 0;   ///< Segments of whose zones those by position are read.
  std::uint64_t zones = 0;
  std::uint64_t pruned_by_core = 0;
  std::uint64_t pruned_by_fields = 0;
  std::uint64_t counted = 0;
  std::uint64_t rows = 0;                  ///< In zones that are left, without those that contexts and times rule out.
  std::vector<std::uint64_t> columns;      ///< By slot: zones in which it is a column.
  std::vector<std::uint64_t> not_a_column; ///< By slot: zones in which the payload is read for it.
  std::uint64_t memtable_rows = 0;
  std::uint64_t memtables = 0;
};

Status look_at(const ScanTarget& target, const ColumnPredicate& predicate, const SegmentReader& segment,
               bool may_be_removed, const QueryControl& control, Outlook& out, Pacer& pacer) {
  ++out.segments;
  if (!evaluate(target.predicate, segment.meta()).may_be_true()) {
    ++out.out_of_range;
    return {};
  }
  const auto plan = SegmentPlan::make(target, predicate.demands(), segment, may_be_removed, control);
  if (!plan)
    return plan.error();
  if (*plan == nullptr) {
    ++out.without_match;
    return {};
  }
  out.by_position += (*plan)->by_position() ? 1 : 0;
  std::vector<Outcomes> by_leaf;
  for (std::size_t zone = 0; zone < (*plan)->zones().size(); ++zone) {
    WEIR_TRY(pacer.spend(64));
    ++out.zones;
    const auto by_core = (*plan)->evaluate(zone, by_leaf, pacer, false);
    const auto by_all = (*plan)->evaluate(zone, by_leaf, pacer);
    if (!by_core)
      return by_core.error();
    if (!by_all)
      return by_all.error();
    if ((*plan)->rows_in(zone) == 0 || !by_core->may_be_true()) {
      ++out.pruned_by_core;
      continue;
    }
    if (!by_all->may_be_true()) {
      ++out.pruned_by_fields;
      continue;
    }
    if (by_all->is_true() && target.counts_only && (*plan)->is_sure(zone)) {
      ++out.counted;
      continue;
    }
    out.rows += (*plan)->rows_in(zone);
    for (std::size_t slot = 0; slot < target.fields.size(); ++slot)
      if (target.fields[slot].is_in_payload())
        ++((*plan)->column(slot, zone) ? out.columns : out.not_a_column)[slot];
  }
  return {};
}

template <class Wanted> std::string list_fields(const FieldTable& fields, const Wanted& wanted) {
  std::string names;
  for (std::size_t slot = 0; slot < fields.size(); ++slot)
    if (wanted(slot))
      names += (names.empty() ? "" : ", ") + to_text(fields.ref(slot));
  return names.empty() ? "nothing" : names;
}

void explain_columns(const CompiledQuery& query, const ScanTarget& target, const Outlook& out,
                     std::vector<std::string>& lines) {
  const FieldTable& fields = query.fields;
  std::vector<bool> in_condition(fields.size()); // a condition may have as many leaves as there are fields: thousands
  for (const Leaf& leaf : query.predicate.leaves())
    for (const std::size_t slot : leaf.slots())
      in_condition[slot] = true;
  const auto is_core_column = [&](std::size_t slot) {
    return !fields[slot].has_path && fields[slot].core < Core::event_id;
  };
  const auto by_column = [&](std::size_t slot) { return is_core_column(slot) || out.columns[slot] != 0; };
  const auto in_answer = [&](std::size_t slot) {
    return std::find(target.slots.begin(), target.slots.end(), slot) != target.slots.end();
  };
  lines.push_back(format("  condition, from columns: {}",
                         list_fields(fields, [&](std::size_t s) { return in_condition[s] && by_column(s); })));
  lines.push_back(format("  answer, from columns where rows are left: {}",
                         list_fields(fields, [&](std::size_t s) { return in_answer(s) && by_column(s); })));
  for (std::size_t slot = 0; slot < fields.size(); ++slot) {
    if (fields[slot].is_in_payload() && out.not_a_column[slot] != 0)
      lines.push_back(format("  {}: no column in {} of {} zones, read in payloads", to_text(fields.ref(slot)),
                             out.not_a_column[slot], out.not_a_column[slot] + out.columns[slot]));
    else if (!is_core_column(slot) && !fields[slot].is_in_payload())
      lines.push_back(format("  {}: never a column, read with the rows that are left", to_text(fields.ref(slot))));
  }
}

std::string plan_line(const Query& query) {
  constexpr std::size_t shown_bytes = 1'024;
  std::string text = text_of(query, limits::query_text_bytes_max);
  if (text.size() <= limits::query_text_bytes_max)
    return "plan: " + text;
  text.resize(std::min(text.size(), shown_bytes));
  while (!valid_utf8(text)) // a character of several bytes was cut
    text.pop_back();
  return format("plan: {} ... (longer than {} bytes, so it cannot be written as a query)", text,
                limits::query_text_bytes_max);
}

} // namespace

std::vector<std::string> explain_run(const Query& query, const QueryStats& stats) {
  const std::uint64_t segments_read = stats.segments_total - stats.segments_pruned;
  std::vector<std::string> lines{
      plan_line(query),
      format("shards: {}", stats.shards),
      format("segments: {}, {} pruned, {} read", stats.segments_total, stats.segments_pruned, segments_read),
      format("zones of those read: {}, {} pruned, {} counted from metadata, {} scanned, payloads read in {}",
             stats.zones_total, stats.zones_pruned, stats.zones_counted, stats.zones_scanned, stats.payload_zones),
      format("rows: {} scanned in segments, {} in memtables, {} matched", stats.rows_scanned, stats.memtable_rows,
             stats.rows_matched),
  };
  if (stats.field_columns != 0)
    lines.push_back(format("payload fields read as columns: {}, each counted once a zone", stats.field_columns));
  if (stats.scan_us != 0 || stats.merge_us != 0)
    lines.push_back(
        format("time: scan {} us over {} threads, merge {} us", stats.scan_us, stats.threads, stats.merge_us));
  return lines;
}

Result<std::vector<std::string>> explain_plan(const Query& query, std::span<const ShardView> views,
                                              const QueryControl& control) {
  const auto compiled = compile_scan(query, control.positions);
  if (!compiled)
    return compiled.error();
  const ScanTarget target = target_of(**compiled);
  const ColumnPredicate predicate(target);
  Outlook out;
  out.columns.resize(target.fields.size());
  out.not_a_column.resize(target.fields.size());
  Pacer pacer(control);
  for (const ShardView& view : views) {
    const auto removed = RemovedRows::of(view, &pacer);
    if (!removed)
      return removed.error();
    for (const auto& segment : *view.segments) {
      WEIR_TRY(pacer.pause());
      WEIR_TRY(look_at(target, predicate, *segment, removed->any(), control, out, pacer));
    }
    for (const MemtableView& memtable : view.memtables) {
      out.memtables += memtable.rows() != 0 ? 1 : 0;
      out.memtable_rows += memtable.rows();
    }
  }
  std::vector<std::string> lines{
      plan_line(query),
      format("shards: {}", views.size()),
      format("segments: {}", out.segments),
      format("  pruned by positions and times in the catalog: {}", out.out_of_range),
      format("  pruned by contexts and types: {}", out.without_match),
      format("  read by position: {}", out.by_position),
      format("zones of those left: {}", out.zones),
      format("  pruned by core columns: {}", out.pruned_by_core),
      format("  pruned by payload fields: {}", out.pruned_by_fields),
      format("  counted from metadata: {}", out.counted),
      format("  left: {}, with {} rows", out.zones - out.pruned_by_core - out.pruned_by_fields - out.counted, out.rows),
  };
  explain_columns(**compiled, target, out, lines);
  lines.push_back(format("memtables: {}, with {} rows, judged one by one", out.memtables, out.memtable_rows));
  if ((*compiled)->gathers != nullptr)
    lines.push_back(format("sequence: {} steps, matched in memory among the rows that are left",
                           (*compiled)->gathers->steps.size()));
  else if (target.by_position)
    lines.emplace_back("order: by position, until enough rows are found");
  else if ((*compiled)->grouped())
    lines.push_back(format("groups: {} keys, {} aggregates", (*compiled)->key_count(), (*compiled)->states.size()));
  return lines;
}

} // namespace weir::query
