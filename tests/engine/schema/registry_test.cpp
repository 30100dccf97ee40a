// Schemas in force: who is judged by which, and what a definition needs before it counts.
#include "engine/schema/registry.hpp"
#include "tests/engine/schema/defined.hpp"
#include "tests/support/memory_catalog.hpp"
#include "tests/support/why.hpp"

#include <weir/limits.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

using namespace weir;
using namespace weir::test;

namespace {

struct Judging : Defined {
  [[nodiscard]] std::string judged(const std::vector<Event>& events) const {
    const auto status = registry.judge(events);
    return status ? "" : status.error().where;
  }
};

Event event(std::string type, std::string payload) {
  return {.event_type = std::move(type), .payload = std::move(payload)};
}

} // namespace

TEST_CASE("schema registry: every event of a call is checked, by the schema of its own type") {
  Judging schemas;
  CHECK(schemas.judged({event("a", "{}"), event("b", R"({"x":1})")}).empty());
  CHECK(*schemas.define("DEFINE a FIELDS {}") == 1);
  CHECK(*schemas.define("DEFINE b FIELDS { x: bool }") == 1);
  CHECK(schemas.judged({event("a", "{}"), event("c", R"({"x":1})"), event("b", R"({"x":true})")}).empty());
  CHECK(schemas.judged({event("a", "{}"), event("c", R"({"x":1})"), event("b", R"({"x":1})")}) == "event 2, payload.x");
  CHECK(schemas.judged({event("a", R"({"x":1})")}) == "payload.x");
  // And who was judged by which is told, to be stored with the event.
  CHECK(*schemas.define("DEFINE b FIELDS { x: bool, y: bool OPTIONAL }") == 2);
  const std::vector<Event> call = {event("a", "{}"), event("c", "{}"), event("b", R"({"x":true})")};
  CHECK(*schemas.registry.judge(call) == std::vector<std::uint32_t>{1, 0, 2});
  CHECK(schemas.registry.judge(std::span(call).subspan(1, 1))->empty());
}

TEST_CASE("schema registry: a definition is in force once it is durable, and not before") {
  Judging schemas;
  CHECK(*schemas.define("DEFINE a FIELDS {}") == 1);
  bool asked = false;
  schemas.disk->before_schema = [&]() -> Status {
    asked = true;
    CHECK(schemas.registry.latest("a")->version == 1);
    CHECK(schemas.registry.latest("b") == nullptr);
    return fail(Errc::io_error, "planted");
  };
  CHECK(schemas.define("DEFINE a FIELDS OPEN {}").code() == Errc::io_error);
  CHECK(schemas.define("DEFINE b FIELDS {}").code() == Errc::io_error);
  CHECK(asked);
  CHECK(schemas.registry.latest("a")->version == 1);
  CHECK(schemas.registry.latest("b") == nullptr);
  CHECK(schemas.judged({event("a", R"({"x":1})")}) == "payload.x");
  schemas.disk->before_schema = nullptr;
  CHECK(*schemas.define("DEFINE a FIELDS OPEN {}") == 2);
  CHECK(schemas.judged({event("a", R"({"x":1})")}).empty());
}

TEST_CASE("schema registry: a definition that some version is already changes nothing, whatever its spelling") {
  Judging schemas;
  const std::vector<std::string> history = {"DEFINE a FIELDS { x: enum('p'), y: bool }",
                                            "DEFINE a FIELDS { x: enum('p', 'q'), y: bool }",
                                            "DEFINE a FIELDS OPEN { y: bool, x: string }"};
  for (int round = 0; round < 2; ++round)
    for (std::size_t i = 0; i < history.size(); ++i)
      CHECK(*schemas.define(history[i]) == i + 1);
  CHECK(*schemas.define("define a fields { y: bool, x: enum('q', 'p') }") == 2);
  CHECK(schemas.define("DEFINE a FIELDS { x: enum('p', 'q'), y: bool, z: bool OPTIONAL }").code() ==
        Errc::incompatible); // it could have followed version 2
  CHECK(schemas.disk->state.schemas.size() == 3);
  CHECK(to_text(schemas.registry.find("a", 2)->schema) == schemas.disk->state.schemas[1].definition);
  CHECK(schemas.registry.find("a", 4) == nullptr);
  CHECK(schemas.registry.find("b", 1) == nullptr);

  schema::Registry loaded;
  REQUIRE(loaded.load(schemas.disk->state.schemas).ok());
  REQUIRE(loaded.all().size() == 1);
  CHECK(loaded.all()[0]->version == 3);
}

TEST_CASE("schema registry: the types that have a schema are bounded in number") {
  Judging schemas;
  for (std::size_t i = 0; i < limits::schema_types_max; ++i) {
    const auto version = schemas.define("DEFINE t" + std::to_string(i) + " FIELDS {}");
    REQUIRE_MESSAGE(version.ok(), why(version));
  }
  CHECK(schemas.define("DEFINE more FIELDS {}").code() == Errc::too_large);
  CHECK(schemas.registry.all().size() == limits::schema_types_max);
}

TEST_CASE("schema registry: the definitions of a directory are bounded in bytes") {
  Judging schemas;
  // Types with a long list of variants, until there is no room for one more.
  std::string variants;
  for (std::size_t i = 0; i < 400; ++i)
    variants += (i == 0 ? "'" : ", '") + std::string(100, 'v') + std::to_string(i) + "'";
  std::size_t types = 0;
  Result<std::uint32_t> last(0);
  while ((last = schemas.define("DEFINE t" + std::to_string(types) + " FIELDS { x: enum(" + variants + ") }")).ok())
    ++types;
  CHECK(last.code() == Errc::too_large);
  std::size_t bytes = 0;
  for (const SchemaRecord& record : schemas.disk->state.schemas)
    bytes += record.definition.size();
  CHECK(bytes <= limits::schemas_text_bytes_max);
  CHECK(bytes > limits::schemas_text_bytes_max - limits::schema_text_bytes_max);
  CHECK(*schemas.define("DEFINE t0 FIELDS { x: enum(" + variants + ") }") == 1);
}
