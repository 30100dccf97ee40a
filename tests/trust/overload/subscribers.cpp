#include "trust/overload/subscribers.hpp"

#include "engine/hash.hpp"

#include <weir/actors.hpp>

#include <algorithm>
#include <chrono>
#include <map>
#include <stdexcept>
#include <utility>

namespace weir::trust {

namespace {

// Far more than a loaded machine takes; only a mistake lasts so long.
constexpr std::chrono::minutes patience{2};

SubscribeOptions small_batches() {
  SubscribeOptions options;
  options.batch_events_max = 32;
  options.batch_bytes_max = 64 * KiB;
  return options;
}

template <class T> T unwrapped(Result<T> result) {
  if (!result)
    throw std::runtime_error("subscribe: " + to_string(result.error()));
  return *std::move(result);
}

} // namespace

struct Subscribers::Actors {
  caf::actor_system_config config;
  caf::actor_system system;
  EngineActor engine;

  explicit Actors(const Engine& served)
      : system(config.set("scheduler.max-threads", std::size_t{1})), engine(spawn_engine_actor(system, served)) {}
};

void Subscribers::Tally::add(const EventView& event) {
  ordered = ordered && event.position > last;
  last = event.position;
  hash = hash64(event.payload, hash ^ event.position);
  ++events;
}

void Subscribers::GroupTally::add(const EventView& event) {
  hashes += hash64(event.payload, event.position);
  ++events;
}

Subscribers::Subscribers(Engine& engine) : engine_(engine) {
  pulled_.emplace(unwrapped(engine_.subscribe(small_batches())));
  actors_ = std::make_unique<Actors>(engine_);
  Reader& pulled = reader("pulled", false);
  Reader& pushed = reader("pushed", false);
  Reader& stops_pulling = reader("pulled that stops", true);
  Reader& holds_still = reader("callback that holds still", true);
  Reader& actor = reader("actor without credit", true);
  Reader& member = reader("member that acknowledges nothing", true);
  pushed_ = push(pushed);
  held_ = push(holds_still);
  threads_.emplace_back([this, &pulled] { pull(pulled); });
  threads_.emplace_back([this, &stops_pulling] { pull(stops_pulling); });
  threads_.emplace_back([this, &actor] { ask(actor); });
  threads_.emplace_back([this, &member] { take_deliveries(member); });
}

Subscribers::~Subscribers() {
  bool finished = false;
  {
    const std::lock_guard lock(mutex_);
    finished = std::all_of(readers_.begin(), readers_.end(),
                           [this](const auto& each) { return each->mistake.empty() && has_all(*each); });
    awake_ = true;
    changed_.notify_all();
  }
  if (!finished)
    (void)engine_.close(); // answers those who wait for more
  pulled_->cancel();
  pushed_->cancel();
  held_->cancel();
  for (std::thread& thread : threads_)
    thread.join();
  std::unique_lock lock(mutex_); // callbacks use what is ours until their end
  changed_.wait(lock, [this] {
    return std::all_of(readers_.begin(), readers_.end(), [](const auto& each) { return each->ended; });
  });
}

Subscribers::Reader& Subscribers::reader(const char* name, bool stops) {
  return *readers_.emplace_back(std::make_unique<Reader>(Reader{.name = name, .stops = stops}));
}

bool Subscribers::note(Reader& reader, const EventBatch& events) {
  std::unique_lock lock(mutex_);
  for (const EventView& event : events) {
    reader.all.add(event);
    if (event.sequence <= of_each_context)
      reader.of_group.add(event);
  }
  if (reader.stops && !reader.stopped && !events.empty())
    stop_here(reader, lock); // with its batch
  changed_.notify_all();
  return !has_all(reader);
}

void Subscribers::stop_here(Reader& reader, std::unique_lock<std::mutex>& lock) {
  reader.stopped = true;
  changed_.notify_all();
  changed_.wait(lock, [this] { return awake_; });
}

bool Subscribers::has_all(const Reader& reader) const {
  return !reader.mistake.empty() || (last_ && reader.all.last >= *last_);
}

void Subscribers::fail(Reader& reader, const std::string& what) {
  const std::lock_guard lock(mutex_);
  reader.mistake = what;
  reader.stopped = true;
  changed_.notify_all();
}

void Subscribers::pull(Reader& reader) {
  std::optional<Subscription> own;
  if (reader.stops) {
    auto opened = engine_.subscribe(small_batches());
    if (!opened)
      return fail(reader, to_string(opened.error()));
    own.emplace(*std::move(opened));
  }
  Subscription& subscription = own ? *own : *pulled_;
  while (true) {
    const auto batch = subscription.next();
    if (batch.code() == Errc::cancelled)
      return;
    if (!batch)
      return fail(reader, to_string(batch.error()));
    if (!note(reader, batch->events))
      return;
  }
}

std::optional<PushSubscription> Subscribers::push(Reader& reader) {
  reader.ended = false;
  return unwrapped(engine_.subscribe(
      small_batches(), [this, &reader](const QueueBatch& batch) { (void)note(reader, batch.events); },
      [this, &reader](const Status& status) {
        if (status.code() != Errc::cancelled)
          fail(reader, to_string(status.error()));
        const std::lock_guard lock(mutex_);
        reader.ended = true;
        changed_.notify_all();
      },
      UINT64_MAX));
}

void Subscribers::ask(Reader& reader) {
  caf::scoped_actor self(actors_->system);
  bool go_on = true;
  const auto failed = [&](const caf::error& error) {
    fail(reader, to_string(to_error(error)));
    go_on = false;
  };
  SubscriptionActor subscription;
  self->request(actors_->engine, caf::infinite, subscribe_atom_v, small_batches())
      .receive([&](SubscriptionActor& opened) { subscription = std::move(opened); }, failed);
  while (go_on)
    self->request(subscription, caf::infinite, next_atom_v)
        .receive([&](const QueueBatchPtr& batch) { go_on = note(reader, batch->events); }, failed);
}

void Subscribers::take_deliveries(Reader& reader) {
  GroupOptions options;
  options.where = field("sequence") <= of_each_context;
  options.ack_timeout_ms = std::chrono::hours(24);
  auto member = engine_.consumers().join("overload", options);
  if (!member)
    return fail(reader, to_string(member.error()));
  bool in_order = true;
  std::map<std::string, Sequence, std::less<>> sequences;
  while (true) {
    const auto deliveries = member->next(options.in_flight_max, patience);
    if (!deliveries)
      return fail(reader, to_string(deliveries.error()));
    if (deliveries->empty())
      return fail(reader, "was handed out nothing after " + std::to_string(reader.of_group.events) + " events");
    std::unique_lock lock(mutex_);
    for (const Delivery& each : *deliveries) {
      reader.of_group.add(each.event());
      const Sequence sequence = ++sequences[std::string(each.event().context_id)];
      in_order = in_order && each.event().sequence == sequence && each.deliveries() == 1;
    }
    if (!reader.stopped)
      stop_here(reader, lock);
    lock.unlock();
    if (const Status acknowledged = member->ack(*deliveries); !acknowledged)
      return fail(reader, to_string(acknowledged.error()));
    lock.lock();
    if (reader.of_group.events < readers_.front()->of_group.events)
      continue;
    lock.unlock();
    const auto more = member->next(1, std::chrono::milliseconds(0));
    if (!more || !more->empty())
      return fail(reader, "is handed out more than there is");
    lock.lock();
    reader.all = readers_.front()->all; // it was to see no more
    reader.all.ordered = in_order;
    changed_.notify_all();
    return;
  }
}

void Subscribers::await(const std::string& what, bool of_those_that_stop,
                        const std::function<bool(const Reader&)>& done) {
  std::unique_lock lock(mutex_);
  for (const auto& each : readers_)
    if (each->stops == of_those_that_stop && !changed_.wait_for(lock, patience, [&] { return done(*each); }))
      each->mistake = what;
}

void Subscribers::await_stopped() {
  await("has got nothing", true, [](const Reader& reader) { return reader.stopped; });
}

void Subscribers::await_kept_up(Position last) {
  {
    const std::lock_guard lock(mutex_);
    last_ = last;
  }
  await("did not keep up while others stood still", false, [this](const Reader& reader) { return has_all(reader); });
}

void Subscribers::wake() {
  {
    const std::lock_guard lock(mutex_);
    awake_ = true;
    changed_.notify_all();
  }
  await("has not seen everything after it went on", true, [this](const Reader& reader) { return has_all(reader); });
}

std::vector<std::string> Subscribers::mistakes() const {
  const std::lock_guard lock(mutex_);
  const Reader& first = *readers_.front();
  std::vector<std::string> all;
  for (const auto& each : readers_) {
    const std::string name = each->name;
    if (!each->mistake.empty())
      all.push_back(name + ": " + each->mistake);
    if (!each->all.ordered)
      all.push_back(name + ": out of order");
    if (each->all.events != first.all.events || each->all.hash != first.all.hash)
      all.push_back(name + ": " + std::to_string(each->all.events) + " events, and not the " +
                    std::to_string(first.all.events) + " that the first one saw");
    if (each->of_group.events != first.of_group.events || each->of_group.hashes != first.of_group.hashes)
      all.push_back(name + ": " + std::to_string(each->of_group.events) + " events of the group, and not the " +
                    std::to_string(first.of_group.events) + " that the first one saw");
  }
  if (first.of_group.events == 0)
    all.emplace_back("there was nothing for the group");
  return all;
}

std::uint64_t Subscribers::events() const {
  const std::lock_guard lock(mutex_);
  return readers_.front()->all.events;
}

} // namespace weir::trust
