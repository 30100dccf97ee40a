// How schemas may change: what an old version takes, the new one takes.
#include "engine/schema/checker.hpp"
#include "engine/schema/evolution.hpp"
#include "tests/engine/schema/random_schema.hpp"
#include "tests/support/why.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace weir;
using namespace weir::test;

namespace {

/// "" or "path: reason" why a type with the fields `from` may not get the fields `to`.
std::string refusal(const std::string& from, const std::string& to) {
  const auto old_schema = parse_schema("DEFINE a FIELDS " + from);
  const auto new_schema = parse_schema("DEFINE a FIELDS " + to);
  REQUIRE_MESSAGE(old_schema.ok(), why(old_schema));
  REQUIRE_MESSAGE(new_schema.ok(), why(new_schema));
  const Status status = schema::check_evolution(*old_schema, *new_schema);
  if (status)
    return {};
  CHECK(status.code() == Errc::incompatible);
  return status.error().where + ": " + status.error().message;
}

} // namespace

TEST_CASE("schema evolution: what only takes more is compatible") {
  CHECK(refusal("{}", "{ b: int64 OPTIONAL }").empty());
  CHECK(refusal("{ b: int64 }", "{ b: int64 OPTIONAL }").empty());
  CHECK(refusal("{ b: enum('x') }", "{ b: enum('y', 'x') }").empty());
  CHECK(refusal("{ b: enum('x') }", "{ b: string }").empty());
  CHECK(refusal("{ b: date }", "{ b: string }").empty());
  CHECK(refusal("{ b: int64 }", "OPEN { b: int64 }").empty());
  CHECK(refusal("{ b: int64, c: bool }", "{ c: bool, b: int64 }").empty());
  CHECK(refusal("{ b: array(object { c: enum('x') }) }",
                "{ b: array(object OPEN { d: bool OPTIONAL, c: string }) OPTIONAL }")
            .empty());
}

TEST_CASE("schema evolution: what is refused says why and where") {
  CHECK(refusal("{}", "{ b: int64 }") == "payload.b: a new field must be optional: events lack it");
  CHECK(refusal("OPEN {}", "OPEN { b: int64 OPTIONAL }") ==
        "payload.b: an open object takes no new fields: events may hold anything under this name");
  CHECK(refusal("{ b: int64 }", "{}") ==
        "payload.b: the field is gone: events may hold it, and it would be checked no more");
  CHECK(refusal("{ b: int64 OPTIONAL }", "{ b: int64 }") ==
        "payload.b: an optional field cannot become required: events may lack it");
  CHECK(refusal("{ b: enum('x', 'y') }", "{ b: enum('y') }") ==
        "payload.b: the variant 'x' is gone: events may hold it");
  CHECK(refusal("{ b: object OPEN { c: bool } }", "{ b: object { c: bool } }") ==
        "payload.b: an open object cannot become strict: events may hold other fields");
  CHECK(refusal("{ b: array(int64) }", "{ b: array(double) }") ==
        "payload.b[]: int64 cannot become double: as a double an integer beyond 2^53 reads as one of its neighbours");
  CHECK(refusal("{ b: uint64 }", "{ b: double }") ==
        "payload.b: uint64 cannot become double: as a double an integer beyond 2^53 reads as one of its neighbours");
  CHECK(refusal("{ b: int64 }", "{ b: uint64 }") ==
        "payload.b: int64 cannot become uint64: events may hold negative numbers");
  CHECK(refusal("{ b: uint64 }", "{ b: int64 }") ==
        "payload.b: uint64 cannot become int64: events may hold numbers of 2^63 and more");
  CHECK(refusal("{ b: timestamp }", "{ b: string }") ==
        "payload.b: timestamp cannot become string: events may hold timestamps that are numbers");
  CHECK(refusal("{ b: object { c: string } }", "{ b: object { c: bool } }") ==
        "payload.b.c: string cannot become bool");
}

TEST_CASE("schema evolution: whatever fits a version fits every version that may follow it") {
  std::size_t allowed = 0, refused = 0;
  for (std::uint64_t seed = 1; seed <= 3'000; ++seed) {
    CAPTURE(seed);
    SchemaRandom random(seed);
    const Schema from = random_schema(random);
    const Schema to = changed_schema(from, random);
    REQUIRE_MESSAGE(to.validate().ok(), why(to.validate()));
    CHECK(schema::check_evolution(from, from).ok());
    if (!schema::check_evolution(from, to)) {
      ++refused;
      CHECK(!schema::same_meaning(from, to));
      continue;
    }
    ++allowed;
    CAPTURE(to_text(from));
    CAPTURE(to_text(to));
    for (int i = 0; i < 8; ++i) {
      const std::string payload = fitting_payload(from, random);
      CAPTURE(payload);
      const Status fits = schema::check_payload({to, 2}, payload);
      CHECK_MESSAGE(fits.ok(), why(fits));
    }
  }
  CHECK(allowed > 500);
  CHECK(refused > 500);
}
