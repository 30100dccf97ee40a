#include "engine/waiter.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

using namespace weir;

namespace {

/// Threads that wait, each for its own answer.
class Crowd {
public:
  explicit Crowd(int size) : waiters_(static_cast<std::size_t>(size)) {
    for (int i = 0; i < size; ++i)
      threads_.emplace_back([this, i] {
        ++there_;
        if (waiters_[static_cast<std::size_t>(i)].wait() == i)
          ++right_;
      });
    while (there_ != size)
      std::this_thread::yield();
  }
  void answer(std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < to; ++i)
      waiters_[i].set(static_cast<int>(i));
  }
  void join(std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < to; ++i)
      threads_[i].join();
  }
  [[nodiscard]] int right() const { return right_; }

private:
  std::vector<Waiter<int>> waiters_;
  std::vector<std::thread> threads_;
  std::atomic<int> there_{0}, right_{0};
};

} // namespace

TEST_CASE("waiter: all who are answered together are woken, and nobody else") {
  for (const int together : {1, 2, 3, 4, 7, 8, 60}) {
    CAPTURE(together);
    Crowd crowd(together + 5);
    const auto answered = static_cast<std::size_t>(together);
    {
      const WakeLater scope;
      crowd.answer(0, answered);
    }
    crowd.join(0, answered);
    CHECK(crowd.right() == together);
    crowd.answer(answered, answered + 5); // without a scope: at once
    crowd.join(answered, answered + 5);
    CHECK(crowd.right() == together + 5);
  }
}

TEST_CASE("waiter: an answer that came before the wait is taken without waiting") {
  Waiter<int> waiter;
  waiter.set(7);
  CHECK(waiter.wait() == 7);
}

TEST_CASE("waiter: a thread that answers itself among others keeps nobody waiting") {
  Waiter<int> own;
  Crowd crowd(20);
  {
    const WakeLater scope;
    own.set(1);
    crowd.answer(0, 20);
  }
  crowd.join(0, 20); // although this thread has not waited yet
  CHECK(crowd.right() == 20);
  CHECK(own.wait() == 1);
}

TEST_CASE("waiter: a thread that is still at work keeps nobody waiting") {
  Waiter<int> busy;
  Crowd crowd(20);
  std::atomic<bool> go_on{false};
  std::thread working([&] {
    while (!go_on)
      std::this_thread::yield();
    CHECK(busy.wait() == 1);
  });
  {
    const WakeLater scope;
    crowd.answer(0, 10);
    busy.set(1);
    crowd.answer(10, 20);
  }
  crowd.join(0, 20);
  go_on = true;
  working.join();
}

TEST_CASE("waiter: nested scopes release their own") {
  Waiter<int> outer, inner;
  {
    const WakeLater outer_scope;
    outer.set(1);
    {
      const WakeLater inner_scope;
      inner.set(2);
    }
    std::thread thread([&inner] { CHECK(inner.wait() == 2); });
    thread.join(); // although the outer scope still holds its own back
  }
  CHECK(outer.wait() == 1);
}

TEST_CASE("waiter: what was done before an answer is seen behind it, however many hands the release went through") {
  constexpr int rounds = 300;
  constexpr std::size_t size = 6;
  for (int round = 0; round < rounds; ++round) {
    std::vector<Waiter<std::unique_ptr<int>>> waiters(size);
    std::array<int, size> seen{};
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < size; ++i)
      threads.emplace_back([&, i] { seen[i] = *waiters[i].wait(); });
    {
      const WakeLater scope;
      for (Waiter<std::unique_ptr<int>>& waiter : waiters)
        waiter.set(std::make_unique<int>(round));
    }
    for (std::thread& thread : threads)
      thread.join();
    for (const int each : seen)
      REQUIRE(each == round);
  }
}

TEST_CASE("waiter: many rounds of one thread lose no wake-up") {
  std::atomic<Waiter<int>*> asking{nullptr};
  std::atomic<bool> over{false};
  std::thread answering([&] {
    while (!over)
      if (Waiter<int>* const waiter = asking.exchange(nullptr))
        waiter->set(1);
  });
  for (int round = 0; round < 5'000; ++round) {
    Waiter<int> waiter;
    asking = &waiter;
    REQUIRE(waiter.wait() == 1);
  }
  over = true;
  answering.join();
}

TEST_CASE("waiter: all who sleep are woken by one, beside others who are still awake") {
  constexpr std::size_t sleepers = 60;
  std::vector<Sleeper> crowd(sleepers + 1);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < sleepers; ++i)
    threads.emplace_back([&crowd, i] { crowd[i].wait(); });
  for (std::size_t i = 0; i < sleepers; ++i)
    while (!crowd[i].sleeps())
      std::this_thread::yield();
  {
    const WakeLater scope;
    for (Sleeper& each : crowd)
      WakeLater::release(each);
  }
  crowd[sleepers].wait(); // it was released before
  for (std::thread& thread : threads)
    thread.join();
  CHECK(std::none_of(crowd.begin(), crowd.end(), [](const Sleeper& each) { return each.sleeps(); }));
}
