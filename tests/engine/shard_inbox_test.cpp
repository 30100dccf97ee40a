#include "engine/shard_inbox.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <random>
#include <semaphore>
#include <string>
#include <thread>
#include <vector>

namespace weir {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// A command whose context names it.
StorePtr named(const std::string& name, std::size_t bytes = 1, std::uint64_t sender = 0) {
  auto command = std::make_unique<StoreCommand>();
  command->context_id = name;
  command->encoded = std::string(bytes, 'x');
  command->sender = sender;
  return command;
}

/// An inbox, how often it woke its shard, and what came out of it.
struct Inbox {
  explicit Inbox(InboxBounds bounds) : inbox(bounds, [this] { ++wakes; }) {}

  Admission try_push(const std::string& name, std::size_t bytes = 1) { return inbox.try_push(named(name, bytes)); }
  Admission park(const std::string& name, std::size_t bytes = 1) { return inbox.push_or_park(named(name, bytes)); }
  bool drain(std::size_t max) {
    std::vector<StorePtr> commands;
    const bool more = inbox.drain(commands, max);
    for (const StorePtr& command : commands)
      drained += command->context_id;
    return more;
  }
  /// A thread that waits for room; returns once it stands in line.
  std::thread wait_in_line(const std::string& name, std::size_t bytes, Admission& result,
                           std::optional<steady_clock::time_point> deadline = std::nullopt) {
    const std::size_t before = inbox.stats().waiting;
    std::thread thread([=, this, &result] { result = inbox.push_until(named(name, bytes), deadline); });
    while (inbox.stats().waiting == before)
      std::this_thread::yield();
    return thread;
  }

  std::atomic<int> wakes{0};
  std::string drained;
  ShardInbox inbox;
};

} // namespace

TEST_CASE("inbox: takes calls up to its bound in number, and one more only once one has left") {
  Inbox box({.commands_max = 3, .bytes_max = 100, .parked_max = 0});
  CHECK(box.try_push("a") == Admission::accepted);
  CHECK(box.try_push("b") == Admission::accepted);
  CHECK(box.try_push("c") == Admission::accepted);
  CHECK(box.try_push("d") == Admission::full);
  CHECK(box.park("d") == Admission::full);
  CHECK(box.inbox.stats().commands == 3);
  CHECK(box.inbox.stats().refused == 2);
  CHECK(box.drain(1));
  CHECK(box.try_push("e") == Admission::accepted);
  CHECK_FALSE(box.drain(10));
  CHECK(box.drained == "abce");
}

TEST_CASE("inbox: takes calls up to its bound in bytes, just below, at and beyond it") {
  for (const std::size_t bytes : {39U, 40U, 41U}) {
    CAPTURE(bytes);
    const bool fits = bytes <= 40;
    Inbox box({.commands_max = 10, .bytes_max = 100, .parked_max = 0});
    CHECK(box.try_push("a", 60) == Admission::accepted);
    CHECK(box.try_push("b", bytes) == (fits ? Admission::accepted : Admission::full));
    CHECK(box.inbox.stats().bytes == (fits ? 60 + bytes : 60));
    CHECK_FALSE(box.drain(10));
    CHECK(box.inbox.stats().bytes == 0);
  }
}

TEST_CASE("inbox: an empty one takes a single call of any size, and nothing beside it") {
  Inbox box({.commands_max = 10, .bytes_max = 100, .parked_max = 0});
  CHECK(box.try_push("a", 5'000) == Admission::accepted);
  CHECK(box.try_push("b", 1) == Admission::full);
  CHECK_FALSE(box.drain(1));
  CHECK(box.try_push("b", 101) == Admission::accepted);
}

TEST_CASE("inbox: a refused command is still its sender's") {
  Inbox box({.commands_max = 1, .bytes_max = 100, .parked_max = 0});
  CHECK(box.try_push("a") == Admission::accepted);
  int answers = 0;
  StorePtr command = named("b", 7);
  command->done = Completion([&](Result<Receipt>) { ++answers; });
  CHECK(box.inbox.try_push(std::move(command)) == Admission::full);
  CHECK(box.inbox.push_or_park(std::move(command)) == Admission::full);
  CHECK(box.inbox.push_until(std::move(command), steady_clock::now()) == Admission::timed_out);
  (void)box.inbox.close();
  CHECK(box.inbox.try_push(std::move(command)) == Admission::closed);
  CHECK(box.inbox.push_or_park(std::move(command)) == Admission::closed);
  CHECK(box.inbox.push_until(std::move(command), std::nullopt) == Admission::closed);
  CHECK(answers == 0);
  CHECK(command->context_id == "b");
  CHECK(command->encoded.size() == 7);
  command->done(Receipt{});
  CHECK(answers == 1);
}

TEST_CASE("inbox: parked calls get in by turns, before anybody who comes later, up to their own bound") {
  Inbox box({.commands_max = 2, .bytes_max = 100, .parked_max = 2});
  for (const char* name : {"a", "b", "c", "d"})
    CHECK(box.park(name) == Admission::accepted);
  CHECK(box.park("x") == Admission::full);
  CHECK(box.inbox.stats().commands == 2);
  CHECK(box.inbox.stats().waiting == 2);
  CHECK(box.inbox.stats().waited == 2);
  CHECK(box.drain(1)); // "c" moves up
  CHECK(box.inbox.stats().waiting == 1);
  CHECK(box.try_push("x") == Admission::full); // "d" was here first
  CHECK(box.park("e") == Admission::accepted);
  CHECK(box.drain(2));
  CHECK_FALSE(box.drain(10));
  CHECK(box.drained == "abcde");
}

TEST_CASE("inbox: a small call does not slip past a large one that waits") {
  Inbox box({.commands_max = 10, .bytes_max = 100, .parked_max = 10});
  CHECK(box.park("a", 90) == Admission::accepted);
  CHECK(box.park("B", 50) == Admission::accepted);
  CHECK(box.park("c", 1) == Admission::accepted);
  CHECK(box.try_push("x", 1) == Admission::full);
  CHECK(box.drain(1));
  CHECK_FALSE(box.drain(10));
  CHECK(box.drained == "aBc");
}

TEST_CASE("inbox: threads and parked calls wait in one line") {
  Inbox box({.commands_max = 1, .bytes_max = 100, .parked_max = 10});
  CHECK(box.try_push("a") == Admission::accepted);
  Admission second{}, fourth{};
  std::thread b = box.wait_in_line("b", 1, second);
  CHECK(box.park("c") == Admission::accepted);
  std::thread d = box.wait_in_line("d", 1, fourth);
  CHECK(box.park("e") == Admission::accepted);
  while (box.drained.size() < 5)
    box.drain(1);
  b.join();
  d.join();
  CHECK(box.drained == "abcde");
  CHECK(second == Admission::accepted);
  CHECK(fourth == Admission::accepted);
}

TEST_CASE("inbox: a waiter whose time is up gives way to those behind it") {
  Inbox box({.commands_max = 10, .bytes_max = 100, .parked_max = 10});
  CHECK(box.try_push("a", 60) == Admission::accepted);
  Admission large{}, small{};
  std::thread b = box.wait_in_line("B", 90, large, steady_clock::now() + milliseconds(100));
  CHECK(box.park("c", 10) == Admission::accepted); // would fit, but for "B" before it
  std::thread d = box.wait_in_line("d", 10, small, steady_clock::now() + std::chrono::minutes(5));
  CHECK(box.inbox.stats().commands == 1);
  b.join();
  d.join(); // nobody has drained anything
  CHECK(large == Admission::timed_out);
  CHECK(small == Admission::accepted);
  CHECK_FALSE(box.drain(10));
  CHECK(box.drained == "acd");
  CHECK(box.inbox.stats().waiting == 0);
}

TEST_CASE("inbox: a deadline that has passed refuses where there is no room, and hurts nobody where there is") {
  Inbox box({.commands_max = 1, .bytes_max = 100, .parked_max = 10});
  const auto past = steady_clock::now() - milliseconds(1);
  CHECK(box.inbox.push_until(named("a"), past) == Admission::accepted);
  CHECK(box.inbox.push_until(named("b"), past) == Admission::timed_out);
  CHECK(box.inbox.stats().waiting == 0);
}

TEST_CASE("inbox: close wakes everybody, hands back the parked and leaves the admitted to be drained") {
  Inbox box({.commands_max = 1, .bytes_max = 100, .parked_max = 10});
  CHECK(box.try_push("a") == Admission::accepted);
  Admission forever{}, timed{};
  std::thread first = box.wait_in_line("w", 1, forever);
  CHECK(box.park("p") == Admission::accepted);
  std::thread second = box.wait_in_line("v", 1, timed, steady_clock::now() + std::chrono::hours(1));
  CHECK(box.park("q") == Admission::accepted);
  std::string parked;
  for (const StorePtr& command : box.inbox.close())
    parked += command->context_id;
  first.join();
  second.join();
  CHECK(parked == "pq");
  CHECK(forever == Admission::closed);
  CHECK(timed == Admission::closed);
  CHECK(box.try_push("x") == Admission::closed);
  CHECK(box.inbox.close().empty());
  CHECK_FALSE(box.drain(10));
  CHECK(box.drained == "a");
  CHECK(box.inbox.stats().waiting == 0);
}

TEST_CASE("inbox: wakes the shard exactly when work comes to an inbox it has seen empty") {
  Inbox box({.commands_max = 2, .bytes_max = 100, .parked_max = 10});
  CHECK(box.wakes == 0);
  for (const char* name : {"a", "b", "c"})
    CHECK(box.park(name) == Admission::accepted);
  CHECK(box.wakes == 1);
  CHECK(box.drain(1)); // not empty: the shard comes again by itself
  CHECK(box.park("d") == Admission::accepted);
  CHECK(box.wakes == 1);
  CHECK(box.drain(2)); // "d" moved up from the line
  CHECK_FALSE(box.drain(2));
  CHECK(box.wakes == 1);
  CHECK(box.try_push("e") == Admission::accepted);
  CHECK(box.wakes == 2);
  CHECK(box.drain(0)); // looked, took nothing: still busy
  CHECK(box.try_push("f") == Admission::accepted);
  CHECK(box.wakes == 2);
  CHECK_FALSE(box.drain(10));
  CHECK_FALSE(box.drain(10));
  CHECK(box.try_push("g") == Admission::accepted);
  CHECK(box.wakes == 3);
  CHECK(box.drained == "abcdef");
}

// A shard that sleeps until it is woken: one lost wake-up and this test never ends.
TEST_CASE("inbox: many senders of every kind through small bounds: order kept, nothing lost, nothing twice") {
  for (const std::size_t commands_max : {4U, 9U, 64U}) {
    CAPTURE(commands_max);
    constexpr std::uint64_t senders = 8, calls = 400;
    std::counting_semaphore<> woken(0);
    ShardInbox inbox({commands_max, 40, 16}, [&] { woken.release(); });
    std::atomic<std::uint64_t> accepted{0};
    std::atomic<bool> all_sent{false};
    std::vector<StorePtr> drained;
    std::thread shard([&] {
      std::mt19937_64 random(commands_max);
      while (true) {
        woken.acquire();
        std::vector<StorePtr> batch;
        while (inbox.drain(batch, random() % 6 + 1)) {
        }
        const bool last = all_sent.load();
        std::move(batch.begin(), batch.end(), std::back_inserter(drained));
        if (last && drained.size() == accepted.load())
          return;
      }
    });
    std::vector<std::thread> threads;
    std::vector<std::vector<std::string>> sent(senders);
    for (std::uint64_t sender = 0; sender < senders; ++sender)
      threads.emplace_back([&, sender] {
        std::mt19937_64 random(100 * commands_max + sender);
        for (std::uint64_t call = 0; call < calls; ++call) {
          const std::string name = std::to_string(call);
          StorePtr command = named(name, random() % 50 + 1, sender); // now and then beyond the bound alone
          Admission admission{};
          switch (random() % 4) {
          case 0: admission = inbox.try_push(std::move(command)); break;
          case 1: admission = inbox.push_or_park(std::move(command)); break;
          case 2:
            admission =
                inbox.push_until(std::move(command), steady_clock::now() + std::chrono::microseconds(random() % 200));
            break;
          default: admission = inbox.push_until(std::move(command), std::nullopt); break;
          }
          if (admission != Admission::accepted) {
            REQUIRE(admission != Admission::closed);
            REQUIRE(command->context_id == name); // handed back whole
            continue;
          }
          sent[sender].push_back(name);
          accepted.fetch_add(1);
        }
      });
    for (std::thread& thread : threads)
      thread.join();
    all_sent.store(true);
    woken.release();
    shard.join();
    std::vector<std::vector<std::string>> received(senders);
    for (const StorePtr& command : drained)
      received[command->sender].push_back(command->context_id);
    CHECK(received == sent);
    const InboxStats stats = inbox.stats();
    CHECK(stats.commands == 0);
    CHECK(stats.bytes == 0);
    CHECK(stats.waiting == 0);
  }
}

TEST_CASE("inbox: close in the middle of it: each call is drained, handed back or refused, exactly once") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    ShardInbox inbox({4, 40, 4}, [] {});
    constexpr std::uint64_t senders = 4, calls = 60;
    std::atomic<std::uint64_t> accepted{0}, sent{0};
    std::vector<std::thread> threads;
    for (std::uint64_t sender = 0; sender < senders; ++sender)
      threads.emplace_back([&, sender] {
        std::mt19937_64 random(10 * seed + sender);
        for (std::uint64_t call = 0; call < calls; ++call) {
          StorePtr command = named("x", random() % 20 + 1, sender);
          const Admission admission = random() % 2 == 0 ? inbox.push_until(std::move(command), std::nullopt)
                                                        : inbox.push_or_park(std::move(command));
          accepted.fetch_add(admission == Admission::accepted);
          sent.fetch_add(1);
        }
      });
    std::vector<StorePtr> drained;
    while (sent.load() < seed * 10)
      inbox.drain(drained, 3);
    const std::vector<StorePtr> parked = inbox.close();
    for (std::thread& thread : threads)
      thread.join(); // nobody hangs
    inbox.drain(drained, SIZE_MAX);
    CHECK(drained.size() + parked.size() == accepted.load());
    CHECK(sent.load() == senders * calls);
  }
}

} // namespace weir
