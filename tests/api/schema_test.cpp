// Schemas through the engine's door: what they refuse, how they change, and that they last.
#include "tests/api/opened.hpp"
#include "tests/api/simulated_engine.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/why.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace weir;
using namespace weir::test;

namespace {

Event paid(std::string payload, std::string context = "c") {
  return {.context_id = std::move(context), .event_type = "paid", .payload = std::move(payload)};
}

std::uint32_t defined(Engine& engine, std::string_view text) {
  const auto version = engine.define_schema(text);
  REQUIRE_MESSAGE(version.ok(), why(version));
  return *version;
}

std::size_t events_of(const Engine& engine, const std::string& context) {
  auto stream = engine.replay(context);
  REQUIRE(stream.ok());
  std::size_t events = 0;
  for (auto batch = stream->next(); batch.ok() && !batch->empty(); batch = stream->next())
    events += batch->size();
  return events;
}

} // namespace

TEST_CASE("engine schemas: a violation is refused with its path before anything is stored, however it is stored") {
  SimulatedDisk disk;
  Engine engine = opened(disk);
  CHECK(engine.store(paid(R"({"amount":"much"})")).ok()); // nobody said what it looks like
  CHECK(engine.schemas().empty());
  CHECK(engine.schema("paid").code() == Errc::not_found);
  CHECK(defined(engine, "DEFINE paid FIELDS { amount: int64 }") == 1);
  CHECK(engine.store(paid(R"({"amount":5})")).ok());

  const auto refused = [&](const Result<Receipt>& answer, const std::string& where) {
    CHECK(answer.code() == Errc::schema_violation);
    CHECK((answer.ok() ? "" : answer.error().where) == where);
  };
  const std::vector<Event> batch = {
      paid(R"({"amount":1})"), {.event_type = "other", .payload = R"({"amount":"x"})"}, paid(R"({"amount":2.5})")};
  refused(engine.store(paid(R"({"amount":"much"})")), "payload.amount");
  refused(engine.store("c", batch), "event 2, payload.amount");
  refused(engine.store_async(paid("{}")).wait(), "payload.amount");
  refused(engine.try_store(paid(R"({"amount":1,"more":2})")).wait(), "payload.more");
  std::optional<Result<Receipt>> answer;
  engine.store_async("c", batch, [&](Result<Receipt> result) { answer.emplace(std::move(result)); });
  REQUIRE(answer);
  refused(*answer, "event 2, payload.amount");
  CHECK(events_of(engine, "c") == 2);
  CHECK(engine.store({.context_id = "c", .event_type = "paid2", .payload = R"({"amount":"x"})"}).ok());
}

TEST_CASE("engine schemas: versions count up, the same again changes nothing, and what is incompatible is refused") {
  SimulatedDisk disk;
  {
    Engine engine = opened(disk);
    CHECK(defined(engine, "DEFINE paid FIELDS { amount: int64, currency: enum('EUR') }") == 1);
    CHECK(defined(engine, "define paid fields {currency: enum('EUR'), amount: int64}") == 1);
    CHECK(engine.store(paid(R"({"amount":1,"currency":"USD"})")).code() == Errc::schema_violation);
    const auto refusal = engine.define_schema("DEFINE paid FIELDS { amount: double, currency: enum('EUR') }");
    CHECK(refusal.code() == Errc::incompatible);
    CHECK(refusal.error().where == "payload.amount");
    CHECK(refusal.error().message.starts_with("not compatible with version 1 of paid: int64 cannot become double"));
    CHECK(engine.define_schema("DEFINE paid FIELDS").code() == Errc::parse_error);
    CHECK(engine.define_schema(Schema{"", {}}).code() == Errc::invalid_argument);
    Schema built{"paid",
                 {{"amount", FieldKind::int64},
                  {"currency", FieldType::one_of({"EUR", "USD"})},
                  {"note", FieldKind::string, true}}};
    CHECK(engine.define_schema(built).ok());
    CHECK(defined(engine, "DEFINE 'odd type' FIELDS OPEN {}") == 1);
    CHECK(engine.store(paid(R"({"amount":1,"currency":"USD"})")).ok());
  }
  Engine engine = opened(disk); // after a restart they are in force before the first store
  CHECK(engine.store(paid(R"({"amount":1,"currency":"CHF"})")).code() == Errc::schema_violation);
  CHECK(engine.store(paid(R"({"amount":1,"currency":"USD","note":"n"})")).ok());
  const auto all = engine.schemas();
  REQUIRE(all.size() == 2);
  CHECK(all[0].schema.event_type == "odd type");
  CHECK(all[1].version == 2);
  CHECK(to_text(engine.schema("paid", 1)->schema) ==
        "DEFINE paid FIELDS {\n  amount: int64,\n  currency: enum('EUR')\n}");
  CHECK(to_text(engine.schema("paid")->schema) ==
        "DEFINE paid FIELDS {\n  amount: int64,\n  currency: enum('EUR', 'USD'),\n  note: string OPTIONAL\n}");
  CHECK(engine.schema("paid", 3).code() == Errc::not_found);
  // A service defines its whole history when it starts.
  CHECK(defined(engine, "DEFINE paid FIELDS { amount: int64, currency: enum('EUR') }") == 1);
  CHECK(engine.schema("paid")->version == 2);
  CHECK(defined(engine, "DEFINE paid FIELDS OPEN { amount: int64, currency: string, note: string OPTIONAL }") == 3);
}

TEST_CASE("engine schemas: nothing is judged by a definition that is not durable") {
  SimulatedDisk disk;
  Engine engine = opened(disk);
  Gate gate;
  const OpenAtEnd open_at_end(gate);
  gate.close();
  disk.catalog().before_schema = [&]() -> Status {
    gate.pass();
    return fail(Errc::disk_full, "planted");
  };
  std::optional<Result<std::uint32_t>> answer;
  std::thread defining([&] { answer.emplace(engine.define_schema("DEFINE paid FIELDS {}")); });
  gate.wait_until_n_waiting(1);
  const auto while_writing = engine.store(paid(R"({"amount":1})"));
  gate.open();
  defining.join();
  CHECK(while_writing.ok());
  CHECK(answer->code() == Errc::disk_full);
  CHECK(engine.schemas().empty());
  CHECK(engine.store(paid(R"({"amount":1})")).ok());
  disk.catalog().before_schema = nullptr;
  CHECK(defined(engine, "DEFINE paid FIELDS {}") == 1);
  CHECK(engine.store(paid(R"({"amount":1})")).code() == Errc::schema_violation);
}

TEST_CASE("engine schemas: every store that begins after a definition was answered is judged by it") {
  SimulatedDisk disk;
  Engine engine = opened(disk);
  constexpr std::uint32_t versions = 40;
  std::atomic<std::uint32_t> in_force{0};
  const auto text = [](std::uint32_t version) {
    std::string fields = "n: int64";
    for (std::uint32_t i = 2; i <= version; ++i)
      fields += ", f" + std::to_string(i) + ": bool OPTIONAL";
    return "DEFINE paid FIELDS { " + fields + " }";
  };
  std::atomic<std::size_t> wrong{0};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 3; ++thread)
    threads.emplace_back([&, thread] {
      StoreOptions buffered;
      buffered.durability = Durability::buffered;
      in_force.wait(0);
      for (std::uint32_t version = 1; version < versions;) {
        version = in_force.load();
        // The newest field of a version that was answered must pass; one that no version will have must not.
        const std::string newest = version == 1 ? "" : ",\"f" + std::to_string(version) + "\":true";
        const std::string context = "c" + std::to_string(thread);
        const auto right = engine.store(paid("{\"n\":1" + newest + "}", context), buffered);
        const auto never = engine.store(paid(R"({"n":1,"never":1})", context), buffered);
        wrong += right.ok() && never.code() == Errc::schema_violation ? 0 : 1;
      }
    });
  for (std::uint32_t version = 1; version <= versions; ++version) {
    CHECK(defined(engine, text(version)) == version);
    in_force.store(version);
    in_force.notify_all();
    CHECK(engine.schema("paid")->version == version);
  }
  for (std::thread& thread : threads)
    thread.join();
  CHECK(wrong == 0);
}

TEST_CASE("engine schemas: a power cut keeps every definition that was answered") {
  SimulatedDisk disk(SimulatedDisk::CatalogKind::sqlite);
  {
    Engine engine = opened(disk);
    CHECK(defined(engine, "DEFINE paid FIELDS { amount: int64 }") == 1);
    CHECK(defined(engine, "DEFINE sent FIELDS {}") == 1);
    CHECK(defined(engine, "DEFINE paid FIELDS { amount: int64 OPTIONAL }") == 2);
    SimulatedDisk cut = disk.crash_image({});
    Engine after = opened(cut);
    REQUIRE(after.schemas().size() == 2);
    CHECK(after.schema("paid")->version == 2);
    CHECK(after.store(paid("{}")).ok());
    CHECK(after.store(paid(R"({"amount":"x"})")).code() == Errc::schema_violation);
  }
}

TEST_CASE("engine schemas: none is defined from a callback or once the engine is closed") {
  SimulatedDisk disk;
  Engine engine = opened(disk);
  std::optional<Result<std::uint32_t>> inside;
  std::atomic<bool> called{false};
  engine.store_async(paid("{}"), [&](Result<Receipt>) {
    inside.emplace(engine.define_schema("DEFINE paid FIELDS {}"));
    called.store(true);
    called.notify_all();
  });
  called.wait(false);
  CHECK(inside->code() == Errc::invalid_argument);
  CHECK(engine.close().ok());
  CHECK(engine.define_schema("DEFINE paid FIELDS {}").code() == Errc::closing);
}

TEST_CASE("engine schemas: a definition in the catalog that cannot be read keeps the directory closed") {
  const auto refusal = [](SchemaRecord record) {
    SimulatedDisk disk;
    { Engine engine = opened(disk); }
    disk.catalog().state.schemas.push_back(std::move(record));
    const auto engine = disk.open();
    REQUIRE(!engine.ok());
    CHECK(engine.code() == Errc::corruption);
    return engine.error().where + ": " + engine.error().message;
  };
  CHECK(refusal({"paid", 1, "DEFINE paid FIELDS {"})
            .starts_with("catalog: schema of paid, version 1: the definition "
                         "cannot be read: expected a field's name"));
  CHECK(refusal({"paid", 1, "DEFINE other FIELDS {}"}).ends_with("another type's or not as it is written"));
  CHECK(refusal({"paid", 1, "DEFINE paid FIELDS { }"}).ends_with("another type's or not as it is written"));
  CHECK(refusal({"paid", 2, "DEFINE paid FIELDS {}"}).ends_with("versions are not in turn"));
}
