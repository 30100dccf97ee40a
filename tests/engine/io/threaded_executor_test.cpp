#include "engine/io/executor.hpp"
#include "engine/io/helping_hand.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <future>
#include <latch>
#include <memory>
#include <pthread.h>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace weir::io {

namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

/// Runs its job's code on destruction: how a job's destructor answers whoever waits.
class OnDestruction {
public:
  explicit OnDestruction(std::function<void()> action) : action_(std::move(action)) {}
  OnDestruction(OnDestruction&& other) noexcept : action_(std::exchange(other.action_, nullptr)) {}
  ~OnDestruction() {
    if (action_)
      action_();
  }

private:
  std::function<void()> action_;
};

/// Waits until every job posted to `lane` before has run.
void drain(Lane& lane) {
  std::promise<void> done;
  lane.post([&] { done.set_value(); });
  done.get_future().wait();
}

/// Its thread may not be through with the last job yet.
BorrowedLane borrow_once_idle(Lane& lane) {
  for (;;) {
    BorrowedLane borrowed = lane.borrow();
    if (borrowed)
      return borrowed;
    std::this_thread::yield();
  }
}

constexpr std::array lane_kinds = {LaneKind::dedicated, LaneKind::yielding, LaneKind::pooled};

} // namespace

TEST_CASE("threaded executor: jobs of one lane run in the order posted and never together") {
  const auto executor = make_threaded_executor(4);
  for (const auto kind : lane_kinds) {
    const auto lane = executor->make_lane(kind, "lane");
    std::vector<int> order; // Unguarded on purpose: the lane is the guard.
    std::atomic<int> running = 0;
    std::atomic<bool> together = false;
    for (int i = 0; i < 2000; ++i)
      lane->post([&, i] {
        together = running.fetch_add(1) != 0 || together;
        order.push_back(i);
        running.fetch_sub(1);
      });
    drain(*lane);
    CHECK_FALSE(together);
    REQUIRE(order.size() == 2000);
    CHECK(std::is_sorted(order.begin(), order.end()));
  }
}

TEST_CASE("threaded executor: the order of each poster is kept when several post to one lane") {
  const auto executor = make_threaded_executor(2);
  for (const auto kind : lane_kinds) {
    const auto lane = executor->make_lane(kind, "lane");
    std::array<std::vector<int>, 3> seen;
    {
      std::vector<std::jthread> posters;
      for (std::size_t poster = 0; poster < seen.size(); ++poster)
        posters.emplace_back([&, poster] {
          for (int i = 0; i < 500; ++i)
            lane->post([&, poster, i] { seen[poster].push_back(i); });
        });
    }
    drain(*lane);
    for (const auto& numbers : seen) {
      CHECK(numbers.size() == 500);
      CHECK(std::is_sorted(numbers.begin(), numbers.end()));
    }
  }
}

TEST_CASE("threaded executor: a dedicated lane has a thread of its own, named as the lane") {
  const auto executor = make_threaded_executor(1);
  const auto lane = executor->make_lane(LaneKind::dedicated, "log-000-and-more-than-15");
  std::promise<std::string> name;
  std::promise<void> release;
  auto released = release.get_future().share();
  // The only read thread is held, and the lane runs nevertheless.
  executor->post_read([released] { released.wait(); });
  lane->post([&] {
    std::array<char, 32> buffer = {};
    ::pthread_getname_np(::pthread_self(), buffer.data(), buffer.size());
    name.set_value(buffer.data());
  });
  CHECK(name.get_future().get() == "log-000-and-mor");
  release.set_value();
}

TEST_CASE("threaded executor: a yielding lane has a thread of the lowest priority, and others keep theirs") {
  const auto priority = [] { return ::getpriority(PRIO_PROCESS, static_cast<id_t>(::gettid())); };
  const int own = priority();
  const auto executor = make_threaded_executor(1);
  const auto priority_in = [&](LaneKind kind) {
    std::promise<int> found;
    const auto lane = executor->make_lane(kind, "lane");
    lane->post([&] { found.set_value(priority()); });
    return found.get_future().get();
  };
  CHECK(priority_in(LaneKind::yielding) == 19);
  CHECK(priority_in(LaneKind::dedicated) == own);
  CHECK(priority_in(LaneKind::pooled) == own);
  CHECK(priority() == own);
}

TEST_CASE("threaded executor: read jobs run at the same time on different threads") {
  const auto executor = make_threaded_executor(2);
  std::promise<void> first;
  std::promise<void> second;
  std::promise<void> done;
  // Each waits for the other: one thread alone would never finish.
  executor->post_read([&] {
    first.set_value();
    second.get_future().wait();
    done.set_value();
  });
  executor->post_read([&] {
    second.set_value();
    first.get_future().wait();
  });
  done.get_future().wait();
  executor->shutdown();
}

TEST_CASE("threaded executor: a busy pooled lane lets the others have their turn") {
  const auto executor = make_threaded_executor(1);
  const auto busy = executor->make_lane(LaneKind::pooled, "busy");
  const auto other = executor->make_lane(LaneKind::pooled, "other");
  std::vector<char> order;
  std::promise<void> release;
  executor->post_read([released = release.get_future().share()] { released.wait(); });
  for (int i = 0; i < 3; ++i)
    busy->post([&] { order.push_back('b'); });
  other->post([&] { order.push_back('o'); });
  release.set_value();
  executor->shutdown();
  CHECK(order == std::vector<char>{'b', 'o', 'b', 'b'});
}

TEST_CASE("threaded executor: a delayed job runs in its lane, not before its time, in order of its time") {
  const auto executor = make_threaded_executor(2);
  for (const auto kind : lane_kinds) {
    const auto lane = executor->make_lane(kind, "lane");
    std::vector<int> order;
    std::promise<std::chrono::steady_clock::time_point> last;
    const auto start = std::chrono::steady_clock::now();
    lane->post_after(hours(1), [&] { order.push_back(9); });
    lane->post_after(milliseconds(30), [&] {
      order.push_back(3);
      last.set_value(std::chrono::steady_clock::now());
    });
    lane->post_after(milliseconds(10), [&] { order.push_back(2); });
    lane->post([&] { order.push_back(1); });
    CHECK(last.get_future().get() - start >= milliseconds(30));
    drain(*lane);
    CHECK(order == std::vector<int>{1, 2, 3});
  }
  executor->shutdown();
}

TEST_CASE("threaded executor: the longest and negative delays are fine") {
  const auto executor = make_threaded_executor(1);
  for (const auto kind : lane_kinds) {
    const auto lane = executor->make_lane(kind, "lane");
    std::atomic<bool> ran = false;
    lane->post_after(std::chrono::nanoseconds::max(), [&] { ran = true; });
    std::promise<void> done;
    lane->post_after(std::chrono::nanoseconds::min(), [&] { done.set_value(); });
    done.get_future().wait();
    CHECK_FALSE(ran);
  }
}

TEST_CASE("threaded executor: a thread with a free hand runs its urgent job for an idle lane, which waits meanwhile") {
  const auto executor = make_threaded_executor(1);
  const auto lane = executor->make_lane(LaneKind::dedicated, "lane");
  std::vector<std::thread::id> ran;
  std::latch done(1);
  {
    const HelpingHand hand;
    lane->post_urgent([&] {
      lane->post([&] {
        ran.push_back(std::this_thread::get_id());
        done.count_down();
      });
      ran.push_back(std::this_thread::get_id()); // before the other: the lane is lent
    });
    CHECK(ran.empty());
  }
  done.wait();
  REQUIRE(ran.size() == 2);
  CHECK(ran[0] == std::this_thread::get_id());
  CHECK(ran[1] != std::this_thread::get_id());
}

TEST_CASE("threaded executor: delayed jobs of a lane that is lent run once it is given back, and no later") {
  const auto executor = make_threaded_executor(1);
  const auto lane = executor->make_lane(LaneKind::dedicated, "lane");
  lane->post_after(hours(1), [] {}); // what its thread sleeps towards
  for (int round = 0; round < 20; ++round) {
    CAPTURE(round);
    std::atomic<bool> lent{false}, together{false};
    std::latch ran(2);
    const auto due = std::chrono::steady_clock::now() + milliseconds(2);
    const auto delayed = [&] {
      together = together || lent;
      ran.count_down();
    };
    if (round % 2 == 0) // its time comes while the lane is lent
      lane->post_after(milliseconds(2), delayed);
    {
      const HelpingHand hand;
      lane->post_urgent([&] {
        lent = true;
        if (round % 2 != 0)
          lane->post_after(milliseconds(2), delayed);
        lane->post_after(milliseconds(1), delayed);
        while (std::chrono::steady_clock::now() < due)
          std::this_thread::yield();
        lent = false;
      });
    }
    ran.wait();
    CHECK_FALSE(together);
  }
  // One that comes later finds the thread asleep.
  std::latch last(1);
  {
    const HelpingHand hand;
    lane->post_urgent([&] { lane->post_after(milliseconds(5), [&] { last.count_down(); }); });
  }
  last.wait();
}

TEST_CASE(
    "threaded executor: an urgent job goes to the lane's own thread if nobody offers a hand or the lane is busy") {
  const auto executor = make_threaded_executor(1);
  const auto lane = executor->make_lane(LaneKind::dedicated, "lane");
  std::atomic<bool> elsewhere{true};
  const auto here = std::this_thread::get_id();
  const auto job = [&] { elsewhere = elsewhere && std::this_thread::get_id() != here; };
  lane->post_urgent(job);
  std::latch started(1), go_on(1);
  lane->post([&] {
    started.count_down();
    go_on.wait();
  });
  started.wait();
  {
    const HelpingHand hand;
    lane->post_urgent(job);
    lane->post_urgent(job);
  }
  go_on.count_down();
  executor->shutdown();
  {
    const HelpingHand hand;
    lane->post_urgent([&] { elsewhere = false; }); // after shutdown: destroyed unrun
  }
  CHECK(elsewhere.load());
}

TEST_CASE("threaded executor: a lane that is borrowed runs nothing; an urgent job then goes to the borrower's hand") {
  const auto executor = make_threaded_executor(1);
  const auto lane = executor->make_lane(LaneKind::dedicated, "lane");
  const auto here = std::this_thread::get_id();
  std::vector<std::pair<int, bool>> ran; // unguarded on purpose: the lane is the guard
  const auto job = [&](int number) {
    return [&, number] { ran.emplace_back(number, std::this_thread::get_id() == here); };
  };
  {
    const HelpingHand hand;
    {
      const BorrowedLane borrowed = borrow_once_idle(*lane);
      CHECK_FALSE(lane->borrow()); // it has something to do
      lane->post_urgent(job(1));
      lane->post_urgent(job(2));
      CHECK(ran.empty());
    }
    CHECK_FALSE(lane->borrow()); // lent to the hand
    CHECK(ran.empty());
  }
  drain(*lane);
  CHECK(ran == std::vector<std::pair<int, bool>>{{1, true}, {2, false}});

  ran.clear();
  {
    const HelpingHand hand;
    const BorrowedLane borrowed = borrow_once_idle(*lane);
    lane->post(job(3)); // not urgent: whoever borrows does not do it
    lane->post_urgent(job(4));
  }
  {
    const BorrowedLane nobody_helps = borrow_once_idle(*lane);
    lane->post_urgent(job(5));
  }
  drain(*lane);
  CHECK(ran == std::vector<std::pair<int, bool>>{{3, false}, {4, false}, {5, false}});
  CHECK_FALSE(executor->make_lane(LaneKind::pooled, "pooled")->borrow());
  executor->shutdown();
  CHECK_FALSE(lane->borrow());
}

TEST_CASE("threaded executor: jobs of one lane never run together, whoever lends a hand, and shutdown waits for all") {
  for (int round = 0; round < 20; ++round) {
    const auto executor = make_threaded_executor(1);
    const auto lane = executor->make_lane(LaneKind::dedicated, "lane");
    std::atomic<int> running{0}, runs{0}, dropped{0};
    std::atomic<bool> together{false};
    constexpr int threads_count = 3, jobs = 300;
    std::vector<std::thread> threads;
    for (int i = 0; i < threads_count; ++i)
      threads.emplace_back([&, i] {
        for (int job = 0; job < jobs; ++job) {
          auto work = [&, counted = OnDestruction([&] { dropped.fetch_add(1); })] {
            if (running.fetch_add(1) != 0)
              together.store(true);
            runs.fetch_add(1);
            running.fetch_sub(1);
          };
          if ((job + i) % 3 == 0) {
            lane->post(std::move(work));
          } else if ((job + i) % 7 == 0) {
            const HelpingHand hand;
            const BorrowedLane borrowed = lane->borrow();
            lane->post_urgent(std::move(work));
          } else {
            const HelpingHand hand;
            lane->post_urgent(std::move(work));
          }
        }
      });
    if (round % 2 == 0)
      executor->shutdown();
    for (std::thread& thread : threads)
      thread.join();
    executor->shutdown();
    CHECK_FALSE(together.load());
    CHECK(dropped.load() == threads_count * jobs);
    CHECK((round % 2 == 0 || runs.load() == threads_count * jobs));
  }
}

TEST_CASE("threaded executor: shutdown runs what was posted and destroys what is delayed or comes later") {
  for (const auto kind : lane_kinds) {
    const auto executor = make_threaded_executor(2);
    const auto lane = executor->make_lane(kind, "lane");
    std::atomic<int> ran = 0;
    std::atomic<int> reads = 0;
    std::atomic<int> destroyed = 0;
    std::atomic<bool> wrong = false;
    for (int i = 0; i < 100; ++i) {
      lane->post([&] { ++ran; });
      executor->post_read([&] { ++reads; });
    }
    lane->post_after(hours(1), [&, answer = OnDestruction([&] { ++destroyed; })] { wrong = true; });
    executor->shutdown();
    CHECK(ran == 100);
    CHECK(reads == 100);
    CHECK(destroyed == 1);
    lane->post([&, answer = OnDestruction([&] { ++destroyed; })] { wrong = true; });
    lane->post_after(milliseconds(0), [&, answer = OnDestruction([&] { ++destroyed; })] { wrong = true; });
    executor->post_read([&, answer = OnDestruction([&] { ++destroyed; })] { wrong = true; });
    executor->make_lane(kind, "late")->post([&, answer = OnDestruction([&] { ++destroyed; })] { wrong = true; });
    CHECK(destroyed == 5);
    executor->shutdown();
    CHECK_FALSE(wrong);
  }
}

TEST_CASE("threaded executor: the answer given by a job destroyed unrun may post again") {
  for (const auto kind : lane_kinds) {
    const auto executor = make_threaded_executor(1);
    const auto lane = executor->make_lane(kind, "lane");
    std::atomic<int> answers = 0;
    lane->post_after(hours(1), [answer = OnDestruction([&] {
                                  ++answers;
                                  lane->post([] {});
                                  executor->post_read([] {});
                                })] {});
    executor->shutdown();
    CHECK(answers == 1);
  }
}

TEST_CASE("threaded executor: a lane dropped with jobs still runs them, the delayed ones too") {
  for (const auto kind : lane_kinds) {
    const auto executor = make_threaded_executor(1);
    std::promise<void> release;
    std::promise<void> delayed;
    std::atomic<int> ran = 0;
    {
      const auto lane = executor->make_lane(kind, "lane");
      lane->post([released = release.get_future().share()] { released.wait(); });
      for (int i = 0; i < 10; ++i)
        lane->post([&] { ++ran; });
      lane->post_after(milliseconds(1), [&] { delayed.set_value(); });
    }
    release.set_value();
    delayed.get_future().wait();
    executor->shutdown();
    CHECK(ran == 10);
  }
}

TEST_CASE("threaded executor: the last handle of a lane may be dropped by a job of that lane") {
  for (const auto kind : lane_kinds) {
    const auto executor = make_threaded_executor(1);
    std::atomic<int> ran = 0;
    for (int i = 0; i < 20; ++i) {
      auto lane = executor->make_lane(kind, "lane");
      auto& target = *lane;
      target.post([&ran, lane = std::move(lane)]() mutable {
        lane.reset();
        ++ran;
      });
    }
    executor->shutdown();
    CHECK(ran == 20);
  }
}

TEST_CASE("threaded executor: lanes outlive their executor") {
  std::vector<std::shared_ptr<Lane>> lanes;
  std::atomic<std::size_t> ran = 0;
  std::atomic<std::size_t> destroyed = 0;
  {
    const auto executor = make_threaded_executor(1);
    for (const auto kind : lane_kinds)
      lanes.push_back(executor->make_lane(kind, "lane"));
    for (const auto& lane : lanes)
      lane->post([&] { ++ran; });
  }
  CHECK(ran == lane_kinds.size());
  for (const auto& lane : lanes)
    lane->post([&, answer = OnDestruction([&] { ++destroyed; })] { ++ran; });
  CHECK(ran == lane_kinds.size());
  CHECK(destroyed == lane_kinds.size());
}

TEST_CASE("threaded executor: posting while another thread shuts down runs or destroys every job") {
  for (int round = 0; round < 20; ++round) {
    const auto executor = make_threaded_executor(2);
    const auto dedicated = executor->make_lane(LaneKind::dedicated, "lane");
    const auto pooled = executor->make_lane(LaneKind::pooled, "lane");
    std::atomic<int> destroyed = 0;
    constexpr int jobs = 300;
    {
      std::jthread poster([&] {
        for (int i = 0; i < jobs; ++i) {
          auto& lane = i % 2 == 0 ? *dedicated : *pooled;
          lane.post([answer = OnDestruction([&] { ++destroyed; })] {});
        }
      });
      std::jthread first([&] { executor->shutdown(); });
      std::jthread second([&] { executor->shutdown(); });
    }
    CHECK(destroyed == jobs);
  }
}

} // namespace weir::io
