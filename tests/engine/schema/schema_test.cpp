// Schemas as text and as values, and what payloads they take.
#include "engine/json/json.hpp"
#include "engine/schema/checker.hpp"
#include "engine/schema/evolution.hpp"
#include "tests/engine/schema/random_schema.hpp"
#include "tests/support/why.hpp"

#include <weir/limits.hpp>
#include <weir/query.hpp>
#include <weir/schema.hpp>

#include <doctest/doctest.h>

#include <string>

using namespace weir;
using namespace weir::test;

namespace {

Schema parsed(std::string_view text) {
  auto schema = parse_schema(text);
  REQUIRE_MESSAGE(schema.ok(), why(schema));
  return std::move(*schema);
}

/// "" or "path: message" of what `payload` lacks.
std::string judged(const Schema& schema, std::string_view payload) {
  REQUIRE(json::validate_object(payload, "payload").ok());
  const Status status = schema::check_payload({schema, 3}, payload);
  if (status)
    return {};
  CHECK(status.code() == Errc::schema_violation);
  return status.error().where + ": " + status.error().message;
}

constexpr std::string_view order = R"(define order_placed fields {
  customer: string,
  total: double,
  status: enum('open', "it's"),
  placed: timestamp,
  due: date optional,
  "odd key": bool OPTIONAL,
  lines: array(object { sku: string, count: uint64 }),
  extra: object OPEN { delta: int64 } OPTIONAL
})";

} // namespace

TEST_CASE("schema: a definition is read, and its canonical text is read back the same") {
  const Schema schema = parsed(order);
  const std::string text = to_text(schema);
  CHECK(text == R"(DEFINE order_placed FIELDS {
  customer: string,
  total: double,
  status: enum('open', 'it''s'),
  placed: timestamp,
  due: date OPTIONAL,
  "odd key": bool OPTIONAL,
  lines: array(object {
    sku: string,
    count: uint64
  }),
  extra: object OPEN {
    delta: int64
  } OPTIONAL
})");
  CHECK(to_text(parsed(text)) == text);
  CHECK(to_text(parsed("DEFINE a/b-c FIELDS OPEN {}")) == "DEFINE a/b-c FIELDS OPEN {}");
  CHECK(to_text(parsed("DEFINE 'a b' FIELDS{}")) == "DEFINE 'a b' FIELDS {}");
}

TEST_CASE("schema: what is wrong with a definition is told with line and column, and what was expected") {
  const auto refusal = [](std::string_view text) {
    const auto schema = parse_schema(text);
    REQUIRE(!schema.ok());
    CHECK(schema.code() == Errc::parse_error);
    CHECK(!caret(text, schema.error()).empty());
    return schema.error().where + ": " + schema.error().message;
  };
  CHECK(refusal("DEFIN a FIELDS {}") == "line 1, column 1: expected DEFINE, found 'DEFIN'");
  CHECK(refusal("DEFINE {") == "line 1, column 8: expected an event type, found '{'");
  CHECK(refusal("DEFINE a { ") == "line 1, column 10: expected FIELDS, found '{'");
  CHECK(refusal("DEFINE a FIELDS") == "line 1, column 16: expected '{' or OPEN, found the end of the definition");
  CHECK(refusal("DEFINE a FIELDS {\n  b string }") == "line 2, column 5: expected ':', found 'string'");
  CHECK(refusal("DEFINE a FIELDS { b: strng }") ==
        "line 1, column 22: expected a kind (string, int64, uint64, double, bool, timestamp, date, enum, object or "
        "array), found 'strng'");
  CHECK(refusal("DEFINE a FIELDS { b: int64 c: int64 }") ==
        "line 1, column 28: expected ',', '}' or OPTIONAL, found 'c'");
  CHECK(refusal("DEFINE a FIELDS { b: int64, }") == "line 1, column 29: expected a field's name, found '}'");
  CHECK(refusal("DEFINE a FIELDS { b: int64, b: int64 }") == "line 1, column 29: the field b is there twice");
  CHECK(refusal("DEFINE a FIELDS { b.c: int64 }") ==
        "line 1, column 19: a field's name of other characters than letters, digits and _ is put in quotes");
  CHECK(refusal("DEFINE a FIELDS { b: enum() }") == "line 1, column 27: expected a variant in quotes, found ')'");
  CHECK(refusal("DEFINE a FIELDS { b: enum('x' 'y') }") == "line 1, column 31: expected ',' or ')', found 'y'");
  CHECK(refusal("DEFINE a FIELDS { b: enum('x', 'x') }") == "line 1, column 32: the variant 'x' is there twice");
  CHECK(refusal("DEFINE a FIELDS {} x") == "line 1, column 20: expected the end, found 'x'");
  CHECK(refusal("DEFINE a FIELDS { b: enum('x }") == "line 1, column 27: expected a closing ' for this quote");
  CHECK(refusal("DEFINE a FIELDS [") == "line 1, column 17: expected a name, a value or an operator, found '['");
  CHECK(refusal("DEFINE '' FIELDS {}") == "line 1, column 8: event_type is empty");
  std::string deep = "DEFINE a FIELDS { b: ";
  for (std::size_t i = 1; i < limits::schema_depth_max; ++i)
    deep += "array(";
  const std::string closed(limits::schema_depth_max - 1, ')');
  CHECK(parse_schema(deep + "int64" + closed + "}").ok());
  CHECK(refusal(deep + "array(int64)" + closed + "}").ends_with(": nested deeper than 32 levels"));
  CHECK(refusal("DEFINE a FIELDS {} " + std::string(100, '\n') + "é").starts_with("line 101, column 1: "));
  CHECK(parse_schema(std::string(limits::schema_text_bytes_max + 1, ' ')).code() == Errc::too_large);
}

TEST_CASE("schema: one that is built is checked like one that is written") {
  const auto refusal = [](std::vector<SchemaField> fields) {
    const Status status = Schema{"a", std::move(fields)}.validate();
    return status ? std::string() : std::string(to_string(status.code())) + " " + status.error().where;
  };
  const FieldType text = FieldType::of(FieldKind::string);
  CHECK(refusal({{"b", FieldKind::int64}, {"c", FieldType::array_of(FieldType::one_of({"x"})), true}}).empty());
  CHECK(refusal({{"", FieldKind::int64}}) == "invalid_argument payload");
  CHECK(refusal({{"b", text}, {"b", text}}) == "invalid_argument payload");
  CHECK(refusal({{"b\n", text}}) == "invalid_argument payload");
  CHECK(refusal({{"\xff", text}}) == "invalid_argument payload");
  CHECK(refusal({{std::string(129, 'x'), text}}) == "too_large payload");
  CHECK(refusal({{"b", FieldType::one_of({})}}) == "invalid_argument payload.b");
  CHECK(refusal({{"b", FieldType::one_of({"x", "x"})}}) == "invalid_argument payload.b");
  CHECK(refusal({{"b", FieldType::of(FieldKind::array)}}) == "invalid_argument payload.b");
  CHECK(refusal({{"b", FieldType::of(static_cast<FieldKind>(10))}}) == "invalid_argument payload.b");
  FieldType mixed = text;
  mixed.open = true;
  CHECK(refusal({{"b", FieldType::object({{"c d", FieldType::array_of(mixed)}})}}) ==
        R"(invalid_argument payload.b."c d"[])");
  FieldType deep = text;
  for (std::size_t i = 0; i < limits::schema_depth_max; ++i)
    deep = FieldType::array_of(std::move(deep));
  CHECK(refusal({{"b", deep}}).starts_with("too_large payload.b[]"));
  std::vector<SchemaField> many;
  for (std::size_t i = 0; i <= limits::schema_fields_max; ++i)
    many.emplace_back("f" + std::to_string(i), text);
  CHECK(refusal(many) == "too_large payload");
  many.pop_back();
  CHECK(refusal(many).empty());
  std::vector<std::string> variants;
  for (std::size_t i = 0; i < 600; ++i)
    variants.push_back(std::string(120, 'x') + std::to_string(i));
  CHECK(refusal({{"b", FieldType::one_of(variants)}}) == "too_large ");
  CHECK(Schema{"", {}}.validate().code() == Errc::invalid_argument);
}

TEST_CASE("schema: a payload that fits passes, and a violation names the path, what was expected and what was found") {
  const Schema schema = parsed(order);
  CHECK(judged(schema, R"({"customer":"c","total":12,"status":"open","placed":1700000000000,"lines":[]})").empty());
  CHECK(judged(schema, R"({"lines":[{"count":18446744073709551615,"sku":""},{"sku":"x","count":0}],"due":null,
      "extra":{"delta":-9223372036854775808,"more":{"a":[{}]},"null":null},"odd key":true,"placed":
      "2024-03-01T12:00:00+01:00","status":"it's","total":-1.5e300,"\u0063ustomer":"c\u00e9"})")
            .empty());
  const std::string start = R"({"customer":"c","total":12,"status":"open","placed":1700000000000,"lines":[)";
  const auto with = [&](const std::string& rest) { return judged(schema, start + rest); };
  const std::string by = " (schema of order_placed, version 3)";
  CHECK(judged(schema, "{}") == "payload.customer: a required field is missing" + by);
  CHECK(with(R"(],"more":1})") == "payload.more: no field of the schema" + by);
  CHECK(with(R"(],"Total":1})") == "payload.Total: no field of the schema" + by);
  CHECK(with(R"(7]})") == "payload.lines[0]: expected object, found 7" + by);
  CHECK(with(R"({"sku":"a","count":1},{"sku":"b"}]})") == "payload.lines[1].count: a required field is missing" + by);
  CHECK(with(R"({"sku":"a","count":-1}]})") == "payload.lines[0].count: expected uint64, found -1" + by);
  CHECK(with(R"({"sku":"a","count":null}]})") == "payload.lines[0].count: expected uint64, found null" + by);
  CHECK(with(R"({"sku":"a","count":1,"b c":2}]})") == R"(payload.lines[0]."b c": no field of the schema)" + by);
  CHECK(with(R"(],"due":"2024-02-30"})") == "payload.due: expected date, found '2024-02-30'" + by);
  CHECK(with(R"(],"odd key":"true"})") == R"(payload."odd key": expected bool, found a string)" + by);
  CHECK(with(R"(],"extra":{"delta":1.0}})") == "payload.extra.delta: expected int64, found 1.0" + by);
  CHECK(with(R"(],"extra":[]})") == "payload.extra: expected object, found an array" + by);
  CHECK(judged(schema, R"({"status":"shut"})") == "payload.status: expected enum of 'open', 'it's', found 'shut'" + by);
  CHECK(judged(schema, R"({"status":"sh\n\u007fut"})") ==
        "payload.status: expected enum of 'open', 'it's', found 'sh  ut'" + by);
  CHECK(judged(schema, R"({"a\u001bb":1})") == R"(payload."a b": no field of the schema)" + by);
  CHECK(judged(parsed("DEFINE a FIELDS OPEN {}"), R"({"a":[{"b":null}]})").empty());
  CHECK(schema::check_payload({schema, 3}, "[1]").code() == Errc::invalid_argument);
  CHECK(schema::check_payload({schema, 3}, R"({"lines":[)").code() == Errc::invalid_argument);
  CHECK(schema::check_payload({schema, 3}, "").code() == Errc::invalid_argument);
}

TEST_CASE("schema: random schemas are read back, take what fits them, and name the one place that does not") {
  std::size_t wrong_ones = 0;
  for (std::uint64_t seed = 1; seed <= 1'500; ++seed) {
    CAPTURE(seed);
    SchemaRandom random(seed);
    const Schema schema = random_schema(random);
    REQUIRE_MESSAGE(schema.validate().ok(), why(schema.validate()));
    const std::string text = to_text(schema);
    CAPTURE(text);
    const Schema again = parsed(text);
    CHECK(to_text(again) == text);
    CHECK(schema::same_meaning(schema, again));
    for (int i = 0; i < 4; ++i) {
      const std::string payload = fitting_payload(schema, random);
      CAPTURE(payload);
      CHECK(judged(schema, payload).empty());
      const auto wrong = wrong_payload(schema, random);
      if (!wrong)
        continue;
      ++wrong_ones;
      CAPTURE(wrong->payload);
      const std::string found = judged(schema, wrong->payload);
      CHECK(found.substr(0, wrong->path.size() + 2) == wrong->path + ": ");
    }
  }
  CHECK(wrong_ones > 4'000);
}
