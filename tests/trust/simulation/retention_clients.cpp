#include "trust/simulation/retention_clients.hpp"

#include "actors/engine_core.hpp"
#include "engine/text.hpp"
#include "trust/simulation/clients.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace weir::trust {

namespace {

/// For events of `type` in contexts that begin with `prefix`.
RetentionRule rule_by_chance(Chance& chance, const char* prefix, const char* type) {
  RetentionRule rule;
  rule.context_prefix = prefix;
  rule.event_type = type;
  const std::size_t by = chance.pick(3);
  if (by != 0)
    rule.age = std::chrono::milliseconds(chance.any_of({1, 100, 1'000, 4'000}));
  if (by != 1)
    rule.count = chance.any_of<std::uint64_t>({1, 2, 4, 8});
  return rule;
}

/// In the order in which the engine gives them. None speaks of what groups hold.
std::vector<RetentionRule> rules_by_chance(Chance& chance) {
  constexpr const char* prefixes[] = {"", "c", "c0", "c1", Journal::mortal};
  std::vector<RetentionRule> rules;
  for (const char* const prefix : prefixes)
    for (const char* const type : {"", RetentionClients::other_type}) {
      const bool of_groups = *prefix == 0 && *type == 0;
      if (!of_groups && chance.one_in(4))
        rules.push_back(rule_by_chance(chance, prefix, type));
    }
  if (rules.empty())
    rules.push_back(rule_by_chance(chance, "c", ""));
  return rules;
}

} // namespace

void RetentionClients::act() {
  // A run whose truncations find an inbox full blocks its thread, and here there is no other that would make room.
  const EngineOptions small, &options = machine_.engine().options();
  if (options.inbox_commands_max < small.inbox_commands_max || options.inbox_bytes_max < small.inbox_bytes_max)
    return;
  if (chance_.one_in(4) || machine_.engine().retention().empty())
    set_rules();
  else
    apply();
}

void RetentionClients::begin() {
  Rules rules = machine_.engine().retention();
  if (std::find(may_be_set_.begin(), may_be_set_.end(), rules) == may_be_set_.end())
    journal_.wrong(
        format("I13: {} rules of retention are there after opening, and not those that were set", rules.size()));
  may_be_set_ = {std::move(rules)};
}

void RetentionClients::set_rules() {
  Rules rules = rules_by_chance(chance_);
  const Status status = planted_.now(Mistake::rules_lost)
                            ? Status()
                            : machine_.in_steps([&] { return machine_.engine().set_retention(rules); });
  recorded_ = false;
  if (!status) {
    journal_.refused("setting rules of retention", status.error());
    may_be_set_.push_back(std::move(rules));
    return;
  }
  may_be_set_ = {std::move(rules)};
  pending_.clear();
}

void RetentionClients::apply() {
  begin();
  rules_ = may_be_set_.front();
  const auto last = machine_.core().last_synced_position();
  if (!last)
    return journal_.refused("the last position", last.error());
  auto contexts = read_contexts();
  if (!contexts)
    return;
  // No step is taken between here and the moment when the run takes its point, if it takes one.
  const Point fresh{machine_.wall(), *last};
  const bool cancelled = chance_.one_in(3);
  if (!cancelled) {
    std::vector<Point> points = pending_;
    if (!recorded_)
      points.push_back(fresh);
    expect(*contexts, points);
  }
  ++counts_.runs;
  const bool lost = std::any_of(contexts->begin(), contexts->end(),
                                [](const Context& each) { return static_cast<bool>(each.expecting); }) &&
                    pending_.empty() && planted_.now(Mistake::retention_lost);
  const auto report = lost ? RetentionReport{{fresh.last + 1, fresh.now}} : run(cancelled, fresh);
  if (!report)
    return;
  const Point* const point = point_of(*report, fresh);
  if (point == nullptr)
    return journal_.wrong("I13: retention does not go on with the point that a run recorded before it was cut short");
  counts_.resumed += report->resumed ? 1 : 0;
  check(*contexts, *report, *point);
  pending_.clear();
  recorded_ = false;
}

Result<RetentionReport> RetentionClients::run(bool cancelled, const Point& fresh) {
  const RetentionOptions options{std::make_shared<std::atomic<bool>>(cancelled)};
  auto report = machine_.in_steps([&] { return machine_.engine().apply_retention(options); });
  if (!report)
    cut_short(report.error(), cancelled, fresh);
  else if (cancelled)
    journal_.wrong("I13: a run of retention that is cancelled comes to its end");
  return report;
}

void RetentionClients::cut_short(const Error& error, bool cancelled, const Point& fresh) {
  if (error.code != Errc::cancelled || !cancelled)
    journal_.refused("a run of retention", error);
  if (!recorded_)
    pending_.push_back(fresh);
  // A run looks whether it is cancelled once it has recorded its point. Any other error may be that of the very end.
  recorded_ = error.code == Errc::cancelled;
  if (recorded_ && planted_.now(Mistake::retention_point_lost))
    static_cast<void>(machine_.in_steps([&] { return machine_.engine().set_retention(rules_); }));
}

std::optional<std::vector<RetentionClients::Context>> RetentionClients::read_contexts() {
  std::set<std::string> names;
  for (const StoredCall& call : journal_.ledger().calls())
    names.insert(call.context_id);
  std::vector<Context> contexts;
  for (const std::string& name : names) {
    const auto mark = removals_.mark(name);
    auto stream = machine_.engine().replay(name, {});
    if (!mark || !stream) {
      journal_.refused("a replay of " + name, mark ? stream.error() : mark.error());
      return std::nullopt;
    }
    Context& context = contexts.emplace_back();
    context.name = name;
    context.first_live = mark->first_live;
    while (true) {
      const auto batch = stream->next();
      if (!batch) {
        journal_.refused("a replay of " + name, batch.error());
        return std::nullopt;
      }
      if (batch->empty())
        break;
      for (const EventView& event : *batch)
        context.live.push_back({event.sequence, event.position, std::string(event.event_type), event.recorded_at});
    }
    for (const AskedRemoval& removal : journal_.ledger().removals())
      context.quiet &= removal.context_id != name || removal.answer.has_value();
  }
  return contexts;
}

void RetentionClients::expect(std::vector<Context>& contexts, const std::vector<Point>& points) {
  for (Context& context : contexts) {
    Sequence below = context.first_live;
    for (const Point& point : points)
      below = std::max(below, first_to_stay(context, point));
    if (below == context.first_live)
      continue;
    auto all = removals_.replay_whole(context.name);
    if (all)
      context.expecting = removals_.expect(context.name, *std::move(all), below);
  }
}

const RetentionClients::Point* RetentionClients::point_of(const RetentionReport& report, const Point& fresh) const {
  if (!report.resumed)
    return !recorded_ && report.point.now == fresh.now && report.point.before > fresh.last ? &fresh : nullptr;
  const Point* found = nullptr;
  for (const Point& each : pending_) // time may have stood still between two of them: the latest that fits
    if (each.now == report.point.now && each.last < report.point.before)
      found = &each;
  return found;
}

void RetentionClients::check(std::vector<Context>& contexts, const RetentionReport& report, const Point& point) {
  std::uint64_t truncated = 0, events = 0;
  bool all_quiet = true;
  for (Context& context : contexts) {
    const Sequence stays = first_to_stay(context, point);
    truncated += stays != context.first_live ? 1 : 0;
    events += stays - context.first_live;
    all_quiet &= context.quiet;
    if (context.expecting && stays != context.first_live)
      context.expecting(Receipt{stays, 1, 0, Durability::synced});
    const auto mark = removals_.mark(context.name);
    if (!mark)
      journal_.refused("the mark of " + context.name, mark.error());
    else if (mark->first_live < stays || (context.quiet && mark->first_live > stays))
      journal_.wrong(format("I13: after a run of retention {} begins at sequence {}, it is to begin at {}",
                            context.name, mark->first_live, stays));
  }
  counts_.truncated += truncated;
  if (all_quiet && (report.truncated != truncated || report.events != events))
    journal_.wrong(format("I13: a run of retention tells of {} events in {} contexts, it was to remove {} in {}",
                          report.events, report.truncated, events, truncated));
}

bool RetentionClients::goes(const Context& context, const Live& event, const RetentionRule& rule,
                            const Point& point) const {
  const auto speaks_of = [&](const Live& each) {
    return each.position <= point.last && (rule.event_type.empty() || each.type == rule.event_type);
  };
  if (!context.name.starts_with(rule.context_prefix) || !speaks_of(event))
    return false;
  if (rule.age && point.now - event.recorded_at > *rule.age)
    return true;
  const auto newer = std::count_if(context.live.begin(), context.live.end(),
                                   [&](const Live& each) { return each.sequence > event.sequence && speaks_of(each); });
  return rule.count && static_cast<std::uint64_t>(newer) >= *rule.count;
}

Sequence RetentionClients::first_to_stay(const Context& context, const Point& point) const {
  Sequence stays = context.first_live;
  for (const Live& event : context.live) {
    const bool gone = std::any_of(rules_.begin(), rules_.end(),
                                  [&](const RetentionRule& rule) { return goes(context, event, rule, point); });
    if (!gone)
      break;
    stays = event.sequence + 1;
  }
  return stays;
}

} // namespace weir::trust
