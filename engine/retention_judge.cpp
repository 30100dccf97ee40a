#include "engine/retention_judge.hpp"

#include "engine/sabotage.hpp"
#include "engine/text.hpp"
#include "engine/validate.hpp"

#include <weir/limits.hpp>

#include <algorithm>
#include <optional>
#include <tuple>

namespace weir {
namespace {

constexpr std::size_t events_at_first = 16; // most contexts begin with an event that stays
constexpr ReadBounds bounds{1'024, 1 * MiB};

/// One rule, as it applies to one context.
class Applied {
public:
  explicit Applied(const RetentionRule& rule) : rule_(&rule) {}
  [[nodiscard]] bool speaks_of(const EventView& event) const {
    return rule_->event_type.empty() || rule_->event_type == event.event_type;
  }
  [[nodiscard]] bool too_old(const EventView& event, const RetentionPoint& point) const {
    return rule_->age && event.recorded_at < point.now - *rule_->age;
  }
  [[nodiscard]] const std::optional<std::uint64_t>& count() const { return rule_->count; }
  std::optional<Sequence> counted_from{}; ///< The first of the newest so many; found when it is asked for.

private:
  const RetentionRule* rule_;
};

class Judge {
public:
  Judge(const ShardView& view, std::string_view context_id, std::span<const RetentionRule> rules,
        const RetentionPoint& point, const MayGoOn& may_go_on)
      : view_(view), context_id_(context_id), point_(point), may_go_on_(may_go_on) {
    for (const RetentionRule& rule : rules)
      if (context_id.starts_with(rule.context_prefix))
        applied_.emplace_back(rule);
  }

  Result<RetentionVerdict> run() {
    if (applied_.empty())
      return RetentionVerdict{};
    const auto mark = find_mark(view_, context_id_);
    if (!mark)
      return mark.error();
    first_live_ = mark->first_live;
    Sequence stays = first_live_;
    const auto judged = read({.from = first_live_}, [&](const EventView& event) -> Result<bool> {
      auto gone = goes(event);
      if (gone && *gone)
        stays = event.sequence + 1;
      return gone;
    });
    if (!judged)
      return judged.error();
    if (sabotaged(Sabotage::retain_one_too_few) && stays != first_live_)
      ++stays;
    return RetentionVerdict{first_live_, stays};
  }

private:
  /// Reads events in order as long as `take` says so.
  template <class Take> Status read(SequenceRange range, Take take) {
    ReadBounds some{events_at_first, bounds.bytes_max};
    while (range.from <= range.to) {
      WEIR_TRY(may_go_on_());
      EventBatch batch;
      const auto more = read_context(view_, context_id_, range, some, batch);
      if (!more)
        return more.error();
      for (const EventView& event : batch) {
        const Result<bool> on = take(event);
        if (!on)
          return on.error();
        if (!*on)
          return {};
      }
      if (batch.empty() || !*more)
        return {};
      if (range.backward)
        range.to = batch.back().sequence - 1;
      else
        range.from = batch.back().sequence + 1;
      some = bounds;
    }
    return {};
  }

  Result<bool> goes(const EventView& event) {
    if (event.position >= point_.before)
      return false;
    for (Applied& rule : applied_) {
      if (!rule.speaks_of(event))
        continue;
      if (rule.too_old(event, point_))
        return true;
      if (!rule.count())
        continue;
      if (!rule.counted_from)
        if (Status counted = count(rule); !counted)
          return std::move(counted).error();
      if (event.sequence < *rule.counted_from)
        return true;
    }
    return false;
  }

  /// Goes back from the newest event below the point: as far as the rule counts, however long the context is.
  Status count(Applied& rule) {
    const auto head = context_head(view_, context_id_);
    if (!head)
      return head.error();
    std::uint64_t left = *rule.count();
    rule.counted_from = first_live_;
    return read({.from = first_live_, .to = head->last, .backward = true}, [&](const EventView& event) -> Result<bool> {
      if (event.position >= point_.before || !rule.speaks_of(event))
        return true;
      if (--left != 0)
        return true;
      rule.counted_from = event.sequence;
      return false;
    });
  }

  const ShardView& view_;
  std::string_view context_id_;
  const RetentionPoint& point_;
  const MayGoOn& may_go_on_;
  std::vector<Applied> applied_;
  Sequence first_live_ = 1;
};

Status validate(const RetentionRule& rule) {
  if (!rule.context_prefix.empty())
    WEIR_TRY(validate_name("context_prefix", rule.context_prefix, limits::context_id_bytes_max));
  if (!rule.event_type.empty())
    WEIR_TRY(validate_event_type(rule.event_type));
  if (!rule.age && !rule.count)
    return fail(Errc::invalid_argument, "a rule needs an age, a count or both");
  if (rule.age && (rule.age->count() < 1 || *rule.age > limits::retention_age_max))
    return fail(Errc::invalid_argument,
                format("an age is from 1 microsecond to {} days", limits::retention_age_max / std::chrono::days(1)));
  if (rule.count && (*rule.count < 1 || *rule.count >= sequence_max))
    return fail(Errc::invalid_argument, "a count is at least 1; delete_context removes all events");
  return {};
}

} // namespace

Status validate_retention(std::span<const RetentionRule> rules) {
  if (rules.size() > limits::retention_rules_max)
    return fail(Errc::too_large, format("{} rules, at most {} are allowed", rules.size(), limits::retention_rules_max));
  std::vector<std::tuple<std::string_view, std::string_view>> seen;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const std::string where = format("rule {}", i);
    if (const Status valid = validate(rules[i]); !valid)
      return fail(valid.code(), valid.error().message, where);
    seen.emplace_back(rules[i].context_prefix, rules[i].event_type);
  }
  std::sort(seen.begin(), seen.end());
  if (const auto twin = std::adjacent_find(seen.begin(), seen.end()); twin != seen.end())
    return fail(Errc::invalid_argument, format("two rules for context prefix '{}' and event type '{}'",
                                               std::get<0>(*twin), std::get<1>(*twin)));
  return {};
}

std::vector<std::string> prefixes_of(std::span<const RetentionRule> rules) {
  std::vector<std::string> prefixes;
  for (const RetentionRule& rule : rules)
    prefixes.push_back(rule.context_prefix);
  std::sort(prefixes.begin(), prefixes.end());
  // Sorted by bytes, all that begin with a prefix follow it.
  const auto covered = [](const std::string& before, const std::string& each) { return each.starts_with(before); };
  prefixes.erase(std::unique(prefixes.begin(), prefixes.end(), covered), prefixes.end());
  return prefixes;
}

Result<RetentionVerdict> judge_retention(const ShardView& view, std::string_view context_id,
                                         std::span<const RetentionRule> rules, const RetentionPoint& point,
                                         const MayGoOn& may_go_on) {
  return Judge(view, context_id, rules, point, may_go_on).run();
}

} // namespace weir
