// Groups at work: an event queue that is a list, a disk that crashes, time and threads that a test moves.
#include "engine/consumers/consumer_desk.hpp"
#include "engine/hash.hpp"
#include "engine/io/manual_clock.hpp"
#include "engine/io/manual_executor.hpp"
#include "engine/io/memory_faults.hpp"
#include "engine/io/memory_file_system.hpp"
#include "engine/io/random.hpp"
#include "tests/support/why.hpp"

#include <doctest/doctest.h>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

using namespace weir;
using namespace weir::test;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t seed = 42;
const std::string path = "consumers.db";

struct StoredEvent {
  std::string context;
  Sequence sequence = 0;
};
/// Events by position.
using Queue = std::map<Position, StoredEvent>;

OwnedEvent owned(Position position, const StoredEvent& stored) {
  EventView view;
  view.context_id = stored.context;
  view.sequence = stored.sequence;
  view.position = position;
  view.event_type = "placed";
  view.payload = "{}";
  return OwnedEvent(view);
}

/// Hands out batches of the list in the lane.
class ListIntake final : public GroupIntake {
public:
  ListIntake(const Queue& queue, io::Lane& lane, Position from, GroupHost::OnBatch on_batch)
      : queue_(queue), lane_(lane), next_(from), on_batch_(std::move(on_batch)) {}
  void request() override {
    if (next_ > end())
      return; // the test stores nothing later
    lane_.post([this_next = next_, this] {
      QueueBatch batch;
      for (auto at = queue_.lower_bound(this_next); at != queue_.end() && batch.events.size() < 7; ++at) {
        auto kept = std::make_shared<const OwnedEvent>(owned(at->first, at->second).view());
        batch.events.add(kept->view());
        batch.events.pin(kept);
        batch.next = at->first + 1;
      }
      if (batch.events.empty())
        batch.next = end() + 1;
      next_ = batch.next;
      on_batch_(std::move(batch));
    });
  }
  void cancel() override {}

private:
  [[nodiscard]] Position end() const { return queue_.empty() ? 0 : queue_.rbegin()->first; }
  const Queue& queue_;
  io::Lane& lane_;
  Position next_;
  GroupHost::OnBatch on_batch_;
};

/// A process that has opened a directory. What is on its disk may live on.
struct Process {
  Process(std::unique_ptr<io::MemoryFileSystem> disk, const Queue& events)
      : fs(std::move(disk)), queue(events), lane(executor.make_lane(io::LaneKind::dedicated, "consumers")) {
    GroupHost::Parts parts;
    parts.lane = lane;
    parts.clock = &clock;
    parts.hash_seed = seed;
    parts.open_queue = [this](Position from, const GroupOptions&, GroupHost::OnBatch on_batch,
                              GroupHost::OnEnd) -> Result<std::unique_ptr<GroupIntake>> {
      return std::unique_ptr<GroupIntake>(std::make_unique<ListIntake>(queue, *lane, from, std::move(on_batch)));
    };
    parts.read_event = [this](std::string_view, Sequence,
                              Position position) -> Result<std::shared_ptr<const OwnedEvent>> {
      const auto found = queue.find(position);
      if (found == queue.end())
        return std::shared_ptr<const OwnedEvent>();
      return std::make_shared<const OwnedEvent>(owned(position, found->second).view());
    };
    desk = std::make_unique<ConsumerDesk>(std::make_unique<ConsumerStore>(*fs, path, seed), std::move(parts));
  }
  ~Process() {
    executor.shutdown();
    desk->close();
  }

  ConsumerDesk::Joined join(const GroupOptions& options = {}) {
    const auto made = desk->find_or_create("group", ConsumerKind::group, 0);
    REQUIRE_MESSAGE(made.ok(), why(made));
    auto joined = desk->join("group", options, UINT64_MAX);
    REQUIRE_MESSAGE(joined.ok(), why(joined));
    executor.run_all();
    return std::move(*joined);
  }
  Result<std::vector<HandedOut>> next(const ConsumerDesk::Joined& seat, std::size_t events_max = 100) {
    const auto awaited = std::make_shared<Awaited<std::vector<HandedOut>>>();
    seat.host->next(seat.member, 0, events_max, Reply<std::vector<HandedOut>>(awaited));
    seat.host->stop_waiting(seat.member);
    executor.run_all();
    if (!awaited->wait_until({})) // the queue had to be read first
      FAIL("a question that does not wait was not answered");
    return awaited->wait();
  }
  Result<bool> settle(const ConsumerDesk::Joined& seat, const HandedOut& event,
                      GroupHost::Settlement::How how = GroupHost::Settlement::How::ack,
                      std::chrono::milliseconds delay = 0ms) {
    const auto awaited = std::make_shared<Awaited<bool>>();
    seat.host->settle(seat.member, {how, {event.token}, delay, "bad"}, Reply<bool>(awaited));
    executor.run_all();
    return awaited->wait();
  }

  std::unique_ptr<io::MemoryFileSystem> fs;
  const Queue& queue;
  io::ManualClock clock;
  io::ManualExecutor executor{&clock};
  std::shared_ptr<io::Lane> lane;
  std::unique_ptr<ConsumerDesk> desk;
};

/// One event for each letter, at positions 10, 20 ...
Queue queue_of(const std::string& contexts) {
  Queue queue;
  std::map<char, Sequence> sequences;
  Position position = 0;
  for (const char context : contexts)
    queue[position += 10] = {std::string(1, context), ++sequences[context]};
  return queue;
}

std::string positions(const Result<std::vector<HandedOut>>& events) {
  if (!events)
    return why(events);
  std::string text;
  for (const HandedOut& each : *events)
    text += (text.empty() ? "" : " ") + std::to_string(each.event->view().position);
  return text;
}

constexpr auto nack = GroupHost::Settlement::How::nack;
constexpr auto park = GroupHost::Settlement::How::park;

} // namespace

TEST_CASE("consumer desk: what is acknowledged is done after a power cut, what is not comes again") {
  const Queue queue = queue_of("abcab");
  std::unique_ptr<io::MemoryFileSystem> image;
  {
    Process process(std::make_unique<io::MemoryFileSystem>(), queue);
    const auto seat = process.join();
    const auto first = process.next(seat);
    REQUIRE(positions(first) == "10 20 30");
    CHECK((*first)[0].event->view().context_id == "a");
    CHECK((*first)[0].event->view().payload == "{}");
    REQUIRE(process.settle(seat, (*first)[1]).ok());
    CHECK(process.settle(seat, (*first)[1]).code() == Errc::not_found);
    image = process.fs->crash_image(io::CrashPolicy::lose_unsynced());
  }
  Process process(std::move(image), queue);
  const auto seat = process.join();
  const auto again = process.next(seat);
  CHECK(positions(again) == "10 30 50");
  CHECK((*again)[0].deliveries == 2); // the one before the power cut counts
  CHECK((*again)[2].deliveries == 1);
}

TEST_CASE("consumer desk: an event that ends the process each time it is handed out is parked in the end") {
  const Queue queue = queue_of("aba");
  auto disk = std::make_unique<io::MemoryFileSystem>();
  GroupOptions options;
  options.deliveries_max = 3;
  for (int life = 1; life <= 3; ++life) {
    Process process(std::move(disk), queue);
    const auto seat = process.join(options);
    const auto events = process.next(seat, 1);
    REQUIRE(positions(events) == "10");
    CHECK((*events)[0].deliveries == static_cast<std::uint32_t>(life));
    disk = process.fs->crash_image(io::CrashPolicy::lose_unsynced()); // it is in the handler's hands now
  }
  Process process(std::move(disk), queue);
  const auto seat = process.join(options);
  CHECK(positions(process.next(seat)) == "20");
  const auto parked = process.desk->parked("group", 0, 100);
  REQUIRE(parked.ok());
  REQUIRE(parked->size() == 2); // and the later one of its context
  CHECK((*parked)[0].position == 10);
  CHECK((*parked)[0].deliveries == 3);
  CHECK((*parked)[0].reason == "handed out 3 times, and never settled before the process ended");
  CHECK((*parked)[1].context_id == "a");
  CHECK((*parked)[1].sequence == 2);
}

TEST_CASE("consumer desk: deadlines and delays pass by the clock, and wake who waits") {
  const Queue queue = queue_of("aab");
  Process process(std::make_unique<io::MemoryFileSystem>(), queue);
  GroupOptions options;
  options.ack_timeout_ms = 5s;
  const auto slow = process.join(options), other = process.join(options);
  const auto first = process.next(slow, 1);
  REQUIRE(positions(first) == "10");
  const auto second = process.next(other);
  REQUIRE(positions(second) == "30");
  REQUIRE(process.settle(other, (*second)[0], nack, 2s).ok());
  const auto awaited = std::make_shared<Awaited<std::vector<HandedOut>>>();
  other.host->next(other.member, 0, 100, Reply<std::vector<HandedOut>>(awaited));
  process.executor.run_all();
  CHECK_FALSE(awaited->wait_until({}));
  process.executor.advance(2s);
  process.executor.run_all();
  REQUIRE(awaited->wait_until({}));
  CHECK(positions(awaited->wait()) == "30");
  process.executor.advance(3s);
  process.executor.run_all();
  CHECK(process.settle(slow, (*first)[0]).code() == Errc::not_found);
  CHECK(positions(process.next(other)) == "10");
  CHECK(process.executor.delayed() <= 3); // timers that nobody needs do not pile up
}

TEST_CASE("consumer desk: parked events are replayed in order, by those who are there and after a restart") {
  const Queue queue = queue_of("aabaa");
  auto disk = std::make_unique<io::MemoryFileSystem>();
  {
    Process process(std::move(disk), queue);
    const auto seat = process.join();
    auto events = process.next(seat);
    REQUIRE(positions(events) == "10 30");
    REQUIRE(process.settle(seat, (*events)[1]).ok());
    REQUIRE(process.settle(seat, (*events)[0], park).ok());
    CHECK(positions(process.next(seat)) == "");
    CHECK(process.desk->parked("group", 0, 100)->size() == 4);
    CHECK(process.desk->status(*process.desk->existing("group"))->parked == 4);
    CHECK(*process.desk->replay_parked("group", "b") == 0);
    CHECK(*process.desk->replay_parked("group", "a") == 4);
    CHECK(*process.desk->replay_parked("group", "a") == 0);
    events = process.next(seat);
    REQUIRE(positions(events) == "10");
    REQUIRE(process.settle(seat, (*events)[0]).ok());
    CHECK(positions(process.next(seat)) == "20");
    disk = process.fs->crash_image(io::CrashPolicy::lose_unsynced());
  }
  Process process(std::move(disk), queue);
  const auto seat = process.join();
  for (const char* next : {"20", "40", "50"}) {
    const auto events = process.next(seat);
    REQUIRE(positions(events) == next);
    REQUIRE(process.settle(seat, (*events)[0]).ok());
  }
  CHECK(process.desk->parked("group", 0, 100)->empty());
}

TEST_CASE("consumer desk: a replayed event that is there no more is done") {
  Queue queue = queue_of("aa");
  Process process(std::make_unique<io::MemoryFileSystem>(), queue);
  const auto seat = process.join();
  const auto events = process.next(seat);
  REQUIRE(process.settle(seat, (*events)[0], park).ok());
  queue.erase(10); // deleted by somebody
  CHECK(*process.desk->replay_parked("group", "") == 2);
  CHECK(positions(process.next(seat)) == "20");
  CHECK(process.desk->parked("group", 0, 100)->size() == 1);
}

TEST_CASE("consumer desk: when a commit fails members are told, and whoever joins then goes on") {
  const Queue queue = queue_of("ab");
  Process process(std::make_unique<io::MemoryFileSystem>(), queue);
  const auto seat = process.join();
  const auto events = process.next(seat);
  REQUIRE(positions(events) == "10 20");
  const auto tally = std::make_shared<io::FaultTally>();
  process.fs->set_hook(io::failing_calls({.fault = io::DiskFault::enospc, .first_call = 1, .for_good = true}, tally));
  CHECK(process.settle(seat, (*events)[0]).code() == Errc::disk_full);
  CHECK(process.next(seat).code() == Errc::disk_full);
  CHECK(process.settle(seat, (*events)[1]).code() == Errc::disk_full);
  process.fs->set_hook({});
  const auto later = process.join();
  CHECK(positions(process.next(later)) == "10 20"); // neither was acknowledged
  process.desk->leave(seat.host, seat.member);
  CHECK(positions(process.next(later)) == "");
  CHECK(process.settle(later, (*events)[0]).code() == Errc::not_found);
}

TEST_CASE("consumer desk: who is in use can be neither reset nor removed nor opened as another kind") {
  const Queue queue = queue_of("ab");
  Process process(std::make_unique<io::MemoryFileSystem>(), queue);
  ConsumerDesk& desk = *process.desk;
  const auto seat = process.join();
  CHECK(desk.reset("group", 0).code() == Errc::locked);
  CHECK(desk.remove("group").code() == Errc::locked);
  CHECK(desk.open_single("group", UINT64_MAX).code() == Errc::locked);
  GroupOptions other;
  other.deliveries_max = 1;
  CHECK(desk.join("group", other, UINT64_MAX).code() == Errc::invalid_argument);
  const auto events = process.next(seat);
  REQUIRE(process.settle(seat, (*events)[0]).ok());
  desk.leave(seat.host, seat.member);
  CHECK(desk.open_single("group", UINT64_MAX).code() == Errc::invalid_argument);
  CHECK(desk.status(*desk.existing("group"))->checkpoint == 20);
  REQUIRE(desk.reset("group", 0).ok());
  const auto again = process.join();
  CHECK(positions(process.next(again)) == "10 20");
  desk.leave(again.host, again.member);
  REQUIRE(desk.remove("group").ok());
  CHECK(desk.reset("group", 0).code() == Errc::not_found);

  REQUIRE(desk.find_or_create("single", ConsumerKind::single, 5).ok());
  CHECK(*desk.open_single("single", UINT64_MAX) == 5);
  CHECK(desk.open_single("single", UINT64_MAX).code() == Errc::locked);
  CHECK(desk.move_single("single", 9).ok());
  CHECK(desk.move_single("single", 8).code() == Errc::invalid_argument);
  CHECK(desk.reset("single", 0).code() == Errc::locked);
  desk.close_single("single");
  CHECK(desk.move_single("single", 10).code() == Errc::closing);
  CHECK(desk.open_single("single", 8).code() == Errc::corruption); // it lies beyond all events
  CHECK(*desk.open_single("single", 9) == 9);
  CHECK(desk.parked("single", 0, 10).code() == Errc::invalid_argument);
}

TEST_CASE("consumer desk: a reset holds, after a power cut too") {
  const Queue queue = queue_of("ab");
  std::unique_ptr<io::MemoryFileSystem> image;
  {
    Process process(std::make_unique<io::MemoryFileSystem>(), queue);
    const auto seat = process.join();
    const auto events = process.next(seat);
    REQUIRE(positions(events) == "10 20");
    for (const HandedOut& each : *events)
      REQUIRE(process.settle(seat, each).ok());
    process.desk->leave(seat.host, seat.member);
    REQUIRE(process.desk->reset("group", 0).ok());
    image = process.fs->crash_image(io::CrashPolicy::lose_unsynced());
  }
  Process process(std::move(image), queue);
  CHECK(positions(process.next(process.join())) == "10 20");
}

TEST_CASE("consumer desk: members come, go and die, power cuts come at any moment: nothing is lost, no acknowledged "
          "event comes again, contexts keep their order") {
  std::size_t crashes = 0, redelivered = 0;
  for (std::uint64_t round = 1; round <= 12; ++round) {
    CAPTURE(round);
    const auto random = io::make_seeded_random(round);
    const auto below = [&](std::uint64_t bound) { return random->next() % bound; };
    std::string contexts;
    for (int i = 0; i < 60; ++i)
      contexts += static_cast<char>('a' + below(5));
    const Queue queue = queue_of(contexts);
    std::set<Position> acknowledged;
    std::map<Position, std::size_t> seen;
    GroupOptions options;
    options.deliveries_max = 1'000;
    auto disk = std::make_unique<io::MemoryFileSystem>();
    while (acknowledged.size() < queue.size()) {
      Process process(std::move(disk), queue);
      std::vector<ConsumerDesk::Joined> seats;
      std::vector<std::pair<std::size_t, HandedOut>> held; // by seat
      for (int step = 0; step < 40 && acknowledged.size() < queue.size(); ++step) {
        const std::uint64_t choice = below(10);
        if (seats.empty() || choice == 0) {
          seats.push_back(process.join(options));
        } else if (choice == 1 && seats.size() > 1) { // killed: what it had goes to others
          process.desk->leave(seats.back().host, seats.back().member);
          seats.pop_back();
          std::erase_if(held, [&](const auto& each) { return each.first == seats.size(); });
        } else if (choice < 5) {
          const std::size_t which = below(seats.size());
          const std::size_t wanted = 1 + below(4);
          auto events = process.next(seats[which], wanted);
          REQUIRE_MESSAGE(events.ok(), why(events));
          for (HandedOut& each : *events) {
            const Position position = each.event->view().position;
            const std::string& context = queue.at(position).context;
            REQUIRE_MESSAGE(!acknowledged.contains(position), "an acknowledged event came again");
            for (const auto& [earlier, stored] : queue)
              if (earlier < position && stored.context == context)
                REQUIRE_MESSAGE(acknowledged.contains(earlier), "out of order");
            redelivered += seen[position]++ != 0 ? 1 : 0;
            held.emplace_back(which, std::move(each));
          }
        } else if (!held.empty()) {
          const std::size_t which = below(held.size());
          const auto [seat, event] = held[which];
          held.erase(held.begin() + static_cast<std::ptrdiff_t>(which));
          if (choice < 9) {
            REQUIRE(process.settle(seats[seat], event).ok());
            acknowledged.insert(event.event->view().position);
          } else {
            REQUIRE(process.settle(seats[seat], event, nack).ok());
          }
        }
      }
      disk = process.fs->crash_image(io::CrashPolicy::lose_unsynced());
      ++crashes;
    }
    Process process(std::move(disk), queue);
    CHECK(positions(process.next(process.join(options))) == "");
    CHECK(process.desk->status(*process.desk->existing("group"))->checkpoint > queue.rbegin()->first);
  }
  CHECK(crashes > 20);
  CHECK(redelivered > 50);
}
