// What a remembered query has gathered so far, and how it goes on from there.
//
// Purpose: an answer is made of what was gathered of the events up to a position, which is kept, and of what came
// since. Only synced events are gathered: what lies behind them is looked at each time, as a crash or a failed disk may
// take it away. Where an earlier event may have changed since (removed, upcast otherwise), all of it is gathered anew.
// Owner: ViewBook. Threading: immutable; a newer state takes the place of an older one.
// Invariants: an answer is that of the query itself over the same views of the shards, or, where somebody asked at a
// later moment and was faster, over those with some later events.
#pragma once

#include <weir/query.hpp>
#include <weir/query_result.hpp>
#include <weir/result.hpp>

#include "engine/query/control.hpp"
#include "engine/query/executor.hpp"
#include "engine/shard_view.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace weir {

/// What the shards are at the moment.
struct ViewMoment {
  std::span<const ShardView> shards;
  Position synced_below = 0;        ///< Everything below is synced and in `shards`. Read before they were.
  std::uint64_t schema_changes = 0; ///< See schema::Registry::changes(). Read before, too.
};

/// Runs a query over shards, at the positions that `control` says, into any number of parts.
using ViewScan = std::function<Result<std::vector<query::ShardRows>>(
    const Query& query, std::span<const ShardView> shards, const query::QueryControl& control)>;

class ViewState {
public:
  struct Answer {
    QueryResult result;
    std::shared_ptr<const ViewState> state; ///< Gathers as much as could be.
  };

  /// Answers `query` at `moment`, going on from `before`, which may be null. Errors: those of `scan` and of
  /// query::merge; then `before` is as good as it was.
  static Result<Answer> answer(const Query& query, const std::shared_ptr<const ViewState>& before,
                               const ViewMoment& moment, const ViewScan& scan, const query::QueryControl& control);

  /// Everything below was gathered.
  [[nodiscard]] Position gathered_below() const noexcept { return below_; }
  /// What it takes of memory, about.
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
  /// Whether `other` knows of something that this does not.
  [[nodiscard]] bool older_than(const ViewState& other) const noexcept {
    return removals_ < other.removals_ || schema_changes_ < other.schema_changes_ || below_ < other.below_;
  }

private:
  ViewState() = default;
  static Result<std::shared_ptr<const ViewState>> gather(const Query& query,
                                                         const std::shared_ptr<const ViewState>& before,
                                                         const ViewMoment& moment, const ViewScan& scan,
                                                         const query::QueryControl& control, QueryStats& stats);
  /// A copy of what `state` gathered, and what the shards have behind it.
  static Result<std::vector<query::ShardRows>> add_the_rest(const Query& query, const ViewState& state,
                                                            const ViewMoment& moment, const ViewScan& scan,
                                                            const query::QueryControl& control);

  query::ShardRows gathered_;
  std::uint64_t bytes_ = 0; ///< At most so much memory: what was counted when it was gathered.
  Position below_ = 0;
  std::uint64_t removals_ = 0;
  std::uint64_t schema_changes_ = 0;
};

} // namespace weir
