#include "engine/flush_queue.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

namespace weir {

namespace {

std::shared_ptr<const Memtable> memtable() {
  return std::make_shared<Memtable>(1);
}

} // namespace

TEST_CASE("flush queue: memtables leave in the order they came") {
  FlushQueue queue;
  CHECK(queue.front() == nullptr);
  const auto first = memtable(), second = memtable();
  queue.push(first);
  queue.push(second);
  CHECK(queue.size() == 2);
  CHECK(queue.memtables() == std::vector{first, second});
  CHECK(queue.front() == first);
  queue.pop();
  CHECK(queue.front() == second);
  queue.pop();
  CHECK(queue.size() == 0);
  CHECK(queue.front() == nullptr);
}

TEST_CASE("flush queue: a waiter is answered when what was queued before it is gone, at once if that is nothing") {
  FlushQueue queue;
  std::string answered;
  const auto wait = [&](char name) {
    queue.wait_for_all([&answered, name](const Status& status) {
      CHECK(status.ok());
      answered += name;
    });
  };
  wait('0');
  CHECK(answered == "0");
  queue.push(memtable());
  wait('1');
  queue.push(memtable());
  wait('2');
  wait('3');
  CHECK(answered == "0");
  queue.pop();
  CHECK(answered == "01");
  queue.push(memtable()); // came later than all who wait
  queue.pop();
  CHECK(answered == "0123");
  queue.pop();
  CHECK(answered == "0123");
}

TEST_CASE("flush queue: a failed flush is told to all who wait, once, and the memtables stay") {
  FlushQueue queue;
  queue.push(memtable());
  queue.push(memtable());
  int failed = 0;
  for (int i = 0; i < 2; ++i)
    queue.wait_for_all([&](const Status& status) { failed += status.code() == Errc::io_error; });
  queue.fail_waiters(fail(Errc::io_error, "no"));
  CHECK(failed == 2);
  queue.fail_waiters(fail(Errc::io_error, "no"));
  CHECK(failed == 2);
  CHECK(queue.size() == 2);
  queue.pop();
  queue.pop();
  CHECK(failed == 2);
}

TEST_CASE("flush queue: a waiter may wait again from inside its answer") {
  FlushQueue queue;
  queue.push(memtable());
  int tries = 0;
  queue.wait_for_all([&](const Status& status) {
    CHECK_FALSE(status.ok());
    ++tries;
    queue.wait_for_all([&](const Status& second) { tries += second.ok() ? 10 : 100; });
  });
  queue.fail_waiters(fail(Errc::io_error, "no"));
  CHECK(tries == 1);
  queue.pop();
  CHECK(tries == 11);
}

TEST_CASE("flush queue: once no flush will come any more, who waits and who comes later is told why") {
  FlushQueue queue;
  queue.push(memtable());
  std::vector<Errc> answers;
  const auto wait = [&] { queue.wait_for_all([&](const Status& status) { answers.push_back(status.code()); }); };
  wait();
  CHECK(answers.empty());
  queue.end(fail(Errc::shard_failed, "over"));
  wait();
  CHECK(answers == std::vector{Errc::shard_failed, Errc::shard_failed});
  queue.pop();
  wait(); // for nothing
  CHECK(answers.back() == Errc::ok);
}

} // namespace weir
