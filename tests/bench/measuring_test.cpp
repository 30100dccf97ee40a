// The instruments: what they read is what is there.
#include "bench/figures.hpp"
#include "bench/goals.hpp"
#include "bench/histogram.hpp"
#include "bench/json_report.hpp"
#include "bench/process.hpp"
#include "bench/results.hpp"
#include "bench/table.hpp"
#include "bench/usage.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <csignal>
#include <stdexcept>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace weir::bench;

namespace {

const Line ingest{"ingest", "16-threads", "synced", "events/s", false, "says"};
const Line reopen{"reopen", "clean", "flushed", "ms", true, "says"};

std::string thrown_by(const std::function<void()>& work) {
  try {
    work();
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "nothing";
}

} // namespace

TEST_CASE("histogram: percentiles are exact to a 64th") {
  Histogram histogram;
  CHECK(histogram.percentile(0.5) == 0);
  for (std::uint64_t value = 1; value <= 100'000; ++value)
    histogram.record(value);
  CHECK(histogram.count() == 100'000);
  for (const double fraction : {0.01, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    CAPTURE(fraction);
    const double exact = fraction * 100'000;
    const auto read = static_cast<double>(histogram.percentile(fraction));
    CHECK(read >= exact);
    CHECK(read <= exact * (1 + 1.0 / 64) + 1);
  }
}

TEST_CASE("histogram: small values and the largest have buckets of their own") {
  for (const std::uint64_t value : {0ULL, 1ULL, 63ULL, 64ULL, 65ULL, 127ULL, 128ULL}) {
    Histogram histogram;
    histogram.record(value);
    CHECK(histogram.percentile(0.5) >= value);
    CHECK(histogram.percentile(0.5) <= value + value / 64);
  }
  Histogram histogram;
  histogram.record(UINT64_MAX);
  CHECK(histogram.percentile(1) == UINT64_MAX);
}

TEST_CASE("latency recorder: many threads, every value counted") {
  LatencyRecorder recorder;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 12; ++thread)
    threads.emplace_back([&] {
      for (std::uint64_t value = 0; value < 1'000; ++value)
        recorder.record(value);
    });
  for (auto& thread : threads)
    thread.join();
  CHECK(recorder.total()->count() == 12'000);
}

TEST_CASE("figures: come back from text as they were") {
  Figures figures;
  figures.set("rate", 1234.5678901234567);
  figures.set("found", Tally{UINT64_MAX, UINT64_MAX - 1});
  const Figures back = Figures::parse(figures.to_text());
  CHECK(back.number("rate") == 1234.5678901234567);
  CHECK(back.tally("found") == Tally{UINT64_MAX, UINT64_MAX - 1});
  CHECK_FALSE(back.has("cpu"));
  CHECK_THROWS_AS(static_cast<void>(back.number("cpu")), std::runtime_error);
  CHECK_THROWS_AS(static_cast<void>(Figures::parse("no number")), std::runtime_error);
}

TEST_CASE("process: a child's figures arrive, its failure and its death are told") {
  const auto one = [] {
    Figures figures;
    figures.set("pid", static_cast<double>(::getpid()));
    return figures;
  };
  CHECK(in_child(one).number("pid") != static_cast<double>(::getpid()));
  CHECK(in_child(one, Ending::killed).has("pid"));
  CHECK(thrown_by([] { in_child([]() -> Figures { throw std::runtime_error("no disk"); }); }) == "no disk");
  CHECK(thrown_by([] {
          in_child([]() -> Figures {
            ::raise(SIGKILL);
            return {};
          });
        }).find("Killed") != std::string::npos);
  CHECK(thrown_by([] { in_child([]() -> Figures { ::_exit(0); }); }) == "the process ended early");
}

TEST_CASE("usage: processor time and memory grow with what is done") {
  const double cpu = cpu_us();
  const MemoryPeak peak;
  constexpr std::size_t bytes = 64U << 20U;
  {
    const std::vector<char> memory(bytes, 'x');
    CHECK(std::ranges::count(memory, 'x') == static_cast<std::ptrdiff_t>(bytes));
  }
  CHECK(peak.mib() > 60); // although it has been given back
  CHECK(cpu_us() > cpu);
}

TEST_CASE("results: medians, the best peer and the best of a family") {
  Results results;
  for (const double value : {1.0, 9.0, 2.0})
    results.add(ingest, "weir", "", value);
  results.add(ingest, "sqlite-a", "", 3);
  results.add(ingest, "sqlite-b", "", 4);
  results.add(ingest, "raw", "", 100);
  results.add(reopen, "sqlite-a", "", 3);
  results.add(reopen, "sqlite-b", "", 4);
  CHECK(results.find("ingest/16-threads/synced", "weir")->median() == 2);
  CHECK(results.find("ingest/16-threads/synced", "weir")->min() == 1);
  CHECK(results.find("ingest/16-threads/synced", "weir")->max() == 9);
  CHECK(results.find("ingest/16-threads/synced", "lmdb") == nullptr);
  CHECK(results.best_peer("ingest/16-threads/synced")->first == "sqlite-b");
  CHECK(results.best_peer("reopen/clean/flushed")->first == "sqlite-a");
  CHECK(results.best_of_family("ingest/16-threads/synced", "sqlite-b"));
  CHECK_FALSE(results.best_of_family("ingest/16-threads/synced", "sqlite-a"));
  CHECK(results.best_of_family("ingest/16-threads/synced", "weir"));
  CHECK_FALSE(results.best_of_family("ingest/16-threads/synced", "lmdb"));
}

TEST_CASE("results: a store that lost an event fails the run, whatever later repetitions find") {
  Results results;
  results.check(ingest, "weir", {{5, 1}, {5, 1}});
  CHECK(results.failures().empty());
  results.check(ingest, "weir", {{5, 1}, {4, 1}});
  results.check(ingest, "weir", {{5, 1}, {5, 1}});
  CHECK(results.failures().size() == 1);
  results.add(ingest, "weir", "", 1);
  CHECK(to_tables(results).find("DIFFERS") != std::string::npos);
}

TEST_CASE("json report: each figure is one object, further figures beside the line's own") {
  Results results;
  CHECK(to_json(results) == "[\n]\n");
  results.add(ingest, "weir", "", 50'123.456);
  results.add(ingest, "weir", "", 40'000);
  results.add(ingest, "weir", "p99", 12.5);
  CHECK(to_json(results) ==
        "[\n"
        "  {\"name\": \"ingest/16-threads/synced\", \"peer\": \"weir\", \"unit\": \"events/s\", \"median\": 45061.7, "
        "\"min\": 40000, \"max\": 50123.5, \"runs\": 2, \"durability\": \"synced\"},\n"
        "  {\"name\": \"ingest-p99/16-threads/synced\", \"peer\": \"weir\", \"unit\": \"us\", \"median\": 12.5, "
        "\"min\": 12.5, \"max\": 12.5, \"runs\": 1, \"durability\": \"synced\"}\n"
        "]\n");
}

TEST_CASE("goals: met, missed, and not measured") {
  Results results;
  results.add(ingest, "weir", "", 80);
  results.add(ingest, "raw", "", 100);
  results.add(ingest, "rocksdb", "", 60);
  results.add(reopen, "weir", "", 25);
  results.add({"models", "set-256-callers", "synced", "writes/s", false, ""}, "weir", "", 500);
  results.add({"models", "set-1-caller", "synced", "writes/s", false, ""}, "sqlite-rowid", "", 90);
  const auto goals = judge(results, Plan{}, 260);
  const auto verdict = [&](const std::string& row, const std::string& wanted) {
    for (const auto& goal : goals)
      if (goal.row == row && goal.wanted.find(wanted) != std::string::npos)
        return goal.verdict;
    FAIL("no goal " << row);
    return Goal::Verdict::not_measured;
  };
  CHECK(verdict("ingest/16-threads/synced", "raw") == Goal::Verdict::met);
  CHECK(verdict("ingest/16-threads/synced", "rocksdb") == Goal::Verdict::missed);
  CHECK(verdict("reopen/clean/flushed", "ms") == Goal::Verdict::missed);
  CHECK(verdict("models/set-256-callers/synced", "sqlite") == Goal::Verdict::met);
  CHECK(verdict("ingest/1-writer/synced", "raw") == Goal::Verdict::not_measured);
}

TEST_CASE("table: numbers are readable, columns line up") {
  CHECK(readable(0) == "0.000");
  CHECK(readable(1.2345) == "1.234");
  CHECK(readable(9'999) == "9999");
  CHECK(readable(1'234'567) == "1235 k");
  CHECK(readable(12'345'678) == "12.35 M");
  CHECK(aligned({{"a", "b"}, {"long", "1"}}) == "  a     b\n  long  1\n");
}
