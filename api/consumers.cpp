#include <weir/consumers.hpp>

#include "actors/consumer_service.hpp"
#include "actors/engine_core.hpp"
#include "engine/callback_scope.hpp"
#include "engine/event_queue/pulled_queue.hpp"
#include "engine/text.hpp"

#include <algorithm>
#include <utility>

namespace weir {

namespace {

constexpr std::size_t reason_bytes_max = 1'024;

Status may_wait() {
  if (!CallbackScope::active())
    return {};
  return fail(Errc::invalid_argument, "consumers wait for the disk, which a callback of an engine must not");
}

std::optional<std::chrono::milliseconds> bounded(std::optional<std::chrono::milliseconds> timeout_ms) {
  if (timeout_ms)
    timeout_ms =
        std::clamp<std::chrono::milliseconds>(*timeout_ms, std::chrono::milliseconds(0), std::chrono::years(10));
  return timeout_ms;
}

} // namespace

struct Consumer::State {
  State(std::shared_ptr<EngineCore> engine, std::string called, Position first, QueueCursor cursor)
      : core(std::move(engine)), name(std::move(called)), checkpoint(first), queue(std::move(cursor)) {}
  ~State() { core->consumers().close_single(name); }

  const std::shared_ptr<EngineCore> core;
  const std::string name;
  Position checkpoint;
  PulledQueue queue;
};

Consumer::Consumer(std::unique_ptr<State> state) : state_(std::move(state)) {
}
Consumer::Consumer(Consumer&&) noexcept = default;
Consumer& Consumer::operator=(Consumer&&) noexcept = default;
Consumer::~Consumer() = default;

Result<QueueBatch> Consumer::next(std::optional<std::chrono::milliseconds> timeout_ms) {
  WEIR_TRY(may_wait());
  return state_->queue.next(bounded(timeout_ms));
}

Status Consumer::checkpoint(Position position) {
  WEIR_TRY(may_wait());
  if (position > state_->queue.position())
    return fail(Errc::invalid_argument,
                format("a checkpoint at {} lies beyond what was given out, {}", position, state_->queue.position()));
  if (position == state_->checkpoint)
    return {};
  WEIR_TRY(state_->core->consumers().checkpoint(state_->name, position));
  state_->checkpoint = position;
  return {};
}

Position Consumer::position() const noexcept {
  return state_->checkpoint;
}

void Consumer::cancel() {
  state_->queue.cancel();
}

Delivery::Delivery(std::shared_ptr<const OwnedEvent> event, std::uint64_t token, std::uint32_t deliveries)
    : event_(std::move(event)), token_(token), deliveries_(deliveries) {
}

const EventView& Delivery::event() const noexcept {
  return event_->view();
}

GroupMember::GroupMember(std::shared_ptr<GroupSeat> seat) : seat_(std::move(seat)) {
}
GroupMember::GroupMember(GroupMember&&) noexcept = default;
GroupMember& GroupMember::operator=(GroupMember&&) noexcept = default;
GroupMember::~GroupMember() = default;

Result<std::vector<Delivery>> GroupMember::next(std::size_t events_max,
                                                std::optional<std::chrono::milliseconds> timeout_ms) {
  WEIR_TRY(may_wait());
  auto handed_out = seat_->next(std::max<std::size_t>(events_max, 1), bounded(timeout_ms));
  if (!handed_out)
    return std::move(handed_out).error();
  std::vector<Delivery> deliveries;
  deliveries.reserve(handed_out->size());
  for (HandedOut& each : *handed_out)
    deliveries.push_back(Delivery(std::move(each.event), each.token, each.deliveries));
  return deliveries;
}

Status GroupMember::ack(const Delivery& delivery) {
  return ack({&delivery, 1});
}

Status GroupMember::ack(std::span<const Delivery> deliveries) {
  WEIR_TRY(may_wait());
  if (deliveries.empty())
    return {};
  GroupHost::Settlement settlement;
  for (const Delivery& each : deliveries)
    settlement.tokens.push_back(each.token_);
  return seat_->settle(std::move(settlement));
}

Status GroupMember::nack(const Delivery& delivery, std::chrono::milliseconds delay_ms) {
  WEIR_TRY(may_wait());
  GroupHost::Settlement settlement;
  settlement.how = GroupHost::Settlement::How::nack;
  settlement.tokens = {delivery.token_};
  settlement.delay = *bounded(delay_ms);
  return seat_->settle(std::move(settlement));
}

Status GroupMember::park(const Delivery& delivery, std::string reason) {
  WEIR_TRY(may_wait());
  GroupHost::Settlement settlement;
  settlement.how = GroupHost::Settlement::How::park;
  settlement.tokens = {delivery.token_};
  reason.resize(std::min(reason.size(), reason_bytes_max));
  settlement.reason = std::move(reason);
  return seat_->settle(std::move(settlement));
}

void GroupMember::stop_waiting() {
  seat_->stop_waiting();
}

Consumers::Consumers(std::shared_ptr<EngineCore> core) : core_(std::move(core)) {
}

Result<Consumer> Consumers::open(std::string name, ConsumerOptions options) const {
  WEIR_TRY(may_wait());
  SubscribeOptions events;
  events.types = options.types;
  events.context_prefix = options.context_prefix;
  events.where = options.where;
  events.batch_events_max = options.batch_events_max;
  WEIR_TRY(events.validate());
  const auto first = core_->consumers().open_single(name, options);
  if (!first)
    return first.error();
  events.from = QueueStart::at(*first);
  auto cursor = core_->subscribe(std::move(events));
  if (!cursor) {
    core_->consumers().close_single(name);
    return std::move(cursor).error();
  }
  return Consumer(std::make_unique<Consumer::State>(core_, std::move(name), *first, std::move(*cursor)));
}

Result<GroupMember> Consumers::join(std::string name, GroupOptions options) const {
  WEIR_TRY(may_wait());
  auto seat = core_->consumers().join(name, options);
  if (!seat)
    return std::move(seat).error();
  return GroupMember(std::move(*seat));
}

Result<std::vector<ConsumerStatus>> Consumers::list() const {
  WEIR_TRY(may_wait());
  return core_->consumers().list();
}

Result<ConsumerStatus> Consumers::status(std::string name) const {
  WEIR_TRY(may_wait());
  return core_->consumers().status(name);
}

Status Consumers::reset(std::string name, QueueStart start) const {
  WEIR_TRY(may_wait());
  return core_->consumers().reset(name, start);
}

Status Consumers::remove(std::string name) const {
  WEIR_TRY(may_wait());
  return core_->consumers().remove(name);
}

Result<std::vector<ParkedEvent>> Consumers::parked(std::string name, Position from, std::size_t events_max) const {
  WEIR_TRY(may_wait());
  return core_->consumers().parked(name, from, events_max);
}

Result<std::uint64_t> Consumers::replay_parked(std::string name, std::string context_id) const {
  WEIR_TRY(may_wait());
  return core_->consumers().replay_parked(name, context_id);
}

} // namespace weir
