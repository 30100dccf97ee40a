#include "engine/consumers/consumer_group.hpp"

#include "engine/check.hpp"
#include "engine/sabotage.hpp"
#include "engine/text.hpp"

#include <algorithm>
#include <utility>

namespace weir {

namespace {

Error not_yours() {
  return fail(Errc::not_found, "the delivery is not this member's (any more): it was settled before, its deadline has "
                               "passed, or the member has left");
}

} // namespace

ConsumerGroup::ConsumerGroup(GroupRules rules, Position checkpoint, std::span<const Position> done,
                             std::uint64_t first_token)
    : rules_(rules), read_to_(checkpoint), told_checkpoint_(checkpoint), done_(done.begin(), done.end()),
      next_token_(first_token) {
}

std::size_t ConsumerGroup::room() const noexcept {
  const std::size_t held = open_.size() + done_.size();
  return held >= rules_.window_events_max || parked_ >= rules_.parked_max ? 0 : rules_.window_events_max - held;
}

bool ConsumerGroup::offer(Position position, ContextHash hash, std::uint32_t deliveries) {
  WEIR_CHECK(position >= read_to_);
  read_to_ = position + 1;
  if (done_.contains(position))
    return false;
  open_.insert(position);
  const auto at = contexts_.try_emplace(hash).first;
  Context& context = at->second;
  const Entry entry{position, deliveries, false};
  if (context.parked != 0 && rules_.park_whole_context) {
    note_parked_entry(context, entry, "waits for an earlier event of its context");
    return true;
  }
  context.events.push_back(entry);
  make_ready(at);
  return true;
}

void ConsumerGroup::read_to(Position next) {
  read_to_ = std::max(read_to_, next);
}

void ConsumerGroup::note_parked(ContextHash context, std::size_t events) {
  contexts_[context].parked += events;
  parked_ += events;
}

void ConsumerGroup::offer_parked(Position position, ContextHash hash) {
  const auto at = contexts_.find(hash);
  WEIR_CHECK(at != contexts_.end() && at->second.parked != 0);
  Context& context = at->second;
  --context.parked;
  --parked_;
  ++from_parked_;
  // Behind the first event if that one is out: it cannot be called back.
  unready(context);
  const bool first_is_out = context.token != 0 || context.delayed_until;
  auto place = context.events.begin() + (first_is_out ? 1 : 0);
  place = std::find_if(place, context.events.end(), [&](const Entry& each) { return each.position > position; });
  context.events.insert(place, Entry{position, 0, true});
  make_ready(at);
}

void ConsumerGroup::forget_parked(ContextHash hash) {
  const auto at = contexts_.find(hash);
  WEIR_CHECK(at != contexts_.end() && at->second.parked != 0);
  --at->second.parked;
  --parked_;
  forget_if_empty(at);
}

ConsumerGroup::MemberId ConsumerGroup::join() {
  const MemberId member = next_member_++;
  members_[member] = 0;
  return member;
}

void ConsumerGroup::leave(MemberId member, Time now) {
  std::vector<std::uint64_t> tokens;
  for (const auto& [token, flight] : in_flight_)
    if (flight.member == member)
      tokens.push_back(token);
  std::sort(tokens.begin(), tokens.end()); // so that a rerun does the same
  for (const std::uint64_t token : tokens)
    retry(recall(in_flight_.find(token)), std::chrono::milliseconds(0), "its member left", now);
  members_.erase(member);
}

std::vector<ConsumerGroup::Delivery> ConsumerGroup::take(MemberId member, std::size_t events_max, Time now) {
  std::vector<Delivery> taken;
  std::size_t& held = members_.at(member);
  while (!ready_.empty() && taken.size() < events_max &&
         (held < rules_.in_flight_max || sabotaged(Sabotage::exceed_in_flight_max))) {
    const ContextHash hash = ready_.begin()->second;
    Context& context = contexts_.at(hash);
    Entry& entry = context.events.front();
    if (!sabotaged(Sabotage::hand_out_context_twice))
      ready_.erase(ready_.begin());
    ++entry.deliveries;
    context.token = next_token_++;
    const Time deadline = now + rules_.ack_timeout_ms;
    in_flight_.emplace(context.token, InFlight{member, hash, deadline});
    if (!sabotaged(Sabotage::ignore_ack_deadline))
      deadlines_.emplace(deadline, context.token);
    ++held;
    if (!entry.from_parked && !sabotaged(Sabotage::forget_deliveries)) // a parked one stays parked if the process ends
      changes_.delivered.push_back({entry.position, entry.deliveries});
    taken.push_back({context.token, entry.position, entry.deliveries});
  }
  return taken;
}

Result<Position> ConsumerGroup::ack(MemberId member, std::uint64_t token) {
  const auto at = recall(member, token);
  if (!at)
    return at.error();
  const Position position = (*at)->second.events.front().position;
  finish_front(*at);
  return position;
}

Result<Position> ConsumerGroup::nack(MemberId member, std::uint64_t token, std::chrono::milliseconds delay, Time now) {
  const auto at = recall(member, token);
  if (!at)
    return at.error();
  const Position position = (*at)->second.events.front().position;
  retry(*at, delay, "refused by its handler", now);
  return position;
}

Result<Position> ConsumerGroup::park(MemberId member, std::uint64_t token, std::string reason) {
  const auto at = recall(member, token);
  if (!at)
    return at.error();
  const Position position = (*at)->second.events.front().position;
  park_front(*at, std::move(reason));
  return position;
}

void ConsumerGroup::expire(Time now) {
  while (!deadlines_.empty() && deadlines_.begin()->first <= now)
    retry(recall(in_flight_.find(deadlines_.begin()->second)), std::chrono::milliseconds(0), "not acknowledged in time",
          now);
  while (!delayed_.empty() && delayed_.begin()->first <= now) {
    const ContextHash hash = delayed_.begin()->second;
    delayed_.erase(delayed_.begin());
    const auto at = contexts_.find(hash);
    at->second.delayed_until.reset();
    make_ready(at);
  }
}

std::optional<ConsumerGroup::Time> ConsumerGroup::next_time() const {
  std::optional<Time> next;
  if (!deadlines_.empty())
    next = deadlines_.begin()->first;
  if (!delayed_.empty() && (!next || delayed_.begin()->first < *next))
    next = delayed_.begin()->first;
  return next;
}

GroupChanges ConsumerGroup::take_changes() {
  const Position now = checkpoint();
  if (now != told_checkpoint_) {
    changes_.checkpoint = told_checkpoint_ = now;
    done_.erase(done_.begin(), done_.lower_bound(now));
    const auto below = [now](const auto& each) { return each < now; };
    std::erase_if(changes_.done, below);
    std::erase_if(changes_.delivered, [&](const auto& each) { return below(each.position); });
  }
  return std::exchange(changes_, {});
}

/// Whether the event has been handed out as often as it may be.
bool ConsumerGroup::spent(const Entry& entry) const noexcept {
  return entry.deliveries >= rules_.deliveries_max && !sabotaged(Sabotage::redeliver_for_ever);
}

/// The first event of the context may be handed out, unless it is out already or must wait.
void ConsumerGroup::make_ready(Contexts::iterator at) {
  Context& context = at->second;
  if (context.events.empty() || context.token != 0 || context.delayed_until)
    return;
  const Entry& first = context.events.front();
  if (spent(first)) // in earlier lives: else it would not be here
    park_front(at, format("handed out {} times, and never settled before the process ended", first.deliveries));
  else
    ready_.emplace(first.position, at->first);
}

void ConsumerGroup::unready(const Context& context) {
  if (!context.events.empty())
    ready_.erase(context.events.front().position);
}

void ConsumerGroup::forget_if_empty(Contexts::iterator at) {
  if (at->second.events.empty() && at->second.parked == 0)
    contexts_.erase(at);
}

/// Takes the event back from the member it is with.
Result<ConsumerGroup::Contexts::iterator> ConsumerGroup::recall(MemberId member, std::uint64_t token) {
  const auto flight = in_flight_.find(token);
  if (flight == in_flight_.end() || flight->second.member != member)
    return not_yours();
  return recall(flight);
}

ConsumerGroup::Contexts::iterator ConsumerGroup::recall(std::unordered_map<std::uint64_t, InFlight>::iterator flight) {
  const auto at = contexts_.find(flight->second.context);
  at->second.token = 0;
  deadlines_.erase({flight->second.deadline, flight->first});
  --members_.at(flight->second.member);
  in_flight_.erase(flight);
  return at;
}

void ConsumerGroup::settle(const Entry& entry) {
  if (entry.from_parked) {
    --from_parked_;
    return;
  }
  open_.erase(entry.position);
  done_.insert(entry.position);
  changes_.done.push_back(entry.position);
}

void ConsumerGroup::finish_front(Contexts::iterator at) {
  Context& context = at->second;
  const Entry entry = context.events.front();
  context.events.pop_front();
  settle(entry);
  if (entry.from_parked)
    changes_.unparked.push_back(entry.position);
  make_ready(at);
  forget_if_empty(at);
}

void ConsumerGroup::retry(Contexts::iterator at, std::chrono::milliseconds delay, const char* why, Time now) {
  Context& context = at->second;
  const std::uint32_t deliveries = context.events.front().deliveries;
  if (spent(context.events.front())) {
    park_front(at, format("handed out {} times, at last {}", deliveries, why));
    return;
  }
  if (delay.count() > 0 && !sabotaged(Sabotage::ignore_nack_delay)) {
    context.delayed_until = now + delay;
    delayed_.emplace(*context.delayed_until, at->first);
  }
  make_ready(at);
}

void ConsumerGroup::park_front(Contexts::iterator at, std::string reason) {
  Context& context = at->second;
  const Position cause = context.events.front().position;
  note_parked_entry(context, context.events.front(), std::move(reason));
  context.events.pop_front();
  while (rules_.park_whole_context && !context.events.empty()) {
    note_parked_entry(context, context.events.front(), format("waits for the event at position {}", cause));
    context.events.pop_front();
  }
  make_ready(at);
}

void ConsumerGroup::note_parked_entry(Context& context, const Entry& entry, std::string reason) {
  settle(entry);
  changes_.parked.push_back({entry.position, entry.deliveries, std::move(reason), entry.from_parked});
  ++context.parked;
  ++parked_;
}

} // namespace weir
