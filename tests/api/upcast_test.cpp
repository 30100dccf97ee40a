// Events of old schema versions through the engine's door: read as the newest version has them, wherever they lie.
#include "tests/api/simulated_engine.hpp"
#include "tests/support/why.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace weir;
using namespace weir::test;

namespace {

constexpr const char* cents = "DEFINE paid FIELDS { cents: int64 }";
constexpr const char* cents_noted = "DEFINE paid FIELDS { cents: int64, note: string OPTIONAL }";
constexpr const char* money = "DEFINE paid FIELDS { amount: object { cents: int64, currency: string } }";

Result<std::string> to_money(std::string_view payload) {
  const std::size_t from = payload.find(':') + 1;
  const std::string_view number = payload.substr(from, payload.find_first_of(",}", from) - from);
  return R"({"amount":{"cents":)" + std::string(number) + R"(,"currency":"EUR"}})";
}

/// The program as it is today: all versions, and the way from the second to the third.
Engine open_upcasting(SimulatedDisk& disk, bool with_upcasters = true) {
  auto engine = disk.open();
  REQUIRE_MESSAGE(engine.ok(), why(engine));
  for (const char* definition : {cents, cents_noted}) {
    const auto version = engine->define_schema(definition);
    REQUIRE_MESSAGE(version.ok(), why(version));
  }
  if (with_upcasters) {
    const Status registered = engine->register_upcasters("paid", {{2, to_money}});
    REQUIRE_MESSAGE(registered.ok(), why(registered));
  }
  return std::move(*engine);
}

void store(Engine& engine, std::string payload) {
  const auto receipt = engine.store({.context_id = "c", .event_type = "paid", .payload = std::move(payload)});
  REQUIRE_MESSAGE(receipt.ok(), why(receipt));
}

std::vector<std::string> replayed(const Engine& engine, const ReplayOptions& options = {}) {
  auto stream = engine.replay("c", options);
  REQUIRE(stream.ok());
  std::vector<std::string> payloads;
  for (;;) {
    const auto batch = stream->next();
    REQUIRE_MESSAGE(batch.ok(), why(batch));
    if (batch->empty())
      return payloads;
    for (const EventView& event : *batch)
      payloads.emplace_back(event.payload);
  }
}

/// What the event queue gives, and how it ended.
Status subscribed(const Engine& engine, SubscribeOptions options, std::vector<std::string>& payloads) {
  options.follow = false;
  auto events = engine.subscribe(std::move(options));
  REQUIRE_MESSAGE(events.ok(), why(events));
  payloads.clear();
  for (;;) {
    const auto batch = events->next();
    if (!batch)
      return batch.error();
    for (const EventView& event : batch->events)
      payloads.emplace_back(event.payload);
    if (batch->ended)
      return {};
  }
}

std::vector<std::string> subscribed(const Engine& engine, SubscribeOptions options = {}) {
  std::vector<std::string> payloads;
  const Status ended = subscribed(engine, std::move(options), payloads);
  REQUIRE_MESSAGE(ended.ok(), why(ended));
  return payloads;
}

ReplayOptions as_stored() {
  ReplayOptions options;
  options.as_stored = true;
  return options;
}

void check_reads(Engine& engine) {
  const auto now = [](int number) {
    return R"({"amount":{"cents":)" + std::to_string(number) + R"(,"currency":"EUR"}})";
  };
  CHECK(replayed(engine) == std::vector<std::string>{R"({"cents":"old"})", now(1), now(2), now(3), now(4)});
  CHECK(replayed(engine, as_stored()) == std::vector<std::string>{R"({"cents":"old"})", R"({"cents":1})",
                                                                  R"({"cents":2,"note":"n"})", R"({"cents":3})",
                                                                  now(4)});
  CHECK(subscribed(engine) == replayed(engine));
  CHECK(subscribed(engine, {.as_stored = true}) == replayed(engine, as_stored()));
  CHECK(subscribed(engine, {.backward = true, .limit = 2}) == std::vector<std::string>{now(4), now(3)});
  CHECK(subscribed(engine, {.where = field("payload.amount.cents") >= 2}) ==
        std::vector<std::string>{now(2), now(3), now(4)});
  const auto found = engine.query("QUERY paid WHERE payload.amount.cents >= 2 RETURN sequence, payload.amount.cents "
                                  "ORDER BY sequence");
  REQUIRE_MESSAGE(found.ok(), why(found));
  REQUIRE(found->rows.size() == 3);
  for (std::size_t i = 0; i < 3; ++i)
    CHECK(*found->rows[i][0].as_uint64() == i + 3);
  QueryOptions stored;
  stored.as_stored = true;
  const auto old = engine.query("QUERY paid WHERE payload.cents >= 1 COUNT", stored);
  REQUIRE_MESSAGE(old.ok(), why(old));
  CHECK(*old->rows[0][0].as_uint64() == 3);
  const auto whole = engine.query("QUERY * RETURN payload LIMIT 2");
  REQUIRE_MESSAGE(whole.ok(), why(whole));
  CHECK(*whole->rows[1][0].as_json() == now(1));
}

} // namespace

TEST_CASE("upcasting: replays and queries hand out the newest version from log, memory and merged segments") {
  SimulatedDisk disk(SimulatedDisk::CatalogKind::sqlite);
  {
    auto bare = disk.open();
    REQUIRE(bare.ok());
    store(*bare, R"({"cents":"old"})"); // before there was a schema
    REQUIRE(bare->define_schema(cents).ok());
    store(*bare, R"({"cents":1})");
    REQUIRE(bare->define_schema(cents_noted).ok());
    store(*bare, R"({"cents":2,"note":"n"})");
    CHECK(bare->define_schema(money).code() == Errc::incompatible); // nothing leads there
    REQUIRE(bare->flush().ok());
  }
  {
    Engine engine = open_upcasting(disk);
    store(engine, R"({"cents":3})");
    CHECK(*engine.define_schema(money) == 3);
    store(engine, R"({"amount":{"cents":4,"currency":"EUR"}})");
    CHECK(engine.store({.context_id = "c", .event_type = "paid", .payload = R"({"cents":5})"}).code() ==
          Errc::schema_violation);
    check_reads(engine); // the first three from a segment, the others from memory
    REQUIRE(engine.flush().ok());
    check_reads(engine);
  }
  {
    Engine engine = open_upcasting(disk); // compaction may have made one segment of two by now
    check_reads(engine);
  }
  disk.crash({});
  Engine engine = open_upcasting(disk);
  check_reads(engine);
}

TEST_CASE("upcasting: a log that a crash left keeps the versions its events were judged by") {
  SimulatedDisk disk(SimulatedDisk::CatalogKind::sqlite);
  {
    Engine engine = open_upcasting(disk);
    store(engine, R"({"cents":1})");
    CHECK(*engine.define_schema(money) == 3);
    store(engine, R"({"amount":{"cents":2,"currency":"EUR"}})");
    SimulatedDisk cut = disk.crash_image({});
    Engine after = open_upcasting(cut);
    CHECK(replayed(after) == std::vector<std::string>{R"({"amount":{"cents":1,"currency":"EUR"}})",
                                                      R"({"amount":{"cents":2,"currency":"EUR"}})"});
  }
}

TEST_CASE("upcasting: without the upcaster that an event needs its reads are refused, and those as stored are not") {
  SimulatedDisk disk;
  {
    Engine engine = open_upcasting(disk);
    store(engine, R"({"cents":1})");
    REQUIRE(engine.define_schema(money).ok());
    store(engine, R"({"amount":{"cents":2,"currency":"EUR"}})");
  }
  Engine engine = open_upcasting(disk, false);
  auto stream = engine.replay("c");
  REQUIRE(stream.ok());
  const auto refused = stream->next();
  REQUIRE(!refused.ok());
  CHECK(refused.code() == Errc::unsupported);
  CHECK(refused.error().where == "context c, sequence 1");
  CHECK(engine.query("QUERY paid WHERE payload.cents > 0 COUNT").code() == Errc::unsupported);
  CHECK(engine.query("QUERY paid COUNT").ok()); // needs no payload
  CHECK(replayed(engine, as_stored()).size() == 2);
  std::vector<std::string> payloads;
  CHECK(subscribed(engine, {}, payloads).code() == Errc::unsupported);
  CHECK(payloads.empty());
  CHECK(subscribed(engine, {.as_stored = true}).size() == 2);
  CHECK(engine.register_upcasters("paid", {{0, to_money}}).code() == Errc::invalid_argument);
  CHECK(engine.register_upcasters("sent", {{1, to_money}}).code() == Errc::not_found);
  CHECK(engine.register_upcasters("paid", {{2, to_money}}).ok());
  CHECK(replayed(engine).size() == 2);
}
