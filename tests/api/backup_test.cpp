// Backups through the engine's core: what they hold, while what goes on, and what they leave when they fail.
#include "engine/io/memory_faults.hpp"
#include "tests/api/backups.hpp"
#include "tests/api/opened.hpp"
#include "tests/support/why.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <future>
#include <thread>

using namespace weir;
using namespace weir::test;

namespace {

using Kind = SimulatedDisk::CatalogKind;

EngineOptions small() {
  EngineOptions options;
  options.shards = 2;
  options.wal_file_bytes = 64 * KiB; // many changes of file
  return options;
}

/// Stores `events` more events in each of some contexts; flushes as many times as asked.
void fill(Engine& engine, Ledger& ledger, std::uint64_t events, int flushes) {
  for (int part = 0; part <= flushes; ++part) {
    for (int context = 0; context < 6; ++context) {
      const std::string name = "c" + std::to_string(context);
      for (std::uint64_t i = 0; i < events; ++i)
        REQUIRE(engine.store(numbered_event(name, 1, ++ledger[name])).ok());
    }
    if (part < flushes)
      REQUIRE(engine.flush().ok());
  }
}

void check_holds(const Engine& engine, const Ledger& at_least) {
  for (const auto& [context, events] : at_least) {
    const auto stored = read_dense(engine, context);
    CHECK(stored.size() >= events);
    for (const StoredEvent& event : stored)
      CHECK(sender_number(event.payload).number == event.sequence);
  }
}

/// Opens what a backup restores to and checks it; also that it goes on.
void check_restores(io::FileSystem& backup, const Ledger& at_least, Position position_min = 0) {
  SimulatedDisk disk(Kind::sqlite);
  const auto restored = restore(backup, disk.fs());
  REQUIRE_MESSAGE(restored.ok(), why(restored));
  auto engine = opened(disk, EngineOptions());
  check_holds(engine, at_least);
  const auto before = read_dense(engine, "c0").size();
  const auto receipt = engine.store(numbered_event("c0", 1, before + 1));
  REQUIRE_MESSAGE(receipt.ok(), why(receipt));
  CHECK(receipt->sequence == before + 1);
  CHECK(receipt->position > position_min);
  REQUIRE(engine.flush().ok());
  REQUIRE(engine.close().ok());
  auto again = opened(disk, EngineOptions());
  CHECK(read_dense(again, "c0").size() == before + 1);
}

std::vector<std::string> files_in(io::FileSystem& fs, const std::string& directory = "") {
  std::vector<std::string> files;
  const auto entries = fs.list(directory);
  REQUIRE(entries.ok());
  for (const auto& entry : *entries) {
    const std::string path = directory.empty() ? entry.name : directory + "/" + entry.name;
    if (entry.kind == io::EntryKind::directory)
      for (const auto& each : files_in(fs, path))
        files.push_back(each);
    else
      files.push_back(path);
  }
  return files;
}

} // namespace

TEST_CASE("backup: a restored one holds every synced event, from segments and logs, and goes on") {
  SimulatedDisk disk(Kind::sqlite);
  auto engine = opened(disk, small());
  Ledger ledger;
  fill(engine, ledger, 20, 2);
  REQUIRE(engine.save_snapshot("c0", 20, "the state", "v1").ok());
  std::uint64_t reads = 0;
  BackupOptions options;
  options.progress = [&](const BackupProgress& progress) {
    CHECK(progress.bytes <= progress.bytes_total);
    ++reads;
  };
  io::MemoryFileSystem backup;
  const auto report = back_up(engine, backup, options);
  REQUIRE_MESSAGE(report.ok(), why(report));
  CHECK(report->segments >= 2);
  CHECK(report->copied_bytes == report->bytes);
  CHECK(reads > report->files);
  CHECK(verify_backup(backup, nullptr, {}).ok());
  SimulatedDisk copy(Kind::sqlite);
  REQUIRE(restore(backup, copy.fs()).ok());
  {
    auto restored = opened(copy, EngineOptions());
    const auto snapshot = restored.core()->load_snapshot("c0", "v1");
    REQUIRE_MESSAGE(snapshot.ok(), why(snapshot));
    REQUIRE(snapshot->has_value());
    CHECK((*snapshot)->state == "the state");
  }
  // What comes later is not in it, and its positions are not given again after a restore.
  const auto later = engine.store(numbered_event("c0", 1, ledger["c0"] + 1));
  REQUIRE(later.ok());
  check_restores(backup, ledger, later->position);
  REQUIRE(engine.close().ok());
  auto reopened = opened(disk, small());
  CHECK(read_dense(reopened, "c0").size() == ledger["c0"] + 1);
}

TEST_CASE("backup: a restored one gives no position that the other one may have given since") {
  SimulatedDisk disk(Kind::sqlite);
  auto engine = opened(disk, small());
  Ledger ledger;
  fill(engine, ledger, 2, 1);
  io::MemoryFileSystem backup;
  REQUIRE(back_up(engine, backup).ok());
  REQUIRE(engine.core()->skip_positions(Position{1} << 39).ok()); // as many as it gives in years
  const auto later = engine.store(numbered_event("c0", 1, ledger["c0"] + 1));
  REQUIRE(later.ok());
  check_restores(backup, ledger, later->position);
}

TEST_CASE("backup: an engine that holds nothing, one that was closed, and a second backup of the same") {
  SimulatedDisk disk(Kind::sqlite);
  Ledger ledger;
  {
    auto engine = opened(disk, small());
    io::MemoryFileSystem empty;
    REQUIRE_MESSAGE(back_up(engine, empty).ok(), why(back_up(engine, empty)));
    SimulatedDisk other(Kind::sqlite);
    REQUIRE(restore(empty, other.fs()).ok());
    auto restored = opened(other, EngineOptions());
    CHECK(restored.options().shards == 2);
    fill(engine, ledger, 3, 0);
    REQUIRE(engine.close().ok());
  }
  auto engine = opened(disk, small());
  for (int i = 0; i < 3; ++i) {
    io::MemoryFileSystem backup;
    REQUIRE_MESSAGE(back_up(engine, backup).ok(), "");
    check_restores(backup, ledger);
    fill(engine, ledger, 2, i == 1 ? 1 : 0);
  }
}

TEST_CASE("backup: while others store, flush and merge, each holds at least what was acknowledged before it") {
  SimulatedDisk disk(Kind::sqlite);
  auto options = small();
  auto engine = opened(disk, options);
  constexpr int writers = 4;
  std::array<std::atomic<std::uint64_t>, writers> acknowledged{};
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int w = 0; w < writers; ++w)
    threads.emplace_back([&, w] {
      for (std::uint64_t i = 1; !stop.load(); ++i) {
        if (!engine.store(numbered_event("w" + std::to_string(w), 1, i)).ok())
          return;
        acknowledged[static_cast<std::size_t>(w)].store(i);
        tell_waiting();
      }
    });
  threads.emplace_back([&] {
    for (std::uint64_t from = 0; !stop.load(); from = acknowledged[0].load()) {
      (void)engine.flush().ok();
      CHECK(eventually([&] { return stop.load() || acknowledged[0].load() >= from + 5; }));
    }
  });
  for (int round = 0; round < 6; ++round) {
    CHECK(eventually([&] { return acknowledged[0].load() >= static_cast<std::uint64_t>(20 * round + 20); }));
    Ledger ledger;
    for (std::size_t w = 0; w < writers; ++w)
      ledger["w" + std::to_string(w)] = acknowledged[w].load();
    ledger["c0"] = 0;
    io::MemoryFileSystem backup;
    const auto report = back_up(engine, backup);
    REQUIRE_MESSAGE(report.ok(), why(report));
    std::vector<Error> findings;
    CHECK_MESSAGE(verify_backup(backup, &findings, {}).ok(), (findings.empty() ? "" : to_string(findings[0])));
    check_restores(backup, ledger);
  }
  stop.store(true);
  for (std::thread& thread : threads)
    thread.join();
  CHECK(engine.health().warnings.empty());
}

TEST_CASE("backup: log files stay until they are copied, whatever is cut meanwhile, and are released then") {
  SimulatedDisk disk(Kind::sqlite);
  auto engine = opened(disk, small());
  Ledger ledger;
  fill(engine, ledger, 20, 0);
  Ledger later = ledger;
  bool once = false;
  BackupOptions options;
  options.progress = [&](const BackupProgress&) {
    if (std::exchange(once, true))
      return;
    fill(engine, later, 20, 2); // all that the backup is about to copy is in segments now, and its log cut
  };
  io::MemoryFileSystem backup;
  // A log file is larger than a piece of a copy, so that there are files behind the first call.
  const auto report = back_up(engine, backup, options);
  REQUIRE_MESSAGE(report.ok(), why(report));
  check_restores(backup, ledger);
  fill(engine, later, 1, 1);
  REQUIRE(engine.close().ok());
  std::size_t logs = 0;
  for (const std::string& file : files_in(disk.fs(), "wal"))
    logs += file.ends_with(".wal") && file.find("spare") == std::string::npos ? 1 : 0;
  CHECK(logs <= 4); // of each shard the last one and the empty name behind it
  CHECK(engine.health().warnings.empty());
}

TEST_CASE("backup: however many are made of an engine that stores little, its log files do not add up") {
  SimulatedDisk disk(Kind::sqlite);
  auto engine = opened(disk, small());
  Ledger ledger;
  const auto log_files = [&] {
    const auto files = files_in(disk.fs(), "wal");
    return std::count_if(files.begin(), files.end(),
                         [](const std::string& file) { return file.find("spare") == std::string::npos; });
  };
  for (int i = 0; i < 40; ++i) {
    fill(engine, ledger, 1, 0);
    io::MemoryFileSystem backup;
    REQUIRE(back_up(engine, backup).ok());
  }
  CHECK(eventually([&] { return log_files() <= 2 * 10; }));
  check_holds(engine, ledger);
}

TEST_CASE("backup: whichever call on the target fails, there is none, and the engine goes on") {
  SimulatedDisk disk(Kind::sqlite);
  auto engine = opened(disk, small());
  Ledger ledger;
  fill(engine, ledger, 3, 1);
  for (std::uint64_t call = 1;; ++call) {
    CAPTURE(call);
    io::MemoryFileSystem backup;
    const auto tally = std::make_shared<io::FaultTally>();
    backup.set_hook(io::failing_calls({.fault = io::DiskFault::eio, .first_call = call, .for_good = false}, tally));
    const auto report = back_up(engine, backup);
    backup.set_hook({});
    if (tally->failed == 0) {
      CHECK(report.ok());
      break;
    }
    if (report.ok()) { // a question about free space, which may stay without an answer
      CHECK(verify_backup(backup, nullptr, {}).ok());
      continue;
    }
    CHECK(report.code() == Errc::io_error);
    CHECK(read_manifest(backup).code() == Errc::not_found);
    CHECK(files_in(backup).empty());
    const auto again = back_up(engine, backup);
    CHECK_MESSAGE(again.ok(), why(again));
  }
  CHECK(engine.store(numbered_event("c0", 1, ledger["c0"] + 1)).ok());
  REQUIRE(engine.close().ok());
  check_holds(opened(disk, small()), ledger);
}

TEST_CASE("backup: whenever the machine dies, what is on the target is a whole backup or none") {
  SimulatedDisk disk(Kind::sqlite);
  auto engine = opened(disk, small());
  Ledger ledger;
  fill(engine, ledger, 3, 1);
  io::MemoryFileSystem backup;
  std::uint64_t whole = 0, none = 0;
  backup.set_hook([&](const io::Call& call) -> std::optional<Error> {
    if (call.operation == io::Operation::read || call.operation == io::Operation::stat)
      return std::nullopt;
    for (const auto& policy : {io::CrashPolicy::lose_unsynced(), io::CrashPolicy::keep_everything(),
                               io::CrashPolicy::random_subset(call.number)}) {
      const auto image = backup.crash_image(policy);
      const bool is_one = image->stat(manifest_path).ok();
      ++(is_one ? whole : none);
      if (is_one)
        CHECK_MESSAGE(verify_backup(*image, nullptr, {}).ok(), "a manifest, but no backup");
      else if (image->stat("catalog.db").ok())
        CHECK(check_no_backup(*image).code() == Errc::incompatible);
    }
    return std::nullopt;
  });
  const auto report = back_up(engine, backup);
  backup.set_hook({});
  REQUIRE_MESSAGE(report.ok(), why(report));
  CHECK(whole > 0);
  CHECK(none > 0);
  const auto image = backup.crash_image(io::CrashPolicy::lose_unsynced());
  check_restores(*image, ledger);
}

TEST_CASE("backup: a target without room is found before it is full, or in the middle, and left empty") {
  SimulatedDisk disk(Kind::sqlite);
  auto options = small();
  options.disk_reserve_bytes = 1 * MiB;
  auto engine = opened(disk, options);
  Ledger ledger;
  fill(engine, ledger, 20, 1);
  for (const std::uint64_t free : {std::uint64_t{0}, 1 * MiB, 1 * MiB + 2'000}) {
    io::MemoryFileSystem backup;
    backup.set_free_bytes(free);
    const auto report = back_up(engine, backup);
    CHECK(report.code() == Errc::disk_full);
    CHECK(files_in(backup).empty());
  }
  // The answer about free space was too good.
  io::MemoryFileSystem backup;
  std::uint64_t written = 0;
  backup.set_hook([&](const io::Call& call) -> std::optional<Error> {
    if (call.operation == io::Operation::write && (written += call.size_bytes) > 3'000)
      return fail(Errc::disk_full, "no space left");
    return std::nullopt;
  });
  CHECK(back_up(engine, backup).code() == Errc::disk_full);
  backup.set_hook({});
  CHECK(files_in(backup).empty());
  CHECK(back_up(engine, backup).ok());
}

TEST_CASE("backup: it is refused where it cannot be one, and ends when it is told to") {
  SimulatedDisk disk(Kind::sqlite);
  auto engine = opened(disk, small());
  Ledger ledger;
  fill(engine, ledger, 2, 1);
  io::MemoryFileSystem backup;
  REQUIRE(back_up(engine, backup).ok());
  CHECK(back_up(engine, backup).code() == Errc::invalid_argument); // it holds files

  io::MemoryFileSystem other;
  CHECK(back_up(engine, other, {}, &other).code() == Errc::invalid_argument); // no base
  io::MemoryFileSystem of_stranger;
  BackupManifest foreign = *read_manifest(backup);
  ++foreign.directory_seed;
  const std::string text = format_manifest(foreign);
  REQUIRE(write_file(of_stranger, manifest_path, std::as_bytes(std::span(text))).ok());
  CHECK(back_up(engine, other, {}, &of_stranger).code() == Errc::invalid_argument);

  BackupOptions cancelled;
  cancelled.cancel = std::make_shared<std::atomic<bool>>(false);
  cancelled.progress = [&](const BackupProgress&) { cancelled.cancel->store(true); };
  CHECK(back_up(engine, other, cancelled).code() == Errc::cancelled);
  CHECK(files_in(other).empty());

  std::promise<Errc> from_callback;
  engine.store_async(numbered_event("c0", 1, ledger["c0"] + 1),
                     [&](const Result<Receipt>&) { from_callback.set_value(back_up(engine, other).code()); });
  CHECK(from_callback.get_future().get() == Errc::invalid_argument);

  BackupOptions closing;
  std::thread closer;
  closing.progress = [&](const BackupProgress&) {
    if (!closer.joinable()) {
      closer = std::thread([&] { (void)engine.close().ok(); });
      CHECK(wait_until_closing(engine));
    }
  };
  const auto interrupted = back_up(engine, other, closing);
  closer.join();
  CHECK(interrupted.code() == Errc::closing);
  CHECK(files_in(other).empty());
  CHECK(back_up(engine, other).code() == Errc::closing);
  check_holds(opened(disk, small()), ledger);
}

TEST_CASE("backup: neither it nor what an interrupted one left opens as a data directory") {
  SimulatedDisk disk(Kind::sqlite);
  auto engine = opened(disk, small());
  SimulatedDisk backup(Kind::sqlite);
  REQUIRE(back_up(engine, backup.fs()).ok());
  CHECK(backup.open(small()).code() == Errc::incompatible);
  REQUIRE(backup.fs().rename(manifest_path, unfinished_manifest_path).ok());
  CHECK(backup.open(small()).code() == Errc::incompatible);
  io::MemoryFileSystem target;
  CHECK(restore(backup.fs(), target).code() == Errc::not_found);
  CHECK(verify_backup(backup.fs(), nullptr, {}).code() == Errc::not_found);
}
