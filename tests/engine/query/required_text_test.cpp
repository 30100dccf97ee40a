// Payloads that are not parsed because a text is missing in them.
#include "engine/query/executor.hpp"
#include "engine/query/required_text.hpp"
#include "tests/engine/query/fake_shard.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace weir;

namespace {

std::vector<ShardView> shard_with_payloads(const std::vector<std::string>& payloads) {
  std::vector<test::StoredEvent> all;
  for (std::size_t i = 0; i < payloads.size(); ++i)
    all.push_back(test::stored_event("c", i + 1, i + 1, Timestamp{}, "t", payloads[i]));
  const std::vector<test::StoredEvent> old(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2));
  const std::vector<test::StoredEvent> recent(all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2), all.end());
  return {test::make_view({std::make_shared<test::FakeSegment>(old, 3)}, {test::make_memtable(recent)})};
}

/// Positions of the events that are found, as text.
std::string found_positions(std::string_view where, const std::vector<ShardView>& views, bool prune) {
  const auto parsed = parse_query("QUERY * WHERE " + std::string(where) + " RETURN position");
  REQUIRE_MESSAGE(parsed.ok(), to_string(parsed.error()));
  query::QueryControl control;
  control.prune = prune;
  const auto result = query::run(*parsed, views, control);
  REQUIRE_MESSAGE(result.ok(), to_string(result.error()));
  std::string positions;
  for (const auto& row : result->rows)
    positions += (positions.empty() ? "" : " ") + std::to_string(*row.front().as_int64());
  return positions;
}

bool payload_may_match(std::string_view where, std::string_view payload) {
  const auto parsed = parse_query("QUERY t WHERE " + std::string(where));
  REQUIRE_MESSAGE(parsed.ok(), to_string(parsed.error()));
  query::FieldTable fields;
  const auto predicate = query::Predicate::of_events(*parsed, fields);
  return query::RequiredText(predicate, fields, 0).may_match(payload);
}

} // namespace

TEST_CASE("required text: whatever way JSON writes a text, the event is found, and no other") {
  const auto views = shard_with_payloads({
      R"({"id":"ab"})",                   // 1
      R"({"id":"\u0061b"})",              // 2: the same text
      R"({"id":"abc"})",                  // 3: longer
      R"({"id":"x","note":"ab"})",        // 4: in another field
      R"({"id":"x\"y"})",                 // 5: has to be escaped
      R"({"id":"x\u0022y"})",             // 6: the same text
      "{\"id\":\"\xC3\xA9t\xC3\xA9\"}",   // 7
      R"({"id":"\u00e9t\u00E9"})",        // 8: the same text
      R"({"id":""})",                     // 9
      R"({"id":null})",                   // 10
      R"({"id":7,"n":"7"})",              // 11
      R"({"\u0069d":"ab"})",              // 12: the name is escaped
      R"({"id":["ab"]})",                 // 13: no text
      R"({"id":"ab","tag":"\/","k":"z"})" // 14
  });
  const auto check = [&](std::string_view where, std::string_view expected) {
    CAPTURE(where);
    CHECK(found_positions(where, views, true) == expected);
    CHECK(found_positions(where, views, false) == expected);
  };
  check("payload.id = 'ab'", "1 2 12 14");
  check("payload.id = 'x\"y'", "5 6");
  check("payload.id = '\xC3\xA9t\xC3\xA9'", "7 8");
  check("payload.id = ''", "9");
  check("payload.id = '7'", "");
  check("payload.id IN ('ab', 'abc')", "1 2 3 12 14");
  check("payload.id IN ('a', 'b', 'c', 'd', 'ab')", "1 2 12 14"); // too many to look for
  check("payload.id = 'ab' AND payload.k = 'z'", "14");
  check("payload.id = 'ab' OR payload.id = 'abc'", "1 2 3 12 14");
  check("NOT payload.id = 'ab' AND payload.id = 'abc'", "3");
  check("payload.id = 'ab' AND (payload.k = 'z' OR payload.k IS NULL)", "1 2 12 14");
}

TEST_CASE("required text: payloads without the text cannot match, and nothing else is said") {
  CHECK(payload_may_match("payload.id = 'ab'", R"({"id":"ab"})"));
  CHECK(payload_may_match("payload.id = 'ab'", R"({"other":"xaby"})"));
  CHECK(payload_may_match("payload.id = 'ab'", R"({"id":"\u0061b"})"));
  CHECK_FALSE(payload_may_match("payload.id = 'ab'", R"({"id":"ba"})"));
  CHECK_FALSE(payload_may_match("payload.id = 'ab' AND payload.n > 3", R"({"id":"ba","n":4})"));
  CHECK_FALSE(payload_may_match("payload.id IN ('ab', 'cd')", R"({"id":"ba"})"));
  CHECK(payload_may_match("payload.id IN ('ab', 'cd')", R"({"id":"cd"})"));
  CHECK_FALSE(payload_may_match("payload.a = 'x' AND payload.b = 'y'", R"({"a":"x"})"));
  for (const char* const none : {"payload.id != 'ab'", "payload.id > 'ab'", "payload.id = 7", "payload.id = NULL",
                                 "payload.id = 'ab' OR payload.n = 1", "NOT payload.id = 'ab'", "metadata.id = 'ab'",
                                 "context_id = 'ab'", "lower(payload.id) = 'ab'", "payload.id LIKE 'ab'"})
    CHECK_MESSAGE(payload_may_match(none, R"({})"), none);
}
