// The log after a crash at every call, and again at every call of the recovery.

#include "tests/wal/log_fixture.hpp"
#include "tests/wal/workload.hpp"

#include <doctest/doctest.h>

namespace weir::wal {
namespace {

using namespace test;
using io::CrashPolicy;
using io::MemoryFileSystem;

/// Runs `work` on `fs` and calls `crash` with every image a crash at a call boundary may leave: nothing unsynced,
/// everything, and `subsets` random ones.
void at_every_call(MemoryFileSystem& fs, std::uint64_t seed, int subsets, const std::function<void()>& work,
                   const std::function<void(MemoryFileSystem& image, std::uint64_t call)>& crash) {
  const auto images = [&](std::uint64_t call) {
    crash(*fs.crash_image(CrashPolicy::lose_unsynced()), call);
    crash(*fs.crash_image(CrashPolicy::keep_everything()), call);
    for (int i = 0; i < subsets; ++i)
      crash(*fs.crash_image(CrashPolicy::random_subset(seed * 1'000'003 + call * 101 + static_cast<std::uint64_t>(i))),
            call);
  };
  fs.set_hook([&](const io::Call& call) -> std::optional<Error> {
    // A crash before a call that changes nothing leaves what a crash before the next one does.
    using io::Operation;
    if (call.operation != Operation::read && call.operation != Operation::stat && call.operation != Operation::size &&
        call.operation != Operation::list)
      images(call.number);
    return std::nullopt;
  });
  work();
  fs.set_hook({});
  images(0);
}

/// Recovery of `image` gives what `oracle` allows, what it gives is durable, and the log can be written again.
void check_image(MemoryFileSystem& image, Oracle oracle) {
  const LogEnd end = check_recovered(image, oracle);
  const auto after = image.crash_image(CrashPolicy::lose_unsynced());
  Oracle durable = oracle;
  const LogEnd same = check_recovered(*after, durable);
  CHECK(durable.appended.size() == oracle.appended.size());
  CHECK(same.next_file == end.next_file);

  Writer writer(image, writer_options(), end);
  oracle.appended[writer.next_record()] = "after the crash";
  CHECK(append_one(writer, "after the crash") == end.last_record + 1);
  REQUIRE(writer.sync().ok());
  oracle.synced = end.last_record + 1;
  const auto again = image.crash_image(CrashPolicy::lose_unsynced());
  check_recovered(*again, oracle);
}

TEST_CASE("wal: a crash at any call loses nothing that was synced and invents nothing") {
  std::uint64_t images = 0;
  for (std::uint64_t seed = 1; seed <= 2; ++seed) {
    CAPTURE(seed);
    MemoryFileSystem fs;
    Oracle oracle;
    at_every_call(
        fs, seed, 6, [&] { CHECK(Workload(fs, oracle, seed).run(40)); },
        [&](MemoryFileSystem& image, std::uint64_t call) {
          CAPTURE(call);
          check_image(image, oracle);
          ++images;
        });
  }
  CHECK(images > 1'500);
}

TEST_CASE("wal: a second crash at any call of the recovery changes nothing") {
  std::uint64_t images = 0;
  std::uint64_t first_crashes = 0;
  const std::uint64_t seed = 11;
  CAPTURE(seed);
  MemoryFileSystem fs;
  Oracle oracle;
  at_every_call(
      fs, seed, 3, [&] { CHECK(Workload(fs, oracle, seed).run(25)); },
      [&](MemoryFileSystem& image, std::uint64_t call) {
        if (++first_crashes % 5 != 0)
          return;
        CAPTURE(call);
        const Oracle before = oracle;
        Oracle found = oracle;
        at_every_call(
            image, call, 2, [&] { check_recovered(image, found); },
            [&](MemoryFileSystem& second, std::uint64_t second_call) {
              CAPTURE(second_call);
              check_image(second, before);
              ++images;
            });
      });
  CHECK(images > 1'500);
}

TEST_CASE("wal: what recovery hands out after the death of the process also survives the machine's") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    MemoryFileSystem fs;
    Oracle oracle;
    {
      Writer writer(fs, writer_options(), {});
      for (int i = 0; i < 4; ++i) {
        const std::string body = body_for(writer.next_record(), 1'500);
        oracle.appended[writer.next_record()] = body;
        append_one(writer, body);
        oracle.synced = writer.synced_record();
      }
    }
    // No crash image here: the disk itself goes on, with what the dead process had written and not synced.
    at_every_call(
        fs, seed, 4, [&] { check_recovered(fs, oracle); },
        [&](MemoryFileSystem& image, std::uint64_t call) {
          CAPTURE(call);
          check_image(image, oracle);
        });
    CHECK(oracle.synced == 4);
  }
}

TEST_CASE("wal: records that a crash took away never come back in a later life of their numbers") {
  // Two lives with a crash between; the images of the second must not hold what recovery after the first did not find.
  std::uint64_t images = 0;
  for (std::uint64_t seed = 21; seed <= 32; ++seed) {
    CAPTURE(seed);
    MemoryFileSystem first;
    Oracle oracle;
    Workload(first, oracle, seed).run(static_cast<int>(seed % 7) + 1);
    // Unsynced groups at the end, and in a new file too.
    Writer writer(first, writer_options(), check_recovered(first, oracle));
    for (int i = 0; i < 4; ++i) {
      const std::string body = body_for(writer.next_record(), 3'000);
      oracle.appended[writer.next_record()] = body;
      append_one(writer, body);
    }
    oracle.synced = writer.synced_record();

    const auto second = first.crash_image(CrashPolicy::random_subset(seed));
    at_every_call(
        *second, seed, 3, [&] { CHECK(Workload(*second, oracle, seed + 1'000).run(4)); },
        [&](MemoryFileSystem& image, std::uint64_t call) {
          CAPTURE(call);
          check_image(image, oracle);
          ++images;
        });
  }
  CHECK(images > 1'000);
}

} // namespace
} // namespace weir::wal
