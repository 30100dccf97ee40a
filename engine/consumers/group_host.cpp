#include "engine/consumers/group_host.hpp"

#include "engine/hash.hpp"
#include "engine/sabotage.hpp"
#include "engine/text.hpp"

#include <algorithm>
#include <utility>

namespace weir {

namespace {

// Enough to keep members busy while the next batch is read and the last one is committed.
constexpr std::size_t window_events_max = 4'096;
constexpr std::size_t window_bytes_max = 8 * MiB;
constexpr std::chrono::milliseconds overload_pause{100};

GroupRules rules_of(const GroupOptions& options) {
  return {.ack_timeout_ms = options.ack_timeout_ms,
          .deliveries_max = options.deliveries_max,
          .in_flight_max = options.in_flight_max,
          .window_events_max = window_events_max,
          .parked_max = options.parked_max,
          .park_whole_context = options.on_park == GroupOptions::OnPark::context_waits};
}

} // namespace

OwnedEvent::OwnedEvent(const EventView& event) : view_(event) {
  std::string_view* const texts[] = {&view_.context_id, &view_.event_type, &view_.event_id, &view_.metadata,
                                     &view_.payload};
  std::size_t size = 0;
  for (const std::string_view* text : texts)
    size += text->size();
  bytes_.reserve(size); // so that the views stay where they point
  for (std::string_view* text : texts) {
    const std::size_t at = bytes_.size();
    bytes_ += *text;
    *text = std::string_view(bytes_).substr(at);
  }
}

Result<std::shared_ptr<GroupHost>> GroupHost::open(Parts parts, ConsumerRecord record, GroupOptions options) {
  const auto stored = parts.store->load_group(record);
  if (!stored)
    return stored.error();
  std::shared_ptr<GroupHost> host(new GroupHost(std::move(parts), std::move(record), std::move(options), *stored));
  WEIR_TRY(host->open_intake());
  host->take_wanted(stored->parked);
  return host;
}

/// From where the group has read to.
Status GroupHost::open_intake() {
  const auto in_lane = [weak = weak_from_this(), lane = parts_.lane](auto act) {
    lane->post([weak, act = std::move(act)]() mutable {
      if (const auto alive = weak.lock(); alive && !alive->failure_)
        act(*alive);
    });
  };
  auto intake = parts_.open_queue(
      group_.next_position(), options_,
      [in_lane](QueueBatch&& batch) {
        in_lane([batch = std::move(batch)](GroupHost& self) mutable { self.take_in(std::move(batch)); });
      },
      [in_lane](Status status) {
        in_lane([status = std::move(status)](GroupHost& self) { self.intake_ended(status); });
      });
  if (!intake)
    return intake.error();
  intake_ = std::move(*intake);
  return {};
}

void GroupHost::intake_ended(const Status& status) {
  if (status.code() != Errc::overloaded) {
    end(status ? fail(Errc::closing, "the event queue has ended") : status.error());
    return;
  }
  // Batches of other readers pin too much at the moment: nothing of this group's is wrong.
  parts_.lane->post_after(overload_pause, [weak = weak_from_this()] {
    const auto alive = weak.lock();
    if (!alive || alive->failure_)
      return;
    alive->requested_ = false;
    if (const Status opened = alive->open_intake(); !opened)
      alive->intake_ended(opened);
    else
      alive->go_on_soon();
  });
}

GroupHost::GroupHost(Parts parts, ConsumerRecord record, GroupOptions options, const GroupRecord& stored)
    : parts_(std::move(parts)), record_(std::move(record)), options_(std::move(options)),
      group_(rules_of(options_), stored.checkpoint, stored.done, parts_.first_token),
      delivered_before_(stored.delivered) {
  for (const ParkedEvent& each : stored.parked)
    group_.note_parked(hash_of(each.context_id), 1);
}

GroupHost::~GroupHost() {
  if (intake_)
    intake_->cancel();
}

ConsumerGroup::ContextHash GroupHost::hash_of(std::string_view context_id) const {
  return hash64(context_id, parts_.hash_seed);
}

GroupHost::MemberId GroupHost::join() {
  ++members_;
  go_on_soon();
  return group_.join();
}

void GroupHost::leave(MemberId member) {
  for (Ask& ask : asks_)
    if (ask.member == member)
      ask.reply(std::vector<HandedOut>());
  std::erase_if(asks_, [member](const Ask& ask) { return ask.member == member; });
  --members_;
  group_.leave(member, parts_.clock->steady_now());
  go_on_soon();
}

void GroupHost::next(MemberId member, std::uint64_t question, std::size_t events_max,
                     Reply<std::vector<HandedOut>> reply) {
  if (failure_) {
    reply(*failure_);
    return;
  }
  asks_.push_back({member, question, events_max, true, std::move(reply)});
  go_on_soon();
}

void GroupHost::stop_waiting(MemberId member, std::optional<std::uint64_t> question) {
  for (Ask& ask : asks_)
    if (ask.member == member && (!question || ask.question == *question))
      ask.waits = false;
  go_on_soon();
}

void GroupHost::settle(MemberId member, Settlement settlement, Reply<bool> reply) {
  if (failure_) {
    reply(*failure_);
    return;
  }
  Result<bool> result = true;
  for (const std::uint64_t token : settlement.tokens) {
    Result<Position> settled = fail(Errc::invalid_argument, "");
    switch (settlement.how) {
    case Settlement::How::ack: settled = group_.ack(member, token); break;
    case Settlement::How::nack:
      settled = group_.nack(member, token, settlement.delay, parts_.clock->steady_now());
      break;
    case Settlement::How::park: settled = group_.park(member, token, settlement.reason); break;
    }
    if (!settled && result)
      result = settled.error();
  }
  if (sabotaged(Sabotage::acknowledge_before_commit))
    reply(std::move(result));
  else
    answers_.push_back({std::move(reply), std::move(result)});
  go_on_soon();
}

Result<std::uint64_t> GroupHost::replay_parked(std::string_view context_id) {
  // What was parked a moment ago is meant, too.
  if (const Status committed = commit(); !committed) {
    end(committed.error());
    return *failure_;
  }
  const auto wanted = parts_.store->want_parked(record_, context_id);
  if (!wanted) {
    end(wanted.error());
    return *failure_;
  }
  take_wanted(*wanted);
  return std::uint64_t{wanted->size()};
}

void GroupHost::retire() {
  if (failure_)
    return;
  go_on();
  if (!failure_)
    end(fail(Errc::closing, "the group has no members any more"));
}

void GroupHost::take_wanted(const std::vector<ParkedEvent>& parked) {
  for (const ParkedEvent& each : parked) {
    if (!each.replay_wanted || !replayed_.emplace(each.position, each).second)
      continue;
    group_.offer_parked(each.position, hash_of(each.context_id));
  }
  go_on_soon();
}

/// What else comes in before the job runs shares its commit.
void GroupHost::go_on_soon() {
  if (std::exchange(going_on_, true))
    return;
  parts_.lane->post([weak = weak_from_this()] {
    if (const auto alive = weak.lock())
      alive->go_on();
  });
}

void GroupHost::go_on() {
  going_on_ = false;
  if (failure_)
    return;
  group_.expire(parts_.clock->steady_now());
  hand_out();
  if (const Status committed = commit(); !committed) {
    end(committed.error());
    return;
  }
  for (Answer& answer : std::exchange(answers_, {}))
    answer.reply(std::move(answer.result));
  for (Filled& each : std::exchange(filled_, {}))
    each.reply(std::move(each.events));
  want_more();
  arm_timer();
}

void GroupHost::take_in(QueueBatch&& batch) {
  requested_ = false;
  for (const EventView& event : batch.events) {
    const auto before = delivered_before_.find(event.position);
    if (!group_.offer(event.position, hash_of(event.context_id),
                      before == delivered_before_.end() ? 0 : before->second))
      continue;
    auto owned = std::make_shared<const OwnedEvent>(event);
    events_bytes_ += owned->bytes();
    events_.emplace(event.position, std::move(owned));
  }
  group_.read_to(batch.next);
  delivered_before_.erase(delivered_before_.begin(), delivered_before_.lower_bound(group_.next_position()));
  go_on_soon();
}

void GroupHost::want_more() {
  if (requested_ || group_.room() < batch_events_max || events_bytes_ >= window_bytes_max)
    return;
  requested_ = true;
  intake_->request();
}

void GroupHost::hand_out() {
  for (auto ask = asks_.begin(); ask != asks_.end();) {
    auto events = fill(*ask);
    if (events.empty() && ask->waits) { // nothing is ready, or it has as many as it may have
      ++ask;
      continue;
    }
    filled_.push_back({std::move(ask->reply), std::move(events)});
    ask = asks_.erase(ask);
  }
}

std::vector<HandedOut> GroupHost::fill(const Ask& ask) {
  std::vector<HandedOut> events;
  while (events.size() < ask.events_max) {
    const auto now = parts_.clock->steady_now();
    const auto taken = group_.take(ask.member, ask.events_max - events.size(), now);
    if (taken.empty())
      break;
    for (const auto& each : taken) {
      auto event = content(each.position);
      if (event && *event)
        events.push_back({std::move(*event), each.token, each.deliveries});
      else if (event) // deleted since it was parked: there is nothing left to do
        (void)group_.ack(ask.member, each.token);
      else
        (void)group_.park(ask.member, each.token, format("it cannot be read: {}", to_string(event.error())));
    }
  }
  return events;
}

Result<std::shared_ptr<const OwnedEvent>> GroupHost::content(Position position) {
  if (const auto held = events_.find(position); held != events_.end())
    return held->second;
  const ParkedEvent& parked = replayed_.at(position);
  return parts_.read_event(parked.context_id, parked.sequence, position);
}

Status GroupHost::commit() {
  const GroupChanges changes = group_.take_changes();
  if (changes.empty())
    return {};
  WEIR_TRY(parts_.store->apply(record_, changes,
                               [this](Position position, ParkedEvent& event) { describe(position, event); }));
  forget(changes);
  return {};
}

void GroupHost::describe(Position position, ParkedEvent& event) const {
  if (const auto held = events_.find(position); held != events_.end()) {
    const EventView& view = held->second->view();
    event.context_id = view.context_id;
    event.sequence = view.sequence;
    event.event_type = view.event_type;
  } else {
    const ParkedEvent& before = replayed_.at(position);
    event.context_id = before.context_id;
    event.sequence = before.sequence;
    event.event_type = before.event_type;
  }
  event.parked_at = parts_.clock->now();
}

/// What is settled for good needs no memory.
void GroupHost::forget(const GroupChanges& changes) {
  const auto drop = [this](Position position) {
    if (const auto held = events_.find(position); held != events_.end()) {
      events_bytes_ -= held->second->bytes();
      events_.erase(held);
    }
    replayed_.erase(position);
  };
  for (const Position position : changes.done)
    drop(position);
  for (const Position position : changes.unparked)
    drop(position);
  for (const auto& each : changes.parked)
    drop(each.position);
  if (changes.checkpoint)
    while (!events_.empty() && events_.begin()->first < *changes.checkpoint)
      drop(events_.begin()->first);
}

void GroupHost::arm_timer() {
  const auto next = group_.next_time();
  if (!next || (armed_ && *armed_ <= *next))
    return;
  armed_ = next;
  const auto delay = std::max(*next - parts_.clock->steady_now(), ConsumerGroup::Time::duration::zero());
  parts_.lane->post_after(delay, [weak = weak_from_this(), due = *next] {
    const auto alive = weak.lock();
    if (!alive)
      return;
    if (alive->armed_ == due)
      alive->armed_.reset();
    alive->go_on_soon();
  });
}

void GroupHost::end(Error why) {
  failure_ = std::move(why);
  intake_->cancel();
  for (Answer& answer : std::exchange(answers_, {}))
    answer.reply(*failure_);
  for (Filled& each : std::exchange(filled_, {}))
    each.reply(*failure_);
  for (Ask& ask : std::exchange(asks_, {}))
    ask.reply(*failure_);
  events_.clear();
  replayed_.clear();
}

} // namespace weir
