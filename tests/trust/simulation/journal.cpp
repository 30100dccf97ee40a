#include "trust/simulation/journal.hpp"

#include "engine/text.hpp"

#include <algorithm>
#include <iterator>

namespace weir::trust {

std::uint64_t Journal::ask(std::string what, int client) {
  owed_[++requests_] = {std::move(what), client};
  return requests_;
}

void Journal::told(std::uint64_t request) {
  if (owed_.erase(request) == 0)
    wrong(format("request {} was answered twice", request));
}

void Journal::forget(int client) {
  std::erase_if(owed_, [client](const auto& each) { return each.second.client == client; });
}

std::string Journal::who_waits() const {
  std::string all;
  for (const auto& [request, owed] : owed_)
    all += format("{}{} (request {})", all.empty() ? "" : ", ", owed.what, request);
  return all;
}

void Journal::stored(std::size_t call, Durability asked, const Result<Receipt>& answer, bool in_turn) {
  const StoredCall& noted = ledger_.calls()[call];
  if (noted.answers != 0)
    wrong(format("call {} was answered twice", call));
  ledger_.answered(call, answer);
  if (!answer) {
    if (answer.code() == Errc::schema_violation) // whoever knows the schemas judges that
      return;
    if (answer.code() != Errc::overloaded && !was_closed(noted.context_id, answer.error()) &&
        !refused_by_condition(call, answer.error()))
      refused(format("call {}", call), answer.error());
    return;
  }
  if (answer->events != noted.payloads.size())
    wrong(format("the receipt of call {} is for {} events, sent were {}", call, answer->events, noted.payloads.size()));
  if (answer->durability < asked)
    wrong(format("call {} was acknowledged as less durable than it asked for", call));
  check_conditions(call, *answer);
  if (!in_turn)
    return;
  Position& last = last_position_[noted.shard];
  if (answer->position <= last)
    wrong(format("P4: the receipt of call {} comes after one of a later position in shard {}", call, noted.shard));
  last = answer->position;
}

void Journal::expects(std::size_t call, Sequence last) {
  expected_[call] = {last, last_sequence(ledger_.calls()[call].context_id)};
}

void Journal::forbids(std::size_t call, Position after) {
  forbidden_[call] = after;
}

Sequence Journal::last_sequence(const std::string& context) const {
  const auto found = last_sequence_.find(context);
  return found == last_sequence_.end() ? 0 : found->second;
}

Position Journal::last_in_group() const {
  return in_group_.empty() ? 0 : in_group_.rbegin()->first;
}

bool Journal::refused_by_condition(std::size_t call, const Error& error) {
  const auto expected = expected_.find(call);
  const auto forbidden = forbidden_.find(call);
  if (error.code == Errc::sequence_conflict && expected != expected_.end()) {
    for (const Conflict& conflict : error.conflicts)
      if (!conflict.in_the_way && conflict.context_id == ledger_.calls()[call].context_id &&
          !may_be_empty(conflict.context_id) &&
          (conflict.current == expected->second.last || (!excused_ && conflict.current < expected->second.at_least)))
        wrong(format("call {} expected sequence {}, knew of {}, and was told that it is {}", call,
                     expected->second.last, expected->second.at_least, conflict.current));
    if (error.conflicts.empty())
      wrong(format("call {} was refused for what it expected, and not told why", call));
    return true;
  }
  if (error.code == Errc::condition_failed && forbidden != forbidden_.end()) {
    if (error.conflicts.size() != 1 ||
        (error.conflicts[0].receipt && error.conflicts[0].receipt->position <= forbidden->second))
      wrong(format("call {} was refused for an event after position {}, and that is not what it was told", call,
                   forbidden->second));
    return true;
  }
  return false;
}

void Journal::check_conditions(std::size_t call, const Receipt& receipt) {
  const std::string& context = ledger_.calls()[call].context_id;
  last_sequence_[context] = std::max(last_sequence_[context], receipt.last_sequence());
  if (const auto expected = expected_.find(call); expected != expected_.end() &&
                                                  receipt.sequence != expected->second.last + 1 &&
                                                  !(expected->second.last == 0 && may_be_empty(context)))
    wrong(format("the receipt of call {} is for sequence {}, and it expected {} before it", call, receipt.sequence,
                 expected->second.last));
  if (std::find(std::begin(grouped), std::end(grouped), context) == std::end(grouped))
    return;
  in_group_[receipt.position] = call;
  if (excused_) // what a failed write took back is in nobody's way
    return;
  // Whichever of two calls is answered first.
  for (const auto& [forbids, after] : forbidden_) {
    const StoredCall& noted = ledger_.calls()[forbids];
    if (!noted.acknowledged())
      continue;
    const Position at = (*noted.answer)->position;
    const auto between = in_group_.upper_bound(after);
    if (between != in_group_.end() && between->first < at)
      wrong(format("the receipt of call {} is for position {}: its group has one at {}, which it forbade", forbids, at,
                   between->first));
  }
}

void Journal::read_queue(const QueueBatch& batch) {
  for (const EventView& event : batch.events) {
    if (event.position < ledger_.checkpoint() || event.position >= batch.next)
      wrong(format("I12: the event queue gives position {} between {} and {}", event.position, ledger_.checkpoint(),
                   batch.next));
    ledger_.seen(event.position, event.payload);
    ledger_.seen_up_to(event.position + 1);
  }
  if (batch.next < ledger_.checkpoint())
    wrong("I12: a subscriber's checkpoint goes back");
  ledger_.seen_up_to(batch.next);
}

void Journal::check_queue(const Queued& queued, const Queued& stored, const Queued& all) {
  const auto within = [](const Queued& some, const Queued& more) {
    return std::includes(more.begin(), more.end(), some.begin(), some.end());
  };
  if (!within(stored, queued) || !within(queued, all))
    wrong("I12: the event queue gives other events than replays");
  for (auto event = stored.begin(); event != stored.lower_bound(ledger_.checkpoint()); ++event)
    if (!ledger_.seen().contains(event->first))
      wrong(format("I12: behind what a subscriber has seen there is position {}", event->first));
  for (const auto& [position, payload] : ledger_.seen())
    if (const auto there = all.find(position); there == all.end() || there->second != payload)
      wrong(format("I12: I1: a subscriber has seen what is not at position {}", position));
}

void Journal::vouch_for(const EventView& event, const std::string& who) {
  for (std::size_t i = 0; i < ledger_.calls().size(); ++i) {
    const StoredCall& call = ledger_.calls()[i];
    if (call.context_id != event.context_id ||
        std::find(call.payloads.begin(), call.payloads.end(), event.payload) == call.payloads.end())
      continue;
    return ledger_.vouch_for(CallSet().set(i));
  }
  wrong(format("I15: {} is given what was never sent: position {} of {}", who, event.position, event.context_id));
}

bool Journal::was_closed(const std::string& context, const Error& error) const {
  return error.code == Errc::context_deleted &&
         std::any_of(ledger_.removals().begin(), ledger_.removals().end(), [&](const AskedRemoval& removal) {
           return removal.request.closes && removal.context_id == context;
         });
}

bool Journal::may_be_empty(const std::string& context) const {
  return std::any_of(ledger_.removals().begin(), ledger_.removals().end(),
                     [&](const AskedRemoval& removal) { return removal.context_id == context; });
}

void Journal::refused(const std::string& what, const Error& error) {
  const bool allowed = error.code == Errc::closing || error.code == Errc::shard_failed ||
                       error.code == Errc::disk_full || error.code == Errc::io_error;
  if (!allowed || (error.code == Errc::closing ? !closing_ && !excused_ : !excused_))
    wrong(format("{} was refused without a reason: {}", what, to_string(error)));
}

bool Journal::was_refused(std::size_t call) const {
  const StoredCall& noted = ledger_.calls()[call];
  return call >= ledger_.life_began() && noted.answer && !noted.answer->ok();
}

Journal::Read Journal::begin_read(const std::string& context) const {
  const auto seen = longest_.find(context);
  return {context, ledger_.must_be_seen(), seen == longest_.end() ? 0 : seen->second.size()};
}

void Journal::end_read(const Read& read, const Rows& rows) {
  CallSet found;
  try {
    check_context(read.context, rows, ledger_, found);
  } catch (const Broken& broken) {
    wrong(format("a read: {}", broken.what()));
    return;
  }
  std::vector<std::size_t> calls;
  for (std::size_t i = 0; i < ledger_.calls().size(); ++i) {
    if (ledger_.calls()[i].context_id != read.context)
      continue;
    if (found[i])
      calls.push_back(i);
    else if (read.must[i])
      wrong(format("I1: a read of {} misses call {}, which was acknowledged before", read.context, i));
    if (found[i] && was_refused(i))
      wrong(format("I4: a read of {} shows call {}, which was refused", read.context, i));
  }
  if (calls.size() < read.at_least)
    wrong(format("P4: a read of {} shows {} calls, an earlier one {}", read.context, calls.size(), read.at_least));
  std::vector<std::size_t>& longest = longest_[read.context];
  if (!std::equal(calls.begin(), calls.begin() + static_cast<std::ptrdiff_t>(std::min(calls.size(), longest.size())),
                  longest.begin()))
    wrong(format("P4: two reads of {} begin differently", read.context));
  if (calls.size() > longest.size())
    longest = std::move(calls);
}

void Journal::check_seen(const CallSet& seen) {
  const CallSet missing = ledger_.must_be_seen() & ~seen;
  for (std::size_t i = 0; i < ledger_.calls().size(); ++i) {
    if (missing[i])
      wrong(format("I1: acknowledged call {} of {} is not to be seen", i, ledger_.calls()[i].context_id));
    if (seen[i] && was_refused(i))
      wrong(format("I4: call {} of {} was refused, and is there", i, ledger_.calls()[i].context_id));
  }
}

void Journal::begin_life(const CallSet& shown) {
  ledger_.begin_life(shown);
  last_position_.clear();
  longest_.clear();
  expected_.clear();
  forbidden_.clear();
  last_sequence_.clear();
  in_group_.clear();
  excused_ = closing_ = false;
}

void Journal::wrong(const std::string& what) {
  if (!wrong_)
    wrong_ = what;
}

void Journal::check() const {
  if (wrong_)
    throw Broken(*wrong_);
}

} // namespace weir::trust
