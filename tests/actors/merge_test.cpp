// One merge in a shard, moved on by hand.
#include "tests/actors/shard_rig.hpp"

#include "actors/merge.hpp"
#include "segments/compaction_plan.hpp"

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
  explicit TwoSegments(EngineOptions options = ShardRig::small_options()) : rig(std::move(options)) {
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
    merge->start([&](const Status& ended) { told = ended.ok(); });
    rig.settle();
    REQUIRE(told.has_value());
    return *told;
  }

  /// Neither planned nor started by the background.
  Status merge_as(MergeCause cause) {
    const auto merge = std::make_shared<Merge>(rig.parts, rig.shard(), *rig.table().segments(), std::move(cause));
    std::optional<Status> told;
    merge->start([&](const Status& ended) { told = ended; });
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

TEST_CASE("merge: with a bound on bytes a second it takes the time these bytes take, and counts them") {
  EngineOptions options = ShardRig::small_options();
  options.compaction_bytes_per_second_max = 1'000;
  TwoSegments two(options);
  std::uint64_t inputs = 0;
  for (const SegmentMeta& segment : two.rig.catalog().state().segments)
    inputs += segment.file_bytes;
  const auto began = two.rig.clock->steady_now();
  REQUIRE(two.merge());
  const double seconds = std::chrono::duration<double>(two.rig.clock->steady_now() - began).count();
  const std::uint64_t output = two.rig.catalog().state().segments.at(0).file_bytes;
  const std::uint64_t read = two.rig.shard().merge_read_bytes, written = two.rig.shard().merge_written_bytes;
  CHECK(written == output);
  CHECK(read >= inputs); // but for gaps, all of them
  CHECK(read <= 2 * (inputs + output));
  const double expected = static_cast<double>(read + written) / 1'000;
  CHECK(seconds <= expected + 0.001);
  CHECK(seconds >= expected - static_cast<double>(output) / 1'000); // the last piece need not be paid for
  CHECK(seconds > 1);
}

TEST_CASE("merge: a pause gives it up, leaving nothing and without a word, also while it is held back") {
  EngineOptions options = ShardRig::small_options();
  SUBCASE("at its full speed") {
  }
  SUBCASE("held back") {
    options.compaction_bytes_per_second_max = 1; // it would take an hour
  }
  TwoSegments two(options);
  const std::vector<std::string> content = two.rig.read("context");
  two.rig.fs().set_hook([&](const io::Call& call) -> std::optional<Error> {
    if (is_new_file(call))
      two.rig.parts.compaction.pause();
    return std::nullopt;
  });
  CHECK_FALSE(two.merge());
  two.rig.fs().set_hook({});
  CHECK(two.files() == 2);
  CHECK(two.rig.parts.health.warnings().empty());
  CHECK(two.merge_as({}).code() == Errc::cancelled); // none begins
  two.rig.parts.compaction.resume();
  two.rig.parts.compaction.set_rate(0);
  CHECK(two.merge());
  CHECK(two.files() == 1);
  CHECK(two.rig.read("context") == content);
}

TEST_CASE("merge: one that was asked for goes on in a pause, ends when its caller says so, and tells him of errors") {
  TwoSegments two;
  two.rig.parts.compaction.pause();
  bool cancelled = false;
  const MergeCause cause{true,
                         [&]() -> Status { return cancelled ? Status(fail(Errc::cancelled, "enough")) : Status(); }};
  SUBCASE("it works") {
    CHECK(two.merge_as(cause).ok());
    CHECK(two.files() == 1);
  }
  SUBCASE("cancelled half way") {
    two.rig.fs().set_hook([&](const io::Call& call) -> std::optional<Error> {
      cancelled = cancelled || (call.operation == io::Operation::sync_data && is_new_file(call));
      return std::nullopt;
    });
    CHECK(two.merge_as(cause).code() == Errc::cancelled);
    two.rig.fs().set_hook({});
    CHECK(two.files() == 2);
  }
  SUBCASE("the disk says no") {
    two.rig.fs().set_hook([&](const io::Call& call) -> std::optional<Error> {
      return is_new_file(call) && call.operation == io::Operation::sync_data
                 ? std::optional(fail(Errc::io_error, "the disk says no"))
                 : std::nullopt;
    });
    CHECK(two.merge_as(cause).code() == Errc::io_error);
    two.rig.fs().set_hook({});
    CHECK(two.files() == 2);
  }
  SUBCASE("the disk is full") {
    two.rig.fs().set_free_bytes(two.rig.parts.guard->reserve_bytes() - 1);
    CHECK(two.merge_as(cause).code() == Errc::disk_full);
    CHECK(two.files() == 2);
  }
  CHECK(two.rig.parts.health.warnings().empty());
}

TEST_CASE("merge: it yields to everybody, begins anew where it cannot be starved once its shard falls behind") {
  TwoSegments two;
  const std::vector<std::string> content = two.rig.read("context");
  const auto merge = Merge::plan(two.rig.parts, two.rig.shard(), 2);
  REQUIRE(merge);
  std::optional<Status> told;
  merge->start([&](const Status& ended) { told = ended; });
  REQUIRE_FALSE(two.rig.executor->run_lane("catch up"));
  SUBCASE("at its beginning") {
    two.rig.shard().merges_behind = true;
    REQUIRE(two.rig.executor->run_lane("compact"));
    CHECK(two.rig.executor->run_lane("catch up"));
  }
  SUBCASE("half way") {
    two.rig.fs().set_hook([&](const io::Call& call) -> std::optional<Error> {
      two.rig.shard().merges_behind = is_new_file(call) || two.rig.shard().merges_behind;
      return std::nullopt;
    });
    REQUIRE(two.rig.executor->run_lane("compact"));
    two.rig.fs().set_hook({});
    CHECK(two.files() == 2);
    CHECK(two.rig.executor->run_lane("catch up"));
  }
  SUBCASE("never, if it does not fall behind") {
    REQUIRE(two.rig.executor->run_lane("compact"));
    CHECK_FALSE(two.rig.executor->run_lane("catch up"));
  }
  two.rig.settle();
  REQUIRE(told.has_value());
  CHECK(told->ok());
  CHECK(two.rig.parts.health.warnings().empty());
  CHECK(two.files() == 1);
  CHECK(two.rig.read("context") == content);
}

TEST_CASE("merge: a shard that has fallen behind already is merged where nothing starves it") {
  TwoSegments two;
  const auto count = [&] { return two.rig.catalog().state().segments.size(); };
  while (!two.rig.shard().merges_behind) {
    REQUIRE(count() < 2 * segments::CompactionPolicy::behind_at); // sizes differ, so it may take some more
    two.rig.store("context");
    two.rig.settle();
    two.rig.flush();
    two.rig.settle();
  }
  const std::size_t behind = count();
  CHECK(behind >= segments::CompactionPolicy::behind_at);
  const auto merge = Merge::plan(two.rig.parts, two.rig.shard(), 2);
  REQUIRE(merge);
  merge->start([](const Status& ended) { CHECK(ended.ok()); });
  REQUIRE_FALSE(two.rig.executor->run_lane("compact"));
  CHECK(two.rig.executor->run_lane("catch up"));
  two.rig.settle();
  CHECK(count() < behind);
}
