// A flush that the catalog does not take, tried again by hand.
#include "tests/actors/shard_rig.hpp"

#include "actors/merge.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <vector>

using namespace weir;
using namespace weir::test;

namespace {

constexpr std::chrono::milliseconds retry{50};

std::size_t files(ShardRig& rig) {
  const auto entries = rig.fs().list("segments/000");
  return entries ? entries->size() : 0;
}

void store_and_flush(ShardRig& rig) {
  rig.store("context");
  rig.settle();
  rig.flush();
  rig.settle();
}

} // namespace

TEST_CASE("flush: while the catalog takes nothing, every attempt is for the same file and no other is left behind") {
  ShardRig rig;
  rig.catalog().fail_with = fail(Errc::disk_full, "no room for the catalog's journal");
  store_and_flush(rig);
  for (int attempt = 0; attempt < 10; ++attempt)
    rig.pass(retry);
  CHECK(rig.catalog().state().segments.empty());
  CHECK(files(rig) == 1);
  CHECK(rig.read("context").size() == 1);
  SUBCASE("until it does") {
    rig.catalog().fail_with.reset();
    rig.pass(retry);
    CHECK(rig.catalog().state().segments.size() == 1);
    CHECK(rig.table().flush_queue().size() == 0);
    store_and_flush(rig);
    CHECK(rig.catalog().state().segments.size() == 2);
    CHECK(files(rig) == 2);
    CHECK(rig.read("context").size() == 2);
  }
  SUBCASE("until a crash, after which the log has all of it") {
    ShardRig next(ShardRig::small_options(), rig.crash(io::CrashPolicy::lose_unsynced()), 2);
    CHECK(files(next) == 0); // in quarantine
    CHECK(next.read("context").size() == 1);
  }
}

TEST_CASE("flush: after a merge was published meanwhile, one that failed begins anew with a number that is free") {
  ShardRig rig;
  store_and_flush(rig);
  store_and_flush(rig);
  const auto merge = Merge::plan(rig.parts, rig.shard(), 2);
  REQUIRE(merge);
  rig.catalog().fail_with = fail(Errc::io_error, "the catalog says no");
  store_and_flush(rig);
  CHECK(files(rig) == 3);
  rig.catalog().fail_with.reset();
  std::optional<Status> merged;
  merge->start([&](const Status& ended) { merged = ended; });
  rig.settle(); // the flush waits for its time
  REQUIRE(merged.has_value());
  REQUIRE(merged->ok());
  CHECK(rig.catalog().state().segments.size() == 1);
  CHECK(files(rig) == 1);
  rig.pass(retry);
  CHECK(rig.catalog().state().segments.size() == 2);
  CHECK(rig.table().flush_queue().size() == 0);
  CHECK(files(rig) == 2);
  CHECK(rig.read("context").size() == 3);
}

TEST_CASE("flush: a segment that cannot be opened leaves no file behind") {
  ShardRig rig;
  bool written = false;
  rig.fs().set_hook([&](const io::Call& call) -> std::optional<Error> {
    written = written || call.operation == io::Operation::rename;
    return written && call.operation == io::Operation::stat && call.path.ends_with(".seg")
               ? std::optional(fail(Errc::io_error, "the disk says no"))
               : std::nullopt;
  });
  store_and_flush(rig);
  rig.fs().set_hook({});
  CHECK(written);
  CHECK(files(rig) == 0);
  rig.pass(retry);
  CHECK(rig.catalog().state().segments.size() == 1);
  CHECK(rig.read("context").size() == 1);
}
