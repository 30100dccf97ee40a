// Payloads of old versions on their way to readers who know the newest.
#include "engine/schema/registry.hpp"
#include "tests/engine/schema/defined.hpp"
#include "tests/support/why.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

using namespace weir;
using namespace weir::test;

namespace {

struct Upcasting : Defined {
  /// What a reader gets of an event of type a: its payload, or the error.
  [[nodiscard]] std::string read(std::uint32_t version, std::string_view payload) const {
    EventView event;
    event.context_id = "c";
    event.sequence = 7;
    event.event_type = "a";
    event.payload = payload;
    event.schema_version = version;
    auto upcast = registry.upcast(event);
    if (!upcast)
      return to_string(upcast.error());
    return *upcast ? **upcast : "as stored";
  }
};

/// Appends `letter` to the text at {"s":"..."}.
Upcast append(char letter) {
  return [letter](std::string_view payload) -> Result<std::string> {
    return std::string(payload.substr(0, payload.rfind('"'))) + letter + "\"}";
  };
}

constexpr const char* v1 = "DEFINE a FIELDS { s: string }";
constexpr const char* v2 = "DEFINE a FIELDS { s: string OPTIONAL }";

} // namespace

TEST_CASE("upcasting: upcasters are checked when they are registered") {
  Upcasting schemas;
  const auto refusal = [&](std::vector<Upcaster> upcasters) {
    const Status status = schemas.registry.register_upcasters("a", std::move(upcasters));
    return status ? std::string() : to_string(status.error());
  };
  CHECK(refusal({{1, append('x')}}) == "not_found: no schema is defined for type 'a'");
  CHECK(*schemas.define(v1) == 1);
  CHECK(refusal({{1, append('x')}, {1, append('y')}}) ==
        "invalid_argument: there are two from version 1 (upcasters of a)");
  CHECK(refusal({{1, nullptr}}) == "invalid_argument: the one from version 1 is empty (upcasters of a)");
  CHECK(refusal({{2, append('x')}}) == "invalid_argument: none leads from version 1 to version 2 (upcasters of a)");
  CHECK(refusal({{1, append('x')}, {3, append('y')}}) ==
        "invalid_argument: none leads from version 2 to version 3 (upcasters of a)");
  CHECK(refusal({{2, append('y')}, {0, append('x')}, {1, append('x')}}).empty());
  CHECK(refusal({{1, append('x')}}) == "invalid_argument: they are registered already (upcasters of a)");
}

TEST_CASE("upcasting: what takes other payloads can be defined only where an upcaster leads to it") {
  Upcasting schemas;
  CHECK(*schemas.define("DEFINE a FIELDS { s: string }") == 1);
  CHECK(schemas.define("DEFINE a FIELDS { n: int64 }").code() == Errc::incompatible);
  REQUIRE(schemas.registry.register_upcasters("a", {{1, append('x')}}).ok());
  CHECK(*schemas.define("DEFINE a FIELDS { n: int64 }") == 2);
  CHECK(schemas.define("DEFINE a FIELDS { b: bool }").code() == Errc::incompatible); // none leads from version 2
  // Another life of the program must bring it along.
  schema::Registry later;
  REQUIRE(later.load(schemas.disk->state.schemas).ok());
  CHECK(later.upcasts());
  const Status none = later.register_upcasters("a", {{0, append('x')}});
  CHECK(none.code() == Errc::invalid_argument);
  CHECK(none.error().message == "none leads from version 1 to version 2, which takes other payloads");
  EventView event;
  event.context_id = "c";
  event.sequence = 7;
  event.event_type = "a";
  event.schema_version = 1;
  event.payload = R"({"s":""})";
  const auto read = later.upcast(event);
  CHECK(read.code() == Errc::unsupported);
  CHECK(read.error().where == "context c, sequence 7");
  event.schema_version = 2;
  event.payload = R"({"n":1})";
  CHECK(*later.upcast(event) == std::nullopt);
}

TEST_CASE("upcasting: an event goes through every upcaster from its version on, and no other") {
  Upcasting schemas;
  CHECK(schemas.read(0, R"({"s":""})") == "as stored");
  CHECK(*schemas.define(v1) == 1);
  CHECK(*schemas.define(v2) == 2);
  CHECK(!schemas.registry.upcasts());
  CHECK(schemas.read(1, R"({"s":""})") == "as stored"); // every version takes it as it is
  REQUIRE(schemas.registry.register_upcasters("a", {{0, append('0')}, {2, append('2')}, {3, append('3')}}).ok());
  CHECK(schemas.read(0, R"({"s":""})") == R"({"s":"0"})"); // and not 2: that is in force
  CHECK(schemas.read(1, R"({"s":""})") == "as stored");
  CHECK(schemas.read(2, R"({"s":""})") == "as stored");
  CHECK(*schemas.define("DEFINE a FIELDS { s: string, n: int64 OPTIONAL, m: int64 OPTIONAL }") == 3); // breaks
  CHECK(schemas.read(0, R"({"s":""})") == R"({"s":"02"})");
  CHECK(schemas.read(1, R"({"s":""})") == R"({"s":"2"})");
  CHECK(schemas.read(2, R"({"s":""})") == R"({"s":"2"})");
  CHECK(schemas.read(3, R"({"s":""})") == "as stored");
  CHECK(*schemas.define("DEFINE a FIELDS { s: string }") == 1); // known, and changes nothing
  CHECK(schemas.read(4, R"({"s":""})") ==
        "corruption: the event was stored under version 4 of a, and the catalog knows 3 (context c, sequence 7)");
}

TEST_CASE(
    "upcasting: an upcaster that fails, throws or makes what does not fit is an error of the read, with its place") {
  const auto reads = [](const Upcast& upcast) {
    Upcasting schemas;
    REQUIRE(schemas.define("DEFINE a FIELDS { n: int64 }").ok());
    REQUIRE(schemas.registry.register_upcasters("a", {{1, upcast}}).ok());
    REQUIRE(schemas.define("DEFINE a FIELDS { s: string }").ok());
    return schemas.read(1, R"({"n":1})");
  };
  const auto makes = [&](std::string made) {
    return reads([made = std::move(made)](std::string_view) -> Result<std::string> { return made; });
  };
  CHECK(makes(R"( {"s":"x"} )") == R"({"s":"x"})");
  CHECK(makes(R"({"s":)") == "schema_violation: the upcaster of a from version 1 made no payload: invalid_argument: "
                             "payload: the text ends too early (payload byte 5) (context c, sequence 7)");
  CHECK(makes("").starts_with("schema_violation: the upcaster of a from version 1 made no payload"));
  CHECK(makes("[]").starts_with("schema_violation: the upcaster of a from version 1 made no payload"));
  CHECK(
      makes(R"({"s":"x","s":"y"})").starts_with("schema_violation: the upcaster of a from version 1 made no payload"));
  CHECK(makes(R"({"s":1})") == "schema_violation: upcast from version 1, but: expected string, found 1 (schema of a, "
                               "version 2) (context c, sequence 7, payload.s)");
  CHECK(reads([](std::string_view) -> Result<std::string> { return fail(Errc::not_found, "no rate"); }) ==
        "schema_violation: the upcaster of a from version 1 failed: not_found: no rate (context c, sequence 7)");
  CHECK(reads([](std::string_view) -> Result<std::string> { throw std::runtime_error("oh"); }) ==
        "schema_violation: the upcaster of a from version 1 threw: oh (context c, sequence 7)");
  CHECK(reads([](std::string_view) -> Result<std::string> { throw 5; }) ==
        "schema_violation: the upcaster of a from version 1 threw something that is no std::exception (context c, "
        "sequence 7)");
}

TEST_CASE("upcasting: a batch keeps its order, its other fields and what it pins") {
  Upcasting schemas;
  REQUIRE(schemas.define("DEFINE a FIELDS { s: string }").ok());
  REQUIRE(schemas.registry.register_upcasters("a", {{0, append('0')}}).ok());
  EventBatch batch;
  const auto owner = std::make_shared<const std::string>(R"({"s":"stored"})");
  for (Sequence sequence = 1; sequence <= 4; ++sequence) {
    EventView event;
    event.context_id = "c";
    event.sequence = sequence;
    event.event_type = sequence == 3 ? "b" : "a";
    event.event_id = "id";
    event.payload = *owner;
    event.schema_version = sequence == 2 ? 1 : 0;
    batch.add(event);
  }
  batch.pin(owner);
  REQUIRE(schemas.registry.upcast(batch).ok());
  REQUIRE(batch.size() == 4);
  const std::vector<std::string> expected = {R"({"s":"stored0"})", R"({"s":"stored"})", R"({"s":"stored"})",
                                             R"({"s":"stored0"})"};
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(batch[i].sequence == i + 1);
    CHECK(batch[i].event_id == "id");
    CHECK(batch[i].payload == expected[i]);
  }
  CHECK(owner.use_count() == 2);
  batch.clear();
  CHECK(owner.use_count() == 1);
}
