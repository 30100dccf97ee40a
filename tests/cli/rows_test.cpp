#include "api/cli/rows.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace weir;
using cli::Column;
using cli::Format;

namespace {

using Row = std::vector<Value>;

std::string print(Format format, const std::vector<Column>& columns, const std::vector<Row>& rows,
                  std::size_t width = 0) {
  const auto writer = cli::make_row_format(format, columns, width);
  std::string out;
  writer->begin(out);
  for (const Row& row : rows)
    writer->add(out, row);
  writer->settle(out);
  return out;
}

Value time_value() {
  return Timestamp{std::chrono::microseconds{1'577'836'799'000'001}};
}

} // namespace

TEST_CASE("JSON lines: one object a row, payloads raw, optional columns left out where null") {
  const std::vector<Column> columns = {{"id"}, {"at"}, {"event_id", true}, {"payload"}};
  CHECK(print(Format::jsonl, columns,
              {{"a\"b", time_value(), Value(), JsonText{R"({"x": 1.50})"}}, {Value(), 7, "e1", JsonText{"{}"}}}) ==
        R"({"id":"a\"b","at":"2019-12-31T23:59:59.000001Z","payload":{"x": 1.50}})"
        "\n"
        R"({"id":null,"at":7,"event_id":"e1","payload":{}})"
        "\n");
  CHECK(print(Format::jsonl, {{"only", true}}, {{Value()}}) == "{}\n");
  CHECK(print(Format::jsonl, columns, {}) == "");
}

TEST_CASE("JSON lines: a payload stored over several lines is printed in one") {
  CHECK(print(Format::jsonl, {{"payload"}}, {{JsonText{"{\n  \"a\": \"x\\ny\"\r\n}"}}}) ==
        "{\"payload\":{   \"a\": \"x\\ny\"  }}\n");
}

TEST_CASE("CSV: RFC 4180, with null and empty text kept apart") {
  CHECK(print(Format::csv, {{"a"}, {"b,c"}}, {}) == "a,\"b,c\"\r\n");
  CHECK(print(Format::csv, {{"a"}, {"b"}},
              {{"plain", 12},
               {"with, comma", "say \"hi\""},
               {"two\nlines", Value()},
               {"", true},
               {JsonText{R"({"x":"y"})"}, time_value()}}) ==
        "a,b\r\n"
        "plain,12\r\n"
        "\"with, comma\",\"say \"\"hi\"\"\"\r\n"
        "\"two\nlines\",\r\n"
        "\"\",true\r\n"
        "\"{\"\"x\"\":\"\"y\"\"}\",2019-12-31T23:59:59.000001Z\r\n");
}

TEST_CASE("table: columns are aligned by characters, numbers to the right") {
  CHECK(print(Format::table, {{"name"}, {"count"}, {"note"}},
              {{"a", 1, "x"}, {"M\xc3\xbcller", 1000, Value()}, {"bc", Value(), "z"}}) == "name    count  note\n"
                                                                                          "------  -----  ----\n"
                                                                                          "a           1  x\n"
                                                                                          "M\xc3\xbcller   1000\n"
                                                                                          "bc             z\n");
}

TEST_CASE("table: without rows the heading still says what would be there") {
  CHECK(print(Format::table, {{"name"}, {"count"}}, {}) == "name  count\n----  -----\n");
}

TEST_CASE("table: on a terminal the widest cells give way, elsewhere nothing is cut") {
  const std::vector<Column> columns = {{"type"}, {"payload"}};
  const std::vector<Row> rows = {{"placed", JsonText{R"({"total":12,"currency":"EUR"})"}}};
  CHECK(print(Format::table, columns, rows, 24) == "type    payload\n"
                                                   "------  ----------------\n"
                                                   "placed  {\"total\":12,\"cu\xe2\x80\xa6\n");
  CHECK(print(Format::table, columns, rows).find("EUR") != std::string::npos);
}

TEST_CASE("table: what could move the cursor or break the line is shown escaped") {
  const std::string out = print(Format::table, {{"text"}}, {{"a\n\x1b[2Jb\xc2\x9b\x7f"}, {"bad \xff"}});
  CHECK(out.find("a\\n\\u001b[2Jb\\u009b\\u007f\n") != std::string::npos);
  CHECK(out.find("bad \xef\xbf\xbd\n") != std::string::npos);
}

TEST_CASE("table: rows beyond those measured keep to the columns, or are cut on a terminal") {
  std::vector<Row> rows(600, Row{"short", 1});
  rows.push_back({"much longer than before", 2});
  CHECK(print(Format::table, {{"a"}, {"n"}}, rows).ends_with("short  1\nmuch longer than before  2\n"));
  CHECK(print(Format::table, {{"a"}, {"n"}}, rows, 80).ends_with("short  1\nmuch\xe2\x80\xa6  2\n"));
}
