#include "wal/visit_behind.hpp"

#include <doctest/doctest.h>

#include <pthread.h>

#include <semaphore>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace weir::wal {

namespace {

constexpr std::uint64_t worth_a_thread = 4u << 20;

/// Gives batches of one record, which is its own number as text.
struct Records {
  Status visit(VisitBehind& behind, std::uint64_t owner_bytes) {
    ++last;
    const auto body = std::make_shared<const std::string>(std::to_string(last));
    const std::string_view bodies[] = {*body};
    return behind.visit(last, bodies, body, owner_bytes);
  }
  std::uint64_t last = 0;
};

/// While it lives, no thread can be made: each would need a stack larger than any address space.
class NoThreads {
public:
  NoThreads() {
    pthread_attr_t impossible;
    REQUIRE(pthread_getattr_default_np(&before_) == 0);
    REQUIRE(pthread_getattr_default_np(&impossible) == 0);
    REQUIRE(pthread_attr_setstacksize(&impossible, std::size_t{1} << 56) == 0);
    REQUIRE(pthread_setattr_default_np(&impossible) == 0);
    pthread_attr_destroy(&impossible);
  }
  ~NoThreads() {
    pthread_setattr_default_np(&before_);
    pthread_attr_destroy(&before_);
  }
  NoThreads(const NoThreads&) = delete;
  NoThreads& operator=(const NoThreads&) = delete;

private:
  pthread_attr_t before_;
};

} // namespace

TEST_CASE("visit behind: every batch is visited once, in order, whole, by the time it is finished") {
  for (const std::uint64_t owner_bytes : {std::uint64_t{1}, worth_a_thread}) {
    std::vector<std::string> visited;
    const RecordVisitor visitor = [&](std::uint64_t first_record, std::span<const std::string_view> bodies,
                                      std::shared_ptr<const void> owner, std::uint64_t bytes) -> Status {
      CHECK(owner != nullptr);
      CHECK(bytes == owner_bytes);
      CHECK(first_record == visited.size() + 1);
      visited.insert(visited.end(), bodies.begin(), bodies.end());
      return {};
    };
    VisitBehind behind(visitor);
    Records records;
    for (int i = 0; i < 100; ++i)
      REQUIRE(records.visit(behind, owner_bytes).ok());
    CHECK(behind.finish().ok());
    REQUIRE(visited.size() == 100);
    for (std::size_t i = 0; i < visited.size(); ++i)
      CHECK(visited[i] == std::to_string(i + 1));
  }
}

TEST_CASE(
    "visit behind: a short log is visited in the caller's thread, a long one in another, while the caller goes on") {
  std::thread::id visitor_thread;
  std::binary_semaphore gone_on(0);
  bool wait = false;
  const RecordVisitor visitor = [&](std::uint64_t, std::span<const std::string_view>, std::shared_ptr<const void>,
                                    std::uint64_t) -> Status {
    if (wait)
      gone_on.acquire();
    visitor_thread = std::this_thread::get_id();
    return {};
  };
  VisitBehind behind(visitor);
  Records records;
  REQUIRE(records.visit(behind, 1).ok());
  CHECK(visitor_thread == std::this_thread::get_id());
  wait = true;
  REQUIRE(records.visit(behind, worth_a_thread).ok());
  gone_on.release();
  CHECK(behind.finish().ok());
  CHECK(visitor_thread != std::this_thread::get_id());
}

TEST_CASE("visit behind: while the system has no thread to give, a long log is visited in the caller's") {
  std::vector<std::pair<std::string, bool>> visited; // and whether here
  const RecordVisitor visitor =
      [&, caller = std::this_thread::get_id()](std::uint64_t, std::span<const std::string_view> bodies,
                                               std::shared_ptr<const void>, std::uint64_t) -> Status {
    visited.emplace_back(bodies.front(), std::this_thread::get_id() == caller);
    return {};
  };
  VisitBehind behind(visitor);
  Records records;
  {
    const NoThreads none;
    CHECK_THROWS_AS(std::thread([] {}).join(), std::system_error);
    REQUIRE(records.visit(behind, worth_a_thread).ok());
    REQUIRE(records.visit(behind, worth_a_thread).ok());
  }
  REQUIRE(records.visit(behind, worth_a_thread).ok());
  REQUIRE(records.visit(behind, worth_a_thread).ok());
  CHECK(behind.finish().ok());
  const std::vector<std::pair<std::string, bool>> expected = {{"1", true}, {"2", true}, {"3", false}, {"4", false}};
  CHECK(visited == expected);
}

TEST_CASE("visit behind: after the visitor's first error nothing is visited, and the error is what the end says") {
  int visits = 0;
  const RecordVisitor visitor = [&](std::uint64_t first_record, std::span<const std::string_view>,
                                    std::shared_ptr<const void>, std::uint64_t) -> Status {
    ++visits;
    return first_record < 3 ? Status() : Status(fail(Errc::corruption, "record " + std::to_string(first_record)));
  };
  VisitBehind behind(visitor);
  Records records;
  for (int i = 0; i < 50; ++i)
    if (const Status given = records.visit(behind, worth_a_thread); !given)
      CHECK(given.error().message == "record 3");
  const Status finished = behind.finish();
  REQUIRE_FALSE(finished.ok());
  CHECK(finished.error().message == "record 3");
  CHECK(visits == 3);
}

TEST_CASE("visit behind: what the visitor throws is thrown at the end") {
  const RecordVisitor visitor = [](std::uint64_t, std::span<const std::string_view>, std::shared_ptr<const void>,
                                   std::uint64_t) -> Status { throw std::runtime_error("no memory, say"); };
  VisitBehind behind(visitor);
  Records records;
  for (int i = 0; i < 10; ++i)
    static_cast<void>(records.visit(behind, worth_a_thread));
  CHECK_THROWS_AS(static_cast<void>(behind.finish()), std::runtime_error);
}

TEST_CASE("visit behind: one that is given up ends with what it was given") {
  int visits = 0;
  const RecordVisitor visitor = [&](std::uint64_t, std::span<const std::string_view>, std::shared_ptr<const void>,
                                    std::uint64_t) -> Status {
    ++visits;
    return {};
  };
  {
    VisitBehind behind(visitor);
    Records records;
    REQUIRE(records.visit(behind, worth_a_thread).ok());
  }
  CHECK(visits == 1);
}

} // namespace weir::wal
