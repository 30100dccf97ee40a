#include "engine/pinned_budget.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

using namespace weir;

TEST_CASE("pinned budget: who waits is woken once, by whoever gives back so much that there is room") {
  const auto budget = std::make_shared<PinnedBudget>(100);
  auto first = PinnedBudget::pin(budget, 90), second = PinnedBudget::pin(budget, 5),
       third = PinnedBudget::pin(budget, 20);
  CHECK(budget->used() == 115);
  CHECK(budget->exhausted());
  int woken = 0, others = 0;
  PinnedBudget::Waiter waiter, other;
  budget->wait(waiter, [&] { ++woken; });
  budget->wait(other, [&] { ++others; });
  other.stop();
  second.reset();
  CHECK(woken == 0); // 110 are too many yet
  third.reset();
  CHECK(woken == 1);
  first.reset();
  CHECK(woken == 1);
  CHECK(others == 0);
  CHECK(budget->used() == 0);
  budget->wait(waiter, [&] { ++woken; }); // there is room: at once
  CHECK(woken == 2);
}

TEST_CASE("pinned budget: its end wakes those who wait, and those who come later at once") {
  const auto budget = std::make_shared<PinnedBudget>(1);
  const auto pinned = PinnedBudget::pin(budget, 1);
  int woken = 0;
  PinnedBudget::Waiter waiter;
  budget->wait(waiter, [&] { ++woken; });
  CHECK_FALSE(budget->ended());
  budget->end();
  CHECK(budget->ended());
  CHECK(woken == 1);
  budget->wait(waiter, [&] { ++woken; });
  CHECK(woken == 2);
}

TEST_CASE("pinned budget: no wake-up is lost between those who give back and those who begin to wait") {
  const auto budget = std::make_shared<PinnedBudget>(1);
  constexpr int rounds = 20'000;
  std::atomic<int> round{0}, given_back{0};
  std::thread giver([&] {
    for (int i = 1; i <= rounds; ++i) {
      auto pinned = PinnedBudget::pin(budget, 1);
      round.store(i);
      round.notify_one();
      pinned.reset();
      given_back.wait(i - 1);
    }
  });
  for (int i = 1; i <= rounds; ++i) {
    round.wait(i - 1);
    std::atomic<bool> woken{false};
    PinnedBudget::Waiter waiter;
    budget->wait(waiter, [&] {
      woken.store(true);
      woken.notify_one();
    });
    woken.wait(false); // hangs if the wake-up is lost
    waiter.stop();     // who wakes may still be at it
    given_back.store(i);
    given_back.notify_one();
  }
  giver.join();
  CHECK(budget->used() == 0);
}
