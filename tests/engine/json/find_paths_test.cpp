#include "engine/json/json.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace weir;
using json::Absent;
using json::Composite;
using json::Path;
using json::Scalar;

namespace {

std::vector<Scalar> find(std::string_view document, std::vector<Path> paths) {
  std::vector<Scalar> out;
  const Status status = json::find_paths(document, paths, out);
  REQUIRE_MESSAGE(status.ok(), to_string(status.ok() ? Error{} : status.error()));
  REQUIRE(out.size() == paths.size());
  return out;
}

Scalar find_one(std::string_view document, Path path) {
  return find(document, {std::move(path)})[0];
}

Scalar integer(std::int64_t value) {
  return value;
}
Scalar text(std::string value) {
  return value;
}

} // namespace

TEST_CASE("json paths: each kind of scalar comes as its own type") {
  const std::vector<Scalar> found = find(R"({"n":null,"t":true,"f":false,"s":"\u00e4\n","e":"","i":-7,"d":1.5})",
                                         {{"n"}, {"t"}, {"f"}, {"s"}, {"e"}, {"i"}, {"d"}, {"missing"}});
  CHECK(found ==
        std::vector<Scalar>{std::monostate{}, true, false, text("\xc3\xa4\n"), text(""), integer(-7), 1.5, Absent{}});
}

TEST_CASE("json paths: integers stay exact up to 64 bits and become doubles beyond") {
  const auto number = [](std::string_view digits) { return find_one("{\"n\":" + std::string(digits) + "}", {"n"}); };
  CHECK(number("0") == integer(0));
  CHECK(number("-0") == integer(0));
  CHECK(number("9007199254740993") == integer(9'007'199'254'740'993));
  CHECK(number("9223372036854775807") == integer(INT64_MAX));
  CHECK(number("-9223372036854775808") == integer(INT64_MIN));
  CHECK(number("9223372036854775808") == Scalar{std::uint64_t{9'223'372'036'854'775'808u}});
  CHECK(number("18446744073709551615") == Scalar{UINT64_MAX});
  CHECK(number("18446744073709551616") == Scalar{18446744073709551616.0});
  CHECK(number("-9223372036854775809") == Scalar{-9223372036854775809.0});
  CHECK(number("1.0") == Scalar{1.0});
  CHECK(number("1e2") == Scalar{100.0});
  CHECK(number("0.1") == Scalar{0.1});
  CHECK(number("2.2250738585072011e-308") == Scalar{2.2250738585072011e-308});
  CHECK(number("1e-400") == Scalar{0.0});
  CHECK(number("1.7976931348623157e308") == Scalar{1.7976931348623157e308});
}

TEST_CASE("json paths: nested members are found at their depth only") {
  constexpr std::string_view document = R"({"b":1,"a":{"b":2,"a":{"b":3},"c":4},"c":5})";
  CHECK(find(document, {{"b"}, {"a", "b"}, {"a", "a", "b"}, {"a", "c"}, {"c"}, {"b", "a"}, {"a", "a", "c"}}) ==
        std::vector<Scalar>{integer(1), integer(2), integer(3), integer(4), integer(5), Absent{}, Absent{}});
}

TEST_CASE("json paths: a path through a scalar, null or array is absent") {
  constexpr std::string_view document = R"({"a":1,"n":null,"s":"x","l":[{"b":1},[{"b":2}],3],"o":{}})";
  CHECK(find(document, {{"a", "b"}, {"n", "b"}, {"s", "b"}, {"l", "b"}, {"l", "0"}, {"o", "b"}}) ==
        std::vector<Scalar>(6, Absent{}));
}

TEST_CASE("json paths: an array of objects does not lend its keys to what follows") {
  CHECK(find_one(R"({"x":[{"a":{"b":1}},{"a":2}],"a":{"b":3}})", {"a", "b"}) == integer(3));
  CHECK(find_one(R"({"a":[{"b":1}],"b":2})", {"a", "b"}) == Scalar{Absent{}});
  CHECK(find_one(R"({"a":{"x":[{"b":1}],"b":2}})", {"a", "b"}) == integer(2));
}

TEST_CASE("json paths: an object or array comes with its own bytes") {
  constexpr std::string_view document = R"({ "o" : { "x" : [ 1, {"y":2} ] } , "l":[],"e":{} })";
  CHECK(find(document, {{"o"}, {"o", "x"}, {"l"}, {"e"}, {}}) ==
        std::vector<Scalar>{Composite{R"({ "x" : [ 1, {"y":2} ] })"}, Composite{R"([ 1, {"y":2} ])"}, Composite{"[]"},
                            Composite{"{}"}, Composite{std::string(document)}});
}

TEST_CASE("json paths: a container and a member inside it are found in one pass") {
  CHECK(find(R"({"o":{"x":{"y":1}}})", {{"o", "x", "y"}, {"o"}, {"o", "x"}}) ==
        std::vector<Scalar>{integer(1), Composite{R"({"x":{"y":1}})"}, Composite{R"({"y":1})"}});
}

TEST_CASE("json paths: segments compare with unescaped keys, an empty key is a key") {
  CHECK(find(R"({"\u0061.b":{"":1},"a":2})", {{"a.b", ""}, {"a"}}) == std::vector<Scalar>{integer(1), integer(2)});
}

TEST_CASE("json paths: the same path asked twice is answered twice, no path asks nothing") {
  CHECK(find(R"({"a":1})", {{"a"}, {"a"}}) == std::vector<Scalar>{integer(1), integer(1)});
  CHECK(find(R"({"a":1})", {}).empty());
}

TEST_CASE("json paths: answers of an earlier document do not show through") {
  std::vector<Scalar> out;
  const std::vector<Path> paths = {{"a"}};
  CHECK(json::find_paths(R"({"a":1})", paths, out).ok());
  CHECK(json::find_paths(R"({"b":1})", paths, out).ok());
  CHECK(out == std::vector<Scalar>{Absent{}});
}

TEST_CASE("json paths: a damaged document is corruption with its place") {
  std::vector<Scalar> out;
  const std::vector<Path> paths = {{"z"}};
  for (const std::string document :
       {"", "{", R"({"a":1)", R"({"a" 1})", R"({"z":1e999})", R"({"z":1000e306})", R"({"a":"\q"})", R"({"a":1,})"}) {
    CAPTURE(document);
    const Status status = json::find_paths(document, paths, out);
    REQUIRE(!status.ok());
    CHECK(status.error().code == Errc::corruption);
    CHECK(status.error().where.rfind("byte ", 0) == 0);
  }
}

TEST_CASE("json paths: hostile nesting costs no stack") {
  std::vector<Scalar> out;
  const std::vector<Path> paths = {{"z"}};
  CHECK(json::find_paths(R"({"a":)" + std::string(2'000'000, '['), paths, out).code() == Errc::corruption);
}
