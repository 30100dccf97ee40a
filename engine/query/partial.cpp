#include "engine/query/partial.hpp"

#include <algorithm>

namespace weir::query {
namespace {

/// What an entry of the hash table takes beside its strings: node, bucket and allocation headers.
constexpr std::uint64_t group_overhead_bytes = 64;

std::uint64_t bytes_of(const std::vector<Value>& values) noexcept {
  std::uint64_t bytes = values.size() * sizeof(Value);
  for (const Value& value : values)
    bytes += ValueView::of(value).text.size();
  return bytes;
}

std::uint64_t bytes_of(const ResultRow& row) noexcept {
  return sizeof(ResultRow) + bytes_of(row.keys) + bytes_of(row.cells);
}

} // namespace

bool comes_before(const CompiledQuery& query, const ResultRow& a, const ResultRow& b) noexcept {
  for (std::size_t i = 0; i < query.order.size(); ++i) {
    const auto order = total_order(a.keys[i], b.keys[i]);
    if (order != 0)
      return query.order[i].descending ? order > 0 : order < 0;
  }
  return a.position < b.position;
}

bool Collector::wants(Position position) const noexcept {
  if (!query_.stops_early() || part_.rows.size() < query_.rows_kept)
    return true;
  return !part_.rows.empty() && position < part_.rows.front().position;
}

Status Collector::add(const RowReader& row) {
  return query_.counted ? add_group(row) : add_row(row);
}

void Collector::add_count(std::uint64_t matches) {
  part_.groups[{}].count += matches;
}

/// A bounded answer keeps its rows as a heap with the last of them in front, which the next better one pushes out.
Status Collector::add_row(const RowReader& row) {
  const auto before = [this](const ResultRow& a, const ResultRow& b) { return comes_before(query_, a, b); };
  ResultRow candidate;
  candidate.position = row.event().position;
  for (const CompiledQuery::OrderKey& key : query_.order)
    candidate.keys.push_back(row.value(key.source));
  std::vector<ResultRow>& rows = part_.rows;
  const bool full = rows.size() >= query_.rows_kept;
  if (full && (rows.empty() || !before(candidate, rows.front())))
    return {};
  candidate.cells.reserve(query_.outputs.size());
  for (const std::size_t slot : query_.outputs)
    candidate.cells.push_back(row.value(slot));
  if (full) {
    std::pop_heap(rows.begin(), rows.end(), before);
    budget_.give_back(bytes_of(rows.back()));
    rows.pop_back();
  }
  WEIR_TRY(budget_.take(bytes_of(candidate)));
  rows.push_back(std::move(candidate));
  if (query_.rows_kept != UINT64_MAX)
    std::push_heap(rows.begin(), rows.end(), before);
  return {};
}

Status Collector::add_group(const RowReader& row) {
  key_.clear();
  std::vector<Value> keys;
  keys.reserve(query_.outputs.size());
  for (const std::size_t slot : query_.outputs) {
    keys.push_back(normalized(row.value(slot)));
    append_key(key_, keys.back());
  }
  const auto [entry, added] = part_.groups.try_emplace(key_);
  if (added) {
    WEIR_TRY(budget_.take(group_overhead_bytes + key_.size() + sizeof(Group) + bytes_of(keys)));
    entry->second.keys = std::move(keys);
  }
  ++entry->second.count;
  return {};
}

} // namespace weir::query
