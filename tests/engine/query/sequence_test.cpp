#include "engine/query/executor.hpp"
#include "tests/engine/query/fake_shard.hpp"

#include <doctest/doctest.h>

#include <map>

using namespace weir;
using namespace std::chrono_literals;

namespace {

/// Events of a few contexts, one a second, told as they happen. Contexts lie on two shards.
class Story {
public:
  Story& tell(std::string type, const std::string& context, std::string payload) {
    clock_ += 1s;
    return tell_at(clock_, std::move(type), context, std::move(payload));
  }
  Story& tell_at(Timestamp time, std::string type, const std::string& context, std::string payload) {
    test::StoredEvent event;
    event.context_id = context;
    event.sequence = ++sequences_[context];
    event.position = ++position_;
    event.timestamp = event.recorded_at = time;
    event.event_type = std::move(type);
    event.payload = std::move(payload);
    shards_[context.back() % 2].push_back(std::move(event));
    return *this;
  }
  Story& pass(std::chrono::seconds time) {
    clock_ += time;
    return *this;
  }

  Result<QueryResult> ask(std::string_view text, query::QueryControl control = {}) const {
    const auto query = parse_query(text);
    CAPTURE(text);
    REQUIRE_MESSAGE(query.ok(), query.error().message);
    // The first half of each shard is in a segment, the rest in a memtable.
    std::vector<ShardView> views;
    for (const auto& events : shards_) {
      const auto middle = events.begin() + static_cast<std::ptrdiff_t>(events.size() / 2);
      std::vector<std::shared_ptr<test::FakeSegment>> segments;
      if (middle != events.begin())
        segments.push_back(
            std::make_shared<test::FakeSegment>(std::vector<test::StoredEvent>(events.begin(), middle), 2));
      views.push_back(test::make_view(segments, {test::make_memtable({middle, events.end()})}));
    }
    return query::run(*query, views, control);
  }
  /// Positions of the matches of a sequence with two steps a and b: "1-2 5-6".
  [[nodiscard]] std::string pairs(const std::string& clauses) const {
    const auto answer = ask(clauses + " RETURN a.position, b.position");
    REQUIRE_MESSAGE(answer.ok(), answer.error().message);
    std::string text;
    for (const auto& row : answer->rows)
      text += (text.empty() ? "" : " ") + to_json(row[0]) + "-" + to_json(row[1]);
    return text;
  }

private:
  std::vector<test::StoredEvent> shards_[2];
  std::map<std::string, Sequence> sequences_;
  Position position_ = 0;
  Timestamp clock_ = Timestamp(1'700'000'000'000'000us);
};

} // namespace

TEST_CASE("sequence query: events with the same link value match over contexts and shards") {
  const Story story = Story()
                          .tell("placed", "order-1", R"({"customer":"ann"})")
                          .tell("placed", "order-2", R"({"customer":"bob"})")
                          .tell("paid", "invoice-3", R"({"customer":"bob"})")
                          .tell("paid", "invoice-2", R"({"customer":"ann"})");
  CHECK(story.pairs("QUERY placed AS a FOLLOWED BY paid AS b LINKED BY payload.customer") == "1-4 2-3");
  CHECK(story.pairs("QUERY placed AS a FOLLOWED BY paid AS b LINKED BY context_id") == "");
}

TEST_CASE("sequence query: one number links in all its spellings, and null, absent and objects never do") {
  const Story story = Story()
                          .tell("a", "x-1", R"({"k":1})")
                          .tell("b", "x-2", R"({"k":1.0})")
                          .tell("a", "x-1", R"({"k":null})")
                          .tell("b", "x-2", R"({"k":null})")
                          .tell("a", "x-1", "{}")
                          .tell("b", "x-2", "{}")
                          .tell("a", "x-1", R"({"k":{"i":1}})")
                          .tell("b", "x-2", R"({"k":{"i":1}})")
                          .tell("a", "x-1", R"({"k":2})")
                          .tell("b", "x-2", R"({"k":"2"})")
                          .tell("a", "x-1", R"({"k":true})")
                          .tell("b", "x-2", R"({"k":true})");
  CHECK(story.pairs("QUERY a FOLLOWED BY b LINKED BY payload.k") == "1-2 11-12");
}

TEST_CASE("sequence query: PRECEDED BY is FOLLOWED BY the other way round") {
  const Story story = Story().tell("a", "x-1", "{}").tell("b", "x-1", "{}").tell("a", "x-1", "{}");
  CHECK(story.pairs("QUERY b PRECEDED BY a LINKED BY context_id") == "1-2");
  CHECK(story.pairs("QUERY a FOLLOWED BY b LINKED BY context_id") == "1-2");
  CHECK(story.pairs("QUERY a PRECEDED BY b LINKED BY context_id") == "3-2");
}

TEST_CASE("sequence query: two steps of one type are told apart by their names") {
  Story story;
  for (const int price : {10, 20, 15, 30, 30})
    story.tell("priced", "x-1", R"({"price":)" + std::to_string(price) + "}");
  CHECK(story.pairs("QUERY priced AS a FOLLOWED BY priced AS b LINKED BY context_id") == "1-2 3-4");
  CHECK(story.pairs("QUERY priced AS a FOLLOWED BY priced AS b LINKED BY context_id "
                    "WHERE b.payload.price > a.payload.price AND a.payload.price > 10") == "2-4");
}

TEST_CASE("sequence query: WITHIN includes its end and looks at the field of USING TIME") {
  const Story story = Story()
                          .tell("a", "x-1", R"({"at":"2026-01-01T00:00:00Z"})")
                          .pass(59s)
                          .tell("b", "x-1", R"({"at":"2026-01-01T00:00:02Z"})");
  const std::string query = "QUERY a FOLLOWED BY b LINKED BY context_id WITHIN ";
  CHECK(story.pairs(query + "60 SECONDS") == "1-2");
  CHECK(story.pairs(query + "59 SECONDS") == "");
  CHECK(story.pairs(query + "2 SECONDS USING TIME payload.at") == "1-2");
  CHECK(story.pairs(query + "1 SECOND USING TIME payload.at") == "");
}

TEST_CASE("sequence query: a term over several steps is judged when the last of them is bound, also under OR") {
  const Story story = Story()
                          .tell("a", "x-1", R"({"n":1})")
                          .tell("b", "x-1", R"({"n":5})")
                          .tell("b", "x-1", R"({"n":1})")
                          .tell("a", "x-1", R"({"n":9})")
                          .tell("b", "x-1", R"({"n":7})")
                          .tell("b", "x-1", "{}");
  const std::string query = "QUERY a FOLLOWED BY b LINKED BY context_id WHERE ";
  CHECK(story.pairs(query + "a.payload.n = b.payload.n") == "1-3");
  CHECK(story.pairs(query + "a.payload.n = 9 OR b.payload.n = 5") == "1-2 4-5");
  CHECK(story.pairs(query + "NOT (a.payload.n = b.payload.n)") == "1-2 4-5"); // Unknown is not true.
  CHECK(story.pairs(query + "b.payload.n = 7") == "1-5");
  CHECK(story.pairs(query + "b.payload.n - a.payload.n = 4") == "1-2");
  CHECK(story.pairs(query + "NOT EXISTS b.payload.n") == "1-6");
}

TEST_CASE("sequence query: without RETURN a match is its link and what is most important of its events") {
  const Story story = Story().tell("a", "x-1", R"({"k":7})").tell("b", "x-2", R"({"k":7.0,"v":[1]})");
  const auto answer = story.ask("QUERY a FOLLOWED BY b LINKED BY payload.k");
  REQUIRE(answer.ok());
  CHECK(answer->columns == std::vector<std::string>{"payload.k", "a.context_id", "a.sequence", "a.position",
                                                    "a.timestamp", "a.payload", "b.context_id", "b.sequence",
                                                    "b.position", "b.timestamp", "b.payload"});
  REQUIRE(answer->rows.size() == 1);
  const Timestamp first = Timestamp(1'700'000'001'000'000us);
  CHECK(answer->rows[0] == std::vector<Value>{7, "x-1", 1, 1, first, JsonText{R"({"k":7})"}, "x-2", 1, 2, first + 1s,
                                              JsonText{R"({"k":7.0,"v":[1]})"}});
}

TEST_CASE("sequence query: COUNT is one row, and ORDER BY, LIMIT and OFFSET see the matches") {
  Story story;
  for (const int n : {3, 1, 2}) {
    story.tell("a", "x-" + std::to_string(n), "{}");
    story.tell("b", "x-" + std::to_string(n), R"({"n":)" + std::to_string(n) + "}");
  }
  const std::string query = "QUERY a FOLLOWED BY b LINKED BY context_id";
  const auto count = story.ask(query + " COUNT");
  REQUIRE(count.ok());
  CHECK(count->columns == std::vector<std::string>{"count"});
  CHECK(count->rows == std::vector<std::vector<Value>>{{3}});
  const auto none = story.ask(query + " WHERE b.payload.n > 3 COUNT");
  REQUIRE(none.ok());
  CHECK(none->rows == std::vector<std::vector<Value>>{{0}});
  const auto ordered = story.ask(query + " RETURN b.payload.n AS n, b.payload AS p ORDER BY n DESC LIMIT 1 OFFSET 1");
  REQUIRE(ordered.ok());
  CHECK(ordered->rows == std::vector<std::vector<Value>>{{2, JsonText{R"({"n":2})"}}});
  const auto plain = story.ask(query + " RETURN b.payload.n LIMIT 2");
  REQUIRE(plain.ok());
  CHECK(plain->rows == std::vector<std::vector<Value>>{{3}, {1}});
}

TEST_CASE("sequence query: FOR, SINCE and UNTIL bound every event of a match") {
  const Story story =
      Story().tell("a", "x-1", "{}").tell("b", "x-1", "{}").tell("a", "x-2", "{}").tell("b", "x-2", "{}");
  const std::string query = "QUERY a FOLLOWED BY b LINKED BY context_id ";
  CHECK(story.pairs(query + "FOR 'x-2'") == "3-4");
  CHECK(story.pairs(query + "SINCE '2023-11-14T22:13:22Z'") == "3-4");
  CHECK(story.pairs(query + "UNTIL '2023-11-14T22:13:24Z'") == "1-2");
}

TEST_CASE("sequence query: events that may take part are counted, and too many end the query with a clear message") {
  Story story;
  for (int i = 0; i < 100; ++i)
    story.tell("a", "x-" + std::to_string(i), "{}");
  query::QueryControl control;
  control.result_bytes_max = 4'096;
  const auto refused = story.ask("QUERY a FOLLOWED BY b LINKED BY context_id COUNT", control);
  REQUIRE(!refused.ok());
  CHECK(refused.error().code == Errc::too_large);
  CHECK(refused.error().message ==
        "the events that may take part in the sequence need more than 4096 bytes of memory; narrow FOR, SINCE or "
        "UNTIL, or add conditions on single steps");
}

TEST_CASE("sequence query: each copy of a document in the answer counts for its memory") {
  Story story;
  const std::string payload = R"({"text":")" + std::string(10'000, 'x') + "\"}";
  for (int i = 0; i < 8; ++i)
    story.tell(i % 2 == 0 ? "a" : "b", "x-1", payload);
  query::QueryControl control;
  control.result_bytes_max = 100'000;
  const std::string query = "QUERY a FOLLOWED BY b LINKED BY context_id RETURN a.sequence, a.payload";
  const auto once = story.ask(query, control);
  REQUIRE_MESSAGE(once.ok(), once.error().message);
  CHECK(once->rows.size() == 4);
  CHECK(story.ask(query + ", a.payload AS again, a.payload AS third", control).code() == Errc::too_large);
  control.result_bytes_max = 200'000;
  const auto often = story.ask(query + ", a.payload AS again, b.payload, a.payload AS third", control);
  REQUIRE_MESSAGE(often.ok(), often.error().message);
  for (const auto& row : often->rows)
    for (std::size_t column = 1; column < row.size(); ++column)
      CHECK(row[column] == Value(JsonText{payload}));
}

TEST_CASE("sequence query: conditions as deep as the limit allows are judged as shallow ones are") {
  const Story story = Story().tell("a", "x-1", R"({"n":1})").tell("b", "x-1", "{}");
  const auto negated = [](int times) {
    std::string text = "a.payload.n = 1";
    while (times-- > 0)
      text = "NOT " + text;
    return "QUERY a FOLLOWED BY b LINKED BY context_id WHERE " + text;
  };
  CHECK(story.pairs(negated(62)) == "1-2"); // With the comparison and its field 64 levels.
  CHECK(story.pairs(negated(61)) == "");
}
