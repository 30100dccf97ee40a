#include "engine/byte_rate.hpp"

#include "engine/io/random.hpp"

#include <doctest/doctest.h>

#include <deque>
#include <utility>

using namespace weir;
using namespace std::chrono_literals;

namespace {
ByteRate::Time at(std::chrono::nanoseconds time) {
  return ByteRate::Time{} + time;
}
} // namespace

TEST_CASE("byte rate: without a bound nothing waits") {
  ByteRate rate;
  rate.moved(1'000'000'000'000, at(0s));
  CHECK(rate.wait(at(0s)) == 0ns);
}

TEST_CASE("byte rate: what moved is paid for before the next move, and idle time is not saved up") {
  ByteRate rate;
  rate.set(1'000, at(0s));
  CHECK(rate.wait(at(10s)) == 0ns);
  rate.moved(3'000, at(10s));
  CHECK(rate.wait(at(10s)) == 3s);
  CHECK(rate.wait(at(12s)) == 1s);
  CHECK(rate.wait(at(13s)) == 0ns);
  rate.moved(500, at(100s));
  CHECK(rate.wait(at(100s)) == 500ms);
}

TEST_CASE("byte rate: another bound holds at once for what is owed, and none ends it") {
  ByteRate rate;
  rate.set(1'000, at(0s));
  rate.moved(10'000, at(0s));
  CHECK(rate.wait(at(0s)) == 10s);
  rate.set(5'000, at(5s)); // half is paid
  CHECK(rate.wait(at(5s)) == 1s);
  rate.set(0, at(5s));
  CHECK(rate.wait(at(5s)) == 0ns);
  rate.set(1'000, at(5s));
  CHECK(rate.wait(at(5s)) == 0ns);
}

TEST_CASE("byte rate: a clock that stands still or one byte a second are waited for, however long that is") {
  ByteRate rate;
  rate.set(1, at(0s));
  rate.moved(UINT64_MAX, at(0s));
  CHECK(rate.wait(at(0s)) > 24h * 365);
  CHECK(rate.wait(at(0s)) == rate.wait(at(0s)));
}

TEST_CASE("byte rate: in any stretch of time no more than the rate and one move get through") {
  const auto random = io::make_seeded_random(1);
  ByteRate rate;
  constexpr std::uint64_t per_second = 1'000'000, most = 40'000;
  rate.set(per_second, at(0s));
  std::deque<std::pair<std::chrono::nanoseconds, std::uint64_t>> moves;
  std::chrono::nanoseconds now = 0ns;
  for (int i = 0; i < 2'000; ++i) {
    now += std::chrono::microseconds(random->next() % 20'000); // the work in between
    now += rate.wait(at(now));
    const std::uint64_t bytes = random->next() % most;
    rate.moved(bytes, at(now));
    moves.emplace_back(now, bytes);
  }
  for (std::size_t first = 0; first < moves.size(); first += 97) {
    std::uint64_t bytes = 0;
    for (std::size_t last = first; last < moves.size(); ++last) {
      bytes += moves[last].second;
      const double seconds = std::chrono::duration<double>(moves[last].first - moves[first].first).count();
      REQUIRE(static_cast<double>(bytes) <= seconds * per_second + most + 1);
    }
  }
}
