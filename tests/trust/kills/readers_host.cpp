#include "trust/kills/readers_host.hpp"

#include "trust/kills/seen_host.hpp"
#include "trust/kills/speech.hpp"

#include <chrono>
#include <span>
#include <string>
#include <utility>

namespace weir::trust {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t batch_events = 64; // so that what is said of a batch fits into a pipe at once
constexpr std::size_t taken_at_once = 16;
constexpr int members = 4;
constexpr std::uint64_t joins_at = 10;
constexpr auto look_round = 20ms; // how long they wait at a time before they look whether it is over

void say_saw(std::string_view name, const QueueBatch& batch) {
  if (batch.events.empty() && !batch.caught_up)
    return;
  std::string line = format("saw {} {}", name, batch.next);
  for (const EventView& event : batch.events)
    if (!may_be_removed(event))
      line += format(" {}:{}", event.position, mark_of(event));
  say(std::move(line));
}

void say_handed_out(const std::vector<Delivery>& deliveries) {
  std::string line = "handed";
  for (const Delivery& each : deliveries) {
    const EventView& event = each.event();
    if (may_be_removed(event))
      continue;
    line +=
        format(" {}:{}:{}:{}:{}", context_of(event), event.sequence, event.position, each.deliveries(), mark_of(event));
  }
  say(std::move(line));
}

std::string place(const Delivery& delivery) {
  if (may_be_removed(delivery.event()))
    return "";
  return format(" {}:{}", context_of(delivery.event()), delivery.event().sequence);
}

SubscribeOptions from(Position position) {
  SubscribeOptions options;
  options.from = position == place_now ? QueueStart::now() : QueueStart::at(position);
  options.batch_events_max = batch_events;
  return options;
}

GroupOptions group_options() {
  GroupOptions options;
  options.ack_timeout_ms = 1h; // members die; none is slow
  options.deliveries_max = 1'000;
  return options;
}

/// Settles what a member has got, each event in one way or another; false: it dies with the rest in its hands.
Result<bool> settle(GroupMember& member, std::vector<Delivery> deliveries, Dice& dice) {
  const bool dies = dice.below(8) == 0;
  if (dies)
    deliveries.erase(deliveries.begin() + static_cast<std::ptrdiff_t>(dice.below(deliveries.size())), deliveries.end());
  else if (dice.below(8) == 0) {
    const Delivery last = deliveries.back();
    deliveries.pop_back();
    const bool parked = dice.below(4) == 0;
    if (parked)
      say("parks" + place(last));
    WEIR_TRY(parked ? member.park(last, "not now") : member.nack(last));
  }
  const std::size_t alone = dice.below(3) == 0 ? deliveries.size() : 0;
  for (std::size_t done = 0; done < deliveries.size();) {
    const std::span<const Delivery> some = std::span(deliveries).subspan(done, alone != 0 ? 1 : deliveries.size());
    std::string places;
    for (const Delivery& each : some)
      places += place(each);
    say("acks" + places);
    WEIR_TRY(member.ack(some));
    say("acked" + places);
    done += some.size();
  }
  return !dies;
}

} // namespace

Readers::Readers(const Engine& engine, const HostOrders& orders, const std::atomic<std::uint64_t>& stored,
                 const std::atomic<bool>& stopping)
    : engine_(engine), orders_(orders), stored_(stored), stopping_(stopping) {
}

bool Readers::ends(const Error& error) const {
  return stopping_.load() && (error.code == Errc::closing || error.code == Errc::cancelled);
}

void Readers::pull(std::string_view name, Position first, bool to_the_end) const {
  if (first == place_now)
    for (std::uint64_t stored = stored_.load(); stored < joins_at; stored = stored_.load()) {
      if (stopping_.load())
        return;
      stored_.wait(stored);
    }
  auto subscription = engine_.subscribe(from(first));
  if (!subscription)
    return ends(subscription.error()) ? void() : give_up("subscribe: " + to_string(subscription.error()));
  say(format("reads {} {}", name, subscription->position()));
  while (!stopping_.load()) {
    const auto batch = subscription->next(look_round);
    if (!batch)
      return ends(batch.error()) ? void() : give_up("next: " + to_string(batch.error()));
    say_saw(name, *batch);
    if (to_the_end && batch->caught_up)
      return say(format("caught_up {}", name));
  }
}

void Readers::subscribe_pushed() {
  const std::string_view name = subscribers[1];
  const Position first = orders_.read[1];
  say(format("reads {} {}", name, first));
  auto subscription = engine_.subscribe(
      from(first),
      [this, name](const QueueBatch& batch) {
        say_saw(name, batch);
        if (batch.caught_up && !pushed_to_end_.exchange(true))
          pushed_to_end_.notify_all();
        if (pushed_)
          pushed_->request(1);
      },
      [this](const Status& status) {
        if (!status && !ends(status.error()) && status.code() != Errc::cancelled)
          give_up("a pushed subscription ended: " + to_string(status.error()));
      },
      0);
  if (!subscription)
    give_up("subscribe: " + to_string(subscription.error()));
  pushed_.emplace(std::move(*subscription));
  pushed_->request(1);
}

void Readers::consume(bool to_the_end) {
  ConsumerOptions options;
  options.batch_events_max = batch_events;
  auto consumer = engine_.consumers().open("consumer", options);
  if (!consumer)
    return ends(consumer.error()) ? void() : give_up("consumer: " + to_string(consumer.error()));
  say(format("reads {} {}", consumer_reader, consumer->position()));
  Dice dice(orders_.seed + orders_.life);
  while (!stopping_.load()) {
    const auto batch = consumer->next(look_round);
    if (!batch)
      return ends(batch.error()) ? void() : give_up("next of a consumer: " + to_string(batch.error()));
    say_saw(consumer_reader, *batch);
    if (batch->next != consumer->position() && (!batch->events.empty() || batch->caught_up) && dice.below(4) != 0) {
      if (const Status kept = consumer->checkpoint(batch->next); !kept)
        return ends(kept.error()) ? void() : give_up("checkpoint: " + to_string(kept.error()));
      say(format("kept {}", batch->next));
    }
    if (to_the_end && batch->caught_up)
      return say(format("caught_up {}", consumer_reader));
  }
}

void Readers::member_moved() {
  member_moves_.fetch_add(1);
  member_moves_.notify_all();
}

void Readers::be_member(std::uint64_t number) {
  Dice dice(orders_.seed * 31 + orders_.life * std::uint64_t{members} + number);
  while (!stopping_.load() && !drained_.load()) {
    auto member = engine_.consumers().join("group", group_options());
    if (!member)
      return ends(member.error()) ? void() : give_up("join: " + to_string(member.error()));
    for (bool alive = true; alive && !stopping_.load() && !drained_.load(); member_moved()) {
      const auto deliveries = member->next(1 + dice.below(taken_at_once), look_round);
      if (!deliveries)
        return ends(deliveries.error()) ? void() : give_up("next of a member: " + to_string(deliveries.error()));
      if (deliveries->empty())
        continue;
      say_handed_out(*deliveries);
      const auto settled = settle(*member, *deliveries, dice);
      if (!settled)
        return ends(settled.error()) ? void() : give_up("settling: " + to_string(settled.error()));
      alive = *settled;
    }
  }
}

void Readers::begin() {
  subscribe_pushed();
  threads_.emplace_back([this] { pull(subscribers[0], orders_.read[0], false); });
  threads_.emplace_back([this] { pull(subscribers[2], orders_.read[2], false); });
  threads_.emplace_back([this] { consume(false); });
  for (int number = 0; number < members; ++number)
    threads_.emplace_back([this, number] { be_member(static_cast<std::uint64_t>(number)); });
}

void Readers::join() {
  for (std::thread& thread : std::exchange(threads_, {}))
    thread.join();
  if (pushed_)
    pushed_->cancel();
}

void Readers::drain() {
  for (int number = 0; number < members; ++number)
    threads_.emplace_back([this, number] { be_member(static_cast<std::uint64_t>(number)); });
  // Nobody is told that a group has nothing left to do, but only what its members do can bring that about.
  for (std::uint64_t moves = 0;; member_moves_.wait(moves)) {
    moves = member_moves_.load();
    const auto status = engine_.consumers().status("group");
    if (!status && status.code() != Errc::not_found) // nobody has joined yet
      give_up("status: " + to_string(status.error()));
    if (status && status->lag_events == 0) {
      if (status->parked == 0)
        break;
      if (const auto again = engine_.consumers().replay_parked("group"); !again)
        give_up("replay of what is parked: " + to_string(again.error()));
    }
  }
  drained_.store(true);
  join();
  say("drained");
}

void Readers::catch_up() {
  subscribe_pushed();
  pull(subscribers[0], orders_.read[0], true);
  if (orders_.read[2] != place_now)
    pull(subscribers[2], orders_.read[2], true);
  pull(late_reader, 0, true);
  consume(true);
  pushed_to_end_.wait(false);
  say(format("caught_up {}", subscribers[1]));
  drain();
}

} // namespace weir::trust
