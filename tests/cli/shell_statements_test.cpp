#include "api/cli/shell_statements.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using weir::cli::ShellStatements;

namespace {

/// What `lines` are cut into; what has begun and not ended comes last, with a mark before it.
std::vector<std::string> cut(const std::vector<std::string>& lines) {
  ShellStatements statements;
  std::vector<std::string> cut;
  for (const std::string& line : lines) {
    statements.add(line);
    while (auto statement = statements.next())
      cut.push_back(*statement);
  }
  if (statements.begun())
    cut.push_back("... " + statements.take_rest());
  return cut;
}

using Cut = std::vector<std::string>;

} // namespace

TEST_CASE("shell statements: a semicolon ends one, wherever it stands in a line") {
  CHECK(cut({"PING;"}) == Cut{"PING"});
  CHECK(cut({"QUERY *", "  COUNT;"}) == Cut{"QUERY *\n  COUNT"});
  CHECK(cut({"PING; FLUSH ;  SHOW", "STATS;"}) == Cut{"PING", "FLUSH", "SHOW\nSTATS"});
  CHECK(cut({";;", " ; ;PING;"}) == Cut{"PING"});
}

TEST_CASE("shell statements: an empty line ends one") {
  CHECK(cut({"QUERY *", "COUNT", "", "PING", "  \t"}) == Cut{"QUERY *\nCOUNT", "PING"});
  CHECK(cut({"", "", "PING", ""}) == Cut{"PING"});
  CHECK(cut({"PING; ", "", "FLUSH"}) == Cut{"PING", "... FLUSH"});
}

TEST_CASE("shell statements: what is missing is left at the end of input") {
  CHECK(cut({"QUERY *"}) == Cut{"... QUERY *"});
  CHECK(cut({"", " "}) == Cut{});
  CHECK(cut({"STORE 'a", "", ";"}) == Cut{"... STORE 'a\n\n;"});
}

TEST_CASE("shell statements: semicolons and empty lines in quotes and braces are text") {
  CHECK(cut({"QUERY * FOR 'a;b'; PING;"}) == Cut{"QUERY * FOR 'a;b'", "PING"});
  CHECK(cut({"QUERY * FOR 'it''s;'; PING;"}) == Cut{"QUERY * FOR 'it''s;'", "PING"});
  CHECK(cut({"QUERY * FOR \"a\\\"; PING;"}) == Cut{"QUERY * FOR \"a\\\"", "PING"});
  CHECK(cut({"STORE t {\"a\": \"x\\\";}\",", "", "\"b\": {\"c\": \";\"}};", "PING;"}) ==
        Cut{"STORE t {\"a\": \"x\\\";}\",\n\n\"b\": {\"c\": \";\"}}", "PING"});
  CHECK(cut({"DEFINE t FIELDS { s: enum('a;', '}') }", ""}) == Cut{"DEFINE t FIELDS { s: enum('a;', '}') }"});
  CHECK(cut({"QUERY } ; PING;"}) == Cut{"QUERY }", "PING"});
}

TEST_CASE("shell statements: lines that begin with -- are comments, save in texts") {
  CHECK(cut({"-- PING; ", "QUERY *", "  -- all of them;", "COUNT;"}) == Cut{"QUERY *\nCOUNT"});
  CHECK(cut({"QUERY 'a", "-- b';"}) == Cut{"QUERY 'a\n-- b'"});
  CHECK(cut({"QUERY a--b;"}) == Cut{"QUERY a--b"});
}

TEST_CASE("shell statements: what is missing is known while it is") {
  ShellStatements statements;
  const auto missing_after = [&](const char* line) {
    statements.add(line);
    CHECK(!statements.next());
    return statements.missing();
  };
  CHECK(missing_after("STORE") == ' ');
  CHECK(missing_after("'a") == '\'');
  CHECK(missing_after("' {") == '}');
  CHECK(missing_after("\"") == '"');
  CHECK(statements.text() == "STORE\n'a\n' {\n\"\n");
  CHECK(statements.take_rest() == "STORE\n'a\n' {\n\"");
  CHECK(!statements.begun());
  CHECK(statements.missing() == ' ');
}
