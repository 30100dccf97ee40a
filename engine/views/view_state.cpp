#include "engine/views/view_state.hpp"

#include "engine/query/join.hpp"
#include "engine/query/leftovers.hpp"
#include "engine/sabotage.hpp"

#include <atomic>
#include <utility>

namespace weir {

namespace {

/// `control` for events at these positions, with a count of memory of its own.
query::QueryControl between(query::QueryControl control, Position from, Position below,
                            std::atomic<std::uint64_t>& bytes) {
  control.positions = {from, below};
  control.result_bytes = &bytes;
  return control;
}

constexpr Position no_end = query::PositionWindow{}.below;

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
  const Position from = stands ? before->below_ : 0;
  auto parts = scan(query, moment.shards, between(control, from, moment.synced_below, bytes));
  if (!parts) {
    // Groups that parts share were counted in each of them. What is gathered anew is counted once.
    if (stands && parts.code() == Errc::too_large)
      return gather(query, nullptr, moment, scan, control, stats);
    return std::move(parts).error();
  }
  std::shared_ptr<ViewState> state(new ViewState);
  for (const query::ShardRows& part : *parts)
    stats.add(part.stats);
  if (stands) {
    query::Pacer pacer(control);
    auto gathered = query::copy(before->gathered_, pacer);
    if (!gathered) {
      if (control.leftovers != nullptr)
        control.leftovers->add(std::move(*parts));
      return std::move(gathered).error();
    }
    parts->push_back(*std::move(gathered));
  }
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

Result<std::vector<query::ShardRows>> ViewState::add_the_rest(const Query& query, const ViewState& state,
                                                              const ViewMoment& moment, const ViewScan& scan,
                                                              const query::QueryControl& control) {
  std::atomic<std::uint64_t> bytes{0};
  // The copy that the answer is made of takes as much memory as what is copied.
  WEIR_TRY(query::ResultBudget(between(control, 0, no_end, bytes)).take(state.bytes_));
  query::Pacer pacer(control);
  auto gathered = query::copy(state.gathered_, pacer);
  if (!gathered)
    return std::move(gathered).error();
  // A later moment may have been gathered meanwhile; then these shards are behind it.
  auto parts = scan(query, moment.shards, between(control, state.below_, no_end, bytes));
  if (parts)
    parts->push_back(*std::move(gathered));
  else if (control.leftovers != nullptr)
    control.leftovers->add(*std::move(gathered));
  return parts;
}

Result<ViewState::Answer> ViewState::answer(const Query& query, const std::shared_ptr<const ViewState>& before,
                                            const ViewMoment& moment, const ViewScan& scan,
                                            const query::QueryControl& control) {
  QueryStats gathering;
  auto state = gather(query, before, moment, scan, control, gathering);
  if (!state)
    return std::move(state).error();
  auto parts = add_the_rest(query, **state, moment, scan, control);
  if (!parts && parts.code() == Errc::too_large) {
    // As above: the query itself decides whether its answer is too large.
    std::atomic<std::uint64_t> bytes{0};
    parts = scan(query, moment.shards, between(control, 0, no_end, bytes));
  }
  if (!parts)
    return std::move(parts).error();
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
