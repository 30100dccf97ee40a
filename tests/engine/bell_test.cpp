#include "engine/bell.hpp"

#include <doctest/doctest.h>

#include <thread>
#include <vector>

using namespace weir;

namespace {

Receipt numbered(Sequence sequence) {
  Receipt receipt;
  receipt.sequence = sequence;
  return receipt;
}

} // namespace

TEST_CASE("bell: one ring wakes everybody whose answer is there, and nobody else returns") {
  Bell bell;
  std::vector<Waiter> waiters(16);
  std::atomic<int> returned{0};
  std::vector<std::thread> threads;
  for (Waiter& waiter : waiters) {
    waiter.bell = &bell;
    threads.emplace_back([&waiter, &returned] {
      const auto answer = waiter.wait();
      CHECK(answer.ok());
      ++returned;
    });
  }
  {
    const RingLater together;
    for (std::size_t i = 0; i < waiters.size() / 2; ++i)
      waiters[i].set(numbered(i + 1));
  }
  for (std::size_t i = 0; i < waiters.size() / 2; ++i)
    threads[i].join();
  CHECK(returned == 8);
  for (std::size_t i = waiters.size() / 2; i < waiters.size(); ++i)
    waiters[i].set(numbered(i + 1)); // without a scope: rung at once
  for (std::size_t i = waiters.size() / 2; i < waiters.size(); ++i)
    threads[i].join();
  CHECK(returned == 16);
}

TEST_CASE("bell: an answer that came before the wait is taken without waiting") {
  Bell bell;
  Waiter waiter;
  waiter.bell = &bell;
  waiter.set(numbered(7));
  const auto answer = waiter.wait();
  REQUIRE(answer.ok());
  CHECK(answer->sequence == 7);
}

TEST_CASE("bell: nobody sleeps through a ring, whenever it comes") {
  Bell bell;
  constexpr int rings = 2'000;
  std::atomic<int> asked{0}, answered{0};
  std::thread ringer([&] {
    for (int ring = 1; ring <= rings; ++ring) {
      while (asked.load() < ring)
        std::this_thread::yield();
      answered.store(ring);
      bell.ring();
    }
  });
  for (int ring = 1; ring <= rings; ++ring) {
    asked.store(ring);
    bell.wait([&] { return answered.load() >= ring; });
  }
  ringer.join();
  CHECK(answered == rings);
}

TEST_CASE("bell: a call refused before admission has no bell and does not wait") {
  Waiter waiter;
  waiter.set(fail(Errc::overloaded, "full"));
  CHECK(waiter.wait().code() == Errc::overloaded);
}

TEST_CASE("bell: nested scopes ring their own bells") {
  Bell outer_bell, inner_bell;
  Waiter outer, inner;
  outer.bell = &outer_bell;
  inner.bell = &inner_bell;
  std::thread thread;
  {
    const RingLater outer_scope;
    outer.set(numbered(1));
    {
      const RingLater inner_scope;
      inner.set(numbered(2));
    }
    thread = std::thread([&inner] { CHECK(inner.wait().ok()); });
    thread.join(); // although the outer scope still holds its bell back
  }
  CHECK(outer.wait().ok());
}

TEST_CASE("bell: many rounds of one bell lose no wake-up") {
  Bell bell;
  for (int round = 0; round < 2'000; ++round) {
    Waiter waiter;
    waiter.bell = &bell;
    std::thread answering([&waiter] { waiter.set(numbered(1)); });
    CHECK(waiter.wait().ok());
    answering.join();
  }
}
