#include "tests/api/simulated_engine.hpp"
#include "tests/support/temp_directory.hpp"
#include "trust/full_disk/full_disk.hpp"
#include "trust/full_disk/senders.hpp"
#include "trust/full_disk/small_disk.hpp"
#include "trust/support/stage.hpp"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <functional>
#include <optional>
#include <random>

#include <sys/resource.h>

namespace weir::trust {

namespace {

using test::SimulatedDisk;

constexpr std::size_t faulted_senders = 4;

EngineOptions small_options(std::uint32_t shards) {
  EngineOptions options;
  options.shards = shards;
  options.disk_reserve_bytes = 1 * MiB;
  options.wal_file_bytes = 64 * KiB;
  options.unsealed_bytes_max = 2 * MiB;
  options.block_cache_bytes = 4 * MiB;
  return options;
}

// How one kind of full disk comes and goes.
struct Fault {
  std::string name;
  std::function<void()> come, go;
  std::function<void(const Engine&)> meanwhile; ///< Called while it is there and nobody stores; may be empty.
  bool catalog_may_say_io_error = false;        ///< SQLite does not always keep EFBIG for us.
};

void run_cycles(Engine& engine, Book& book, const Fault& fault, std::uint64_t cycles, std::uint64_t seed,
                FullDiskCounts& counts) {
  std::mt19937_64 dice(seed);
  Senders threads(engine, book, faulted_senders, seed);
  const auto expect = [&](const std::string& what, bool holds) {
    if (!holds)
      counts.complain("not so with " + fault.name + ", cycle " + std::to_string(counts.cycles + 1) + ": " + what);
  };
  const auto judge = [&](const std::string& when) {
    const Book::Verdict verdict = book.judge(engine, false);
    counts.lost += verdict.lost;
    expect(when + ": " + verdict.what, verdict.good());
  };
  for (std::uint64_t cycle = 1; cycle <= cycles && counts.wrong == 0; ++cycle) {
    const std::uint64_t moment = book.acknowledged() + dice() % 400, refused = book.refused();
    threads.until_refused();
    expect("stores go on until then", threads.await([&] { return book.acknowledged() >= moment || threads.done(); }));
    fault.come();
    // Without a file for a segment memory may be used up first; stores then wait.
    expect("stores are refused", comes_true(engine, [&] {
             return book.refused() != refused || threads.done() ||
                    engine.stats().unsealed_bytes >= engine.options().unsealed_bytes_max;
           }));
    if (threads.done()) {
      threads.join();
      judge("while it is there");
      const Status flushed = engine.flush();
      expect("flush: " + (flushed.ok() ? "success" : to_string(flushed.error())),
             flushed.ok() || flushed.code() == Errc::disk_full || fault.catalog_may_say_io_error);
      if (fault.meanwhile)
        fault.meanwhile(engine);
    }
    fault.go();
    threads.stop();
    threads.join();
    const auto freed = std::chrono::steady_clock::now();
    for (std::size_t context = 0; context < book.contexts(); ++context)
      expect("stores go on afterwards", comes_true(engine, [&] { return store_one(engine, book, context).ok(); }));
    counts.resume_ms_max = std::max(
        counts.resume_ms_max,
        static_cast<std::uint64_t>(
            std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - freed).count()));
    expect("flush works afterwards", comes_true(engine, [&] { return engine.flush().ok(); }));
    for (const ShardHealth& shard : engine.health().shards)
      expect("no shard has failed", !shard.error);
    judge("afterwards");
    ++counts.cycles;
    progress("full_disk: " + std::to_string(counts.cycles) + " cycles of " + fault.name);
  }
  const Book::Totals totals = book.totals();
  counts.acknowledged += totals.acknowledged;
  counts.refused += totals.refused;
  expect("every call is answered", totals.unanswered == 0);
  expect(book.first_mistake(), totals.mistaken == 0);
}

void close_and_judge(Engine& engine, const Book& book, const std::function<Result<Engine>()>& open,
                     FullDiskCounts& counts) {
  if (const Status closed = engine.close(); !closed)
    counts.complain("close: " + to_string(closed.error()));
  auto again = open();
  if (!again)
    return counts.complain("open again: " + to_string(again.error()));
  const Book::Verdict verdict = book.judge(*again, false);
  counts.lost += verdict.lost;
  if (!verdict.good())
    counts.complain("opened again: " + verdict.what);
}

} // namespace

FullDiskCounts injected(std::uint64_t cycles, std::uint64_t seed) {
  FullDiskCounts counts;
  std::mt19937_64 dice(seed);
  SimulatedDisk disk(SimulatedDisk::CatalogKind::sqlite);
  Book book(seed, book_size);
  const EngineOptions options = small_options(3);
  auto engine = disk.open(options);
  if (!engine) {
    counts.complain("open: " + to_string(engine.error()));
    return counts;
  }
  std::atomic<bool> full{false};
  std::atomic<std::uint64_t> failed{0};
  disk.fs().set_hook([&](const io::Call& call) -> std::optional<Error> {
    using enum io::Operation;
    const bool needs_space = call.operation == write || call.operation == rename || call.operation == truncate ||
                             call.operation == create_directory;
    if (!full || !needs_space)
      return std::nullopt;
    if (call.operation == write && failed++ % 3 == 0)
      *call.done_bytes = call.size_bytes / 2;
    return fail(Errc::disk_full, "made to fail: no space left on device", std::string(call.path));
  });
  Fault fault{"injected ENOSPC", {}, {}, {}, false};
  fault.come = [&] {
    full = true;
    if (dice() % 2 == 0) // and half of the time the system says how much is free
      disk.fs().set_free_bytes(0);
  };
  fault.go = [&] {
    disk.fs().set_free_bytes(std::uint64_t{1} << 40U);
    full = false;
  };
  fault.meanwhile = [&](const Engine&) { // the power fails just now
    SimulatedDisk image =
        disk.crash_image(dice() % 2 == 0 ? io::CrashPolicy::lose_unsynced() : io::CrashPolicy::random_subset(dice()));
    image.fs().set_free_bytes(0);
    auto again = image.open(options);
    if (!again)
      return counts.complain("opening after a power cut with no byte free: " + to_string(again.error()));
    ++counts.opens_with_no_byte_free;
    const Book::Verdict verdict = book.judge(*again, true);
    counts.lost += verdict.lost;
    if (!verdict.good())
      counts.complain("after a power cut: " + verdict.what);
  };
  run_cycles(*engine, book, fault, cycles, seed, counts);
  disk.fs().set_hook({});
  close_and_judge(
      *engine, book, [&] { return disk.open(options); }, counts);
  return counts;
}

FullDiskCounts run_out_of_names(std::uint64_t cycles, std::uint64_t seed) {
  FullDiskCounts counts;
  SmallDisk disk(256 * MiB, 2'000); // only what is written takes memory
  Book book(seed, book_size);
  const auto open = [&] { return Engine::open(disk.data(), small_options(2)); };
  auto engine = open();
  if (!engine) {
    counts.complain("open: " + to_string(engine.error()));
    return counts;
  }
  run_cycles(*engine, book,
             {"no names left", [&] { disk.take_all_names(); }, [&] { disk.give_names_back(); }, {}, false}, cycles,
             seed, counts);
  close_and_judge(*engine, book, open, counts);
  return counts;
}

FullDiskCounts limited_file_size(std::uint64_t cycles, std::uint64_t seed) {
  FullDiskCounts counts;
  const test::TempDirectory directory(test::fast_parent());
  Book book(seed, book_size);
  const auto open = [&] { return Engine::open(directory.path("data"), small_options(2)); };
  auto engine = open();
  if (!engine) {
    counts.complain("open: " + to_string(engine.error()));
    return counts;
  }
  rlimit usual = {};
  ::getrlimit(RLIMIT_FSIZE, &usual);
  const auto before = std::signal(SIGXFSZ, SIG_IGN); // whoever limits file sizes has to, or the process ends
  const auto limit = [&usual](rlim_t bytes) {
    rlimit now = usual;
    now.rlim_cur = std::min(bytes, usual.rlim_max);
    ::setrlimit(RLIMIT_FSIZE, &now);
  };
  run_cycles(*engine, book,
             {"a limit to file sizes", [&] { limit(20 * KiB); }, [&] { limit(usual.rlim_cur); }, {}, true}, cycles,
             seed, counts);
  std::signal(SIGXFSZ, before);
  close_and_judge(*engine, book, open, counts);
  return counts;
}

} // namespace weir::trust
