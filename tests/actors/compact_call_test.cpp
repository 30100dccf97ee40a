// A call of compact() in one shard, every step of which is the test's.
#include "tests/actors/shard_rig.hpp"

#include "actors/engine_compact.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

using namespace weir;
using namespace weir::test;

namespace {

/// A shard whose only segment holds events and the mark that removes some of them.
struct MarkedSegment {
  MarkedSegment(int events, Sequence first) : first_live(first) {
    for (int i = 0; i < events; ++i)
      rig.store("context");
    rig.settle();
    const ShardRig::Call& removal = rig.remove("context", first_live);
    rig.settle();
    REQUIRE(removal.acknowledged());
    before = read();
    rig.flush();
    rig.settle();
    REQUIRE(segments() == 1);
    REQUIRE(*rig.table().segments()->front()->has_marks());
    REQUIRE(rows() == static_cast<std::uint64_t>(events));
  }

  Result<CompactReport> compact(const CompactOptions& options = {}) {
    const std::optional<Stepped> stepped(Stepped{nullptr, [this] {
                                                   if (!rig.deliver() && !rig.executor->run_one())
                                                     rig.executor->advance(std::chrono::milliseconds(10));
                                                   if (each_step)
                                                     each_step();
                                                   return true;
                                                 }});
    auto report = compact_segments(rig.parts, stepped, options);
    rig.settle();
    return report;
  }

  CompactReport compacted(bool all) {
    CompactOptions options;
    options.all = all;
    const auto report = compact(options);
    REQUIRE(report.ok());
    return *report;
  }

  std::vector<std::string> read() {
    EventBatch batch;
    REQUIRE(read_context(rig.table().view(), "context", {.from = first_live}, {}, batch).ok());
    std::vector<std::string> events;
    for (const EventView& event : batch)
      events.push_back(std::to_string(event.sequence) + " " + std::string(event.payload));
    return events;
  }

  std::size_t segments() { return rig.catalog().state().segments.size(); }
  std::uint64_t rows() { return rig.catalog().state().segments.at(0).event_count; }
  std::size_t files() { return rig.fs().list("segments/000")->size(); }

  const Sequence first_live;
  ShardRig rig;
  std::vector<std::string> before;
  std::function<void()> each_step; ///< Of what happens while the call waits.
};

} // namespace

TEST_CASE("compact call: a segment alone, half of whose rows its own marks remove, is rewritten without them, once") {
  MarkedSegment shard(10, 6);
  const std::uint64_t bytes = shard.rig.catalog().state().segments.at(0).file_bytes;
  const CompactReport report = shard.compacted(false);
  CHECK(report.merges == 1);
  CHECK(report.segments_before == 1);
  CHECK(report.segments_after == 1);
  CHECK(report.events_removed == 5);
  CHECK(report.bytes_before == bytes);
  CHECK(report.bytes_written == report.bytes_after);
  CHECK(report.bytes_read > 0);
  CHECK(shard.rows() == 5);
  CHECK(shard.files() == 1);
  CHECK(shard.read() == shard.before);
  CHECK(shard.before.size() == 5);
  CHECK(shard.rig.table().segments()->front()->find_mark("context")->value().first_live == 6);
  CHECK_FALSE(shard.rig.shard().reclaim_due);
  CHECK_FALSE(shard.rig.shard().reclaiming);
  for (const bool all : {false, true}) {
    const CompactReport again = shard.compacted(all);
    CHECK(again.merges == 0);
    CHECK(again.events_removed == 0);
    CHECK(again.bytes_written == 0);
  }
}

TEST_CASE("compact call: a segment alone, little of which is removed, is rewritten only where all is asked for") {
  MarkedSegment shard(10, 3);
  const CompactReport little = shard.compacted(false);
  CHECK(little.merges == 0);
  CHECK(little.events_removed == 0);
  CHECK(little.bytes_written == 0);
  CHECK(shard.rows() == 10);
  const CompactReport report = shard.compacted(true);
  CHECK(report.merges == 1);
  CHECK(report.events_removed == 2);
  CHECK(shard.rows() == 8);
  CHECK(shard.files() == 1);
  CHECK(shard.read() == shard.before);
  CHECK(shard.compacted(true).merges == 0);
}

TEST_CASE("compact call: cancelled while removed events are left out, it leaves everything as it was") {
  MarkedSegment shard(10, 6);
  CompactOptions options;
  options.cancel = std::make_shared<std::atomic<bool>>(false);
  shard.rig.fs().set_hook([&](const io::Call& call) -> std::optional<Error> {
    if (call.path.ends_with(".tmp"))
      options.cancel->store(true);
    return std::nullopt;
  });
  CHECK(shard.compact(options).code() == Errc::cancelled);
  shard.rig.fs().set_hook({});
  CHECK(shard.rows() == 10);
  CHECK(shard.files() == 1);
  CHECK(shard.read() == shard.before);
  CHECK(shard.compacted(false).events_removed == 5);
}

TEST_CASE("compact call: whenever its progress function throws, it ends as if cancelled, and says what was thrown") {
  MarkedSegment shard(10, 6);
  std::uint64_t thrown = 0;
  for (std::uint64_t nth = 1;; ++nth) {
    CAPTURE(nth);
    std::uint64_t told = 0;
    CompactOptions options;
    options.progress = [&](const CompactProgress&) {
      if (++told == nth)
        throw std::runtime_error("the screen is gone");
    };
    const auto report = shard.compact(options);
    CHECK(shard.read() == shard.before);
    CHECK(shard.files() == 1);
    CHECK_FALSE(shard.rig.parts.compaction.taken());
    if (report)
      break;
    ++thrown;
    CHECK(told == nth); // nothing after it
    CHECK(report.code() == Errc::invalid_argument);
    CHECK(report.error().message == "the function given for progress threw: the screen is gone");
    REQUIRE(nth < 1'000);
  }
  CHECK(thrown >= 3);
  CHECK(shard.rows() == 5);
}

TEST_CASE("compact call: cancelled while the catalog takes nothing, it leaves what is written to itself") {
  MarkedSegment shard(10, 6);
  CompactOptions options;
  options.cancel = std::make_shared<std::atomic<bool>>(false);
  shard.rig.catalog().fail_with = fail(Errc::disk_full, "no room for the catalog's journal");
  std::size_t steps = 0;
  shard.each_step = [&] {
    if (!shard.rig.parts.health.warnings().empty()) // the catalog was asked
      options.cancel->store(true);
    if (++steps == 10'000) // a call that stays ends all the same
      shard.rig.catalog().fail_with.reset();
  };
  CHECK(shard.compact(options).code() == Errc::cancelled);
  CHECK(steps < 10'000);
  CHECK(shard.rig.parts.compaction.taken());
  shard.rig.catalog().fail_with.reset();
  shard.rig.pass(std::chrono::seconds(1));
  CHECK_FALSE(shard.rig.parts.compaction.taken());
  CHECK(shard.rows() == 5);
  CHECK(shard.files() == 1);
  CHECK(shard.read() == shard.before);
}

TEST_CASE("compact call: for a shard that could not be opened alone it says why, and all others are compacted") {
  MarkedSegment shard(10, 6);
  ShardParts& failed = *shard.rig.parts.shards.emplace_back(std::make_unique<ShardParts>());
  failed.id = 1;
  failed.fail(fail(Errc::shard_failed, "shard 1 could not be opened"));
  CompactOptions options;
  options.shard = 1;
  const auto refused = shard.compact(options);
  CHECK(refused.code() == Errc::shard_failed);
  CHECK(shard.rows() == 10);
  CHECK(shard.compacted(false).events_removed == 5);
}
