// weir_soak: a moderate load for hours, to see what only hours show.
//
//   weir_soak --seconds 7200 --directory /var/tmp
//
// Writers, replays, queries, flushes and merges all the time, and now and then the engine is closed and opened again. A
// line every ten seconds. It fails if anything acknowledged is lost or any answer is wrong, if file descriptors are
// left over after a close, if an open finds files that nothing refers to, if the log or the number of segments grows
// beyond its bound, or, in runs of an hour and more, if memory grows by more than 1 MB an hour in the second half.
#include "tests/support/temp_directory.hpp"
#include "trust/support/load/book.hpp"
#include "trust/support/load/load.hpp"
#include "trust/support/process.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <functional>
#include <numeric>
#include <random>

using namespace weir;
using namespace weir::trust;

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t contexts = 60;
constexpr double calls_per_s = 450;
constexpr double mb_per_hour_max = 1.0;
constexpr std::uint64_t line_every_s = 10;
// Sixteen neighbours of like size are merged, so fifteen stay of each size: five sizes, from a flush of some kilobytes
// to the largest, and some that wait for their merge.
constexpr std::uint64_t segments_per_shard_max = 128;

EngineOptions soak_options(bool merging = true) {
  EngineOptions options;
  if (!merging)
    options.segment_bytes_max = 0;
  options.shards = 4;
  options.unsealed_bytes_max = 8 * MiB;
  options.wal_file_bytes = 256 * KiB;
  options.block_cache_bytes = 8 * MiB; // full soon, so that it does not look like a leak
  return options;
}

// Live records, up to two files a shard that are not full, and the spares (see EngineOptions::wal_file_bytes).
std::uint64_t log_bytes_max(const EngineOptions& options) {
  const std::uint64_t memtable = std::max<std::uint64_t>(1 * MiB, options.unsealed_bytes_max / (2 * options.shards));
  const std::uint64_t spares = std::max<std::uint64_t>(4, memtable / options.wal_file_bytes + 3);
  return 2 * options.unsealed_bytes_max + options.shards * (2 * memtable + (2 + spares) * options.wal_file_bytes);
}

struct Sample {
  double seconds = 0;
  std::uint64_t memory_bytes = 0;
};

class Soak {
public:
  Soak(const std::string& directory, std::uint64_t seconds, std::uint64_t seed)
      : directory_(directory), seconds_(seconds), dice_(seed),
        book_(seed,
              {contexts, static_cast<std::size_t>(calls_per_s * 3 * static_cast<double>(seconds)) / contexts + 1'000, 3,
               500}) {}

  int run() {
    book_.touch(); // what it will need is used from the beginning, and no growth
    const std::uint64_t life_s = std::clamp<std::uint64_t>(seconds_ / 8, 10, 600);
    const std::uint64_t descriptors = open_descriptors();
    std::printf("%8s %9s %6s %9s %6s %8s %9s %9s %8s %6s\n", "seconds", "rss MiB", "fds", "segments", "files",
                "log MiB", "disk MiB", "calls", "refused", "opens");
    while (now() < static_cast<double>(seconds_) && complaints_ == 0) {
      ++opens_;
      with_engine([&](Engine& engine) {
        live(engine, std::min(static_cast<double>(seconds_), now() + static_cast<double>(life_s)));
        judge(engine);
      });
      if (open_descriptors() != descriptors)
        complain(std::to_string(open_descriptors()) + " descriptors after an engine has gone, at first " +
                 std::to_string(descriptors));
    }
    if (complaints_ == 0) // once more from the disk; and a loss would be seen
      with_engine([&](Engine& engine) {
        if (!book_.sees_a_loss(engine))
          complain("a loss would not be seen");
      });
    return sum_up();
  }

private:
  double now() const { return std::chrono::duration<double>(Clock::now() - began_).count(); }
  void complain(const std::string& what) {
    ++complaints_;
    std::printf("soak: %s\n", what.c_str());
    std::fflush(stdout);
  }

  // Opens engines and judges what they find: at first one that merges nothing, so that files stay as they are.
  void with_engine(const std::function<void(Engine&)>& work) {
    with_engine(soak_options(false), [this](Engine& engine) { judge_files(engine); });
    with_engine(soak_options(), [&](Engine& engine) {
      judge(engine);
      work(engine);
    });
  }

  void with_engine(const EngineOptions& options, const std::function<void(Engine&)>& work) {
    auto engine = Engine::open(directory_.path("data"), options);
    if (!engine)
      return complain("open: " + to_string(engine.error()));
    work(*engine);
    if (const Status closed = engine->close(); !closed)
      complain("close: " + to_string(closed.error()));
  }

  void judge(const Engine& engine) {
    const Book::Verdict verdict = book_.judge(engine, false);
    if (!verdict.good())
      complain(verdict.what);
  }

  // With nobody storing, and no merges: every segment has its file, and opening has left no other there.
  void judge_files(const Engine& engine) {
    std::uint64_t live = 0, files = 0;
    for (const ShardStats& shard : engine.stats().shards)
      live += shard.segments;
    std::error_code none; // of the first life: there are no segments yet
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory_.path("data/segments"), none))
      files += entry.path().extension() == ".seg" ? 1 : 0;
    if (files != live)
      complain(std::to_string(files) + " files of " + std::to_string(live) + " segments");
  }

  void live(Engine& engine, double until) {
    Load load(engine, book_);
    const auto share = [](std::size_t first, std::size_t count) {
      std::vector<std::size_t> some(count);
      std::iota(some.begin(), some.end(), first);
      return some;
    };
    load.paced(share(0, 20), {.calls_per_s = calls_per_s * 0.4});
    load.paced(share(20, 20), {.calls_per_s = calls_per_s * 0.4});
    load.trying(share(40, 20), {.calls_per_s = calls_per_s * 0.2});
    bool storing = true;
    while (storing && now() < until && complaints_ == 0) {
      switch (dice_() % 8) {
      case 0: expect("flush", engine.flush()); break;
      case 1: query(engine); break;
      default: replay(engine, dice_() % contexts);
      }
      if (now() >= next_line_)
        line(engine);
      storing = load.await_calls(static_cast<std::uint64_t>(calls_per_s) * (50 + dice_() % 200) / 1'000); // moderate
    }
  }

  void expect(const std::string& what, const Status& status) {
    if (!status)
      complain(what + ": " + to_string(status.error()));
  }

  void query(const Engine& engine) {
    const std::string context = book_.context_id(dice_() % contexts);
    const auto answer = engine.query(
        dice_() % 4 == 0 ? "QUERY * COUNT" : "QUERY sent FOR \"" + context + "\" WHERE payload.call > 100 COUNT");
    if (!answer)
      complain("query: " + to_string(answer.error()));
  }

  // The latest events of a context, backward, or a stretch from somewhere on.
  void replay(const Engine& engine, std::size_t context) {
    ReplayOptions wanted;
    wanted.backward = dice_() % 2 == 0;
    wanted.limit = 300;
    if (!wanted.backward)
      wanted.from = 1 + dice_() % 1'000;
    auto stream = engine.replay(book_.context_id(context), wanted);
    if (!stream)
      return complain("replay: " + to_string(stream.error()));
    Sequence last = 0;
    while (true) {
      const auto batch = stream->next();
      if (!batch)
        return complain("replay: " + to_string(batch.error()));
      if (batch->empty())
        return;
      for (const auto& event : *batch) {
        if (last != 0 && event.sequence != (wanted.backward ? last - 1 : last + 1))
          complain("replay: sequence " + std::to_string(event.sequence) + " after " + std::to_string(last));
        last = event.sequence;
      }
    }
  }

  void line(const Engine& engine) {
    next_line_ = now() + static_cast<double>(line_every_s);
    const EngineStats stats = engine.stats();
    std::uint64_t segments = 0, files = 0, log_bytes = 0, disk_bytes = 0;
    for (const ShardStats& shard : stats.shards)
      segments += shard.segments;
    std::error_code gone; // files come and go meanwhile
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory_.path("data"), gone)) {
      const std::uint64_t bytes = entry.is_regular_file(gone) ? entry.file_size(gone) : 0;
      if (gone)
        continue;
      ++files;
      disk_bytes += bytes;
      log_bytes += entry.path().extension() == ".wal" ? bytes : 0;
    }
    samples_.push_back({now(), memory_bytes()});
    const Book::Totals totals = book_.totals();
    std::printf("%8.0f %9.1f %6llu %9llu %6llu %8.1f %9.1f %9llu %8llu %6llu\n", now(),
                static_cast<double>(samples_.back().memory_bytes) / MiB,
                static_cast<unsigned long long>(open_descriptors()), static_cast<unsigned long long>(segments),
                static_cast<unsigned long long>(files), static_cast<double>(log_bytes) / MiB,
                static_cast<double>(disk_bytes) / MiB, static_cast<unsigned long long>(totals.acknowledged),
                static_cast<unsigned long long>(totals.refused), static_cast<unsigned long long>(opens_));
    std::fflush(stdout);
    if (log_bytes > log_bytes_max(engine.options()))
      complain("the log has " + std::to_string(log_bytes) + " bytes, more than " +
               std::to_string(log_bytes_max(engine.options())));
    if (segments > segments_per_shard_max * stats.shards.size())
      complain(std::to_string(segments) + " segments");
  }

  // Between the medians of the third and the last quarter, so that no single moment decides.
  double mb_per_hour() const {
    const auto median = [&](double from, double to) {
      std::vector<std::uint64_t> values;
      for (const Sample& sample : samples_)
        if (sample.seconds >= from && sample.seconds < to)
          values.push_back(sample.memory_bytes);
      if (values.empty())
        return 0.0;
      std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
      return static_cast<double>(values[values.size() / 2]);
    };
    const double all = now();
    return (median(all * 0.75, all) - median(all * 0.5, all * 0.75)) / 1e6 / (all * 0.25 / 3'600);
  }

  int sum_up() {
    const Book::Totals totals = book_.totals();
    if (totals.unanswered != 0 || totals.mistaken != 0)
      complain(std::to_string(totals.unanswered) + " calls unanswered, " + std::to_string(totals.mistaken) +
               " answers nobody should get, such as: " + book_.first_mistake());
    const double growth = mb_per_hour();
    if (seconds_ >= 3'600 && growth > mb_per_hour_max)
      complain("memory grows");
    std::printf("soak: %.0f s, %llu calls acknowledged, %llu opens and one to look back, memory %+.2f MB/h in the "
                "second half%s: %s\n",
                now(), static_cast<unsigned long long>(totals.acknowledged), static_cast<unsigned long long>(opens_),
                growth, seconds_ >= 3'600 ? "" : " (not judged in less than an hour)",
                complaints_ == 0 ? "good" : "FAILED");
    return complaints_ == 0 ? 0 : 1;
  }

  const test::TempDirectory directory_;
  const std::uint64_t seconds_;
  std::mt19937_64 dice_;
  Book book_;
  const Clock::time_point began_ = Clock::now();
  double next_line_ = 0;
  std::vector<Sample> samples_;
  std::uint64_t opens_ = 0, complaints_ = 0;
};

} // namespace

int main(int argc, char** argv) {
  std::uint64_t seconds = 7'200, seed = 0;
  std::string directory = std::filesystem::temp_directory_path();
  CLI::App app("A moderate load on weir for hours");
  app.add_option("--seconds", seconds, "how long (7200)");
  app.add_option("--directory", directory, "where the data may lie; it is removed afterwards");
  app.add_option("--seed", seed, "of all that is drawn by chance; default: a new one");
  CLI11_PARSE(app, argc, argv);
  while (seed == 0)
    seed = std::random_device{}();
  std::printf("soak: %llu s, seed %llu\n", static_cast<unsigned long long>(seconds),
              static_cast<unsigned long long>(seed));
  try {
    return Soak(directory, seconds, seed).run();
  } catch (const std::exception& e) {
    std::fprintf(stderr, "soak: %s\n", e.what());
    return 2;
  }
}
