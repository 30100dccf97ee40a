#include "engine/json/field_reader.hpp"

#include "engine/json/json.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

using namespace weir;
using json::FieldReader;
using json::FieldValue;
using Kind = FieldValue::Kind;

namespace {

/// What a reader has of a document, in words: path, then what is there.
std::multimap<std::string, std::string> fields_of(FieldReader& reader, std::string_view document, std::size_t kind) {
  std::multimap<std::string, std::string> fields;
  if (!reader.read(document, kind))
    return {{"", "no object"}};
  for (const FieldValue& value : reader.values()) {
    std::string path;
    for (const std::string& key : reader.path(value.path))
      path += "/" + key;
    std::string text = std::to_string(static_cast<int>(value.kind)) + ":";
    if (value.kind == Kind::string)
      text += value.text;
    else if (value.kind != Kind::null && value.kind != Kind::other)
      text += std::to_string(value.bits);
    fields.emplace(path, text);
  }
  return fields;
}

/// The same of a reader that has never seen another document, and so knows no shape.
std::multimap<std::string, std::string> fields_of(std::string_view document) {
  FieldReader reader({}, 256);
  return fields_of(reader, document, 0);
}

std::string number(std::mt19937_64& random) {
  static const std::vector<std::string> some = {"0",
                                                "-0",
                                                "7",
                                                "-12",
                                                "1234567",
                                                "12345678",
                                                "123456789012345678",
                                                "9223372036854775807",
                                                "9223372036854775808",
                                                "0.5",
                                                "-0.0",
                                                "12.25",
                                                "1e3",
                                                "1.5E-3",
                                                "0.1234567",
                                                "99999.99",
                                                "1234567.1234567",
                                                "12345678.5",
                                                "0.30000000000000004"};
  return some[random() % some.size()];
}

std::string scalar(std::mt19937_64& random) {
  static const std::vector<std::string> others = {"true",
                                                  "false",
                                                  "null",
                                                  R"("")",
                                                  R"("web")",
                                                  R"("a text that is longer than sixteen bytes")",
                                                  R"("esc\"aped\n")",
                                                  R"("\u00e4\ud83d\ude00")",
                                                  "[]",
                                                  R"([1,{"a":"]"},"}"])"};
  return random() % 2 == 0 ? number(random) : others[random() % others.size()];
}

std::string document(std::mt19937_64& random, unsigned shape) {
  const std::string space = shape % 3 == 0 ? " " : "";
  std::string text = space + "{" + space + R"("id":)" + scalar(random);
  for (unsigned i = 0; i < shape % 5; ++i)
    text += "," + space + "\"key_" + std::to_string(i) + "_of_a_length_that_needs_more_than_one_look\"" + space + ":" +
            scalar(random);
  if (shape % 2 == 0)
    text += R"(,"item":{"name":)" + scalar(random) + R"(,"empty":{},"deep":{"price":)" + number(random) + "}}";
  return text + R"(,"\u006bey":)" + scalar(random) + space + "}" + space;
}

} // namespace

TEST_CASE("field reader: documents of known shapes have the fields that they have when read for the first time") {
  const std::uint64_t seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  FieldReader reader({}, 256);
  for (int i = 0; i < 20'000; ++i) {
    const auto shape = static_cast<unsigned>(random() % (i % 4'000 < 2'000 ? 3 : 30));
    const std::string text = document(random, shape);
    CAPTURE(text);
    REQUIRE(fields_of(reader, text, shape % 2) == fields_of(text));
  }
}

TEST_CASE("field reader: a document that goes on differently than a known one is read as what it is") {
  FieldReader reader({}, 256);
  const std::string known = R"({"a":"x","b":12,"c":true,"d":[1,2],"e":{"f":1.5}})";
  for (const std::string_view other :
       {R"({"a":"x","b":12,"c":true,"d":[1,2],"e":{"f":1.5}}})", R"({"a":"x","b":12,"c":true,"d":[1,2],"e":{"f":1.5})",
        R"({"a":1,"b":12,"c":true,"d":[1,2],"e":{"f":1.5}})", R"({"a":"x","b":null,"c":true,"d":[1,2],"e":{"f":1.5}})",
        R"({"a":"x","b":12,"c":1,"d":[1,2],"e":{"f":1.5}})", R"({"a":"x","b":12,"c":null,"d":{"g":1},"e":{"f":1.5}})",
        R"({"a":"x","b":12,"c":true,"d":[1,2],"e":{"f":1.}})", R"({"a":"x","b":12x,"c":true,"d":[1,2],"e":{"f":1.5}})",
        R"({"a":"x","b":12,"c":tru,"d":[1,2],"e":{"f":1.5}})", R"({"a":"x","b":12,"c":true,"d":[1,2,"e":{"f":1.5}})",
        R"({"a":"x","b":12,"c":true,"d":[1,2],"e":{"f":-1.5}} )", R"({"a":"x\)", R"({"a":"x)", "", "{"}) {
    CAPTURE(other);
    for (int i = 0; i < 3; ++i) {
      CHECK(fields_of(reader, known, 0) == fields_of(known));
      CHECK(fields_of(reader, other, 0) == fields_of(other));
    }
  }
}

TEST_CASE("field reader: numbers are those that a look-up by path finds, to the bit") {
  std::mt19937_64 random(5);
  FieldReader reader({}, 256);
  for (int i = 0; i < 5'000; ++i) {
    std::string digits = i % 2 == 0 ? number(random) : std::to_string(random() >> random() % 64);
    if (i % 4 == 1)
      digits += "." + std::to_string(random() >> random() % 64);
    const std::string text = R"({"n":)" + digits + "}";
    CAPTURE(text);
    REQUIRE(reader.read(text));
    REQUIRE(reader.values().size() == 1);
    const FieldValue& value = reader.values().front();
    const std::vector<json::Path> paths{{"n"}};
    std::vector<json::Scalar> found(1);
    REQUIRE(json::find_paths(text, paths, found));
    if (const auto* const integer = std::get_if<std::int64_t>(&found[0]))
      CHECK((value.kind == Kind::int64 && value.integer() == *integer));
    else if (const auto* const real = std::get_if<double>(&found[0]))
      CHECK((value.kind == Kind::float64 && value.bits == std::bit_cast<std::uint64_t>(*real)));
    else
      CHECK(value.kind == Kind::other);
  }
}

TEST_CASE("field reader: a known shape keeps to the paths that have numbers") {
  FieldReader reader({}, 2);
  const std::string text = R"({"a":1,"b":{"c":2},"d":3})";
  for (int i = 0; i < 3; ++i) {
    CHECK(fields_of(reader, text, 0) == std::multimap<std::string, std::string>{{"/a", "2:1"}, {"/b", "5:"}});
    CHECK(reader.size() == 2);
    CHECK(reader.refused_any());
  }
}
