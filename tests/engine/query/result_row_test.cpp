// Reading an answer by the names of its columns.
#include <weir/query_result.hpp>

#include <doctest/doctest.h>

#include <string>

using namespace weir;

namespace {

QueryResult sample() {
  QueryResult result;
  result.columns = {"payload.country", "count", "share", "at", "open", "payload", "count"};
  result.rows.push_back({"NO", 7, 0.5, Timestamp{std::chrono::seconds(3)}, true, JsonText{"{}"}, 8});
  result.rows.push_back({Value(), UINT64_MAX, 2, Value(), false, Value(), -1});
  return result;
}

} // namespace

TEST_CASE("result rows: values by column name, each in its type") {
  const QueryResult result = sample();
  const ResultRow row = result.row(0);
  CHECK(row.get<std::string>("payload.country").value() == "NO");
  CHECK(row.get<std::string_view>("payload.country").value() == "NO");
  CHECK(row.get<std::int64_t>("count").value() == 7); // the first of two columns with one name
  CHECK(row.get<std::uint64_t>("count").value() == 7);
  CHECK(row.get<double>("count").value() == 7.0);
  CHECK(row.get<double>("share").value() == 0.5);
  CHECK(row.get<Timestamp>("at").value() == Timestamp{std::chrono::seconds(3)});
  CHECK(row.get<bool>("open").value());
  CHECK(row.get<JsonText>("payload").value() == JsonText{"{}"});
  CHECK(row["count"] == Value(7));
  CHECK(result.at(0, "count").as_int64() == 7);
  CHECK(result.row(1).get<std::uint64_t>("count").value() == UINT64_MAX);
  CHECK(result.column("share") == 2);
}

TEST_CASE("result rows: null is nothing where an optional is asked for, and an error elsewhere") {
  const QueryResult result = sample();
  const ResultRow row = result.row(1);
  CHECK(row.get<std::optional<std::string>>("payload.country").value() == std::nullopt);
  CHECK(row.get<std::optional<Timestamp>>("at").value() == std::nullopt);
  CHECK(row.get<std::optional<double>>("share").value() == 2.0);
  const auto refused = row.get<std::string>("payload.country");
  REQUIRE(refused.code() == Errc::invalid_argument);
  CHECK(to_string(refused.error()) == "invalid_argument: wanted a string, found null (payload.country)");
  CHECK(row["at"].is_null());
}

TEST_CASE("result rows: another kind is refused, never converted") {
  const QueryResult result = sample();
  CHECK(result.row(0).get<std::int64_t>("share").code() == Errc::invalid_argument);
  CHECK(result.row(0).get<std::string>("count").code() == Errc::invalid_argument);
  CHECK(result.row(0).get<bool>("count").code() == Errc::invalid_argument);
  CHECK(result.row(0).get<std::optional<std::string>>("count").code() == Errc::invalid_argument);
  const auto too_large = result.row(1).get<std::int64_t>("count");
  REQUIRE(too_large.code() == Errc::invalid_argument);
  CHECK(too_large.error().message == "wanted an integer of 64 bits, found a larger one");
}

TEST_CASE("result rows: a column or row that is not there is named, or null") {
  const QueryResult result = sample();
  const auto no_column = result.row(0).get<std::int64_t>("cuont");
  REQUIRE(no_column.code() == Errc::not_found);
  CHECK(no_column.error().message.find("no column cuont; there are: payload.country, count, share") !=
        std::string::npos);
  const auto no_row = result.row(2).get<std::int64_t>("count");
  REQUIRE(no_row.code() == Errc::not_found);
  CHECK(no_row.error().message == "the result has 2 rows, and no row 2");
  CHECK(result.row(2).get<std::optional<std::int64_t>>("count").code() == Errc::not_found);
  CHECK(result.at(2, "count").is_null());
  CHECK(result.at(0, "cuont").is_null());
  CHECK(result.column("cuont") == std::nullopt);
}
