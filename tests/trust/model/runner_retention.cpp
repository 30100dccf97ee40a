// Retention in random sequences, and what the reference makes of it.
#include "trust/model/runner.hpp"

#include "engine/text.hpp"
#include "engine/validate.hpp"

#include <algorithm>
#include <atomic>
#include <memory>

namespace weir::trust {

using test::pick;

Sequence Reference::first_to_stay(const std::string& context, const Events& events, Sequence first_live,
                                  const std::vector<RetentionRule>& rules, const RetentionPoint& point) {
  Sequence end = events.size(); // of what is judged
  while (end != 0 && events[end - 1].event.position >= point.before)
    --end;
  std::vector<std::uint64_t> newer(rules.size());
  Sequence stays = end + 1; // going back: the oldest that stays, of those that stay
  std::vector<bool> goes(end + 1);
  for (Sequence sequence = end; sequence >= first_live && sequence != 0; --sequence) {
    const auto& event = events[sequence - 1].event;
    for (std::size_t i = 0; i < rules.size(); ++i) {
      const RetentionRule& rule = rules[i];
      if (!context.starts_with(rule.context_prefix) ||
          (!rule.event_type.empty() && rule.event_type != event.event_type))
        continue;
      if ((rule.age && event.recorded_at < point.now - *rule.age) || (rule.count && newer[i] >= *rule.count))
        goes[sequence] = true;
      ++newer[i];
    }
    if (!goes[sequence])
      stays = sequence;
  }
  return std::max(first_live, stays);
}

void Reference::retained(const std::vector<RetentionRule>& rules, const RetentionReport& report,
                         const std::function<ShardId(const std::string&)>& shard_of, Timestamp now) {
  std::uint64_t truncated = 0, removed = 0;
  for (const auto& [name, events] : contexts_) {
    const Sequence before = first_live(name);
    const Sequence stays = first_to_stay(name, events, before, rules, report.point);
    if (stays == before)
      continue;
    ++truncated;
    removed += stays - before;
    marks_[name].first_live = stays;
    Shard& shard = shards_.at(shard_of(name));
    shard.written = shard.synced = shard.calls.size();
    shard.recorded_at_max = std::max(shard.recorded_at_max, now);
    shard.removed_at_max = shard.recorded_at_max;
  }
  if (report.truncated != truncated || report.events != removed)
    throw Mismatch(format("retention: {} contexts lost {} events, expected {} and {}", report.truncated, report.events,
                          truncated, removed));
}

void Runner::retain() {
  settle();
  ++tally_.retentions;
  std::vector<RetentionRule> rules;
  for (std::size_t count = 1 + pick(random_, 3); count != 0; --count) {
    RetentionRule rule;
    rule.context_prefix = random_context(); // or its beginning, but not all: other operations have contexts as well
    rule.context_prefix.resize(1 + pick(random_, rule.context_prefix.size()));
    while (!valid_utf8(rule.context_prefix))
      rule.context_prefix.pop_back();
    if (const auto call = reference_->some_call(random_); !call.empty() && pick(random_, 3) == 0)
      rule.event_type = call.front().event.event_type;
    if (pick(random_, 2) == 0)
      rule.age = std::chrono::microseconds(1 + pick(random_, 50'000));
    if (!rule.age || pick(random_, 3) == 0)
      rule.count = 1 + pick(random_, 30);
    const bool valid = std::none_of(rules.begin(), rules.end(), [&](const RetentionRule& other) {
      return other.context_prefix == rule.context_prefix && other.event_type == rule.event_type;
    });
    if (valid)
      rules.push_back(rule);
  }
  const bool resumes = pick(random_, 3) == 0;
  note(format("retain by {} rules{}", rules.size(), resumes ? ", cut short at first" : ""));
  if (const Status set = engine_->set_retention(rules); !set)
    throw Mismatch("rules of retention: " + to_string(set.error()));
  if (resumes) {
    const auto cut = engine_->apply_retention({.cancel = std::make_shared<std::atomic<bool>>(true)});
    expect(cut.code() == Errc::cancelled, "retention that is cancelled goes on");
    clock_->advance(std::chrono::microseconds(pick(random_, 3'000)));
  }
  const auto report = engine_->apply_retention();
  if (!report)
    throw Mismatch("retention: " + to_string(report.error()));
  expect(report->resumed == resumes, "retention: resumed, or not, though it was otherwise");
  reference_->retained(
      rules, *report, [this](const std::string& context) { return engine_->shard_of(context); }, clock_->now());
}

} // namespace weir::trust
