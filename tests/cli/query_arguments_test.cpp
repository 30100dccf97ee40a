#include "api/cli/query_arguments.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace weir;

TEST_CASE("query arguments: a value is what its JSON says, or else text") {
  CHECK(cli::parse_argument_value("100") == Value(100));
  CHECK(cli::parse_argument_value("-2.5") == Value(-2.5));
  CHECK(cli::parse_argument_value("18446744073709551615") == Value(UINT64_MAX));
  CHECK(cli::parse_argument_value("true") == Value(true));
  CHECK(cli::parse_argument_value("null") == Value());
  CHECK(cli::parse_argument_value("\"100\"") == Value("100"));
  CHECK(cli::parse_argument_value("EUR") == Value("EUR"));
  CHECK(cli::parse_argument_value("it's") == Value("it's"));
  CHECK(cli::parse_argument_value("") == Value(""));
  CHECK(cli::parse_argument_value("{\"a\":1}") == Value("{\"a\":1}"));
  CHECK(cli::parse_argument_value("2024-03-01T00:00:00Z") == Value("2024-03-01T00:00:00Z"));
}

TEST_CASE("query arguments: a named one has a name") {
  CHECK(cli::parse_named_argument("min=100").value() == std::pair(std::string("min"), Value(100)));
  CHECK(cli::parse_named_argument("_a1=x=y").value() == std::pair(std::string("_a1"), Value("x=y")));
  CHECK(cli::parse_named_argument("a=").value() == std::pair(std::string("a"), Value("")));
  for (const char* const wrong : {"", "=1", "1a=1", "a-b=1", ":a=1", "a"})
    CHECK(cli::parse_named_argument(wrong).code() == Errc::invalid_argument);
}

TEST_CASE("query arguments: a time limit has a unit") {
  using namespace std::chrono_literals;
  CHECK(cli::parse_timeout("500ms").value() == 500ms);
  CHECK(cli::parse_timeout("30s").value() == 30s);
  CHECK(cli::parse_timeout("5m").value() == 5min);
  CHECK(cli::parse_timeout("2h").value() == 2h);
  for (const char* const wrong : {"", "5", "s", "0s", "-1s", "1.5s", "1d", "5 s", "99999999999999999h", "87601h"})
    CHECK(cli::parse_timeout(wrong).code() == Errc::invalid_argument);
}
