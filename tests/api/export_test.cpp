// Exports: every event once, in the order of its context, wherever it is kept.
#include "tests/api/simulated_engine.hpp"
#include "tests/api/stored.hpp"
#include "tests/support/why.hpp"

#include <weir/export.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>

using namespace weir;
using namespace weir::test;

namespace {

using Contexts = std::map<std::string, std::vector<std::string>>; // payloads in order

Contexts exported(const Engine& engine, const ExportFilter& filter = {}) {
  Contexts contexts;
  std::string last;
  const Status status = export_events(engine, filter, [&](const EventView& event) -> Status {
    const std::string context(event.context_id);
    CHECK(last <= context);
    last = context;
    contexts[context].emplace_back(event.payload);
    return {};
  });
  REQUIRE_MESSAGE(status.ok(), why(status));
  return contexts;
}

} // namespace

TEST_CASE("export: random contexts over segments and memtables come once, whole and in order") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  SimulatedDisk disk;
  EngineOptions options;
  options.shards = 3;
  options.zone_rows = 16; // prefixes are looked for over many zones
  auto engine = disk.open(options);
  REQUIRE_MESSAGE(engine.ok(), why(engine));
  Contexts stored;
  for (std::uint64_t i = 0; i < 3'000; ++i) {
    std::string context = random() % 2 == 0 ? "a" : "ab";
    context += std::to_string(random() % 40);
    Event event = numbered_event(context, 1, i);
    event.timestamp = Timestamp(std::chrono::seconds(i));
    event.event_type = i % 3 == 0 ? "third" : "other";
    stored[context].push_back(event.payload);
    REQUIRE(engine->store(std::move(event)).ok());
    if (i % 701 == 700)
      REQUIRE(engine->flush().ok());
  }
  CHECK(exported(*engine) == stored);

  for (const char* prefix : {"a", "ab", "ab1", "a39", "b", "", "a9999"}) {
    CAPTURE(prefix);
    Contexts wanted;
    for (const auto& [context, payloads] : stored)
      if (context.starts_with(prefix))
        wanted[context] = payloads;
    ExportFilter filter;
    filter.context_prefix = prefix;
    CHECK(exported(*engine, filter) == wanted);
  }

  ExportFilter filter;
  filter.context_id = stored.begin()->first;
  filter.types = {"third"};
  filter.from = Timestamp(std::chrono::seconds(30));
  filter.to = Timestamp(std::chrono::seconds(300));
  Contexts wanted;
  for (const std::string& payload : stored.begin()->second) {
    const std::uint64_t number = sender_number(payload).number;
    if (number % 3 == 0 && number >= 30 && number < 300)
      wanted[*filter.context_id].push_back(payload);
  }
  CHECK(exported(*engine, filter) == wanted);
  filter.context_prefix = "no";
  CHECK(exported(*engine, filter).empty());
}

TEST_CASE("export: an error of the visitor ends it, and a closed engine says so") {
  SimulatedDisk disk;
  auto engine = disk.open();
  REQUIRE_MESSAGE(engine.ok(), why(engine));
  for (std::uint64_t i = 0; i < 20; ++i)
    REQUIRE(engine->store(numbered_event("c" + std::to_string(i), 1, i)).ok());
  std::uint64_t seen = 0;
  const Status ended = export_events(*engine, {}, [&](const EventView&) -> Status {
    return ++seen == 7 ? Status(fail(Errc::cancelled, "enough")) : Status();
  });
  CHECK(ended.code() == Errc::cancelled);
  CHECK(seen == 7);
  REQUIRE(engine->close().ok());
  CHECK(export_events(*engine, {}, [](const EventView&) { return Status(); }).code() == Errc::closing);
}
