#include "trust/support/disk/plain_consumers.hpp"

#include "engine/event_queue/pushed_queue.hpp"
#include "engine/event_queue/queue_cursor.hpp"

#include <chrono>
#include <utility>

namespace weir::trust {

namespace {

class PushedIntake final : public GroupIntake {
public:
  explicit PushedIntake(std::shared_ptr<PushedQueue> queue) : queue_(std::move(queue)) {}
  void request() override { queue_->request(1); }
  void cancel() override { queue_->cancel(); }

private:
  std::shared_ptr<PushedQueue> queue_;
};

GroupHost::Parts parts_of(PlainEngine& engine) {
  GroupHost::Parts parts;
  parts.lane = engine.parts.executor->make_lane(io::LaneKind::dedicated, "weir-consumers");
  parts.clock = engine.parts.clock.get();
  parts.hash_seed = engine.parts.directory_seed;
  parts.open_queue = [&engine](Position from, const GroupOptions&, GroupHost::OnBatch on_batch,
                               GroupHost::OnEnd on_end) -> Result<std::unique_ptr<GroupIntake>> {
    SubscribeOptions options;
    options.from = QueueStart::at(from);
    auto cursor = QueueCursor::open(std::shared_ptr<SharedQueue>(std::shared_ptr<void>(), engine.parts.queue.get()),
                                    std::move(options));
    if (!cursor)
      return std::move(cursor).error();
    return std::unique_ptr<GroupIntake>(std::make_unique<PushedIntake>(
        PushedQueue::start(engine.parts.executor->make_lane(io::LaneKind::pooled, "weir-replay"), std::move(*cursor),
                           std::move(on_batch), std::move(on_end), 0)));
  };
  parts.read_event = [&engine](std::string_view context_id, Sequence sequence,
                               Position position) -> Result<std::shared_ptr<const OwnedEvent>> {
    const ShardParts& shard = engine.shard(engine.parts.router->shard_of(context_id));
    EventBatch batch;
    const auto more =
        read_context(shard.table->view(), context_id, {.from = sequence, .to = sequence}, {.events_max = 1}, batch);
    if (!more)
      return more.error();
    if (batch.empty() || batch[0].position != position)
      return std::shared_ptr<const OwnedEvent>();
    return std::make_shared<const OwnedEvent>(batch[0]);
  };
  return parts;
}

template <class T> bool is_answered(Awaited<T>& awaited) {
  return awaited.wait_until(std::chrono::steady_clock::time_point());
}

/// What has not come by now never will: something else has ended the engine's work.
template <class T> Result<T> answer_of(Awaited<T>& awaited) {
  return is_answered(awaited) ? awaited.wait() : Result<T>(fail(Errc::closing, "nobody answers"));
}

} // namespace

PlainConsumers::PlainConsumers(PlainEngine& engine)
    : engine_(engine),
      desk_(std::make_unique<ConsumerDesk>(
          std::make_unique<ConsumerStore>(*engine.parts.fs, "consumers.db", engine.parts.directory_seed),
          parts_of(engine))) {
}

PlainConsumers::~PlainConsumers() {
  desk_->close();
  engine_.settle(); // nobody is left who would be told of anything
}

Status PlainConsumers::make(const std::string& name, ConsumerKind kind) {
  const auto made = desk_->find_or_create(name, kind, 0);
  return made ? Status() : Status(made.error());
}

Result<Position> PlainConsumers::open_single(const std::string& name) {
  return desk_->open_single(name, engine_.parts.positions->next());
}

Result<ConsumerDesk::Joined> PlainConsumers::join(const std::string& name) {
  GroupOptions options;
  options.on_park = GroupOptions::OnPark::context_goes_on;
  return desk_->join(name, options, engine_.parts.positions->next());
}

void PlainConsumers::leave(const ConsumerDesk::Joined& seat) {
  desk_->leave(seat.host, seat.member);
  engine_.settle();
}

Result<std::vector<HandedOut>> PlainConsumers::next(const ConsumerDesk::Joined& seat, std::size_t events_max) {
  const auto awaited = std::make_shared<Awaited<std::vector<HandedOut>>>();
  const std::uint64_t question = questions_++;
  seat.host->next(seat.member, question, events_max, Reply<std::vector<HandedOut>>(awaited));
  engine_.settle();
  if (!is_answered(*awaited)) {
    seat.host->stop_waiting(seat.member, question);
    engine_.settle();
  }
  return answer_of(*awaited);
}

Status PlainConsumers::settle(const ConsumerDesk::Joined& seat, GroupHost::Settlement settlement) {
  const auto awaited = std::make_shared<Awaited<bool>>();
  seat.host->settle(seat.member, std::move(settlement), Reply<bool>(awaited));
  engine_.settle();
  const auto settled = answer_of(*awaited);
  return settled ? Status() : Status(settled.error());
}

} // namespace weir::trust
