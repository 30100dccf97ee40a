#include "engine/query/executor.hpp"
#include "engine/query/explain.hpp"
#include "engine/time_text.hpp"
#include "tests/engine/query/fake_shard.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>

using namespace weir;
using namespace std::chrono_literals;
using query::QueryControl;
using Rows = std::vector<std::vector<Value>>;

namespace {

constexpr Timestamp start{1'700'000'000'000'000us};

std::string pick(std::mt19937_64& random, std::initializer_list<std::string> of) {
  return *(of.begin() + static_cast<std::ptrdiff_t>(random() % of.size()));
}

/// A payload whose members are of one type, of several, null or missing.
std::string random_payload(std::mt19937_64& random) {
  std::string payload = "{";
  const auto add = [&](const std::string& name, const std::string& value) {
    if (!value.empty())
      payload += (payload.size() == 1 ? "\"" : ",\"") + name + "\":" + value;
  };
  add("n", pick(random, {"", "null", "1", "2", "3", "-4", "50"}));
  add("all", std::to_string(random() % 9));
  add("real", pick(random, {"", "0.5", "2.0", "-0.0", "1e9", "0.1"}));
  add("text", pick(random, {"", "null", "\"a\"", "\"b\"", "\"abc\"", "\"\"", "\"a long text of more than 32 bytes, 1\"",
                            "\"a long text of more than 32 bytes, 2\""}));
  add("flag", pick(random, {"true", "false", "", "null"}));
  add("mixed", pick(random, {"1", "\"1\"", "true", "[1,2]", "{\"x\":1}", "18446744073709551615", "1.5"}));
  add("big", pick(random, {"9007199254740993", "9007199254740992", "-9223372036854775808"}));
  add("deep", "{\"x\":" + std::to_string(random() % 3) + "}");
  return payload + "}";
}

const std::vector<json::Path> columns = {{"n"},    {"all"},   {"real"}, {"text"},
                                         {"flag"}, {"mixed"}, {"big"},  {"deep", "x"}};

/// The same events twice: with columns and without.
struct Both {
  std::vector<ShardView> with, without;
};

Both random_shards(std::uint64_t seed, std::size_t count, std::uint32_t zone_rows) {
  std::mt19937_64 random(seed);
  std::vector<test::StoredEvent> events;
  std::array<Sequence, 5> last{};
  for (std::size_t i = 0; i < count; ++i) {
    test::StoredEvent event;
    const std::size_t context = random() % last.size();
    event.context_id = "order-" + std::to_string(context);
    event.sequence = ++last[context];
    event.position = 10 * (i + 1);
    event.recorded_at = event.timestamp = start + std::chrono::minutes(i * 97);
    event.event_type = pick(random, {"placed", "paid", "sent"});
    if (random() % 2 == 0)
      event.event_id = "id-" + std::to_string(i);
    event.payload = random_payload(random);
    events.push_back(event);
  }
  const std::vector<test::StoredEvent> old(events.begin(), events.begin() + static_cast<std::ptrdiff_t>(count / 2));
  const std::vector<test::StoredEvent> newer(events.begin() + static_cast<std::ptrdiff_t>(count / 2), events.end() - 3);
  const std::vector<test::StoredEvent> recent(events.end() - 3, events.end());
  Both both;
  both.with = {test::make_view({std::make_shared<test::FakeSegment>(old, zone_rows, columns),
                                std::make_shared<test::FakeSegment>(newer, zone_rows, columns)},
                               {test::make_memtable(recent)})};
  both.without = {test::make_view({std::make_shared<test::FakeSegment>(events, zone_rows)})};
  return both;
}

QueryResult answer(const Query& plan, const std::vector<ShardView>& views, const QueryControl& control = {}) {
  auto result = query::run(plan, views, control);
  if (!result)
    FAIL(to_string(result.error()));
  return *std::move(result);
}

Query parsed(std::string_view text) {
  auto plan = parse_query(text);
  if (!plan)
    FAIL(std::string(text), ": ", to_string(plan.error()));
  return *std::move(plan);
}

/// Conditions of every sort.
std::vector<std::string> conditions() {
  std::vector<std::string> all;
  for (const std::string field : {"n", "all", "real", "text", "flag", "mixed", "big", "deep.x", "missing"}) {
    for (const std::string literal : {"2", "0.5", "'abc'", "true", "9007199254740993", "9007199254740992.0"})
      for (const std::string comparison : {"=", "!=", "<", "<=", ">", ">="})
        all.push_back("payload." + field + " " + comparison + " " + literal);
    all.push_back("payload." + field + " IN (1, 2.0, 'a', false)");
    all.push_back("payload." + field + " IN ('a', 'b')");
    all.push_back("payload." + field + " IS NULL");
    all.push_back("NOT payload." + field + " = 'a long text of more than 32 bytes, 1'");
    all.push_back("EXISTS payload." + field);
    all.push_back("NOT EXISTS payload." + field);
    all.push_back("payload." + field + " LIKE 'a%'");
    all.push_back("payload." + field + " BETWEEN 1 AND 3");
    all.push_back("NOT (payload." + field + " > 1 AND sequence < 10)");
    all.push_back("payload." + field + " = payload.n");
    all.push_back("payload." + field + " + 1 > payload.all OR context_id = 'order-2'");
  }
  all.insert(all.end(), {"event_type = 'paid' AND payload.n > 1 AND payload.mixed = 1",
                         "event_type IN ('paid', 'sent') AND NOT (payload.text = 'a' OR payload.n IS NULL)",
                         "context_id > 'order-1' AND sequence <= 7 AND position != 300", "EXISTS event_id",
                         "event_id = 'id-7' OR payload.all = 3", "position + sequence > 300 AND payload.flag = true",
                         "timestamp >= '2023-11-20T00:00:00Z' AND timestamp < '2023-12-01T00:00:00Z'"});
  return all;
}

} // namespace

TEST_CASE("zone scan: conditions find the same rows with columns, without, and without pruning") {
  for (const std::uint64_t seed : {1, 2, 3}) {
    const Both both = random_shards(seed, 260, seed == 3 ? 100 : 32);
    std::uint64_t columns_read = 0;
    for (const std::string& condition : conditions()) {
      CAPTURE(condition);
      const Query plan =
          parsed("QUERY * WHERE " + condition + " RETURN [position, payload.n, payload.text, event_type]");
      QueryControl control;
      control.prune = false;
      const Rows expected = answer(plan, both.without, control).rows;
      control.prune = true;
      CHECK(answer(plan, both.without, control).rows == expected);
      const QueryResult by_columns = answer(plan, both.with, control);
      CHECK(by_columns.rows == expected);
      columns_read += by_columns.stats.field_columns;
      control.columns = false;
      const QueryResult by_payloads = answer(plan, both.with, control);
      CHECK(by_payloads.rows == expected);
      CHECK(by_payloads.stats.field_columns == 0);
    }
    CHECK(columns_read > 500);
  }
}

TEST_CASE("zone scan: aggregates come out the same from columns and from rows") {
  const std::vector<std::string> aggregates = {"COUNT",
                                               "TOTAL payload.n",
                                               "AVG payload.real",
                                               "MIN payload.text",
                                               "MAX payload.n, MIN payload.real",
                                               "COUNT, TOTAL payload.all, COUNT UNIQUE payload.text",
                                               "FIRST payload.n, LAST payload.text",
                                               "P50 payload.all",
                                               "MIN payload.mixed, MAX payload.flag",
                                               "COUNT UNIQUE payload.flag, MIN timestamp"};
  const std::vector<std::string> groups = {"",
                                           " BY event_type",
                                           " BY context_id",
                                           " BY payload.text",
                                           " BY payload.flag, event_type",
                                           " BY payload.n",
                                           " BY payload.mixed",
                                           " BY payload.missing",
                                           " PER DAY",
                                           " PER WEEK BY payload.text",
                                           " PER MONTH BY event_type",
                                           " PER YEAR",
                                           " PER HOUR"};
  for (const std::uint64_t seed : {4, 5}) {
    const Both both = random_shards(seed, 260, 64);
    for (const std::string& aggregate : aggregates) {
      for (const std::string& group : groups) {
        for (const std::string where : {"", " WHERE payload.all > 3", " WHERE payload.mixed = 1 OR sequence > 20"}) {
          const std::string text = "QUERY *" + where + " " + aggregate + group;
          CAPTURE(text);
          const Query plan = parsed(text);
          QueryControl control;
          control.prune = false;
          const Rows expected = answer(plan, both.without, control).rows;
          control.prune = true;
          CHECK(answer(plan, both.with, control).rows == expected);
          control.columns = false;
          CHECK(answer(plan, both.with, control).rows == expected);
        }
      }
    }
  }
}

namespace {

test::StoredEvent order(std::uint64_t n, const std::string& payload) {
  test::StoredEvent event;
  event.context_id = "order-" + std::to_string(n / 4);
  event.sequence = n % 4 + 1;
  event.position = n + 1;
  event.recorded_at = event.timestamp = start + std::chrono::seconds(n);
  event.event_type = n % 2 == 0 ? "placed" : "paid";
  event.payload = payload;
  return event;
}

/// Zones of four rows; payload.n is the row's number.
std::shared_ptr<test::FakeSegment> numbered(std::uint64_t rows) {
  std::vector<test::StoredEvent> events;
  for (std::uint64_t n = 0; n < rows; ++n)
    events.push_back(order(n, R"({"n":)" + std::to_string(n) + R"(,"name":"name )" + std::to_string(n / 8) + "\"}"));
  return std::make_shared<test::FakeSegment>(events, 4, std::vector<json::Path>{{"n"}, {"name"}});
}

} // namespace

TEST_CASE("zone scan: a condition on columns reads no payload, and only the zones and columns it needs") {
  const auto segment = numbered(40);
  const std::vector<ShardView> views = {test::make_view({segment})};
  const QueryResult result =
      answer(parsed("QUERY placed WHERE payload.n >= 12 AND payload.n < 18 RETURN [position, payload.name]"), views);
  CHECK(result.rows == Rows{{13, "name 1"}, {15, "name 1"}, {17, "name 2"}});
  CHECK(segment->reads.empty()); // rows and payloads
  CHECK(result.stats.zones_pruned == 8);
  CHECK(result.stats.zones_scanned == 2);
  CHECK(result.stats.payload_zones == 0);
  using Read = test::FakeSegment::ColumnRead;
  CHECK(segment->column_reads == std::vector<Read>{{3, column_type, {}},
                                                   {3, column_position, {1}},
                                                   {4, column_type, {}},
                                                   {4, 0, {0}},
                                                   {4, column_position, {1}}});
}

TEST_CASE("zone scan: what a core column rules out costs no field, what a field rules out no payload") {
  const auto segment = numbered(16);
  const std::vector<ShardView> views = {test::make_view({segment})};
  CHECK(answer(parsed("QUERY * WHERE payload.n > 2 AND sequence = 9 RETURN payload"), views).rows.empty());
  CHECK(segment->column_reads.empty()); // zones know their sequences
  CHECK(answer(parsed("QUERY * WHERE payload.n * 2 = 7 RETURN payload"), views).rows.empty());
  CHECK(segment->reads.empty());
  CHECK(segment->column_reads.size() == 4);
  segment->column_reads.clear();
  CHECK(answer(parsed("QUERY * WHERE payload.n = 5 RETURN payload"), views).rows ==
        Rows{{JsonText{R"({"n":5,"name":"name 0"})"}}});
  CHECK(segment->reads == std::vector<test::FakeSegment::Read>{{1, column_payload}});
}

TEST_CASE("zone scan: a text that no zone may hold is not looked for") {
  const auto segment = numbered(16);
  const std::vector<ShardView> views = {test::make_view({segment})};
  const QueryResult result = answer(parsed("QUERY * WHERE payload.name = 'name 1x' COUNT"), views);
  CHECK(result.rows == Rows{{0}});
  CHECK(result.stats.zones_pruned == 4);
  CHECK(segment->column_reads.empty());
}

TEST_CASE("zone scan: what all rows of a zone fulfil is counted from its metadata") {
  const auto segment = numbered(16);
  const std::vector<ShardView> views = {test::make_view({segment})};
  const QueryResult result = answer(parsed("QUERY * WHERE payload.n >= 6 COUNT"), views);
  CHECK(result.rows == Rows{{10}});
  CHECK(result.stats.zones_counted == 2);
  CHECK(result.stats.zones_scanned == 1);
  CHECK(segment->reads.empty());
}

TEST_CASE("zone scan: where a segment selects rows by their numbers, these are not read, and others not looked at") {
  const auto segment = numbered(16);
  const std::vector<ShardView> views = {test::make_view({segment})};
  const auto ask = [&](std::string_view text) {
    segment->column_reads.clear();
    return answer(parsed(text), views);
  };
  const std::string_view few = "QUERY * SINCE 1700000001000 UNTIL 1700000007000 WHERE payload.n > 2 TOTAL payload.n";
  const std::string_view count = "QUERY * SINCE 1700000001000 UNTIL 1700000007000 COUNT";
  const std::string_view either = "QUERY * WHERE position = 2 OR payload.n = 3 RETURN [payload.n]";
  CHECK(ask(few).stats.rows_scanned == 8);
  CHECK(ask(count).stats.zones_counted == 0);
  segment->selects = true;
  const QueryResult total = ask(few);
  CHECK(total.rows == Rows{{18}});
  CHECK(total.stats.rows_scanned == 6);
  CHECK_FALSE(segment->column_reads.empty());
  for (const auto& read : segment->column_reads)
    CHECK((read.core & column_timestamp) == 0);
  const QueryResult counted = ask(count);
  CHECK(counted.rows == Rows{{6}});
  CHECK(counted.stats.zones_counted == 2);
  CHECK(segment->column_reads.empty());
  CHECK(ask(either).rows == Rows{{1}, {3}}); // no match has to meet it
}

TEST_CASE("zone scan: rows of which a segment is not sure are looked at before they count") {
  for (const bool marks : {false, true}) {
    CAPTURE(marks);
    const auto segment = numbered(16);
    segment->marks = marks;
    segment->selects = true;
    segment->unsure_of_each = 3; // 0, 3, 6, 9, 12, 15
    const std::vector<ShardView> views = {test::make_view({segment})};
    const auto ask = [&](std::string_view text) { return answer(parsed(text), views).rows; };
    CHECK(ask("QUERY * SINCE 1700000001000 UNTIL 1700000007000 COUNT") == Rows{{6}});
    CHECK(ask("QUERY * SINCE 1700000001000 UNTIL 1700000007000 WHERE payload.n > 2 TOTAL payload.n") == Rows{{18}});
    CHECK(ask("QUERY * SINCE 1700000003000 UNTIL 1700000004000 WHERE timestamp >= 0 RETURN [payload.n]") == Rows{{3}});
    CHECK(ask("QUERY * WHERE position >= 4 AND position < 9 AND payload.n != 6 COUNT") ==
          ask("QUERY * WHERE position + 0 >= 4 AND position + 0 < 9 AND payload.n != 6 COUNT"));
    CHECK(ask("QUERY * WHERE position > 3 AND (timestamp > 1700000005000 OR payload.n = 4) COUNT") ==
          ask("QUERY * WHERE position + 0 > 3 AND (timestamp > 1700000005000 OR payload.n = 4) COUNT"));
    const Query count = parsed("QUERY * SINCE 1700000001000 UNTIL 1700000007000 COUNT");
    for (const std::size_t each : {std::size_t{0}, std::size_t{6}}) { // 0, 6 and 12, in three of the four zones
      segment->unsure_of_each = each;
      const std::uint64_t counted = answer(count, views).stats.zones_counted;
      CHECK(counted == (each == 0 ? 2 : 0));
      const auto plan = query::explain_plan(count, views, {});
      REQUIRE(plan.ok());
      CHECK(std::count(plan->begin(), plan->end(), "  counted from metadata: " + std::to_string(counted)) == 1);
    }
  }
}

TEST_CASE("zone scan: a span of time is read by position where columns there have all that is asked") {
  const auto segment = numbered(16);
  segment->add_pages();
  const auto ask = [&](std::string_view text, bool columns_on = true) {
    segment->column_reads.clear();
    segment->reads.clear();
    segment->pages()->column_reads.clear();
    QueryControl control;
    control.columns = columns_on;
    const std::vector<ShardView> views = {test::make_view({segment})};
    const auto result = query::run(parsed(text), views, control);
    REQUIRE(result.ok());
    const bool by_position = !segment->pages()->column_reads.empty();
    CHECK(by_position == (segment->column_reads.empty() && segment->reads.empty()));
    const auto plan = query::explain_plan(parsed(text), views, control);
    REQUIRE(plan.ok());
    CHECK(std::count(plan->begin(), plan->end(), "  read by position: " + std::to_string(by_position ? 1 : 0)) == 1);
    return std::pair(by_position, result->rows);
  };
  const std::string span = "SINCE 1700000001000 UNTIL 1700000007000";
  CHECK(ask("QUERY * " + span + " WHERE payload.n > 2 TOTAL payload.n") == std::pair(true, Rows{{18}}));
  for (const auto& read : segment->pages()->column_reads)
    CHECK(read.zone < 2); // the others are of later times
  CHECK(ask("QUERY * " + span + " WHERE payload.n > 2 COUNT") == std::pair(true, Rows{{4}}));
  // Positions are wanted only to tell which of two rows comes first.
  CHECK(ask("QUERY * " + span + " LAST payload.n").first == false);
  CHECK(ask("QUERY * " + span + " RETURN [payload.n] LIMIT 1").first == false);
  CHECK(ask("QUERY * " + span + " WHERE position > 3 TOTAL payload.n").first == false);
  CHECK(ask("QUERY * USING TIME recorded_at " + span + " TOTAL payload.n").first == false);
  CHECK(ask("QUERY * " + span + " TOTAL payload.n BY context_id").first == false);
  CHECK(ask("QUERY * " + span + " TOTAL payload.m").first == false); // no column
  CHECK(ask("QUERY * WHERE payload.n > 2 TOTAL payload.n").first == false);
  CHECK(ask("QUERY * " + span + " TOTAL payload.n", false).first == false);
  segment->marked = true; // rows may be removed
  CHECK(ask("QUERY * " + span + " TOTAL payload.n").first == false);
}

TEST_CASE("zone scan: types are counted without reading a column, and lie together where rows are by position") {
  for (const bool marks : {true, false})
    for (const bool paged : {false, true}) {
      CAPTURE(marks);
      CAPTURE(paged);
      const auto segment = numbered(18);
      segment->marks = marks;
      if (paged)
        segment->add_pages();
      const std::vector<ShardView> views = {test::make_view({segment})};
      const auto ask = [&](std::string_view text) {
        segment->column_reads.clear();
        if (paged)
          segment->pages()->column_reads.clear();
        const Rows rows = answer(parsed(text), views).rows;
        CHECK(segment->reads.empty());
        const std::size_t on_pages = paged ? segment->pages()->column_reads.size() : 0;
        return std::tuple(rows, segment->column_reads.size(), on_pages);
      };
      const Rows all = {{"paid", 9}, {"placed", 9}};
      const std::size_t zones = marks ? 0 : 5;
      CHECK(ask("QUERY * COUNT BY event_type") == std::tuple(all, paged ? 0 : zones, paged ? zones : 0));
      // What pages need is what they have: types are side by side there, whatever is asked of them.
      CHECK(ask("QUERY placed COUNT UNIQUE payload.n BY event_type") ==
            std::tuple(Rows{{"placed", 9}},
                       std::size_t{paged   ? 0U
                                   : marks ? 5U
                                           : 10U},
                       std::size_t{paged ? (marks ? 5U : 10U) : 0U}));
      CHECK(std::get<0>(ask("QUERY * WHERE payload.n > 2 COUNT BY event_type")) == Rows{{"paid", 8}, {"placed", 7}});
      CHECK(std::get<0>(ask("QUERY * COUNT BY event_type, payload.name LIMIT 2")) ==
            Rows{{"paid", "name 0", 4}, {"paid", "name 1", 4}});
      CHECK(std::get<0>(ask("QUERY * COUNT, COUNT BY event_type LIMIT 1")) == Rows{{"paid", 9, 9}});
    }
}

TEST_CASE("explain: the plan says what is pruned by what and where fields are read, and reads no row") {
  auto events = std::vector<test::StoredEvent>();
  for (std::uint64_t n = 0; n < 16; ++n)
    events.push_back(order(n, n == 15 ? R"({"n":"x"})" : R"({"n":)" + std::to_string(n) + R"(,"m":1})"));
  const auto segment = std::make_shared<test::FakeSegment>(events, 4, std::vector<json::Path>{{"n"}});
  const std::vector<ShardView> views = {test::make_view({segment}, {test::make_memtable({order(16, "{}")})})};
  const auto lines = query::explain_plan(
      parsed("QUERY * WHERE payload.n >= 6 AND position > 4 AND payload.m = 1 RETURN [position]"), views, {});
  REQUIRE(lines.ok());
  CHECK(*lines == std::vector<std::string>{
                      "plan: QUERY * WHERE payload.n >= 6 AND position > 4 AND payload.m = 1 RETURN [position]",
                      "shards: 1",
                      "segments: 1",
                      "  pruned by positions and times in the catalog: 0",
                      "  pruned by contexts and types: 0",
                      "  read by position: 0",
                      "zones of those left: 4",
                      "  pruned by core columns: 1",
                      "  pruned by payload fields: 0",
                      "  counted from metadata: 0",
                      "  left: 3, with 12 rows",
                      "  condition, from columns: payload.n, position",
                      "  answer, from columns where rows are left: position",
                      "  payload.n: no column in 1 of 3 zones, read in payloads",
                      "  payload.m: no column in 3 of 3 zones, read in payloads",
                      "memtables: 1, with 1 rows, judged one by one",
                  });
  CHECK(segment->reads.empty());
  CHECK(segment->column_reads.empty());
}
