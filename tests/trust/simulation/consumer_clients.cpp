#include "trust/simulation/consumer_clients.hpp"

#include "engine/text.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace weir::trust {

namespace {

constexpr const char* group_name = "group";
constexpr std::chrono::milliseconds no_wait{0};
constexpr std::size_t members_max = 3;

GroupOptions random_group_options(Chance& chance) {
  GroupOptions options;
  options.ack_timeout_ms = std::chrono::milliseconds(chance.any_of({100, 2'000, 30'000}));
  options.deliveries_max = chance.any_of<std::uint32_t>({3, 5, 100});
  options.in_flight_max = chance.any_of<std::size_t>({1, 4, 256});
  options.parked_max = chance.any_of<std::size_t>({4, 65'536, 65'536});
  if (chance.one_in(4))
    options.on_park = GroupOptions::OnPark::context_goes_on;
  return options;
}

} // namespace

ConsumerClients::ConsumerClients(Machine& machine, Journal& journal, Removals& removals, std::uint64_t seed,
                                 Mistake mistake)
    : machine_(machine), journal_(journal), chance_(seed), planted_(mistake, chance_.pick(4)),
      group_(journal, random_group_options(chance_), [&removals](const std::string& context) {
        const auto mark = removals.mark(context);
        return mark ? mark->first_live : sequence_max; // nobody can tell
      }) {
}

void ConsumerClients::act() {
  if (planted_.is(Mistake::checkpoint_lost) || chance_.one_in(4))
    act_single();
  else
    act_in_group();
}

void ConsumerClients::end() {
  single_.reset();
  members_.clear();
  group_.begins();
}

void ConsumerClients::check(const std::map<Position, std::string>& all, const std::map<Position, std::string>& stored) {
  group_.check_given(all);
  for (auto event = stored.begin(); event != stored.lower_bound(given_to_); ++event)
    if (!dealt_with_.contains(event->first))
      journal_.wrong(format("I15: behind what a consumer has been given there is position {}", event->first));
  for (const auto& [position, payload] : dealt_with_)
    if (const auto there = all.find(position); there == all.end() || there->second != payload)
      journal_.wrong(format("I15: I1: a consumer was given what is not at position {}", position));
}

void ConsumerClients::act_in_group() {
  if (members_.empty() && joined_ != 0 && chance_.one_in(12)) {
    const Status status = machine_.wait_for([&] { return machine_.engine().consumers().reset(group_name, {}); });
    return group_.reset(status);
  }
  if (members_.empty() || (members_.size() < members_max && chance_.one_in(5))) {
    join();
    return;
  }
  const auto member = std::next(members_.begin(), static_cast<std::ptrdiff_t>(chance_.pick(members_.size())));
  switch (chance_.pick(20)) {
  case 0: return leave(member);
  case 1: replay_parked(chance_.one_in(2) ? std::string() : "c0"); return;
  case 2: return look_at_group();
  case 3:
  case 4:
  case 5:
  case 6:
  case 7: {
    const std::size_t events = 1 + chance_.pick(8);
    take(*member, events, std::chrono::milliseconds(chance_.any_of({0, 0, 60, 500, 3'500})));
    return;
  }
  default: break;
  }
  if (member->holds.empty())
    take(*member, 1 + chance_.pick(8), no_wait);
  else
    settle(member);
}

bool ConsumerClients::join() {
  auto seat = machine_.wait_for([&] { return machine_.engine().consumers().join(group_name, group_.options()); });
  if (!seat) {
    journal_.refused("joining a group", seat.error());
    return false;
  }
  if (members_.empty())
    group_.begins();
  else
    group_.joined_others();
  members_.push_back({++joined_, std::move(*seat), {}});
  return true;
}

bool ConsumerClients::take(Member& member, std::size_t events_max, std::chrono::milliseconds wait) {
  const auto asked = machine_.now();
  auto given = machine_.wait_for([&] { return member.seat.next(events_max, no_wait); }, wait);
  if (!given) {
    group_refused("the events of a group", given.error());
    return false;
  }
  const auto due = wait == no_wait ? std::nullopt : group_.due(machine_.now());
  counts_.waits += wait == no_wait ? 0 : 1;
  counts_.waited_for += due ? 1 : 0;
  if (due && planted_.now(Mistake::waited_in_vain))
    given->clear();
  if (due && given->empty())
    journal_.wrong(format("I15: position {} is due, and a member waits for it in vain", *due));
  for (const Delivery& delivery : *given) {
    ++counts_.deliveries;
    const EventView& event = delivery.event();
    if (planted_.now(Mistake::delivery_skipped)) {
      static_cast<void>(machine_.wait_for([&] { return member.seat.ack(delivery); }));
      continue;
    }
    const bool again = delivery.deliveries() > 1 && planted_.now(Mistake::delivery_miscounted);
    const std::uint64_t number =
        group_.handed_out(member.number, event, again ? 1 : delivery.deliveries(), asked, machine_.now());
    if (planted_.now(Mistake::two_members))
      static_cast<void>(group_.handed_out(member.number + 1, event, delivery.deliveries() + 1, asked, machine_.now()));
    member.holds.push_back({delivery, number});
  }
  return true;
}

void ConsumerClients::settle(Members::iterator member) {
  const std::size_t which = chance_.pick(member->holds.size());
  const auto [delivery, number] = member->holds[which];
  using How = GroupBook::How;
  How how = How::ack;
  std::chrono::milliseconds delay{0};
  const std::size_t choice = chance_.pick(16);
  if (choice == 0) // it works on, for longer than it may: the event goes to others some time
    return static_cast<void>(member->holds.erase(member->holds.begin() + static_cast<std::ptrdiff_t>(which)));
  if (choice < 4)
    return ack_all(member);
  if (choice < 6)
    how = How::park;
  else if (choice < 9)
    how = How::nack;
  if (how == How::nack)
    delay = std::chrono::milliseconds(chance_.any_of({0, 50, 3'000}));
  const bool ask = how != How::ack || !planted_.now(Mistake::acknowledgement_lost);
  const Status status = !ask ? Status() : machine_.wait_for([&, &asked = delivery] {
    switch (how) {
    case How::nack: return member->seat.nack(asked, delay);
    case How::park: return member->seat.park(asked, "by chance");
    case How::ack: break;
    }
    return choice == 9 ? member->seat.skip(asked) : member->seat.ack(asked);
  });
  const Position position = delivery.event().position;
  if (how == How::ack && status)
    ++counts_.acks;
  group_.settled(number, position, how, delay, status, machine_.now());
  if (!status && status.code() != Errc::not_found)
    return all_leave();
  if (!chance_.one_in(8)) // else it is settled once more, some time
    member->holds.erase(member->holds.begin() + static_cast<std::ptrdiff_t>(which));
}

/// Those that are still the member's.
void ConsumerClients::ack_all(Members::iterator member) {
  std::vector<Held> mine = std::exchange(member->holds, {});
  std::erase_if(mine, [&](const Held& each) {
    return !group_.is_out(each.number, each.delivery.event().position, machine_.now());
  });
  std::vector<Delivery> deliveries;
  for (const Held& each : mine)
    deliveries.push_back(each.delivery);
  const Status status = machine_.wait_for([&] { return member->seat.ack(deliveries); });
  for (const auto& [delivery, number] : mine)
    group_.settled(number, delivery.event().position, GroupBook::How::ack, no_wait, status, machine_.now());
  if (status)
    counts_.acks += mine.size();
  else if (status.code() != Errc::not_found)
    all_leave();
}

void ConsumerClients::leave(Members::iterator member) {
  group_.left(member->number);
  members_.erase(member);
}

void ConsumerClients::all_leave() {
  while (!members_.empty())
    leave(members_.begin());
}

void ConsumerClients::group_refused(const std::string& what, const Error& error) {
  journal_.refused(what, error);
  all_leave();
}

std::uint64_t ConsumerClients::replay_parked(const std::string& context) {
  const auto replayed =
      machine_.wait_for([&] { return machine_.engine().consumers().replay_parked(group_name, context); });
  group_.replayed_parked(context, replayed ? Status() : Status(replayed.error()));
  if (!replayed)
    all_leave();
  return replayed ? *replayed : 0;
}

void ConsumerClients::look_at_group() {
  const auto status = machine_.wait_for([&] { return machine_.engine().consumers().status(group_name); });
  if (!status)
    return journal_.refused("the state of a group", status.error());
  group_.check_checkpoint(status->checkpoint);
}

void ConsumerClients::drain(const std::map<Position, std::string>& stored) {
  all_leave();
  if (!join())
    return journal_.wrong("I15: a group that nobody can join");
  unsigned in_vain = 0;
  while (true) { // also once nothing is awaited: nothing else may come
    if (members_.empty() || !take(members_.front(), 64, no_wait))
      return journal_.wrong("I15: a group comes to its end, and nothing fails");
    const bool given = !members_.front().holds.empty();
    if (given)
      ack_all(members_.begin());
    const auto awaited = group_.awaited(stored);
    // What was given up on before a process ended is parked when the group comes across it.
    const bool goes_on = given || replay_parked({}) != 0 || machine_.go_on();
    in_vain = goes_on ? 0 : in_vain + 1;
    if (awaited && in_vain == 2) // asking has made steps, too
      return journal_.wrong(format("I15: position {} is stored and never comes to a group", *awaited));
    if (!given && !awaited)
      break;
  }
  all_leave();
  if (!single_ && !open_single())
    return journal_.wrong("I15: a consumer that cannot be opened");
  const auto missing = [&] {
    return std::find_if(stored.begin(), stored.end(),
                        [&](const auto& event) { return !dealt_with_.contains(event.first); });
  };
  while (missing() != stored.end()) {
    const Position before = read_to_;
    if (!read_single())
      return journal_.wrong("I15: a consumer comes to its end, and nothing fails");
    if (read_to_ == before && !machine_.go_on())
      return journal_.wrong(format("I15: position {} is stored and never comes to a consumer", missing()->first));
  }
  keep_checkpoint();
  single_.reset();
  open_single();
}

} // namespace weir::trust
