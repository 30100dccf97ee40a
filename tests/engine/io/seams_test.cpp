#include "engine/io/clock.hpp"
#include "engine/io/manual_clock.hpp"
#include "engine/io/path.hpp"
#include "engine/io/random.hpp"

#include <doctest/doctest.h>

#include <set>

namespace weir::io {

TEST_CASE("clock: the system clock tells today's time and never steps back") {
  const auto clock = make_system_clock();
  const auto before = std::chrono::system_clock::now();
  const auto now = clock->now();
  CHECK(now >= std::chrono::floor<std::chrono::microseconds>(before));
  CHECK(now <= std::chrono::system_clock::now());
  const auto steady = clock->steady_now();
  CHECK(clock->steady_now() >= steady);
}

TEST_CASE("clock: the manual clock moves only when told, and loses nothing below a microsecond") {
  ManualClock clock(Timestamp(std::chrono::seconds(10)));
  const auto steady = clock.steady_now();
  for (int i = 0; i < 3000; ++i)
    clock.advance(std::chrono::nanoseconds(1));
  CHECK(clock.now() == Timestamp(std::chrono::seconds(10) + std::chrono::microseconds(3)));
  CHECK(clock.steady_now() - steady == std::chrono::microseconds(3));
  clock.set_now(Timestamp(std::chrono::seconds(5)));
  CHECK(clock.now() == Timestamp(std::chrono::seconds(5)));
  CHECK(clock.steady_now() - steady == std::chrono::microseconds(3));
}

TEST_CASE("random: the seeded numbers are SplitMix64's") {
  // The reference implementation's first numbers for this seed.
  const auto random = make_seeded_random(1234567);
  for (const std::uint64_t expected :
       {6457827717110365317U, 3203168211198807973U, 9817491932198370423U, 4593380528125082431U, 16408922859458223821U})
    CHECK(random->next() == expected);
}

TEST_CASE("random: the system's numbers differ") {
  const auto random = make_system_random();
  std::set<std::uint64_t> numbers;
  for (int i = 0; i < 100; ++i)
    numbers.insert(random->next());
  CHECK(numbers.size() == 100);
}

TEST_CASE("paths: names between slashes, none for the directory itself") {
  CHECK(split_path("")->empty());
  CHECK(split_path(".")->empty());
  CHECK(*split_path("wal/000/1.wal") == std::vector<std::string_view>{"wal", "000", "1.wal"});
  CHECK(*split_path("..a") == std::vector<std::string_view>{"..a"});
  CHECK(split_path("/").code() == Errc::invalid_argument);
}

} // namespace weir::io
