#include "engine/query/executor.hpp"

#include "engine/query/shard_scan.hpp"
#include "engine/text.hpp"

#include <algorithm>
#include <atomic>
#include <iterator>

namespace weir::query {
namespace {

using Rows = std::vector<std::vector<Value>>;

/// LIMIT and OFFSET over `ordered`.
void take_window(const CompiledQuery& query, std::vector<ResultRow>& ordered, Rows& out) {
  const auto skipped = std::min<std::uint64_t>(query.rows_skipped, ordered.size());
  const auto taken = std::min<std::uint64_t>(query.rows_max, ordered.size() - skipped);
  out.reserve(taken);
  for (std::uint64_t i = skipped; i < skipped + taken; ++i)
    out.push_back(std::move(ordered[i].cells));
}

void merge_rows(const CompiledQuery& query, std::vector<ShardRows>& parts, Rows& out) {
  std::vector<ResultRow> rows;
  for (ShardRows& part : parts)
    std::move(part.rows.begin(), part.rows.end(), std::back_inserter(rows));
  std::sort(rows.begin(), rows.end(),
            [&](const ResultRow& a, const ResultRow& b) { return comes_before(query, a, b); });
  take_window(query, rows, out);
}

/// By ORDER BY, then by their keys: no two groups have the same.
bool group_before(const CompiledQuery& query, const ResultRow& a, const ResultRow& b) {
  for (const CompiledQuery::OrderKey& key : query.order) {
    const auto order = total_order(a.cells[key.source], b.cells[key.source]);
    if (order != 0)
      return key.descending ? order > 0 : order < 0;
  }
  for (std::size_t i = 0; i < query.outputs.size(); ++i) {
    const auto order = total_order(a.cells[i], b.cells[i]);
    if (order != 0)
      return order < 0;
  }
  return false;
}

void merge_groups(const CompiledQuery& query, std::vector<ShardRows>& parts, Rows& out) {
  std::unordered_map<std::string, Group> groups;
  if (query.counts_only())
    groups.try_emplace({}); // A count of nothing is a row with 0.
  for (ShardRows& part : parts) {
    for (auto& [key, group] : part.groups) {
      const auto [entry, added] = groups.try_emplace(key);
      if (added)
        entry->second.keys = std::move(group.keys);
      entry->second.count += group.count;
    }
  }
  std::vector<ResultRow> rows;
  rows.reserve(groups.size());
  for (auto& [key, group] : groups) {
    ResultRow row;
    row.cells = std::move(group.keys);
    row.cells.emplace_back(group.count);
    rows.push_back(std::move(row));
  }
  std::sort(rows.begin(), rows.end(),
            [&](const ResultRow& a, const ResultRow& b) { return group_before(query, a, b); });
  take_window(query, rows, out);
}

std::vector<std::string> explain(const Query& query, const QueryStats& stats) {
  const std::uint64_t segments_read = stats.segments_total - stats.segments_pruned;
  return {
      format("plan: {}", to_text(query)),
      format("shards: {}", stats.shards),
      format("segments: {}, {} pruned, {} read", stats.segments_total, stats.segments_pruned, segments_read),
      format("zones of those read: {}, {} pruned, {} counted from metadata, {} scanned, payloads read in {}",
             stats.zones_total, stats.zones_pruned, stats.zones_counted, stats.zones_scanned, stats.payload_zones),
      format("rows: {} scanned in segments, {} in memtables, {} matched", stats.rows_scanned, stats.memtable_rows,
             stats.rows_matched),
  };
}

} // namespace

Result<ShardRows> scan_shard(const Query& query, const ShardView& view, const QueryControl& control) {
  const auto compiled = CompiledQuery::make(query);
  if (!compiled)
    return compiled.error();
  return ShardScan(**compiled, control).run(view);
}

Result<QueryResult> merge(const Query& query, std::vector<ShardRows> parts, const QueryControl& control) {
  const auto compiled = CompiledQuery::make(query);
  if (!compiled)
    return compiled.error();
  WEIR_TRY(check(control));
  QueryResult result;
  result.columns = (*compiled)->columns;
  for (const ShardRows& part : parts)
    result.stats.add(part.stats);
  if (query.counted)
    merge_groups(**compiled, parts, result.rows);
  else
    merge_rows(**compiled, parts, result.rows);
  WEIR_TRY(check(control));
  result.explain = explain(query, result.stats);
  return result;
}

Result<QueryResult> run(const Query& query, std::span<const ShardView> views, const QueryControl& control) {
  QueryControl shared = control;
  std::atomic<std::uint64_t> result_bytes{0};
  if (shared.result_bytes == nullptr)
    shared.result_bytes = &result_bytes;
  std::vector<ShardRows> parts;
  parts.reserve(views.size());
  for (const ShardView& view : views) {
    auto part = scan_shard(query, view, shared);
    if (!part)
      return std::move(part).error();
    parts.push_back(*std::move(part));
  }
  return merge(query, std::move(parts), shared);
}

} // namespace weir::query
