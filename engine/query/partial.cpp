#include "engine/query/partial.hpp"

#include "engine/query/leftovers.hpp"
#include "engine/sabotage.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace weir::query {
namespace {

std::uint64_t bytes_of(const std::vector<Value>& values) noexcept {
  std::uint64_t bytes = values.size() * sizeof(Value);
  for (const Value& value : values)
    bytes += ValueView::of(value).text.size();
  return bytes;
}

} // namespace

/// With its place in the answer.
std::uint64_t bytes_of(const ResultRow& row) noexcept {
  return sizeof(ResultRow) + sizeof(row.cells) + bytes_of(row.keys) + bytes_of(row.cells);
}

Status append_rows(std::deque<ResultRow>& rows, std::deque<ResultRow>& more, Pacer& pacer) {
  if (rows.size() < more.size())
    rows.swap(more);
  for (; !more.empty(); more.pop_front()) {
    WEIR_TRY(pacer.spend(1));
    rows.push_back(std::move(more.front()));
  }
  return {};
}

Result<ShardRows> copy(const ShardRows& rows, Pacer& pacer) {
  ShardRows made;
  const HandOver rest(made, pacer.leftovers()); // of a copy that was not made to its end
  made.stats = rows.stats;
  for (const ResultRow& row : rows.rows) {
    WEIR_TRY(pacer.spend(1));
    made.rows.push_back(row);
  }
  if (rows.groups) {
    auto groups = rows.groups->copy(pacer);
    if (!groups)
      return std::move(groups).error();
    made.groups = *std::move(groups);
  }
  return made;
}

bool comes_before(const CompiledQuery& query, const ResultRow& a, const ResultRow& b) noexcept {
  for (std::size_t i = 0; i < query.order.size(); ++i) {
    const auto order = total_order(a.keys[i], b.keys[i]);
    if (order != 0)
      return query.order[i].descending ? order > 0 : order < 0;
  }
  return sabotaged(Sabotage::top_rows_lose_ties) ? a.position > b.position : a.position < b.position;
}

Collector::Collector(const CompiledQuery& query, const QueryControl& control) : query_(query), budget_(control) {
  if (query.grouped())
    part_.groups.emplace(query);
  if (query.gathers != nullptr)
    candidates_.emplace(*query.gathers, control);
  keys_.resize(query.key_count());
}

Position Collector::end() const noexcept {
  if (query_.rows_kept == 0 && !query_.grouped())
    return 0;
  if (!query_.stops_early() || part_.rows.size() < query_.rows_kept)
    return std::numeric_limits<Position>::max();
  return part_.rows.front().position;
}

Status Collector::add(Position position, RowValues row) {
  if (candidates_)
    return candidates_->add(position, row, budget_);
  return query_.grouped() ? add_to_group(position, row) : add_row(position, row);
}

ShardRows Collector::finish() && {
  if (candidates_)
    part_.candidates = std::move(*candidates_).finish();
  return std::move(part_);
}

Status Collector::add_count(std::uint64_t matches) {
  const auto group = groups().at({}, budget_);
  if (!group)
    return group.error();
  (*group)->states.front().add_count(matches);
  return {};
}

/// A bounded answer keeps its rows as a heap with the last of them in front, which the next better one pushes out.
Status Collector::add_row(Position position, RowValues row) {
  const auto before = [this](const ResultRow& a, const ResultRow& b) { return comes_before(query_, a, b); };
  ResultRow candidate;
  candidate.position = position;
  candidate.keys.reserve(query_.order.size());
  for (const CompiledQuery::OrderKey& key : query_.order)
    candidate.keys.push_back(to_value(row[key.source]));
  std::deque<ResultRow>& rows = part_.rows;
  const bool full = rows.size() >= query_.rows_kept;
  if (full && (rows.empty() || !before(candidate, rows.front())))
    return {};
  candidate.cells.reserve(query_.outputs.size());
  for (const std::size_t slot : query_.outputs)
    candidate.cells.push_back(to_value(row[slot]));
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

Status Collector::add_to_group(Position position, RowValues row) {
  std::size_t key = 0;
  if (query_.per)
    keys_[key++] = bucket_of(*query_.per, row[query_.per->slot]);
  for (const std::size_t slot : query_.group_slots)
    keys_[key++] = row[slot];
  const auto group = groups().at(keys_, budget_);
  if (!group)
    return group.error();
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < query_.states.size(); ++i) {
    const CompiledQuery::StateSpec& spec = query_.states[i];
    const bool counts = spec.kind == CompiledQuery::StateSpec::Kind::count;
    bytes += (*group)->states[i].add(counts ? ValueView{} : row[spec.slot], position);
  }
  return bytes == 0 ? Status{} : budget_.take(bytes);
}

} // namespace weir::query
