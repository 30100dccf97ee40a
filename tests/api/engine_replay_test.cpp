// Replays through the public door: ranges, types, credit, what may be pinned and for how long.
#include "tests/api/opened.hpp"
#include "tests/api/simulated_engine.hpp"
#include "tests/api/stored.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/why.hpp"

#include <doctest/doctest.h>

#include <condition_variable>
#include <mutex>

using namespace weir;
using namespace weir::test;

namespace {

// Events 1 ... 30 of "c", every third of type "third": ten in each of two segments, ten in memory.
void fill(Engine& engine) {
  for (std::uint64_t i = 1; i <= 30; ++i) {
    Event event = numbered_event("c", 1, i);
    if (i % 3 == 0)
      event.event_type = "third";
    REQUIRE(engine.store(std::move(event)).ok());
    if (i == 10 || i == 20)
      REQUIRE(engine.flush().ok());
  }
}

std::vector<Sequence> sequences(const Engine& engine, const ReplayOptions& options, const std::string& context = "c") {
  const auto events = read_all(engine, context, options);
  REQUIRE_MESSAGE(events.ok(), why(events));
  std::vector<Sequence> all;
  for (const StoredEvent& event : *events) {
    CHECK(sender_number(event.payload).number == event.sequence);
    all.push_back(event.sequence);
  }
  return all;
}

std::vector<Sequence> count_up(Sequence from, Sequence to, Sequence step = 1) {
  std::vector<Sequence> all;
  for (Sequence i = from; i <= to; i += step)
    all.push_back(i);
  return all;
}

std::vector<Sequence> reversed(std::vector<Sequence> all) {
  return {all.rbegin(), all.rend()};
}

// What a pushed replay was given.
class Listener {
public:
  std::function<void(const EventBatch&)> on_batch() {
    return [this](const EventBatch& batch) {
      const std::lock_guard lock(mutex_);
      CHECK_FALSE(end_);
      ++batches_;
      for (const EventView& event : batch)
        seen_.push_back(event.sequence);
      changed_.notify_all();
    };
  }
  std::function<void(Status)> on_end() {
    return [this](Status status) {
      const std::lock_guard lock(mutex_);
      CHECK_FALSE(end_);
      end_ = std::move(status);
      changed_.notify_all();
    };
  }
  void wait_for_batches(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return batches_ >= count; });
  }
  Status wait_for_end() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return end_.has_value(); });
    return *end_;
  }
  std::size_t batches() {
    const std::lock_guard lock(mutex_);
    return batches_;
  }
  std::vector<Sequence> seen() {
    const std::lock_guard lock(mutex_);
    return seen_;
  }
  bool ended() {
    const std::lock_guard lock(mutex_);
    return end_.has_value();
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t batches_ = 0;
  std::vector<Sequence> seen_;
  std::optional<Status> end_;
};

ReplayOptions batches_of(std::size_t events) {
  ReplayOptions options;
  options.batch_events_max = events;
  return options;
}

} // namespace

TEST_CASE("replay: from, to, backward, limit and types, over segments and memory, whatever the size of a batch") {
  SimulatedDisk disk;
  Engine engine = opened(disk);
  fill(engine);
  for (const std::size_t batch : {1, 3, 7, 1'024}) {
    CAPTURE(batch);
    const auto with = [&](auto change) {
      ReplayOptions options = batches_of(batch);
      change(options);
      return sequences(engine, options);
    };
    CHECK(with([](ReplayOptions&) {}) == count_up(1, 30));
    CHECK(with([](ReplayOptions& o) { o.backward = true; }) == reversed(count_up(1, 30)));
    CHECK(with([](ReplayOptions& o) { o.from = 0, o.to = 4; }) == count_up(1, 4));
    CHECK(with([](ReplayOptions& o) { o.from = 8, o.to = 23; }) == count_up(8, 23));
    CHECK(with([](ReplayOptions& o) { o.from = 8, o.to = 23, o.backward = true; }) == reversed(count_up(8, 23)));
    CHECK(with([](ReplayOptions& o) { o.from = 20, o.to = 20; }) == count_up(20, 20));
    CHECK(with([](ReplayOptions& o) { o.from = 29; }) == count_up(29, 30));
    CHECK(with([](ReplayOptions& o) { o.from = 31; }).empty());
    CHECK(with([](ReplayOptions& o) { o.from = 31, o.backward = true; }).empty());
    CHECK(with([](ReplayOptions& o) { o.from = 20, o.to = 10; }).empty());
    CHECK(with([](ReplayOptions& o) { o.limit = 12; }) == count_up(1, 12));
    CHECK(with([](ReplayOptions& o) { o.limit = 12, o.backward = true; }) == reversed(count_up(19, 30)));
    CHECK(with([](ReplayOptions& o) { o.types = {"third"}; }) == count_up(3, 30, 3));
    CHECK(with([](ReplayOptions& o) { o.types = {"third"}, o.limit = 4, o.from = 7; }) == count_up(9, 18, 3));
    CHECK(with([](ReplayOptions& o) { o.types = {"third"}, o.backward = true, o.limit = 2; }) ==
          std::vector<Sequence>{30, 27});
    CHECK(with([](ReplayOptions& o) { o.types = {"sent", "third"}; }) == count_up(1, 30));
    CHECK(with([](ReplayOptions& o) { o.types = {"other"}; }).empty());
    CHECK(sequences(engine, batches_of(batch), "a context without events").empty());
  }
}

TEST_CASE("replay: an open stream goes on with what is stored and flushed meanwhile, and misses nothing") {
  SimulatedDisk disk;
  Engine engine = opened(disk);
  fill(engine);
  auto stream = engine.replay("c", batches_of(1));
  REQUIRE_MESSAGE(stream.ok(), why(stream));
  for (Sequence i = 1; i <= 45; ++i) {
    if (i <= 15)
      REQUIRE(engine.store(numbered_event("c", 1, 30 + i)).ok());
    if (i % 5 == 0)
      REQUIRE(engine.flush().ok());
    const auto batch = stream->next();
    REQUIRE_MESSAGE(batch.ok(), why(batch));
    REQUIRE(batch->size() == 1);
    CHECK(batch->back().sequence == i);
  }
  CHECK(stream->next()->empty());
  CHECK(stream->next()->empty());
}

TEST_CASE("replay: a push gets one batch for each credit and not one more") {
  SimulatedDisk disk;
  Engine engine = opened(disk);
  fill(engine);
  Listener listener;
  auto subscription = engine.replay("c", batches_of(5), listener.on_batch(), listener.on_end(), 0);
  REQUIRE_MESSAGE(subscription.ok(), why(subscription));
  // Segment by segment and then memory: batches of 5 end where those do as well.
  std::size_t granted = 0;
  for (const std::uint64_t credit : {1, 2, 1}) {
    granted += credit;
    subscription->request(credit);
    listener.wait_for_batches(granted);
    // The reads of other replays come after a batch that would have been pushed without credit.
    Listener later;
    const auto other = engine.replay("c", {}, later.on_batch(), later.on_end(), UINT64_MAX);
    REQUIRE_MESSAGE(other.ok(), why(other));
    CHECK(later.wait_for_end().ok());
    CHECK(listener.batches() == granted);
    CHECK(listener.seen() == count_up(1, 5 * granted));
    CHECK_FALSE(listener.ended());
  }
  subscription->request(UINT64_MAX);
  subscription->request(UINT64_MAX); // adds up to no more than "all"
  CHECK(listener.wait_for_end().ok());
  CHECK(listener.seen() == count_up(1, 30));
}

TEST_CASE("replay: a push that is cancelled ends with cancelled, and gets no batch that was being read then") {
  SimulatedDisk disk;
  EngineOptions options;
  options.block_cache_bytes = 0;
  Gate gate; // outlives those who pass it
  Engine engine = opened(disk, options);
  const OpenAtEnd opener(gate);
  fill(engine);
  SUBCASE("while it waits for credit") {
    Listener listener;
    auto subscription = engine.replay("c", batches_of(5), listener.on_batch(), listener.on_end(), 1);
    REQUIRE_MESSAGE(subscription.ok(), why(subscription));
    listener.wait_for_batches(1);
    subscription->cancel();
    CHECK(listener.wait_for_end().code() == Errc::cancelled);
    subscription->request(5);
    subscription->cancel();
    CHECK(listener.batches() == 1);
  }
  SUBCASE("while it reads") {
    Listener listener;
    gate.close();
    disk.fs().set_hook(hold(gate, io::Operation::read, "segments/"));
    auto subscription = engine.replay("c", batches_of(5), listener.on_batch(), listener.on_end(), 2);
    REQUIRE_MESSAGE(subscription.ok(), why(subscription));
    gate.wait_until_n_waiting(1);
    subscription->cancel();
    gate.open();
    CHECK(listener.wait_for_end().code() == Errc::cancelled);
    CHECK(listener.batches() == 0);
  }
}

TEST_CASE("replay: a dropped subscription is told its end, after the batches it had credit for") {
  SimulatedDisk disk;
  Engine engine = opened(disk);
  fill(engine);
  Listener listener;
  {
    const auto subscription = engine.replay("c", batches_of(5), listener.on_batch(), listener.on_end(), 2);
    REQUIRE_MESSAGE(subscription.ok(), why(subscription));
  }
  CHECK(listener.wait_for_end().code() == Errc::closing);
  CHECK(listener.seen() == count_up(1, 10));

  Listener complete;
  {
    const auto subscription = engine.replay("c", {}, complete.on_batch(), complete.on_end(), UINT64_MAX);
    REQUIRE_MESSAGE(subscription.ok(), why(subscription));
  }
  CHECK(complete.wait_for_end().ok());
  CHECK(complete.seen() == count_up(1, 30));
}

TEST_CASE("replay: callbacks that throw are shown in health and the replay goes on") {
  SimulatedDisk disk;
  Engine engine = opened(disk);
  fill(engine);
  Listener listener;
  const auto subscription = engine.replay(
      "c", batches_of(10),
      [&, forward = listener.on_batch()](const EventBatch& batch) {
        forward(batch);
        throw std::runtime_error("no, thanks");
      },
      listener.on_end(), UINT64_MAX);
  REQUIRE_MESSAGE(subscription.ok(), why(subscription));
  CHECK(listener.wait_for_end().ok());
  CHECK(listener.seen() == count_up(1, 30));
  REQUIRE(engine.health().warnings.size() == listener.batches());
  CHECK(engine.health().warnings.front().find("no, thanks") != std::string::npos);
}

TEST_CASE("replay: beyond what live batches may pin the answer is overloaded, until batches are dropped") {
  SimulatedDisk disk;
  EngineOptions options;
  options.pinned_bytes_max = 1 * MiB;
  Engine engine = opened(disk, options);
  constexpr std::uint64_t count = 40;
  for (std::uint64_t i = 1; i <= count; ++i) {
    Event event = numbered_event("c", 1, i);
    event.metadata = R"({"a":")" + std::string(60'000, 'x') + R"("})";
    REQUIRE(engine.store(std::move(event)).ok());
    if (i == count / 2)
      REQUIRE(engine.flush().ok());
  }
  auto stream = engine.replay("c", batches_of(1));
  REQUIRE_MESSAGE(stream.ok(), why(stream));
  std::vector<EventBatch> kept;
  Result<EventBatch> batch = stream->next();
  for (; batch.ok() && !batch->empty(); batch = stream->next())
    kept.push_back(std::move(*batch));
  REQUIRE(batch.code() == Errc::overloaded);
  CHECK(why(batch).find("pinned_bytes_max") != std::string::npos);
  CHECK(kept.size() < count);
  CHECK(engine.stats().pinned_bytes >= options.pinned_bytes_max);
  CHECK(engine.stats().pinned_bytes < options.pinned_bytes_max + 200'000); // at most one batch more
  CHECK(stream->next().code() == Errc::overloaded);
  CHECK(engine.replay("c")->next().code() == Errc::overloaded);
  const Sequence reached = kept.back().back().sequence;
  kept.clear();
  batch = fail(Errc::io_error, "dropped");
  CHECK(engine.stats().pinned_bytes == 0);
  for (Sequence i = reached + 1; i <= count; ++i) {
    const auto next = stream->next();
    REQUIRE_MESSAGE(next.ok(), why(next));
    REQUIRE(next->size() == 1);
    CHECK(next->back().sequence == i);
  }
  CHECK(stream->next()->empty());
}

TEST_CASE("replay: batches outlive the engine, streams and subscriptions answer closing") {
  SimulatedDisk disk;
  std::vector<EventBatch> batches;
  std::optional<ReplayStream> stream;
  std::optional<ReplaySubscription> subscription;
  Listener listener;
  {
    Engine engine = opened(disk);
    fill(engine);
    stream.emplace(std::move(*engine.replay("c", batches_of(10))));
    for (int i = 0; i < 3; ++i)
      batches.push_back(std::move(*stream->next()));
    auto pushed = engine.replay("c", batches_of(10), listener.on_batch(), listener.on_end(), 1);
    REQUIRE_MESSAGE(pushed.ok(), why(pushed));
    subscription = std::move(*pushed);
    listener.wait_for_batches(1);
    auto other = engine.replay("c", batches_of(1));
    REQUIRE_MESSAGE(other.ok(), why(other));
    CHECK(other->next()->size() == 1);
    CHECK(engine.close().ok());
    CHECK(other->next().code() == Errc::closing);
  }
  subscription->request(1);
  CHECK(listener.wait_for_end().code() == Errc::closing);
  CHECK(listener.batches() == 1);
  subscription.reset();
  stream.reset(); // the last that held on to the engine
  Sequence next = 1;
  for (const EventBatch& batch : batches)
    for (const StoredEvent& event : copy(batch)) {
      CHECK(event.sequence == next);
      CHECK(sender_number(event.payload).number == next++);
    }
  CHECK(next == 31);
}
