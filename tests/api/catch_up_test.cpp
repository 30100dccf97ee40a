// In which lane an engine's merges run.
#include "tests/api/one_shard.hpp"
#include "tests/api/opened.hpp"
#include "tests/support/happenings.hpp"

#include "engine/io/manual_clock.hpp"
#include "segments/compaction_plan.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <pthread.h>
#include <string>
#include <vector>

using namespace weir;
using namespace weir::test;

namespace {

/// The threads that wrote files of segments, in the order of these files' names.
class WritersOfSegments {
public:
  explicit WritersOfSegments(SimulatedDisk& disk) : disk_(disk) {
    disk.fs().set_hook([this](const io::Call& call) -> std::optional<Error> {
      if (call.operation == io::Operation::rename && call.path.starts_with("segments/")) {
        std::array<char, 16> name{};
        ::pthread_getname_np(::pthread_self(), name.data(), name.size());
        const std::lock_guard lock(mutex_);
        threads_.emplace_back(name.data());
      }
      return std::nullopt;
    });
  }
  ~WritersOfSegments() { disk_.fs().set_hook({}); }

  std::vector<std::string> threads() {
    const std::lock_guard lock(mutex_);
    return threads_;
  }

private:
  SimulatedDisk& disk_;
  std::mutex mutex_;
  std::vector<std::string> threads_;
};

void flush_one(Engine& engine, std::uint64_t number) {
  REQUIRE(engine.store(numbered_event(name(static_cast<int>(number % contexts)), 1, number)).ok());
  REQUIRE(engine.flush().ok());
}

std::uint64_t segments_of(const Engine& engine) {
  return engine.stats().shards[0].segments;
}

} // namespace

TEST_CASE(
    "catch up: merges of a shard that has fallen behind run where nothing starves them, others where they yield") {
  constexpr std::size_t flushes = 2 * segments::CompactionPolicy::behind_at;
  SimulatedDisk disk;
  // The clock stands still, so flushes never pause and fewer than sixteen segments are left alone.
  Engine engine = opened(disk, one_shard(), std::make_unique<io::ManualClock>());
  WritersOfSegments writers(disk);
  engine.pause_compaction();
  for (std::size_t number = 0; number < flushes; ++number)
    flush_one(engine, number);
  CHECK(segments_of(engine) == flushes);
  CHECK(writers.threads() == std::vector<std::string>(flushes, "weir-flush"));

  engine.resume_compaction();
  REQUIRE(eventually([&] { return segments_of(engine) < segments::CompactionPolicy::fan_in_busy; }));
  std::vector<std::string> merges = writers.threads();
  merges.erase(merges.begin(), merges.begin() + static_cast<std::ptrdiff_t>(flushes));
  REQUIRE(merges.size() >= 2);
  CHECK(merges.front() == "weir-catch-up");
  CHECK(merges.back() == "weir-compact"); // by then it has caught up
  CHECK(std::is_sorted(merges.begin(), merges.end()));

  std::size_t events = 0;
  for (const auto& [context, there] : content_of(engine))
    events += there.size();
  CHECK(events == flushes);
  CHECK(engine.health().warnings.empty());
}
