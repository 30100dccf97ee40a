#include "api/cli/sql_statements.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

using weir::cli::SqlStatements;

namespace {

/// What comes of `text`, given at once or line by line; what no semicolon ends comes last, after a bar.
std::vector<std::string> cut(std::string_view text, bool by_line) {
  SqlStatements statements;
  std::vector<std::string> all;
  while (!text.empty()) {
    const std::string_view part = by_line ? text.substr(0, text.find('\n')) : text;
    const std::string_view piece = text.substr(0, part.size() + 1);
    statements.add(piece);
    text.remove_prefix(piece.size());
    while (auto statement = statements.next())
      all.push_back(*statement);
  }
  if (statements.begun())
    all.push_back("|" + statements.take_rest());
  return all;
}

} // namespace

TEST_CASE("projection: the program cuts SQL at semicolons, but not at those in texts, names and comments") {
  struct Case {
    std::string_view text;
    std::vector<std::string> statements;
  };
  const Case cases[] = {
      {"", {}},
      {" ;; \n;", {}},
      {"SELECT 1", {"|SELECT 1"}},
      {"SELECT 1;SELECT 2 ;\n", {"SELECT 1", "SELECT 2 "}},
      {"SELECT ';';", {"SELECT ';'"}},
      {"SELECT 'it''s;', \"a;\"\"b\", `c;`, [d;e];", {"SELECT 'it''s;', \"a;\"\"b\", `c;`, [d;e]"}},
      {"SELECT 1 -- a; comment\n;", {"SELECT 1 -- a; comment\n"}},
      {"SELECT /* a; */ 1;", {"SELECT /* a; */ 1"}},
      {"SELECT 1 /* ' */; SELECT 2", {"SELECT 1 /* ' */", "| SELECT 2"}},
      {"-- nothing here;\n/* nor; here */ ;", {}},
      {"-- nothing here", {}},
      {"SELECT 4-1, 6/2; SELECT 'open; end", {"SELECT 4-1, 6/2", "| SELECT 'open; end"}},
      {"SELECT 'a;\nb;\n' /* c;\nd; */\n, 1;\nSELECT\n2", {"SELECT 'a;\nb;\n' /* c;\nd; */\n, 1", "|\nSELECT\n2"}},
      {"SELECT '/*'; SELECT \"--\";", {"SELECT '/*'", " SELECT \"--\""}},
  };
  for (const Case& each : cases) {
    CAPTURE(std::string(each.text));
    CHECK(cut(each.text, false) == each.statements);
    CHECK(cut(each.text, true) == each.statements);
  }
}
