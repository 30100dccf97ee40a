// Retention: rules in the catalog, and the run that truncates by them.
#include "actors/countdown.hpp"
#include "actors/engine_core.hpp"
#include "engine/callback_scope.hpp"
#include "engine/context_walk.hpp"
#include "engine/retention_judge.hpp"
#include "engine/sabotage.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace weir {

namespace {

// As many as share the syncs of a few groups; each is a name and two numbers.
constexpr std::size_t truncations_at_once = 256;

Error from_callback() {
  return fail(Errc::invalid_argument, "retention waits for the engine, so a callback cannot ask for it");
}

} // namespace

/// What a run has decided of one context.
struct EngineCore::Truncation {
  std::string context_id;
  RetentionVerdict verdict;
  std::optional<Result<Receipt>> answer{};
};

/// The flush lane owns the catalog. Waits for `work`; `closing` if it was dropped unrun.
Status EngineCore::in_flush_lane(UniqueFunction<Status()> work) const {
  struct Shared {
    Countdown done;
    Status result = closing_error();
  };
  class Posted {
  public:
    Posted(std::shared_ptr<Shared> shared, UniqueFunction<Status()> what)
        : shared_(std::move(shared)), work_(std::move(what)) {}
    Posted(Posted&&) noexcept = default;
    ~Posted() {
      if (shared_)
        shared_->done.down();
    }
    void operator()() { shared_->result = work_(); }

  private:
    std::shared_ptr<Shared> shared_;
    UniqueFunction<Status()> work_;
  };
  const std::shared_ptr<Shared> shared(new Shared{{1, stepped_, *parts_.clock}});
  parts_.flush_lane->post(Posted(shared, std::move(work)));
  shared->done.wait();
  return std::move(shared->result);
}

Status EngineCore::set_retention(std::vector<RetentionRule> rules) {
  if (CallbackScope::active())
    return from_callback();
  WEIR_TRY(validate_retention(rules));
  std::sort(rules.begin(), rules.end(), [](const RetentionRule& a, const RetentionRule& b) {
    return std::tie(a.context_prefix, a.event_type) < std::tie(b.context_prefix, b.event_type);
  });
  const Door::Inside inside(door_);
  if (!inside || closing_.load())
    return closing_error();
  const std::lock_guard one_at_a_time(retention_mutex_);
  // A run by the rules before has nothing more to say.
  RetentionRecord record = parts_.retention.record();
  record.rules = std::move(rules);
  record.applied = true;
  return in_flush_lane([this, &record] { return parts_.retention.set(*parts_.catalog, std::move(record)); });
}

/// Finds the point to judge by, which is recorded when this returns.
Result<RetentionReport> EngineCore::begin_retention(RetentionRecord& judged) {
  judged = parts_.retention.record();
  RetentionReport report;
  report.resumed = judged.point && !judged.applied && !sabotaged(Sabotage::forget_retention_point);
  if (!report.resumed) {
    // All below the watermark is synced and seen by any view that is taken from now on, after a crash as well.
    judged.point = {parts_.watermark->now(), parts_.clock->now()};
    judged.applied = false;
    WEIR_TRY(in_flush_lane([this, &judged] { return parts_.retention.set(*parts_.catalog, judged); }));
  }
  report.point = *judged.point;
  return report;
}

Result<RetentionReport> EngineCore::apply_retention(const RetentionOptions& options) {
  if (CallbackScope::active())
    return from_callback();
  const Door::Inside inside(door_);
  if (!inside || closing_.load())
    return closing_error();
  const std::lock_guard one_at_a_time(retention_mutex_);
  const MayGoOn may_go_on = [&]() -> Status {
    if (closing_.load())
      return closing_error();
    if (options.cancel && options.cancel->load())
      return fail(Errc::cancelled, "the run of retention was cancelled");
    return {};
  };
  RetentionRecord judged;
  auto report = begin_retention(judged);
  if (!report)
    return report;
  WEIR_TRY(retain_contexts(judged, may_go_on, *report));
  judged.applied = true;
  WEIR_TRY(in_flush_lane([this, &judged] { return parts_.retention.set(*parts_.catalog, judged); }));
  return report;
}

Status EngineCore::retain_contexts(const RetentionRecord& judged, const MayGoOn& may_go_on, RetentionReport& report) {
  std::vector<Truncation> truncations;
  const auto visit = [&](std::string_view context_id) -> Status {
    WEIR_TRY(may_go_on());
    const auto now = view(shard_of(context_id)); // its own, so that no memtable is held for the length of the run
    if (!now)
      return now.error();
    const auto verdict = judge_retention(*now, context_id, judged.rules, *judged.point, may_go_on);
    if (!verdict)
      return verdict.error();
    ++report.contexts;
    if (verdict->first_to_stay != verdict->first_live)
      truncations.push_back({std::string(context_id), *verdict});
    return truncations.size() < truncations_at_once ? Status() : truncate_all(truncations, report);
  };
  for (const std::string& prefix : prefixes_of(judged.rules)) {
    WEIR_TRY(may_go_on());
    WEIR_TRY(walk_contexts(prefix, visit));
  }
  return truncate_all(truncations, report);
}

Status EngineCore::truncate_all(std::vector<Truncation>& truncations, RetentionReport& report) {
  if (truncations.empty())
    return {};
  const auto answered = std::make_shared<Countdown>(truncations.size(), stepped_, *parts_.clock);
  for (Truncation& each : truncations) {
    auto command = make_removal(each.context_id, {each.verdict.first_to_stay, false});
    if (!command) {
      each.answer = std::move(command).error();
      answered->down();
      continue;
    }
    (*command)->done = Completion([&each, answered](Result<Receipt> receipt) {
      each.answer = std::move(receipt);
      answered->down();
    });
    submit(*std::move(command), WhenFull::wait);
  }
  answered->wait();
  Status worst;
  for (const Truncation& each : truncations) {
    if (!*each.answer) {
      worst = each.answer->error();
    } else if (!(*each.answer)->duplicate) {
      ++report.truncated;
      report.events += each.verdict.first_to_stay - each.verdict.first_live;
    }
  }
  truncations.clear();
  return worst;
}

} // namespace weir
