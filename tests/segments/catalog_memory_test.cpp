// The catalog when SQLite gets no memory: every allocation of every call fails once. It is the one way to make each
// single statement fail.

#include "engine/io/memory_file_system.hpp"
#include "tests/segments/catalog_fixture.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <sqlite3.h>
#include <string>

using namespace weir;
using namespace weir::test;

namespace {

sqlite3_mem_methods real_memory;
std::atomic<std::int64_t> until_failure{0}; ///< That many allocations from now; 0: none.

bool fails_now() {
  const std::int64_t left = until_failure;
  if (left > 0)
    until_failure = left - 1;
  return left == 1;
}
void* allocate(int bytes) {
  return fails_now() ? nullptr : real_memory.xMalloc(bytes);
}
void* reallocate(void* old, int bytes) {
  return fails_now() ? nullptr : real_memory.xRealloc(old, bytes);
}

/// SQLite takes another allocator only before its first use: before main(). Without the memory that a connection puts
/// aside, every allocation comes here.
const bool installed = [] {
  sqlite3_mem_methods memory;
  bool done = sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real_memory) == SQLITE_OK;
  memory = real_memory;
  memory.xMalloc = allocate;
  memory.xRealloc = reallocate;
  done = done && sqlite3_config(SQLITE_CONFIG_MALLOC, &memory) == SQLITE_OK;
  return done && sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0) == SQLITE_OK;
}();

constexpr const char* path = "catalog.db";

std::unique_ptr<io::MemoryFileSystem> small_catalog() {
  auto fs = std::make_unique<io::MemoryFileSystem>();
  auto catalog = must(Catalog::create(*fs, path, 2, seed));
  REQUIRE(catalog->reserve_positions(1'000).ok());
  REQUIRE(catalog->publish_segment(segment(1, 1), 1, 1).ok());
  REQUIRE(catalog->publish_segment(segment(1, 2, 20), 2, 1).ok());
  REQUIRE(catalog->close().ok());
  return fs;
}

/// Runs `call` on the catalog again and again, each time with a later allocation that fails, until none is left. A call
/// that failed is an I/O error and has done nothing or all, and none of it stands in the way of the next one.
void fail_every_allocation(const std::function<Status(Catalog&)>& call) {
  const auto made = small_catalog();
  auto done = made->after_kill();
  const CatalogState before = must_load(*must(Catalog::open(*done, path)));
  REQUIRE(call(*must(Catalog::open(*done, path))).ok());
  const CatalogState after = must_load(*must(Catalog::open(*done, path)));
  std::int64_t failed = 0;
  for (std::int64_t k = 1;; ++k) {
    CAPTURE(k);
    const auto fs = made->after_kill();
    auto catalog = must(Catalog::open(*fs, path));
    until_failure = k;
    const Status status = call(*catalog);
    const bool reached = until_failure.exchange(0) == 0;
    if (!reached) {
      CHECK(status.ok());
      break;
    }
    if (!status) {
      ++failed;
      REQUIRE(status.code() == Errc::io_error);
    }
    catalog.reset();
    catalog = must(Catalog::open(*fs, path));
    const CatalogState state = must_load(*catalog);
    REQUIRE((same(state, after) || (!status && same(state, before))));
    if (same(state, before) && !same(before, after))
      REQUIRE(call(*catalog).ok());
  }
  CHECK(failed > 10);
}

} // namespace

TEST_CASE("catalog: without memory a change fails as a whole, whichever allocation it was") {
  REQUIRE(installed);
  SUBCASE("reserve") {
    fail_every_allocation([](Catalog& catalog) -> Status { return catalog.reserve_positions(2'000); });
  }
  SUBCASE("publish") {
    fail_every_allocation([](Catalog& catalog) -> Status { return catalog.publish_segment(segment(0, 1, 40), 1, 1); });
  }
  SUBCASE("replace") {
    fail_every_allocation([](Catalog& catalog) -> Status {
      const std::vector<SegmentMeta> inputs = {segment(1, 1), segment(1, 2, 20)};
      return catalog.replace_segments(inputs, merged(inputs, 3));
    });
  }
  SUBCASE("schema") {
    fail_every_allocation([](Catalog& catalog) -> Status {
      return catalog.add_schema({"paid", 1, "DEFINE paid FIELDS {}"});
    });
  }
  SUBCASE("retention") {
    fail_every_allocation([](Catalog& catalog) -> Status {
      return catalog.set_retention({{{.context_prefix = "a", .count = 1}}, RetentionPoint{7, {}}, false});
    });
  }
  SUBCASE("close") {
    fail_every_allocation([](Catalog& catalog) -> Status {
      WEIR_TRY(catalog.reserve_positions(2'000)); // so that there is something to move
      return catalog.close();
    });
  }
}

TEST_CASE("catalog: without memory it does not open, and nothing is changed") {
  REQUIRE(installed);
  const auto made = small_catalog();
  std::int64_t failed = 0;
  for (std::int64_t k = 1;; ++k) {
    CAPTURE(k);
    until_failure = k;
    auto state = [&]() -> Result<CatalogState> {
      auto catalog = Catalog::open(*made, path);
      if (!catalog)
        return std::move(catalog).error();
      return (*catalog)->load();
    }();
    const bool reached = until_failure.exchange(0) == 0;
    if (!reached) {
      CHECK(state.ok());
      break;
    }
    failed += state.ok() ? 0 : 1;
    if (!state)
      REQUIRE(state.code() == Errc::io_error);
  }
  CHECK(failed > 50);
  CHECK(must_load(*must(Catalog::open(*made, path))).segments.size() == 2);
}

TEST_CASE("catalog: without memory none is made, and what is left of one is completed later") {
  REQUIRE(installed);
  bool in_memory = false;
  SUBCASE("on a disk") {
  }
  SUBCASE("in memory") {
    in_memory = true;
  }
  std::int64_t failed = 0;
  for (std::int64_t k = 1;; ++k) {
    CAPTURE(k);
    io::MemoryFileSystem fs;
    until_failure = k;
    Errc code = in_memory ? Catalog::create_in_memory(2, seed).code() : Catalog::create(fs, path, 2, seed).code();
    if (until_failure.exchange(0) != 0) {
      CHECK(code == Errc::ok);
      break;
    }
    failed += code == Errc::ok ? 0 : 1;
    if (code == Errc::ok || in_memory)
      continue;
    REQUIRE(code == Errc::io_error);
    auto again = Catalog::create(fs, path, 2, seed);
    if (again.code() == Errc::invalid_argument) // it failed after its commit: there is one
      again = Catalog::open(fs, path);
    REQUIRE(must_load(*must(std::move(again))).shard_count == 2);
  }
  CHECK(failed > 50);
}
