#include "engine/turns.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <semaphore>
#include <thread>
#include <vector>

namespace weir {

TEST_CASE("turns: who asks does the work at once, and asking from inside it means one more round") {
  int rounds = 0;
  Turns* self = nullptr;
  Turns turns(
      [&] {
        if (++rounds == 1) {
          self->take();
          self->take();
          CHECK(rounds == 1);
        }
      },
      [] {
        FAIL("passed on");
        return false;
      });
  self = &turns;
  turns.take();
  CHECK(rounds == 2); // what both asked for was done at once
  turns.take();
  CHECK(rounds == 3);
}

TEST_CASE("turns: a thread that is asked again and again passes the turn on, and nobody else gets it meanwhile") {
  unsigned rounds = 0, passed = 0;
  bool busy = true;
  Turns* self = nullptr;
  Turns turns(
      [&] {
        ++rounds;
        if (busy)
          self->take();
      },
      [&] { return ++passed != 0; });
  self = &turns;
  turns.take();
  CHECK(rounds == Turns::rounds_max);
  CHECK(passed == 1);
  turns.take(); // the turn is on its way to somebody
  CHECK(rounds == Turns::rounds_max);
  busy = false;
  turns.go_on();
  CHECK(rounds == Turns::rounds_max + 1);
  CHECK(passed == 1);
  turns.take();
  CHECK(rounds == Turns::rounds_max + 2);
}

TEST_CASE("turns: where there is nobody to pass a turn on to, the thread goes on until nobody asks any more") {
  unsigned rounds = 0, passed = 0;
  Turns* self = nullptr;
  Turns turns(
      [&] {
        if (++rounds < 3 * Turns::rounds_max)
          self->take();
      },
      [&] {
        ++passed;
        return false;
      });
  self = &turns;
  turns.take();
  CHECK(rounds == 3 * Turns::rounds_max);
  CHECK(passed == 2);
}

TEST_CASE("turns: with many threads the work is never done twice at a time, and nothing that was left is overlooked") {
  constexpr int threads_count = 4, calls = 5'000;
  std::mutex mutex;
  std::deque<int> inbox;  // guarded by mutex
  std::uint64_t seen = 0; // by the work alone: a race here is a race of the turns
  std::atomic<int> at_work{0};
  std::atomic<bool> together{false};
  std::counting_semaphore<> passed(0);
  std::atomic<bool> over{false};
  Turns turns(
      [&] {
        if (at_work.fetch_add(1) != 0)
          together.store(true);
        std::deque<int> taken;
        {
          const std::lock_guard lock(mutex);
          taken.swap(inbox);
        }
        seen += taken.size();
        at_work.fetch_sub(1);
      },
      [&] {
        passed.release();
        return true;
      });
  std::thread helper([&] {
    for (passed.acquire(); !over.load(); passed.acquire())
      turns.go_on();
  });
  std::vector<std::thread> threads;
  for (int i = 0; i < threads_count; ++i)
    threads.emplace_back([&] {
      for (int call = 0; call < calls; ++call) {
        {
          const std::lock_guard lock(mutex);
          inbox.push_back(call);
        }
        turns.take();
      }
    });
  for (std::thread& thread : threads)
    thread.join();
  // A turn that was passed on last may still be with the helper: asking until the count is reached cannot hang, since
  // every take() is answered.
  for (bool all = false; !all;) {
    turns.take();
    const std::lock_guard lock(mutex);
    all = inbox.empty() && at_work.load() == 0;
  }
  over.store(true);
  passed.release();
  helper.join();
  CHECK_FALSE(together.load());
  CHECK(seen == static_cast<std::uint64_t>(threads_count) * calls);
}

} // namespace weir
