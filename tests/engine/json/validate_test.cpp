#include "engine/json/json.hpp"
#include "engine/json/judge.hpp"
#include "engine/validate.hpp"

#include <weir/limits.hpp>

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

using namespace weir;
using namespace std::string_literals;

namespace {

std::string repeat(std::string_view part, std::size_t times) {
  std::string text;
  for (std::size_t i = 0; i < times; ++i)
    text += part;
  return text;
}

/// An object whose innermost container is `depth` levels deep, of arrays or of objects.
std::string nested(std::size_t depth, bool arrays) {
  if (arrays)
    return R"({"a":)" + repeat("[", depth - 1) + repeat("]", depth - 1) + "}";
  return repeat(R"({"a":)", depth - 1) + "{}" + repeat("}", depth - 1);
}

/// An object of `count` members, or with one array so that members and elements make up `count`.
std::string with_members(std::size_t count, bool array) {
  std::string text = array ? R"({"a":[)" : "{";
  for (std::size_t i = array ? 1 : 0; i < count; ++i) {
    text += text.back() == '[' || text.back() == '{' ? "" : ",";
    text += array ? "1" : "\"k" + std::to_string(i) + "\":0";
  }
  return text + (array ? "]}" : "}");
}

std::string number(std::string_view digits) {
  return R"({"n":)" + std::string(digits) + "}";
}

} // namespace

TEST_CASE("json: documents within the rules are accepted") {
  const std::vector<std::string> accepted = {
      "{}",
      " \t\r\n{ } \n",
      R"({"a":1})",
      R"({"a":null,"b":true,"c":false,"d":[],"e":{}})",
      R"({"":0})",
      R"({"a":{"a":{"a":1}}})",
      R"({"a":[{"a":1},{"a":2}]})",
      R"({"a":"\"\\\/\b\f\n\r\t"})",
      R"({"a":"\u0000"})",
      R"({"\u0000":1,"":2})",
      R"({"a":"\u00e4\uD83D\uDE00\ud83d\ude00"})",
      R"({"a":"\\udc00"})",
      R"({"a":"\\\\\\uDEAD"})",
      "{\"a\":\"\x7f\"}",
      "{\"a\":\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"}",
      "{\"\xf4\x8f\xbf\xbf\":\"\xee\x80\x80\"}",
      number("0"),
      number("-0"),
      number("-0.0"),
      number("1.5e+3"),
      number("1E3"),
      number("1e308"),
      number("-1.7976931348623157e308"),
      number("1e-400"),
      number("4.9e-324"),
      number("18446744073709551616"),
      number(repeat("9", 64)),
      number("0." + repeat("1", 62)),
      nested(limits::json_depth_max, true),
      nested(limits::json_depth_max, false),
      with_members(limits::json_members_max, true),
      with_members(limits::json_members_max, false),
      R"({"A":1,"a":2,"a ":3})",
  };
  for (const std::string& text : accepted) {
    CAPTURE(text.substr(0, 80));
    const Status valid = json::validate_object(text, "payload");
    CHECK_MESSAGE(valid.ok(), to_string(valid.ok() ? Error{} : valid.error()));
    CHECK(json::detail::judge_exactly(text, "payload").ok());
  }
}

TEST_CASE("json: a document as services write it needs the quick pass alone") {
  for (const std::string& text :
       {std::string("{}"), std::string(" { } "), R"({"a":[1,-2.5e+3,"x",true,false,null],"b":{"a":{}}})"s,
        R"({"text":"\"\\\/\b\f\n\r\t\u00e4\ud83d\ude00"})"s, number(repeat("9", 64)),
        nested(limits::json_depth_max, true), nested(limits::json_depth_max, false),
        with_members(limits::json_members_max, true), with_members(100, false)}) {
    CAPTURE(text.substr(0, 80));
    CHECK(json::detail::surely_object(text));
  }
}

TEST_CASE("json: the quick pass accepts nothing that breaks a rule") {
  for (const std::string& text : {std::string(),
                                  "{"s,
                                  "[]"s,
                                  "{}\0"s,
                                  "{}x"s,
                                  R"({"a":1,})"s,
                                  R"({"a":01})"s,
                                  R"({"a":1.})"s,
                                  R"({"a":1e})"s,
                                  R"({"a":-})"s,
                                  R"({"a":tru})"s,
                                  R"({"a":fals})"s,
                                  R"({"a":nul})"s,
                                  R"({"a":"x)"s,
                                  R"({"a":"\x"})"s,
                                  R"({"a":"\u12g4"})"s,
                                  R"({"a":"\ud800"})"s,
                                  R"({"a":"\udc00"})"s,
                                  R"({"a":"\ud800\u0041"})"s,
                                  "{\"a\":\"\n\"}"s,
                                  "{\"a\":\"\0\"}"s,
                                  R"({"a":1,"a":2})"s,
                                  R"({"abcdefghi":1,"b":2,"abcdefghi":3})"s,
                                  R"({"":1,"":2})"s,
                                  R"({"x":[{"a":1,"a":2}]})"s,
                                  number("1e400"),
                                  number(repeat("9", 65)),
                                  nested(limits::json_depth_max + 1, true),
                                  nested(limits::json_depth_max + 1, false),
                                  with_members(limits::json_members_max + 1, true)}) {
    CAPTURE(text.substr(0, 80));
    CHECK(!json::detail::surely_object(text));
  }
}

TEST_CASE("json: what breaks a rule is refused with a code and a place") {
  constexpr Errc invalid = Errc::invalid_argument;
  struct Case {
    std::string text;
    Errc code;
    std::string where;
    std::string message;
  };
  const std::string not_object = "payload: not a JSON object";
  const std::string early = "payload: the text ends too early";
  const std::string half = "payload: half a surrogate pair";
  const std::string utf8 = "payload: not valid UTF-8";
  const std::string range = "payload: a number beyond the range of a double";
  const std::string escape = "payload: an unknown escape or a raw control character in a string";
  const std::vector<Case> cases = {
      {"", invalid, "0", early},
      {"   ", invalid, "3", early},
      {"[]", invalid, "0", not_object},
      {"1", invalid, "0", not_object},
      {"\"a\"", invalid, "3", not_object},
      {"null", invalid, "4", not_object},
      {"nul", invalid, "3", early},
      {"\xef\xbb\xbf{}", invalid, "0", "payload: expected a value"},
      {"{", invalid, "1", early},
      {"}", invalid, "0", "payload: expected a value"},
      {R"({"a":1)", invalid, "6", early},
      {R"({"a":[1})", invalid, "7", "payload: expected ',' or ']' after an element"},
      {R"({"a":1]})", invalid, "6", "payload: expected ',' or '}' after a member"},
      {R"({"a":1}})", invalid, "7", "payload: something follows the document"},
      {R"({} {})", invalid, "3", "payload: something follows the document"},
      {R"({}x)", invalid, "2", "payload: something follows the document"},
      {"{}\0"s, invalid, "2", "payload: a NUL byte follows the document"},
      {"{}\0{"s, invalid, "2", "payload: a NUL byte follows the document"},
      {"{\0}"s, invalid, "1", "payload: expected a key"},
      {"\0{}"s, invalid, "0", "payload: expected a value"},
      {"{\"a\":\"\0\"}"s, invalid, "6", "payload: a NUL byte in a string"},
      {R"({"a":1,})", invalid, "7", "payload: expected a key"},
      {R"({"a":[1,]})", invalid, "8", "payload: expected a value"},
      {R"({,"a":1})", invalid, "1", "payload: expected a key"},
      {R"({"a":[,1]})", invalid, "6", "payload: expected a value"},
      {R"({"a":[1,,2]})", invalid, "8", "payload: expected a value"},
      {R"({"a" 1})", invalid, "5", "payload: expected ':' after a key"},
      {R"({"a"::1})", invalid, "5", "payload: expected a value"},
      {R"({"a":})", invalid, "5", "payload: expected a value"},
      {R"({a:1})", invalid, "1", "payload: expected a key"},
      {R"({1:1})", invalid, "1", "payload: expected a key"},
      {R"({'a':1})", invalid, "1", "payload: expected a key"},
      {R"({"a":1 "b":2})", invalid, "7", "payload: expected ',' or '}' after a member"},
      {R"({"a":tru})", invalid, "8", "payload: expected a value"},
      {R"({"a":True})", invalid, "5", "payload: expected a value"},
      {R"({/*c*/})", invalid, "1", "payload: expected a key"},
      {R"({"a":"x)", invalid, "7", early},
      {R"({"a":"\x41"})", invalid, "6", escape},
      {"{\"a\":\"\n\"}", invalid, "6", escape},
      {"{\"a\":\"\x1f\"}", invalid, "6", escape},
      {R"({"a":"\u12g4"})", invalid, "6", "payload: expected four hex digits after \\u"},
      {R"({"a":"\ud800"})", invalid, "6", half},
      {R"({"a":"\ud800x"})", invalid, "6", half},
      {R"({"a":"\ud800\u0041"})", invalid, "6", half},
      {R"({"a":"\ud800\ud800"})", invalid, "6", half},
      {R"({"a":"\udc00"})", invalid, "6", half},
      {R"({"a":"\uDFFF\uD800"})", invalid, "6", half},
      {R"({"a":"\ud83d\ude00\ude00"})", invalid, "18", half},
      {R"({"\udc00":1})", invalid, "2", half},
      {R"({"a":"\\\udc00"})", invalid, "8", half},
      {"{\"a\":\"\x80\"}", invalid, "6", utf8},
      {"{\"a\":\"\xc0\xaf\"}", invalid, "6", utf8},
      {"{\"a\":\"\xed\xa0\x80\"}", invalid, "6", utf8},
      {"{\"a\":\"\xf5\x80\x80\x80\"}", invalid, "6", utf8},
      {"{\"a\":\"\xe2\x82\"}", invalid, "6", utf8},
      {"{\"\xff\":1}", invalid, "2", utf8},
      {number("01"), invalid, "6", "payload: expected ',' or '}' after a member"},
      {number("+1"), invalid, "5", "payload: expected a value"},
      {number("-"), invalid, "6", "payload: expected a value"},
      {number(".5"), invalid, "5", "payload: expected a value"},
      {number("1."), invalid, "7", "payload: expected a digit after the decimal point"},
      {number("1e"), invalid, "7", "payload: expected a digit in the exponent"},
      {number("1e+"), invalid, "8", "payload: expected a digit in the exponent"},
      {number("0x1"), invalid, "6", "payload: expected ',' or '}' after a member"},
      {number("NaN"), invalid, "5", "payload: expected a value"},
      {number("Infinity"), invalid, "5", "payload: expected a value"},
      {number("-Infinity"), invalid, "6", "payload: expected a value"},
      {number("1e400"), invalid, "5", range},
      {number("-1e400"), invalid, "5", range},
      {number("1e309"), invalid, "5", range},
      {number("1.8e308"), invalid, "5", range},
      {number("1000e306"), invalid, "5", range},
      {number("1e99999999999"), invalid, "5", range},
      {number(repeat("9", 65)), Errc::too_large, "5", "payload: a number of more than 64 characters"},
      {number("-" + repeat("9", 64)), Errc::too_large, "5", "payload: a number of more than 64 characters"},
      {number("0." + repeat("1", 63)), Errc::too_large, "5", "payload: a number of more than 64 characters"},
      {number(repeat("9", 400)), Errc::too_large, "5", "payload: a number of more than 64 characters"},
      {R"({"a":1,"a":1})", invalid, "12", "payload: an object has the key \"a\" twice"},
      {R"({"a":1,"b":2,"\u0061":3})", invalid, "23", "payload: an object has the key \"a\" twice"},
      {R"({"":1,"":2})", invalid, "10", "payload: an object has the key \"\" twice"},
      {R"({"x":[{"a":1,"a":2}]})", invalid, "18", "payload: an object has the key \"a\" twice"},
      {R"({"a":{"b":1},"a":{"b":1}})", invalid, "24", "payload: an object has the key \"a\" twice"},
      {nested(limits::json_depth_max + 1, true), Errc::too_large, "68", "payload: nested deeper than 64 levels"},
      {nested(limits::json_depth_max + 1, false), Errc::too_large, "320", "payload: nested deeper than 64 levels"},
      {nested(1'000'000, true), Errc::too_large, "68", "payload: nested deeper than 64 levels"},
  };
  CHECK(cases.size() >= 60);
  for (const Case& c : cases) {
    CAPTURE(c.text.substr(0, 80));
    const Status valid = json::validate_object(c.text, "payload");
    REQUIRE(!valid.ok());
    CHECK(valid.error().code == c.code);
    CHECK(valid.error().message == c.message);
    CHECK(valid.error().where == "payload byte " + c.where);
  }
}

TEST_CASE("json: members and elements are counted together and stop at the limit") {
  for (const bool array : {false, true}) {
    const Status over = json::validate_object(with_members(limits::json_members_max + 1, array), "metadata");
    REQUIRE(!over.ok());
    CHECK(over.error().code == Errc::too_large);
    CHECK(over.error().message == "metadata: more than 10000 members and elements");
  }
}

TEST_CASE("json: a key repeated in a large object is found wherever it stands") {
  for (const std::size_t members : {16u, 17u, 1'000u}) {
    const std::string object = with_members(members, false);
    CHECK(json::validate_object(object, "payload").ok());
    for (const std::string again : {"\"k0\"", "\"k7\"", "\"\\u006b9\""}) {
      const std::string text = object.substr(0, object.size() - 1) + "," + again + ":1}";
      CHECK(json::validate_object(text, "payload").code() == Errc::invalid_argument);
    }
  }
}

TEST_CASE("json: keys of closed and of outer objects do not count as repeated") {
  CHECK(json::validate_object(R"({"a":{"b":1,"c":{"b":2}},"b":{"a":3},"c":[{"a":1},{"a":1}]})", "payload").ok());
}

TEST_CASE("json: a refused document leaves nothing behind for the next one") {
  CHECK(!json::validate_object(R"({"a":{"b":1,)", "payload").ok());
  CHECK(json::validate_object(R"({"a":{"b":1}})", "payload").ok());
  CHECK(!json::validate_object(R"({"a":1,"a":1})", "payload").ok());
  CHECK(json::validate_object(R"({"a":1})", "payload").ok());
}

TEST_CASE("json: a document larger than the kept scratch is judged alike") {
  const std::string big(1'000'000, 'x');
  CHECK(json::validate_object(R"({"a":")" + big + R"("})", "payload").ok());
  CHECK(json::validate_object("{\"" + big + "\":1,\"" + big + "\":2}", "payload").error().message ==
        "payload: an object has the key of 1000000 bytes twice");
}

TEST_CASE("json: keys with escapes are compared unescaped, in documents of any size") {
  for (const std::size_t bytes : {std::size_t{10}, std::size_t{1'000'000}}) {
    const std::string filler = "\"text\":\"line\\n" + std::string(bytes, 'x') + "\\u00e4\"";
    CHECK(json::validate_object("{" + filler + ",\"a\\tb\":1,\"a\\nb\":{\"a\\tb\":2},\"ab\":3}", "payload").ok());
    CHECK(json::validate_object("{\"a\\tb\":1," + filler + ",\"\\u0061\\tb\":2}", "payload").code() ==
          Errc::invalid_argument);
    CHECK(json::validate_object("{\"key\":1," + filler + ",\"k\\u0065y\":2}", "payload").code() ==
          Errc::invalid_argument);
  }
}

TEST_CASE("json: random damage to a document never crashes, and what is accepted can be read") {
  const std::uint64_t seed = 4'711;
  INFO("seed ", seed);
  std::mt19937_64 random(seed);
  const std::vector<std::string> valid = {
      R"({"order":{"id":"o-17","total":12.50,"lines":[{"sku":"a\u00e4\ud83d\ude00","n":3},{"sku":"b","n":-1e-3}]},"ok":true})",
      R"({"a":null,"b":[[],[[]],{}],"c":"\\\"\n","d":18446744073709551615,"e":{"f":{"g":{"h":false}}}})",
      "{\"\xc3\xa4\":\"\xf0\x9f\x98\x80\",\"\\u00e4 \":1e308}",
  };
  const std::string alphabet = "{}[]\",:\\u0019deE+-.tfn \0\x80\xed\xff"s;
  const std::vector<json::Path> paths = {{"order", "lines"}, {"order", "total"}, {"e", "f", "g", "h"}, {"d"}};
  std::vector<json::Scalar> found;
  std::size_t accepted = 0, quickly = 0;
  for (int round = 0; round < 30'000; ++round) {
    std::string text = valid[random() % valid.size()];
    for (std::uint64_t edits = 1 + random() % 3; edits != 0; --edits) {
      const std::size_t at = random() % text.size();
      const char c = alphabet[random() % alphabet.size()];
      switch (random() % 4) {
      case 0: text[at] = c; break;
      case 1: text.insert(at, 1, c); break;
      case 2: text.erase(at, 1 + random() % 4); break;
      default: text.insert(at, text.substr(random() % text.size(), random() % 16)); break;
      }
      if (text.empty())
        text = "{";
    }
    const bool ok = json::validate_object(text, "payload").ok();
    if (valid_utf8(text)) { // both passes of the judgement by themselves
      const bool exact = json::detail::judge_exactly(text, "payload").ok();
      const bool sure = json::detail::surely_object(text);
      REQUIRE_MESSAGE(ok == exact, text);
      REQUIRE_MESSAGE((exact || !sure), text);
      quickly += sure;
    }
    const Status read = json::find_paths(text, paths, found);
    accepted += ok;
    if (ok)
      REQUIRE_MESSAGE(read.ok(), text);
    (void)json::parse_event_line(text).ok();
  }
  CHECK(accepted > 500);
  CHECK(quickly > accepted / 2); // or nothing was compared
  CHECK(accepted < 29'500);
}
