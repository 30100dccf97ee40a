// One merge in a shard, moved on by hand.
#include "tests/actors/shard_rig.hpp"

#include "actors/merge.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <vector>

using namespace weir;
using namespace weir::test;

namespace {

bool is_new_file(const io::Call& call) {
  return call.path.ends_with(".tmp");
}

/// A shard with two segments that a merge takes together.
struct TwoSegments {
  TwoSegments() {
    rig.parts.compaction_lane = rig.parts.executor->make_lane(io::LaneKind::dedicated, "compact");
    for (int i = 0; i < 2; ++i) {
      rig.store("context");
      rig.settle();
      rig.flush();
      rig.settle();
    }
    REQUIRE(rig.catalog().state().segments.size() == 2);
  }

  /// Whether it worked.
  bool merge() {
    const auto merge = Merge::plan(rig.parts, rig.shard(), 2);
    REQUIRE(merge);
    std::optional<bool> told;
    merge->start([&](bool worked) { told = worked; });
    rig.settle();
    REQUIRE(told.has_value());
    return *told;
  }

  std::size_t files() { return rig.fs().list("segments/000")->size(); }

  ShardRig rig;
};

} // namespace

TEST_CASE("merge: when others use up the free space meanwhile, it gives up what it has written, warns and can go on") {
  TwoSegments two;
  const std::vector<std::string> content = two.rig.read("context");
  const std::uint64_t reserve = two.rig.parts.guard->reserve_bytes();
  two.rig.fs().set_hook([&](const io::Call& call) -> std::optional<Error> {
    if (call.operation == io::Operation::sync_data && is_new_file(call))
      two.rig.fs().set_free_bytes(reserve - 1);
    return std::nullopt;
  });
  CHECK_FALSE(two.merge());
  two.rig.fs().set_hook({});
  CHECK(two.files() == 2);
  CHECK(two.rig.catalog().state().segments.size() == 2);
  const auto warnings = two.rig.parts.health.warnings();
  REQUIRE(warnings.size() == 1);
  CHECK(warnings[0].find("could not be merged, trying again: disk_full") != std::string::npos);
  CHECK(two.rig.read("context") == content);
  two.rig.fs().set_free_bytes(100 * reserve);
  CHECK(two.merge());
  CHECK(two.rig.catalog().state().segments.size() == 1);
  CHECK(two.rig.read("context") == content);
}

TEST_CASE("merge: when the engine closes meanwhile, it ends without a word") {
  TwoSegments two;
  two.rig.fs().set_hook([&](const io::Call& call) -> std::optional<Error> {
    if (call.operation == io::Operation::sync_data && is_new_file(call))
      two.rig.parts.closing = true;
    return std::nullopt;
  });
  CHECK_FALSE(two.merge());
  CHECK(two.files() == 2);
  CHECK(two.rig.parts.health.warnings().empty());
}
