// The part of the language that SQL has, too, against SQLite over the same rows.
#include "engine/query/executor.hpp"
#include "engine/sqlite/database.hpp"
#include "engine/time_text.hpp"
#include "tests/engine/query/fake_shard.hpp"
#include "tests/engine/query/random_data.hpp"

#include <doctest/doctest.h>

#include <array>
#include <optional>
#include <string>
#include <vector>

using namespace weir;
using test::pick;
using test::Random;

namespace {

/// One piece of a query in both languages.
struct Both {
  std::string weir, sql;
};
Both operator+(const Both& a, const Both& b) {
  return {a.weir + b.weir, a.sql + b.sql};
}
Both same(const std::string& text) {
  return {text, text};
}

struct Row {
  test::StoredEvent event;
  std::optional<std::int64_t> n;
  std::optional<double> r;
  std::optional<std::string> s;
};

/// Eighths, whose sums SQLite has exactly, too.
double eighth(Random& random) {
  return static_cast<double>(pick(random, 200)) / 8.0 - 10.0;
}

const std::array<std::string, 8> words = {"red", "Red", "green", "gr\u00fcn", "", "it's", "50%", "a_b"};

std::vector<Row> random_rows(Random& random, std::size_t count) {
  std::vector<Row> rows;
  std::map<std::string, Sequence> sequences;
  for (std::size_t i = 0; i < count; ++i) {
    Row row;
    test::StoredEvent& event = row.event;
    event.context_id = "context-" + std::to_string(pick(random, 6));
    event.sequence = ++sequences[event.context_id];
    event.position = 10 * (i + 1);
    event.event_type = std::array{"placed", "paid", "sent"}[pick(random, 3)];
    const auto minutes = static_cast<std::int64_t>(pick(random, 60ULL * 24 * 800)); // Over two years.
    event.timestamp =
        Timestamp(std::chrono::seconds(1'672'531'200 + minutes * 60 + static_cast<int>(pick(random, 60))));
    event.recorded_at = Timestamp(std::chrono::seconds(1'800'000'000 + i));
    std::string members;
    const auto add = [&](const std::string& member) { members += (members.empty() ? "" : ",") + member; };
    if (pick(random, 6) != 0) {
      row.n = static_cast<std::int64_t>(pick(random, 20)) - 5;
      add("\"n\":" + std::to_string(*row.n));
    }
    if (pick(random, 6) != 0) {
      row.r = eighth(random);
      add("\"r\":" + std::to_string(*row.r));
    }
    if (pick(random, 6) != 0) {
      row.s = words[pick(random, words.size())];
      add("\"s\":\"" + *row.s + "\"");
    } else if (pick(random, 2) == 0) {
      add("\"s\":null");
    }
    event.payload = "{" + members + "}";
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<ShardView> shard_of(Random& random, const std::vector<Row>& rows) {
  std::vector<test::StoredEvent> flushed;
  std::vector<test::StoredEvent> recent;
  const std::size_t cut = std::array{std::size_t{0}, rows.size(), rows.size() / 2}[pick(random, 3)];
  for (const Row& row : rows)
    (flushed.size() < cut ? flushed : recent).push_back(row.event);
  std::vector<std::shared_ptr<test::FakeSegment>> segments;
  if (!flushed.empty())
    segments.push_back(std::make_shared<test::FakeSegment>(flushed, static_cast<std::uint32_t>(1 + pick(random, 17)),
                                                           std::vector<json::Path>{{"n"}, {"r"}, {"s"}}));
  std::vector<MemtableView> memtables;
  if (!recent.empty())
    memtables.push_back(test::make_memtable(recent));
  return {test::make_view(std::move(segments), std::move(memtables))};
}

sqlite::Database table_of(const std::vector<Row>& rows) {
  auto database = sqlite::Database::open_in_memory();
  REQUIRE(database.ok());
  REQUIRE(database->execute("PRAGMA case_sensitive_like = ON; CREATE TABLE events(position INTEGER, sequence INTEGER, "
                            "context_id TEXT, event_type TEXT, at INTEGER, n INTEGER, r REAL, s TEXT)"));
  auto insert = database->prepare("INSERT INTO events VALUES(?, ?, ?, ?, ?, ?, ?, ?)");
  REQUIRE(insert.ok());
  for (const Row& row : rows) {
    insert->clear_bindings();
    insert->bind(1, static_cast<std::int64_t>(row.event.position))
        .bind(2, static_cast<std::int64_t>(row.event.sequence))
        .bind(3, std::string_view(row.event.context_id))
        .bind(4, std::string_view(row.event.event_type))
        .bind(5, std::chrono::duration_cast<std::chrono::seconds>(row.event.timestamp.time_since_epoch()).count());
    if (row.n)
      insert->bind(6, *row.n);
    if (row.r)
      insert->bind(7, *row.r);
    if (row.s)
      insert->bind(8, std::string_view(*row.s));
    REQUIRE(insert->run());
  }
  return *std::move(database);
}

class Maker {
public:
  explicit Maker(Random& random) : random_(random) {}

  Both query() {
    Both source{"QUERY * ", " FROM events"};
    const Both where = one_in(5) ? Both{} : same(" WHERE ") + condition(3);
    if (one_in(2))
      return rows(source, where);
    return groups(source, where);
  }

private:
  bool one_in(std::size_t n) { return pick(random_, n) == 0; }
  std::string quoted(const std::string& text) {
    std::string out = "'";
    for (const char c : text)
      out += c == '\'' ? "''" : std::string(1, c);
    return out + "'";
  }
  std::string whole() { return std::to_string(static_cast<int>(pick(random_, 20)) - 5); }
  std::string real() { return std::to_string(eighth(random_)); }
  std::string word() { return quoted(words[pick(random_, words.size())]); }
  std::string sign() { return std::array{" = ", " != ", " < ", " <= ", " > ", " >= "}[pick(random_, 6)]; }

  /// A number, at most `depth` operations deep.
  Both number(int depth) {
    switch (pick(random_, depth == 0 ? 4 : 9)) {
    case 0: return {"payload.r", "r"};
    case 1: return same(whole());
    case 2: return one_in(2) ? same(real()) : same("sequence");
    case 3: return {"payload.n", "n"};
    case 4: return same("abs(") + number(depth - 1) + same(")");
    case 5: return Both{"length(payload.s)", "length(s)"};
    case 6: return Both{"(payload.n % ", "(n % "} + same("(" + whole() + "))");
    case 7: return same("(") + number(depth - 1) + same(" / (" + real() + "))");
    default:
      return same("(") + number(depth - 1) + same(std::array{" + ", " - ", " * "}[pick(random_, 3)]) +
             number(depth - 1) + same(")");
    }
  }
  Both text() {
    switch (pick(random_, 4)) {
    case 0: return {"lower(payload.s)", "lower(s)"};
    case 1: return same("event_type");
    default: return {"payload.s", "s"};
    }
  }
  Both pattern() {
    const std::string text =
        quoted(std::array{"%", "re_", "gr_n", "%\\%", "a\\_b", "_%", "%e%", "", "%n", "R%", "p%d"}[pick(random_, 11)]);
    return {" LIKE " + text, " LIKE " + text + " ESCAPE '\\'"};
  }
  Both condition(int depth) {
    if (depth > 0 && !one_in(3)) {
      const Both left = condition(depth - 1);
      if (one_in(3))
        return same("NOT (") + left + same(")");
      return same("(") + left + same(one_in(2) ? " AND " : " OR ") + condition(depth - 1) + same(")");
    }
    switch (pick(random_, 9)) {
    case 0: return text() + pattern();
    case 1: return Both{"payload.s", "s"} + same(" IN (" + word() + ", " + word() + ")");
    case 2: return Both{"payload.n", "n"} + same(" IN (" + whole() + ", " + whole() + ", " + real() + ")");
    case 3: return number(1) + same(" BETWEEN ") + number(0) + same(" AND ") + number(0);
    case 4: return number(2) + same(one_in(2) ? " IS NULL" : " IS NOT NULL");
    case 5: return text() + same(sign()) + (one_in(2) ? same(word()) : text());
    case 6: return Both{"EXISTS payload.n", "n IS NOT NULL"};
    case 7: return same("context_id" + sign() + quoted("context-" + std::to_string(pick(random_, 7))));
    default: return number(2) + same(sign()) + number(1);
    }
  }

  Both window() {
    if (one_in(2))
      return {};
    const std::string rows = std::to_string(pick(random_, 20));
    return same(" LIMIT " + rows + (one_in(2) ? " OFFSET " + std::to_string(pick(random_, 5)) : ""));
  }

  Both rows(const Both& source, const Both& where) {
    const std::vector<Both> all = {{"position", "position"},
                                   {"payload.n", "n"},
                                   {"payload.r", "r"},
                                   {"payload.s", "s"},
                                   {"event_type", "event_type"}};
    Both order = same(" ORDER BY ");
    for (std::size_t i = pick(random_, 3); i > 0; --i)
      order = order + all[pick(random_, all.size())] + same(one_in(2) ? " DESC, " : ", ");
    const Both tail = where + order + same("position") + window();
    return {source.weir + tail.weir + " RETURN [position, payload.n, payload.r, payload.s, event_type]",
            "SELECT position, n, r, s, event_type" + source.sql + tail.sql};
  }

  Both groups(const Both& source, const Both& where) {
    const std::vector<Both> aggregates = {
        {"COUNT AS c", "count(*) AS c"},
        {"COUNT UNIQUE payload.n AS u", "count(DISTINCT n) AS u"},
        {"COUNT UNIQUE payload.s AS v", "count(DISTINCT s) AS v"},
        {"TOTAL payload.n AS t", "sum(n) AS t"},
        {"TOTAL payload.r AS q", "sum(r) AS q"},
        {"AVG payload.n AS a", "avg(n) AS a"},
        {"AVG payload.r AS b", "avg(r) AS b"},
        {"MIN payload.r AS l", "min(r) AS l"},
        {"MAX payload.s AS m", "max(s) AS m"},
        {"MIN timestamp AS f", "strftime('%Y-%m-%dT%H:%M:%S.000000Z', min(at), 'unixepoch') AS f"}};
    Both columns = aggregates.front();
    for (std::size_t i = 1; i < aggregates.size(); ++i)
      columns = columns + same(", ") + aggregates[i];
    Both by;
    std::string keys;
    std::string per;
    if (one_in(3)) {
      const std::size_t unit = pick(random_, 6);
      per = std::array{" PER minute", " PER hour", " PER day", " PER week", " PER month", " PER year"}[unit];
      const std::string format = std::array{"%Y-%m-%dT%H:%M:00", "%Y-%m-%dT%H:00:00", "%Y-%m-%dT00:00:00",
                                            "%Y-%m-%dT00:00:00", "%Y-%m-01T00:00:00", "%Y-01-01T00:00:00"}[unit];
      keys = "strftime('" + format + ".000000Z', at, 'unixepoch'" + (unit == 3 ? ", '-6 days', 'weekday 1'" : "") + ")";
    }
    const std::vector<Both> fields = {
        {"payload.n", "n"}, {"payload.s", "s"}, {"payload.r", "r"}, {"event_type", "event_type"}};
    for (std::size_t i = pick(random_, 3); i > 0; --i) {
      const Both& field = fields[pick(random_, fields.size())];
      by = by + (by.weir.empty() ? same("") : same(", ")) + field;
    }
    if (!by.sql.empty())
      keys += (keys.empty() ? "" : ", ") + by.sql;
    const std::string having = keys.empty() || one_in(2) ? ""
                                                         : " HAVING c" + sign() + std::to_string(pick(random_, 6)) +
                                                               std::array{"", " AND t > 0", " OR q IS NULL",
                                                                          " AND NOT u < v"}[pick(random_, 4)];
    const std::string order =
        std::array{"", "c DESC, ", "t, c DESC, ", "l DESC, v, ", "a, ", "b DESC, "}[pick(random_, 6)];
    const Both limits = window();
    // Groups that tie come in the order of their keys.
    std::string weir = source.weir + where.weir + " " + columns.weir + (by.weir.empty() ? "" : " BY " + by.weir) + per +
                       having + limits.weir;
    if (!order.empty())
      weir += " ORDER BY " + order.substr(0, order.size() - 2);
    std::string sql = "SELECT " + (keys.empty() ? "" : keys + ", ") + columns.sql + source.sql + where.sql;
    if (!keys.empty())
      sql += " GROUP BY " + keys + having + " ORDER BY " + order + keys;
    return {weir, sql + limits.sql};
  }

  Random& random_;
};

/// SQLite's row as text, numbers as doubles: 1 and 1.0 are written the same.
std::string cell(const sqlite::Statement& row, int column) {
  switch (row.type(column)) {
  case sqlite::ValueType::null: return "null";
  case sqlite::ValueType::integer:
  case sqlite::ValueType::real: return to_json(Value(row.real(column)));
  default: return "'" + std::string(row.text(column)) + "'";
  }
}

std::string cell(const Value& value) {
  if (value.is_null())
    return "null";
  if (const auto number = value.as_double())
    return to_json(Value(*number));
  if (const auto time = value.as_timestamp())
    return "'" + format_timestamp(*time) + "'";
  return "'" + std::string(*value.as_string()) + "'";
}

} // namespace

TEST_CASE("query oracle: what SQL can say has the rows that SQLite gives") {
  std::uint64_t with_rows = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Random random(seed);
    const std::vector<Row> rows = random_rows(random, 20 + pick(random, 150));
    const std::vector<ShardView> views = shard_of(random, rows);
    sqlite::Database database = table_of(rows);
    for (int i = 0; i < 50; ++i) {
      const Both both = Maker(random).query();
      CAPTURE(seed);
      CAPTURE(both.weir);
      CAPTURE(both.sql);
      const auto plan = parse_query(both.weir);
      if (!plan)
        FAIL(to_string(plan.error()));
      const auto answer = query::run(*plan, views, {});
      REQUIRE(answer.ok());
      auto statement = database.prepare(both.sql);
      if (!statement)
        FAIL(to_string(statement.error()));
      std::size_t at = 0;
      for (auto more = statement->step();; more = statement->step()) {
        REQUIRE(more.ok());
        if (!*more)
          break;
        REQUIRE(at < answer->rows.size());
        REQUIRE(static_cast<std::size_t>(statement->column_count()) == answer->columns.size());
        for (int column = 0; column < statement->column_count(); ++column) {
          CAPTURE(at);
          CAPTURE(column);
          REQUIRE(cell(answer->rows[at][static_cast<std::size_t>(column)]) == cell(*statement, column));
        }
        ++at;
      }
      REQUIRE(at == answer->rows.size());
      with_rows += at != 0 ? 1 : 0;
    }
  }
  CHECK(with_rows > 2'000);
}
