#include "engine/views/view_state.hpp"

#include "engine/query/join.hpp"
#include "engine/sabotage.hpp"

#include <atomic>
#include <utility>

namespace weir {

namespace {

/// The query over positions from `from` to below `below`.
Query between(const Query& query, Position from, Position below) {
  Query part = query;
  if (from != 0)
    part.where(field("position") >= from);
  if (below != UINT64_MAX)
    part.where(field("position") < below);
  return part;
}

std::uint64_t removals(std::span<const ShardView> shards) {
  std::uint64_t all = 0;
  for (const ShardView& shard : shards)
    all += shard.removals;
  return all;
}

} // namespace

Result<std::shared_ptr<const ViewState>> ViewState::gather(const Query& query,
                                                           const std::shared_ptr<const ViewState>& before,
                                                           const ViewMoment& moment, const ViewScan& scan,
                                                           const query::QueryControl& control, QueryStats& stats) {
  const std::uint64_t removed = removals(moment.shards);
  const bool stands = before != nullptr &&
                      (before->removals_ == removed || sabotaged(Sabotage::keep_gathered_removed)) &&
                      before->schema_changes_ == moment.schema_changes;
  if (stands && before->below_ >= moment.synced_below)
    return before;
  std::atomic<std::uint64_t> bytes{stands ? before->bytes_ : 0};
  query::QueryControl counted = control;
  counted.result_bytes = &bytes;
  const Position from = stands ? before->below_ : 0;
  auto parts = scan(between(query, from, moment.synced_below), moment.shards, counted);
  if (!parts) {
    // Groups that parts share were counted in each of them. What is gathered anew is counted once.
    if (stands && parts.code() == Errc::too_large)
      return gather(query, nullptr, moment, scan, control, stats);
    return std::move(parts).error();
  }
  std::shared_ptr<ViewState> state(new ViewState);
  for (const query::ShardRows& part : *parts)
    stats.add(part.stats);
  if (stands)
    parts->push_back(before->gathered_);
  auto joined = query::join(query, std::move(*parts), control);
  if (!joined)
    return std::move(joined).error();
  state->gathered_ = std::move(*joined);
  state->gathered_.stats = {};
  state->bytes_ = bytes.load();
  state->below_ = moment.synced_below + (sabotaged(Sabotage::gather_ahead_of_events) ? 1 : 0);
  state->removals_ = removed;
  state->schema_changes_ = moment.schema_changes;
  return std::shared_ptr<const ViewState>(std::move(state));
}

Result<ViewState::Answer> ViewState::answer(const Query& query, const std::shared_ptr<const ViewState>& before,
                                            const ViewMoment& moment, const ViewScan& scan,
                                            const query::QueryControl& control) {
  QueryStats gathering;
  auto state = gather(query, before, moment, scan, control, gathering);
  if (!state)
    return std::move(state).error();
  // A later moment may have been gathered meanwhile; then these shards are behind it.
  auto parts = scan(between(query, (*state)->below_, UINT64_MAX), moment.shards, control);
  if (!parts)
    return std::move(parts).error();
  parts->push_back((*state)->gathered_);
  const auto compiled = query::CompiledQuery::make(query);
  if (!compiled)
    return compiled.error();
  auto result = query::merge(**compiled, std::move(*parts), control);
  if (!result)
    return std::move(result).error();
  result->stats.add(gathering);
  result->stats.shards = moment.shards.size(); // looked at twice
  return Answer{*std::move(result), *std::move(state)};
}

} // namespace weir
