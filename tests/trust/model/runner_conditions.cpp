// Conditions on a group in random sequences: stores and mere checks, one alone or several under way, and retries that
// no condition concerns.
#include "trust/model/runner.hpp"

#include "engine/text.hpp"

#include <algorithm>
#include <array>

namespace weir::trust {

using test::pick;

namespace {

constexpr std::array<std::string_view, 3> all_tags = {"odd", "red", "a \\\"b\\\""}; ///< As JSON has them.
constexpr std::string_view tags_begin = R"({"tags":[)";

std::string quoted(std::string_view tag) {
  return format("\"{}\"", tag);
}

std::string unescaped(std::string_view tag) {
  std::string text(tag);
  std::erase(text, '\\');
  return text;
}

bool has_tag(const test::StoredEvent& event, const std::string& tag) {
  return event.metadata.starts_with(tags_begin) &&
         std::any_of(all_tags.begin(), all_tags.end(), [&](std::string_view each) {
           return unescaped(each) == tag && event.metadata.find(quoted(each)) != std::string::npos;
         });
}

} // namespace

std::optional<Match> Reference::in_the_way(const FailIf& condition) const {
  std::optional<Match> first;
  for (const auto& [context, events] : contexts_) {
    if (!context.starts_with("{" + condition.group + "}"))
      continue;
    for (Sequence sequence = first_live(context); sequence <= events.size(); ++sequence) {
      const test::StoredEvent& event = events[sequence - 1].event;
      const auto& types = condition.types;
      const bool typed = types.empty() || std::find(types.begin(), types.end(), event.event_type) != types.end();
      const bool tagged = mistake_ == Mistake::tags_are_ignored ||
                          std::all_of(condition.tags.begin(), condition.tags.end(),
                                      [&](const std::string& tag) { return has_tag(event, tag); });
      if (typed && tagged && event.position > condition.after && (!first || event.position < first->position))
        first = Match{context, event.event_id, sequence, event.position};
    }
  }
  return first;
}

void Reference::judged_condition(const FailIf& condition, bool stores, Position had_come_to, Position stored_at,
                                 const Error* error) const {
  std::optional<Match> match = in_the_way(condition);
  if (!stores && mistake_ == Mistake::checks_always_hold)
    match.reset();
  const std::string who = format("a condition on {} after {}", condition.group, condition.after);
  const auto told = [&]() -> const Conflict* {
    const auto& all = error->conflicts;
    const auto at = std::find_if(all.begin(), all.end(), [](const Conflict& each) { return each.in_the_way; });
    return at == all.end() ? nullptr : &*at;
  };
  const Conflict* const conflict = error == nullptr ? nullptr : told();
  if (conflict == nullptr) {
    // What was stored before the call was in its way, and what has a lower position than its own events.
    if (match && (match->position <= had_come_to || match->position < stored_at))
      throw Mismatch(
          format("{}: nothing was in the way, but {} sequence {} was", who, match->context_id, match->sequence));
    return;
  }
  if (!match)
    throw Mismatch(format("{}: {} sequence {} is not in the way", who, conflict->context_id, conflict->current));
  const bool same_event = conflict->context_id == match->context_id && conflict->event_id == match->event_id &&
                          conflict->current == match->sequence && conflict->receipt &&
                          conflict->receipt->position == match->position;
  if (!same_event)
    throw Mismatch(format("{}: told of {} sequence {}, but the first is {} sequence {}", who, conflict->context_id,
                          conflict->current, match->context_id, match->sequence));
}

std::string Runner::random_metadata_with_tags() {
  std::string list;
  for (const std::string_view tag : all_tags)
    if (pick(random_, 2) == 0)
      list += (list.empty() ? "" : ",") + quoted(tag);
  return format("{}{}]}}", tags_begin, list);
}

FailIf Runner::random_condition(const std::string& group) {
  FailIf condition{.group = group};
  for (std::size_t types = pick(random_, 3); types != 0; --types)
    condition.types.push_back("type-" + std::to_string(pick(random_, 5)));
  for (std::size_t tags = pick(random_, 3); tags != 0; --tags)
    condition.tags.push_back(unescaped(all_tags[pick(random_, all_tags.size())]));
  // Mostly of late, so that it often holds; at times just before or at what would be in the way.
  const Position newest = reference_->position_max();
  const std::size_t back = pick(random_, 4) == 0 ? newest : pick(random_, 40);
  condition.after = newest - std::min<Position>(back, newest);
  if (const auto match = reference_->in_the_way(condition); match && pick(random_, 3) == 0)
    condition.after = match->position - pick(random_, 2);
  return condition;
}

/// A call for one of the group's contexts: new events, none, or one that was stored before.
Runner::Conditional Runner::random_conditional(const std::string& group) {
  Conditional call;
  call.context = format("{{{}}} {}", group, pick(random_, 3));
  call.condition = random_condition(group);
  call.at_least = reference_->length(call.context);
  const std::size_t kind = pick(random_, 8);
  if (kind == 0) {
    std::vector<const test::KnownEvent*> named;
    if (const auto found = reference_->contexts().find(call.context); found != reference_->contexts().end())
      for (const test::KnownEvent& known : found->second)
        if (!known.event.event_id.empty())
          named.push_back(&known);
    if (!named.empty()) {
      call.again = true;
      call.events.push_back(*named[pick(random_, named.size())]);
    }
  } else if (kind > 2) {
    call.events = part_for(call.context, pick(random_, 2) == 0);
  }
  if (pick(random_, 4) == 0)
    call.expect = random_expectation(call.context);
  return call;
}

/// Calls with conditions, and nothing else under way: so it is known what may be in the way of each.
void Runner::conditions() {
  settle();
  const std::string group = "both-" + std::to_string(pick(random_, 2));
  const Position had_come_to = reference_->position_max();
  std::vector<Conditional> calls;
  for (std::size_t count = pick(random_, 3) == 0 ? 2 + pick(random_, 5) : 1; count != 0; --count) {
    Conditional& call = calls.emplace_back(random_conditional(group));
    ++tally_.conditions;
    note(format("{} events of {}{}, expects {}, with a condition after {}, {} types, {} tags", call.events.size(),
                call.context, call.again ? " again" : "", to_string(call.expect), call.condition.after,
                call.condition.types.size(), call.condition.tags.size()));
    std::vector<Event> events;
    for (const test::KnownEvent& known : call.events)
      events.push_back(as_given(known.event));
    const StoreOptions options{.durability = random_durability(), .expect = call.expect, .fail_if = call.condition};
    call.ticket = engine_->store_async(call.context, std::move(events), options);
  }
  std::vector<std::pair<Receipt, Conditional*>> stored;
  for (Conditional& call : calls) {
    auto answer = call.ticket->wait_for(patience);
    expect(answer.has_value(), "a store with a condition was not answered");
    call.answer = std::move(*answer);
    if (call.answer->ok() && !call.events.empty() && !(*call.answer)->duplicate)
      stored.emplace_back(**call.answer, &call);
  }
  std::sort(stored.begin(), stored.end(),
            [](const auto& a, const auto& b) { return a.first.position < b.first.position; });
  for (const auto& [receipt, call] : stored) {
    expect(!call->again, call->context + ": what was stored before was stored a second time");
    expect(call->expect.holds(receipt.sequence - 1, reference_->first_live(call->context)),
           format("{} sequence {}: stored, though {} was expected", call->context, receipt.sequence,
                  to_string(call->expect)));
    tally_.events += call->events.size();
    ++tally_.calls;
    reference_->stored(engine_->shard_of(call->context), call->events, receipt, receipt.durability, clock_->now());
  }
  for (const Conditional& call : calls)
    judge_conditional(call, calls.size() == 1, had_come_to);
}

void Runner::judge_conditional(const Conditional& call, bool alone, Position had_come_to) {
  const Result<Receipt>& answer = *call.answer;
  if (!alone && answer.code() == Errc::overloaded) {
    ++tally_.refused;
    return;
  }
  if (call.again) { // ids come before conditions
    expect(answer.ok() && answer->duplicate, call.context + ": the retry of a stored event was refused: " +
                                                 (answer.ok() ? "" : to_string(answer.error())));
    reference_->duplicate(engine_->shard_of(call.context), call.events, *answer, answer->durability);
    return;
  }
  const Error* const error = answer.ok() ? nullptr : &answer.error();
  tally_.conditions_failed += answer.ok() ? 0 : 1;
  expect(answer.ok() || answer.code() == Errc::condition_failed || answer.code() == Errc::sequence_conflict,
         "a store with a condition: " + (answer.ok() ? "" : to_string(answer.error())));
  const bool stores = !call.events.empty();
  if (answer.ok() && !stores)
    reference_->judged(call.context, call.expect, answer->last_sequence(), call.at_least, nullptr);
  if (answer.code() == Errc::sequence_conflict)
    reference_->judged(call.context, call.expect, error->conflicts.at(0).current, call.at_least, error);
  reference_->judged_condition(call.condition, stores, had_come_to, answer.ok() && stores ? answer->position : 0,
                               error);
}

} // namespace weir::trust
