#include <weir/json_value.hpp>
#include <weir/limits.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <string>

using namespace weir;

namespace {

Json must_parse(std::string_view text) {
  auto value = Json::parse(text);
  REQUIRE_MESSAGE(value.ok(), text, ": ", to_string(value.ok() ? Error{} : value.error()));
  return std::move(*value);
}

Json random_value(std::mt19937_64& random, int depth) {
  switch (random() % (depth == 0 ? 6 : 8)) {
  case 0: return {};
  case 1: return random() % 2 == 0;
  case 2: return static_cast<std::int64_t>(random());
  case 3: return random();
  case 4: return std::bit_cast<double>(random());
  case 5: {
    std::string text;
    for (std::size_t i = random() % 40; i > 0; --i)
      text += static_cast<char>(random() % 128);
    return text + "\xc3\xa4\xe2\x82\xac";
  }
  case 6: {
    Json array = Json::array();
    for (std::size_t i = random() % 6; i > 0; --i)
      array.push(random_value(random, depth - 1));
    return array;
  }
  default: {
    Json object = Json::object();
    for (std::size_t i = random() % 40; i > 0; --i)
      object.set(std::to_string(random() % 100), random_value(random, depth - 1));
    return object;
  }
  }
}

Json shuffled(const Json& value, std::mt19937_64& random) {
  if (!value.is_object())
    return value;
  Json::Object members = value.members();
  std::shuffle(members.begin(), members.end(), random);
  return Json::object(std::move(members));
}

} // namespace

TEST_CASE("json_model: a JSON value is what it was made from") {
  CHECK(Json().is_null());
  CHECK(Json(nullptr).is_null());
  CHECK(Json(true).boolean());
  CHECK(Json(-5).integer() == -5);
  CHECK(Json(5U).is_integer());
  CHECK(Json(INT64_MAX).integer() == INT64_MAX);
  CHECK(Json(UINT64_MAX).type() == Json::Type::unsigned_integer);
  CHECK(Json(UINT64_MAX).unsigned_integer() == UINT64_MAX);
  CHECK(Json(std::uint64_t{7}).type() == Json::Type::integer);
  CHECK(Json(0.5).number() == 0.5);
  CHECK(Json(std::numeric_limits<double>::infinity()).is_null());
  CHECK(Json(std::nan("")).is_null());
  CHECK(Json("text").string() == "text");
  CHECK(Json::array({1, "two", nullptr}).size() == 3);
  CHECK(Json::object({{"a", 1}}).size() == 1);
}

TEST_CASE("json_model: a JSON value asked for another type gives the caller's default") {
  CHECK(Json("5").integer(7) == 7);
  CHECK(Json(5).string("none") == "none");
  CHECK(Json(1).boolean(false) == false);
  CHECK(Json("x").number(2.5) == 2.5);
  CHECK(Json(-1).unsigned_integer(9) == 9);
  CHECK(Json(UINT64_MAX).integer(3) == 3);
  CHECK(Json(5.0).integer() == 5);
  CHECK(Json(5.5).integer(1) == 1);
  CHECK(Json(1e300).integer(1) == 1);
  CHECK(Json(9223372036854775808.0).unsigned_integer() == 9223372036854775808ULL);
  CHECK(Json(3)["key"].is_null());
  CHECK(Json(3).items().empty());
  CHECK(Json(3).members().empty());
  CHECK(Json(3).find("key") == nullptr);
}

TEST_CASE("json_model: null, false, 0 and the empty text are falsy, all else is truthy") {
  for (const Json& falsy : {Json(), Json(false), Json(0), Json(0.0), Json(-0.0), Json("")})
    CHECK(!falsy.truthy());
  for (const Json& truthy :
       {Json(true), Json(-1), Json(UINT64_MAX), Json(0.1), Json("0"), Json::array(), Json::object()})
    CHECK(truthy.truthy());
}

TEST_CASE("json_model: of two members with one key a JSON object keeps the later one in the place of the first") {
  const Json few = Json::object({{"a", 1}, {"b", 2}, {"a", 3}});
  CHECK(few.to_text() == R"({"a":3,"b":2})");
  Json::Object members;
  for (int i = 0; i < 1'000; ++i)
    members.emplace_back("key number " + std::to_string(i % 500), i);
  const Json many = Json::object(std::move(members));
  CHECK(many.size() == 500);
  CHECK(many["key number 7"].integer() == 507);
  CHECK(many.members().front().first == "key number 0");
}

TEST_CASE("json_model: members of a JSON value are set, found and erased in their order") {
  Json value;
  value.member("a") = 1;
  value.set("b", Json::array({1})).set("c", 3).set("a", 4);
  CHECK(value.to_text() == R"({"a":4,"b":[1],"c":3})");
  value.find("b")->push("x");
  CHECK(value["b"].to_text() == R"([1,"x"])");
  CHECK(value.erase("b"));
  CHECK(!value.erase("b"));
  CHECK(!Json(1).erase("b"));
  CHECK(value.contains("c"));
  CHECK(value.to_text() == R"({"a":4,"c":3})");
  CHECK(value.set_first("id", 7).set_first("c", 5).to_text() == R"({"id":7,"a":4,"c":5})");
  Json list;
  list.push(1);
  CHECK(list.to_text() == "[1]");
}

TEST_CASE("json_model: JSON text is read exactly, integers of 64 bits too") {
  CHECK(must_parse(" {\"a\" : [1, -2.5e3, \"\\u00e4\\n\\ud83d\\ude00\", null, true, {}]} ").to_text() ==
        "{\"a\":[1,-2500.0,\"\xc3\xa4\\n\xf0\x9f\x98\x80\",null,true,{}]}");
  CHECK(must_parse("9223372036854775807").integer() == INT64_MAX);
  CHECK(must_parse("-9223372036854775808").integer() == INT64_MIN);
  CHECK(must_parse("18446744073709551615").unsigned_integer() == UINT64_MAX);
  CHECK(must_parse("18446744073709551616").type() == Json::Type::real);
  CHECK(must_parse("5000000000").type() == Json::Type::integer);
  CHECK(must_parse("1.0").type() == Json::Type::real);
  CHECK(must_parse("1e-400").number(1) == 0);
  CHECK(must_parse("\"\"").string("x").empty());
  CHECK(must_parse("[[],{}]").to_text() == "[[],{}]");
}

TEST_CASE("json_model: JSON text with a key twice, bad UTF-8, half a surrogate or no JSON is refused") {
  for (const char* const text : {"", " ", "{", "[1,]", "{\"a\":1,}", "nul", "01", "1 2", "'a'", "{\"a\":1,\"a\":2}",
                                 "[{\"a\":{\"b\":1,\"\\u0062\":2}}]", "\"\xff\"", "\"\\udc00\"", "\"\\ud800\"",
                                 "\"\\q\"", "1e999", "NaN", "\"a\nb\""})
    CHECK_MESSAGE(Json::parse(text).code() == Errc::invalid_argument, text);
  CHECK(Json::parse(std::string_view("1\0", 2)).code() == Errc::invalid_argument);
  std::string many = "{";
  for (int i = 0; i < 100; ++i)
    many += "\"k" + std::to_string(i) + "\":1,";
  CHECK(Json::parse(many + "\"k77\":2}").error().message == "JSON: an object has the key \"k77\" twice");
}

TEST_CASE("json_model: JSON text beyond a limit is too large") {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  CHECK(Json::parse(nested(limits::json_depth_max)).ok());
  CHECK(Json::parse(nested(limits::json_depth_max + 1)).code() == Errc::too_large);
  const auto items = [](std::size_t count) {
    std::string text = "[0";
    for (std::size_t i = 1; i < count; ++i)
      text += ",0";
    return text + "]";
  };
  CHECK(Json::parse(items(limits::json_members_max)).ok());
  CHECK(Json::parse(items(limits::json_members_max + 1)).code() == Errc::too_large);
  CHECK(Json::parse(std::string(limits::json_number_chars_max, '1')).ok());
  CHECK(Json::parse(std::string(limits::json_number_chars_max + 1, '1')).code() == Errc::too_large);
  std::string object = "{";
  for (std::size_t i = 0; i < limits::json_members_max; ++i)
    object += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":" + std::to_string(i);
  CHECK(must_parse(object + "}")["9999"].integer() == 9'999);
}

TEST_CASE("json_model: JSON numbers are equal by their exact value") {
  CHECK(Json(1) == Json(1.0));
  CHECK(Json(0) == Json(-0.0));
  CHECK(!(Json(9007199254740993) == Json(9007199254740992.0)));
  CHECK(Json(9007199254740992) == Json(9007199254740992.0));
  CHECK(!(Json(INT64_MAX) == Json(9223372036854775808.0)));
  CHECK(Json(9223372036854775808ULL) == Json(9223372036854775808.0));
  CHECK(!(Json(UINT64_MAX) == Json(18446744073709551616.0)));
  CHECK(!(Json(UINT64_MAX) == Json(-1)));
  CHECK(!(Json(1) == Json("1")));
  CHECK(!(Json(1) == Json(true)));
  CHECK(!(Json() == Json(false)));
}

TEST_CASE("json_model: JSON objects are equal whatever the order of their members, lists are not") {
  CHECK(must_parse(R"({"a":1,"b":{"c":2,"d":[1,2]}})") == must_parse(R"({"b":{"d":[1,2],"c":2.0},"a":1})"));
  CHECK(!(must_parse(R"({"a":1,"b":2})") == must_parse(R"({"a":1,"c":2})")));
  CHECK(!(must_parse(R"({"a":null})") == must_parse("{}")));
  CHECK(!(must_parse("[1,2]") == must_parse("[2,1]")));
  const unsigned long seed = 20'261'122;
  INFO("seed ", seed);
  std::mt19937_64 random(seed);
  Json large = Json::object();
  for (int i = 0; i < 2'000; ++i)
    large.set("key" + std::to_string(i), i);
  const Json other = shuffled(large, random);
  CHECK(large == other);
  large.set("key1999", "changed");
  CHECK(!(large == other));
}

TEST_CASE("json_model: a JSON value written and read back is equal") {
  const unsigned long seed = 7'061'121;
  INFO("seed ", seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 300; ++i) {
    const Json value = random_value(random, 3);
    const std::string text = value.to_text();
    INFO(text);
    const Json again = must_parse(text);
    CHECK(again == value);
    CHECK(again.to_text() == text);
    CHECK(again == shuffled(value, random));
  }
}
