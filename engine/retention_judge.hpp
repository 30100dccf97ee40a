// How far rules of retention let a context be truncated.
//
// Purpose: the decision alone (docs/decisions/0013); who asks for it truncates. Threading: pure functions of a view.
// Invariants: judged at the same point, a context that only grows is decided the same, whatever was stored meanwhile
// and whatever of the decision was carried out. Memory: one batch of events.
#pragma once

#include "engine/ports.hpp"
#include "engine/shard_view.hpp"

#include <weir/event.hpp>
#include <weir/result.hpp>
#include <weir/retention.hpp>

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

/// Errors: `invalid_argument`, `too_large`, naming the rule: a name that no context or type can have, an age or count
/// out of range, neither of them, two rules for the same events, more than limits::retention_rules_max.
Status validate_retention(std::span<const RetentionRule> rules);

/// The fewest prefixes that cover the contexts of all rules, ascending.
[[nodiscard]] std::vector<std::string> prefixes_of(std::span<const RetentionRule> rules);

/// What of a context may go: from `first_live`, where it begins now, to below `first_to_stay`. Where no rule speaks of
/// the context both are 1, wherever it begins.
struct RetentionVerdict {
  Sequence first_live = 1;
  Sequence first_to_stay = 1; ///< At least first_live.
};

/// `point.before` must be such that the view holds all events below it. May do I/O, and asks `may_go_on` now and then.
Result<RetentionVerdict> judge_retention(const ShardView& view, std::string_view context_id,
                                         std::span<const RetentionRule> rules, const RetentionPoint& point,
                                         const MayGoOn& may_go_on);

} // namespace weir
