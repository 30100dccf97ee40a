// Looking after consumers in random sequences: what is parked, replayed for one context, reset and removed.
#include "trust/model/runner.hpp"

#include "engine/text.hpp"

#include <algorithm>

namespace weir::trust {

using test::pick;

namespace {
constexpr const char* looked_after = "group";
constexpr const char* single_reader = "single";
} // namespace

std::vector<ParkedEvent> Runner::all_parked() {
  std::vector<ParkedEvent> all;
  while (true) {
    const std::size_t events_max = 1 + pick(random_, 1'000);
    auto some = engine_->consumers().parked(looked_after, all.empty() ? 0 : all.back().position + 1, events_max);
    if (some.code() == Errc::not_found && known_.done.empty() && known_.parked.empty())
      return {}; // the group has never had a member
    if (!some)
      throw Mismatch("parked events: " + to_string(some.error()));
    all.insert(all.end(), some->begin(), some->end());
    if (some->size() < events_max)
      return all;
  }
}

std::vector<ParkedEvent> Runner::check_parked() {
  std::vector<ParkedEvent> parked = all_parked();
  std::map<std::string, Sequence> last;
  Position before = 0;
  for (const ParkedEvent& each : parked) {
    if (each.replay_wanted) // nobody has come for it yet
      continue;
    const auto context = reference_->contexts().find(each.context_id);
    const auto first = known_.parked.find(each.context_id);
    const std::string who = format("parked: {} sequence {}", each.context_id, each.sequence);
    expect(context != reference_->contexts().end() && each.sequence <= context->second.size() &&
               context->second[each.sequence - 1].event.position == each.position,
           who + ", which was never stored");
    expect(first != known_.parked.end(), who + ", though nothing of the context was");
    Sequence& sequence = last[each.context_id];
    expect(sequence == 0 ? each.position == first->second : each.sequence > sequence,
           who + ", which is not the next one");
    expect(each.position > before, who + ", out of order");
    expect(sequence != 0 || each.reason == "at random", who + ", for another reason");
    sequence = each.sequence;
    before = each.position;
  }
  expect(last.size() == known_.parked.size(),
         format("{} contexts have parked events, expected {}", last.size(), known_.parked.size()));
  return parked;
}

/// Wherever it is told to go on: what lies behind comes again, what lies between is left out.
void Runner::reset_group() {
  const Consumers consumers = engine_->consumers();
  const Reference::Events some = reference_->some_call(random_);
  const bool to_oldest = some.empty() || pick(random_, 4) == 0;
  const Position at = to_oldest ? 0 : some.front().event.position + pick(random_, 2);
  note(to_oldest ? std::string("reset to the oldest event") : format("reset to position {}", at));
  const Status reset = consumers.reset(looked_after, to_oldest ? QueueStart() : QueueStart::at(at));
  if (reset.code() == Errc::not_found && known_.done.empty())
    return;
  expect(reset.ok(), "reset: " + (reset.ok() ? "" : to_string(reset.error())));
  ++tally_.group_resets;
  if (mistake_ == Mistake::resets_are_ignored && at == 0) // what is left out in vain would have to be waited for
    return;
  std::set<Position> stay; // parked events before it
  for (const ParkedEvent& each : all_parked())
    stay.insert(each.position);
  std::erase_if(known_.parked, [&](const auto& each) { return each.second >= at; });
  known_.done.clear();
  for (const auto& [context, events] : reference_->contexts())
    for (const test::KnownEvent& known : events)
      if (known.event.position < at && !stay.contains(known.event.position))
        known_.done[context].insert(known.event.sequence);
}

void Runner::look_after() {
  settle();
  const Consumers consumers = engine_->consumers();
  const std::vector<ParkedEvent> parked = check_parked();
  switch (pick(random_, 8)) {
  case 0: {
    note("remove the group");
    const Status removed = consumers.remove(looked_after);
    expect(removed.ok() || (removed.code() == Errc::not_found && known_.done.empty()),
           "remove: " + (removed.ok() ? "" : to_string(removed.error())));
    known_.done.clear();
    known_.parked.clear();
    break;
  }
  case 1: {
    const Position to = pick(random_, 2) == 0 ? 0 : known_.checkpoint / 2;
    const Status reset = consumers.reset(single_reader, QueueStart::at(to));
    note(format("reset the single consumer to {}", to));
    expect(reset.ok() || (reset.code() == Errc::not_found && known_.checkpoint == 0), "the single consumer: no reset");
    known_.checkpoint = reset.ok() ? to : 0;
    break;
  }
  case 2:
  case 3:
  case 4: reset_group(); break;
  default: {
    if (known_.parked.empty())
      break;
    const auto chosen =
        std::next(known_.parked.begin(), static_cast<std::ptrdiff_t>(pick(random_, known_.parked.size())));
    note("replay what is parked of " + chosen->first);
    const auto of_context = [&](const ParkedEvent& each) { return each.context_id == chosen->first; };
    const auto expected = std::count_if(parked.begin(), parked.end(), of_context);
    const auto replayed = consumers.replay_parked(looked_after, chosen->first);
    expect(replayed.ok() && *replayed == static_cast<std::uint64_t>(expected),
           "parked events of a context: not as many are replayed as were parked");
    known_.parked.erase(chosen);
  }
  }
}

} // namespace weir::trust
