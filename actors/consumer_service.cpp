#include "actors/consumer_service.hpp"

#include "actors/engine_core.hpp"
#include "engine/consumers/lag.hpp"
#include "engine/event_queue/pushed_queue.hpp"
#include "engine/validate.hpp"

#include <utility>

namespace weir {

namespace {

const std::string consumers_file = "consumers.db";

Error closing() {
  return fail(Errc::closing, "the engine is closing");
}

Status check_name(const std::string& name) {
  return validate_name("consumer", name, consumer_name_bytes_max);
}

/// The queue for a group: batches are read on the read threads.
class QueueIntake final : public GroupIntake {
public:
  explicit QueueIntake(std::shared_ptr<PushedQueue> queue) : queue_(std::move(queue)) {}
  void request() override { queue_->request(1); }
  void cancel() override { queue_->cancel(); }

private:
  std::shared_ptr<PushedQueue> queue_;
};

Status to_status(const Result<bool>& result) {
  return result ? Status() : Status(result.error());
}

} // namespace

std::shared_ptr<io::Lane> EngineCore::make_consumer_lane() {
  const Door::Inside inside(door_);
  return inside ? parts_.executor->make_lane(io::LaneKind::dedicated, "weir-consumers") : nullptr;
}

GroupSeat::GroupSeat(std::shared_ptr<io::Lane> lane, ConsumerDesk& desk, ConsumerDesk::Joined joined)
    : lane_(std::move(lane)), desk_(desk), joined_(std::move(joined)) {
}

GroupSeat::~GroupSeat() {
  lane_->post([desk = &desk_, joined = joined_] { desk->leave(joined.host, joined.member); });
}

Result<std::vector<HandedOut>> GroupSeat::next(std::size_t events_max,
                                               std::optional<std::chrono::milliseconds> timeout_ms) {
  const auto awaited = std::make_shared<Awaited<std::vector<HandedOut>>>();
  const std::uint64_t question = questions_.fetch_add(1);
  lane_->post([host = joined_.host, member = joined_.member, question, events_max,
               reply = Reply<std::vector<HandedOut>>(awaited)]() mutable {
    host->next(member, question, events_max, std::move(reply));
  });
  if (timeout_ms && !awaited->wait_until(std::chrono::steady_clock::now() + *timeout_ms))
    // What was handed out meanwhile is the member's all the same.
    lane_->post([host = joined_.host, member = joined_.member, question] { host->stop_waiting(member, question); });
  return awaited->wait();
}

void GroupSeat::stop_waiting() {
  lane_->post([host = joined_.host, member = joined_.member] { host->stop_waiting(member); });
}

Status GroupSeat::settle(GroupHost::Settlement settlement) {
  const auto awaited = std::make_shared<Awaited<bool>>();
  lane_->post(
      [host = joined_.host, member = joined_.member, settlement = std::move(settlement),
       reply = Reply<bool>(awaited)]() mutable { host->settle(member, std::move(settlement), std::move(reply)); });
  return to_status(awaited->wait());
}

Result<std::shared_ptr<io::Lane>> ConsumerService::lane() {
  const std::lock_guard lock(mutex_);
  if (lane_)
    return lane_;
  auto made = core_.make_consumer_lane();
  if (!made)
    return closing();
  GroupHost::Parts parts;
  parts.lane = made;
  parts.clock = &core_.clock();
  parts.hash_seed = core_.directory_seed();
  parts.open_queue = [&core = core_](Position from, const GroupOptions& options, GroupHost::OnBatch on_batch,
                                     GroupHost::OnEnd on_end) -> Result<std::unique_ptr<GroupIntake>> {
    SubscribeOptions events;
    events.from = QueueStart::at(from);
    events.types = options.types;
    events.context_prefix = options.context_prefix;
    events.where = options.where;
    events.batch_events_max = GroupHost::batch_events_max;
    auto cursor = core.subscribe(std::move(events));
    if (!cursor)
      return std::move(cursor).error();
    auto reading = core.make_read_lane();
    if (!reading)
      return closing();
    return std::unique_ptr<GroupIntake>(std::make_unique<QueueIntake>(
        PushedQueue::start(std::move(reading), std::move(*cursor), std::move(on_batch), std::move(on_end), 0)));
  };
  parts.read_event = [&core = core_](std::string_view context_id, Sequence sequence,
                                     Position position) -> Result<std::shared_ptr<const OwnedEvent>> {
    auto cursor = core.replay(context_id, {.from = sequence, .to = sequence});
    if (!cursor)
      return std::move(cursor).error();
    const auto batch = cursor->next();
    if (!batch)
      return batch.error();
    if (batch->empty() || (*batch)[0].position != position)
      return std::shared_ptr<const OwnedEvent>();
    return std::make_shared<const OwnedEvent>((*batch)[0]);
  };
  desk_ = std::make_unique<ConsumerDesk>(
      std::make_unique<ConsumerStore>(core_.file_system(), consumers_file, core_.directory_seed()), std::move(parts));
  lane_ = std::move(made);
  return lane_;
}

void ConsumerService::close() {
  const std::lock_guard lock(mutex_);
  if (desk_)
    desk_->close();
}

/// Has `question(desk)` answered in the lane.
template <class T, class Question> Result<T> ConsumerService::ask(Question question) {
  const auto there = lane();
  if (!there)
    return there.error();
  const auto awaited = std::make_shared<Awaited<T>>();
  (*there)->post([desk = desk_.get(), question = std::move(question), reply = Reply<T>(awaited)]() mutable {
    reply(question(*desk));
  });
  return awaited->wait();
}

Result<Position> ConsumerService::position_of(const QueueStart& start) const {
  SubscribeOptions options;
  options.from = start;
  const auto cursor = core_.subscribe(std::move(options));
  if (!cursor)
    return cursor.error();
  return cursor->next();
}

Status ConsumerService::make_sure_of(const std::string& name, ConsumerKind kind, const QueueStart& from) {
  WEIR_TRY(check_name(name));
  const auto known = ask<bool>([name](ConsumerDesk& desk) -> Result<bool> {
    const auto found = desk.find(name);
    if (!found)
      return found.error();
    return found->has_value();
  });
  if (!known)
    return known.error();
  if (*known)
    return {};
  const auto first = position_of(from); // may read segments, so not in the lane
  if (!first)
    return first.error();
  return to_status(ask<bool>([name, kind, position = *first](ConsumerDesk& desk) -> Result<bool> {
    const auto made = desk.find_or_create(name, kind, position);
    if (!made)
      return made.error();
    return true;
  }));
}

Result<Position> ConsumerService::open_single(const std::string& name, const ConsumerOptions& options) {
  WEIR_TRY(make_sure_of(name, ConsumerKind::single, options.from));
  return ask<Position>(
      [name, beyond = core_.next_position()](ConsumerDesk& desk) { return desk.open_single(name, beyond); });
}

void ConsumerService::close_single(const std::string& name) {
  if (const auto there = lane())
    (*there)->post([desk = desk_.get(), name] { desk->close_single(name); });
}

Status ConsumerService::checkpoint(const std::string& name, Position position) {
  return to_status(ask<bool>([name, position](ConsumerDesk& desk) -> Result<bool> {
    WEIR_TRY(desk.move_single(name, position));
    return true;
  }));
}

Result<std::shared_ptr<GroupSeat>> ConsumerService::join(const std::string& name, const GroupOptions& options) {
  WEIR_TRY(options.validate());
  WEIR_TRY(make_sure_of(name, ConsumerKind::group, options.from));
  using Joined = ConsumerDesk::Joined;
  auto joined = ask<Joined>(
      [name, options, beyond = core_.next_position()](ConsumerDesk& desk) { return desk.join(name, options, beyond); });
  if (!joined)
    return std::move(joined).error();
  return std::make_shared<GroupSeat>(lane_, *desk_, std::move(*joined));
}

Status ConsumerService::add_lag(ConsumerStatus& status) const {
  const auto views = core_.queue_views();
  if (!views)
    return views.error();
  const auto lag = lag_from(*views, status.checkpoint);
  if (!lag)
    return lag.error();
  status.lag_events = lag->events - std::min(lag->events, status.done_above);
  if (status.lag_events != 0 && lag->oldest)
    status.lag_ms = std::max(std::chrono::milliseconds(0),
                             std::chrono::duration_cast<std::chrono::milliseconds>(core_.clock().now() - *lag->oldest));
  return {};
}

Result<std::vector<ConsumerStatus>> ConsumerService::list() {
  using All = std::vector<ConsumerStatus>;
  auto all = ask<All>([](ConsumerDesk& desk) -> Result<All> {
    const auto records = desk.list();
    if (!records)
      return records.error();
    All found;
    for (const ConsumerRecord& record : *records) {
      auto status = desk.status(record);
      if (!status)
        return std::move(status).error();
      found.push_back(std::move(*status));
    }
    return found;
  });
  if (!all)
    return all;
  for (ConsumerStatus& each : *all)
    WEIR_TRY(add_lag(each));
  return all;
}

Result<ConsumerStatus> ConsumerService::status(const std::string& name) {
  WEIR_TRY(check_name(name));
  auto status = ask<ConsumerStatus>([name](ConsumerDesk& desk) -> Result<ConsumerStatus> {
    const auto record = desk.existing(name);
    if (!record)
      return record.error();
    return desk.status(*record);
  });
  if (status)
    WEIR_TRY(add_lag(*status));
  return status;
}

Status ConsumerService::reset(const std::string& name, const QueueStart& start) {
  WEIR_TRY(check_name(name));
  const auto position = position_of(start);
  if (!position)
    return position.error();
  return to_status(ask<bool>([name, to = *position](ConsumerDesk& desk) -> Result<bool> {
    WEIR_TRY(desk.reset(name, to));
    return true;
  }));
}

Status ConsumerService::remove(const std::string& name) {
  WEIR_TRY(check_name(name));
  return to_status(ask<bool>([name](ConsumerDesk& desk) -> Result<bool> {
    WEIR_TRY(desk.remove(name));
    return true;
  }));
}

Result<std::vector<ParkedEvent>> ConsumerService::parked(const std::string& name, Position from,
                                                         std::size_t events_max) {
  WEIR_TRY(check_name(name));
  return ask<std::vector<ParkedEvent>>(
      [name, from, events_max](ConsumerDesk& desk) { return desk.parked(name, from, events_max); });
}

Result<std::uint64_t> ConsumerService::replay_parked(const std::string& name, const std::string& context_id) {
  WEIR_TRY(check_name(name));
  return ask<std::uint64_t>([name, context_id](ConsumerDesk& desk) { return desk.replay_parked(name, context_id); });
}

Result<bool> ConsumerService::copy_to(io::FileSystem& to, const std::string& path) {
  return ask<bool>([&to, path](ConsumerDesk& desk) { return desk.copy_to(to, path); });
}

} // namespace weir
