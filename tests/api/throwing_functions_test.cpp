// Functions of the caller that throw while a call uses them: the call ends, and leaves nothing half done.
#include "tests/api/models/model_rig.hpp"
#include "tests/api/stored.hpp"

#include <weir/backup.hpp>
#include <weir/export.hpp>
#include <weir/salvage.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <future>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

using namespace weir;
using namespace weir::test;

namespace {

constexpr const char* progress_threw = "the function given for progress threw: no more";

/// Its directory is in memory where that can be had, its log in small files.
struct SmallEngine {
  SmallEngine() {
    EngineOptions options;
    options.shards = 1;
    options.wal_file_bytes = 64 * KiB;
    engine.emplace(must(open_watched(directory.path(), options)));
  }
  TempDirectory directory{fast_parent()};
  std::optional<Engine> engine;
};

/// Throws when it is called for the nth time, whatever it is told.
struct ThrowsAt {
  std::uint64_t nth;
  std::uint64_t calls = 0;
  template <class... News> void operator()(const News&...) {
    if (++calls == nth)
      throw std::runtime_error("no more");
  }
};

/// Makes `call`, which is given a function that throws at its first, second ... call, until that is called too seldom
/// to throw. Returns how often it threw; `check` is asked after each of these.
template <class Call, class Check> std::uint64_t throw_everywhere(Call&& call, Check&& check) {
  for (std::uint64_t nth = 1, thrown = 0;; nth += 1 + nth / 4, ++thrown) {
    CAPTURE(nth);
    ThrowsAt function{nth};
    const Status done = call(function);
    if (function.calls < nth) {
      CHECK_MESSAGE(done.ok(), why(done));
      return thrown;
    }
    REQUIRE(!done.ok());
    CHECK(function.calls == nth); // never again
    CHECK(done.code() == Errc::invalid_argument);
    CHECK(done.error().message == progress_threw);
    check();
  }
}

template <class T> Status status_of(const Result<T>& result) {
  return result ? Status() : Status(result.error());
}

std::size_t files_below(const std::string& directory) {
  if (!std::filesystem::exists(directory))
    return 0;
  const std::filesystem::recursive_directory_iterator files(directory);
  return static_cast<std::size_t>(
      std::count_if(begin(files), end(files), [](const auto& entry) { return entry.is_regular_file(); }));
}

void store_some(Engine& engine, int segments) {
  for (int segment = 0; segment < segments; ++segment) {
    for (int i = 0; i < 30; ++i)
      must(engine.store({.context_id = "c" + std::to_string(i % 7), .event_type = "add", .payload = "{}"}));
    must(engine.flush());
  }
}

} // namespace

TEST_CASE("throwing functions: a backup ends as if cancelled, its target is empty again, and the engine goes on") {
  SmallEngine small;
  Engine& engine = *small.engine;
  store_some(engine, 2);
  TempDirectory temp(fast_parent());
  const std::string target = temp.path("backup");
  const auto thrown = throw_everywhere(
      [&](ThrowsAt& function) {
        BackupOptions options;
        options.progress = std::ref(function);
        return status_of(engine.backup(target, options));
      },
      [&] {
        CHECK(files_below(target) == 0);
        CHECK(engine.store({.context_id = "more", .event_type = "add", .payload = "{}"}).ok());
      });
  CHECK(thrown >= 8);
  CHECK(is_backup(target));
  CHECK(verify_directory(target).ok());
}

TEST_CASE("throwing functions: a compaction ends as if cancelled, and the next one does the work") {
  SmallEngine small;
  Engine& engine = *small.engine;
  engine.pause_compaction();
  store_some(engine, 3);
  CompactOptions options;
  options.all = true;
  ThrowsAt function{1};
  options.progress = std::ref(function);
  const auto ended = engine.compact(options);
  REQUIRE(!ended.ok());
  CHECK(ended.code() == Errc::invalid_argument);
  CHECK(ended.error().message == progress_threw);
  CHECK(engine.stats().shards[0].segments == 3);
  CHECK(must(engine.compact({.all = true})).segments_after == 1);
  CHECK(count_of(engine.query("QUERY * COUNT")) == 90);
}

TEST_CASE("throwing functions: a rebuild ends as if cancelled, and the live model stays") {
  ModelRig rig;
  store_some(rig.engine(), 2);
  EventSourcingOptions models;
  models.models.push_back(adding_model());
  models.batch_events_max = 16;
  const auto db = rig.open(std::move(models));
  must(db->wait_for_queue());
  const auto thrown = throw_everywhere(
      [&](ThrowsAt& function) {
        RebuildOptions options;
        options.progress = std::ref(function);
        return status_of(db->rebuild(options));
      },
      [&] {
        CHECK(sum_of(*db, "c0") == 10);
        CHECK_FALSE(must(db->health()).rebuilding);
        CHECK_FALSE(std::filesystem::exists(rig.file("models/models.rebuild.db")));
      });
  CHECK(thrown >= 2);
  must(db->dispatch("add", {}, {.context_id = "c0"}));
  CHECK(sum_of(*db, "c0") == 11);
}

TEST_CASE("throwing functions: a restore leaves nothing, a verification ends, of a backup and of a directory") {
  SmallEngine small;
  store_some(*small.engine, 2);
  TempDirectory temp(fast_parent());
  const std::string backup = temp.path("backup"), restored = temp.path("restored");
  must(small.engine->backup(backup));
  CHECK(throw_everywhere(
            [&](ThrowsAt& function) {
              RestoreOptions options;
              options.progress = std::ref(function);
              return status_of(restore_backup(backup, restored, options));
            },
            [&] { CHECK(files_below(restored) == 0); }) >= 4);
  for (const std::string& directory : {backup, restored}) {
    CAPTURE(directory);
    std::vector<std::string> findings;
    CHECK(
        throw_everywhere([&](ThrowsAt& function) { return verify_directory(directory, &findings, std::ref(function)); },
                         [&] { CHECK(findings.empty()); }) >= 2);
  }
  CHECK(count_of(must(open_watched(restored)).query("QUERY * COUNT")) == 60);
}

TEST_CASE("throwing functions: a salvage ends, whichever function of its listener it is") {
  SmallEngine small;
  store_some(*small.engine, 2);
  must(small.engine->close());
  TempDirectory temp(fast_parent());
  const std::string saved = temp.path("saved");
  const auto start_over = [&] { std::filesystem::remove_all(saved); };
  CHECK(throw_everywhere(
            [&](ThrowsAt& function) {
              SalvageListener listener;
              listener.progress = std::ref(function);
              return status_of(salvage_directory(small.directory.path(), saved, listener));
            },
            start_over) >= 5);
  start_over();
  REQUIRE(std::filesystem::remove(small.directory.path("segments/000/0000000000000001.seg")));
  std::filesystem::remove_all(small.directory.path("wal/000")); // where its events may still be
  const auto message_of = [&](const SalvageListener& listener) {
    const auto ended = salvage_directory(small.directory.path(), saved, listener);
    start_over();
    return ended ? std::string("none") : to_string(ended.error());
  };
  ThrowsAt damaged{1}, missing{1};
  CHECK(message_of({.damaged = std::ref(damaged), .missing = {}, .progress = {}}) ==
        "invalid_argument: the function given for damage threw: no more");
  CHECK(message_of({.damaged = {}, .missing = std::ref(missing), .progress = {}}) ==
        "invalid_argument: the function given for missing events threw: no more");
  CHECK(damaged.calls == 1);
  CHECK(missing.calls == 1);
}

TEST_CASE("throwing functions: an export ends, whatever its visitor throws") {
  ModelRig rig;
  store_some(rig.engine(), 1);
  int seen = 0;
  const Status ended = export_events(rig.engine(), {}, [&](const EventView&) -> Status {
    if (++seen == 5)
      throw 7;
    return {};
  });
  REQUIRE(!ended.ok());
  CHECK(ended.code() == Errc::invalid_argument);
  CHECK(ended.error().message == "the visitor threw what is no std::exception");
  CHECK(seen == 5);
}

TEST_CASE("throwing functions: an answer that comes later may throw, is shown in health(), and others get theirs") {
  ModelRig rig;
  EventSourcingOptions models;
  models.models.push_back(adding_model());
  const auto db = rig.open(std::move(models));
  const auto add = [] {
    ModelEvent event;
    event.type = "add";
    event.context_id = "a";
    return event;
  };
  std::promise<Errc> second;
  db->dispatch_async(add(), [](const Result<Dispatched>&) { throw std::runtime_error("no more"); });
  db->dispatch_async(add(), [&](const Result<Dispatched>& done) { second.set_value(done.code()); });
  CHECK(second.get_future().get() == Errc::ok);
  CHECK(sum_of(*db, "a") == 2);
  const auto warnings = rig.engine().health().warnings;
  CHECK(std::any_of(warnings.begin(), warnings.end(), [](const auto& warning) {
    return warning.find("a callback of dispatch_async threw: no more") != std::string::npos;
  }));
}
