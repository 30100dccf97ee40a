// Opening where nothing can be written.
#include "actors/engine_core.hpp"
#include "engine/io/memory_file_system.hpp"
#include "tests/api/simulated_engine.hpp"
#include "tests/api/stored.hpp"
#include "tests/support/why.hpp"

#include <doctest/doctest.h>

using namespace weir;
using namespace weir::test;

namespace {

/// With the catalog on the simulated disk, too.
Result<Engine> open_on(const io::MemoryFileSystem& disk) {
  EngineSeams seams;
  seams.fs = disk.share();
  seams.clock = io::make_system_clock();
  seams.random = io::make_seeded_random(42);
  seams.open_catalog = open_sqlite_catalog;
  seams.make_executor = make_watched_executor;
  EngineOptions options;
  options.shards = 1;
  auto core = EngineCore::open(std::move(seams), options);
  if (!core)
    return std::move(core).error();
  return Engine::adopt(std::move(*core));
}

} // namespace

TEST_CASE("full disk: a directory opens with no byte free, reads, and stores again once there is space") {
  for (const bool crashed : {false, true}) {
    CAPTURE(crashed);
    io::MemoryFileSystem disk;
    std::unique_ptr<io::MemoryFileSystem> left;
    {
      auto engine = open_on(disk);
      REQUIRE_MESSAGE(engine.ok(), why(engine));
      for (std::uint64_t i = 1; i <= 3; ++i)
        REQUIRE(engine->store(numbered_event("a", 1, i)).ok());
      if (crashed)
        left = disk.crash_image(io::CrashPolicy::lose_unsynced());
    }
    if (!crashed)
      left = disk.share();
    left->set_free_bytes(0);
    auto engine = open_on(*left);
    REQUIRE_MESSAGE(engine.ok(), why(engine));
    CHECK(read_dense(*engine, "a").size() == 3);
    CHECK(engine->health().disk_full);
    CHECK(engine->store(numbered_event("a", 1, 4)).code() == Errc::disk_full);

    left->set_free_bytes(std::uint64_t{1} << 30U);
    Result<Receipt> stored = Receipt{};
    // The engine looks for space now and then.
    REQUIRE(eventually([&] { return (stored = engine->store(numbered_event("a", 1, 4))).ok(); }));
    REQUIRE_MESSAGE(stored.ok(), why(stored));
    CHECK(stored->sequence == 4);
    CHECK(engine->close().ok());
  }
}
