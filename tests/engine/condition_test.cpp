#include "engine/condition.hpp"
#include "engine/event_codec.hpp"
#include "engine/json/json.hpp"
#include "tests/engine/query/fake_shard.hpp"
#include "tests/support/why.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace weir {

namespace {

Event event(const std::string& type, const std::string& metadata = "") {
  return {.event_type = type, .payload = "{}", .metadata = metadata};
}

test::StoredEvent at(const std::string& context, const Event& event, Sequence sequence, Position position) {
  return {context, sequence, position, {}, {}, event.event_type, event.event_id, event.metadata, event.payload};
}

std::string found(const ShardView& view, const FailIf& condition) {
  const auto match = first_match(view, condition, condition.after);
  REQUIRE_MESSAGE(match.ok(), test::why(match));
  return *match ? (*match)->context_id + " " + std::to_string((*match)->sequence) : "nothing";
}

} // namespace

TEST_CASE("tags: the strings of metadata.tags, wherever that stands and however it is spelled") {
  std::vector<std::string> tags;
  const auto read = [&](std::string_view metadata) {
    std::string text;
    if (!json::read_tags(metadata, tags))
      return std::string("wrong");
    for (const std::string& tag : tags)
      text += tag + ";";
    return text;
  };
  CHECK(read("").empty());
  CHECK(read("{}").empty());
  CHECK(read(R"({"a":{"tags":["no"]},"b":["tags",["x"]],"tags":["one","two"],"c":1})") == "one;two;");
  CHECK(read(R"({"t\u0061gs":["a\"b"]})") == "a\"b;");
  CHECK(read(R"({"tags":[]})").empty());
  CHECK(read(R"({"a":"tags","b":7})").empty());
  for (const char* wrong : {R"({"tags":"one"})", R"({"tags":null})", R"({"tags":[1]})", R"({"tags":["a",["b"]]})",
                            R"({"tags":[{}]})", R"({"tags":{"a":"b"}})", R"({"tags":true})"})
    CHECK_MESSAGE(read(wrong) == "wrong", wrong);
}

TEST_CASE("condition: the first event of the group behind a position, of one of the types, with all the tags") {
  const std::string both = R"({"tags":["a","b"]})", one = R"({"tags":["a"]})";
  // Segments are sorted by context: what is first by position is not first there.
  const auto older = std::make_shared<test::FakeSegment>(
      std::vector{at("a-{1}", event("y", both), 1, 11), at("z-{1}", event("x", one), 1, 10)}, 1);
  const auto newer = std::make_shared<test::FakeSegment>(
      std::vector{at("a-{1}", event("y", both), 2, 21), at("z-{1}", event("y", both), 2, 20)}, 1);
  const ShardView view = test::make_view({older, newer}, {test::make_memtable({at("b-{2}", event("x", both), 1, 30),
                                                                               at("c-{1}", event("x", both), 1, 31)})});
  CHECK(found(view, {.group = "1"}) == "z-{1} 1");
  CHECK(found(view, {.group = "1", .types = {"y"}}) == "a-{1} 1");
  CHECK(found(view, {.group = "1", .types = {"y"}, .after = 11}) == "z-{1} 2");
  CHECK(found(view, {.group = "1", .types = {"y", "x"}, .after = 20}) == "a-{1} 2");
  CHECK(found(view, {.group = "1", .tags = {"b"}}) == "a-{1} 1");
  CHECK(found(view, {.group = "1", .types = {"x"}, .tags = {"b", "a"}}) == "c-{1} 1");
  CHECK(found(view, {.group = "1", .after = 31}) == "nothing");
  CHECK(found(view, {.group = "2"}) == "b-{2} 1");
  CHECK(found(view, {.group = "2", .after = 30}) == "nothing");
  CHECK(found(view, {.group = "1", .types = {"none"}}) == "nothing");
  CHECK(found(view, {.group = "1", .tags = {"a", "none"}}) == "nothing");
  CHECK(found(view, {.group = "z-{1}"}) == "nothing"); // an id is no group
  // Read is what may matter: nothing up to the position, no other type, metadata for tags alone.
  older->reads.clear();
  newer->reads.clear();
  CHECK(found(view, {.group = "1", .types = {"x"}, .after = 20}) == "c-{1} 1");
  CHECK(older->reads.empty());
  CHECK(newer->reads.empty());
  CHECK(found(view, {.group = "1", .types = {"y"}, .after = 20}) == "a-{1} 2");
  REQUIRE(newer->reads.size() == 1);
  CHECK((newer->reads[0].columns & column_metadata) == 0);
  newer->on_read = [] { return fail(Errc::corruption, "damaged"); };
  CHECK(first_match(view, {.group = "1", .types = {"y"}, .after = 20}, 20).code() == Errc::corruption);
}

TEST_CASE("condition: a call on its way is seen with the sequences it has got") {
  StoreCommand command;
  command.context_id = "a-{1}";
  encode_call(command.context_id, std::vector<Event>{event("x"), event("y")}, command.encoded);
  command.events = 2;
  StorePart other{"b-{1}", {}, 1, {}};
  encode_call(other.context_id, std::vector<Event>{event("z")}, other.encoded);
  CHECK(first_match(command, 7, {.group = "1", .types = {"y"}})->sequence == 8);
  CHECK_FALSE(first_match(command, 7, {.group = "1", .types = {"z"}}).has_value());
  command.more.push_back(other);
  command.receipts = std::make_shared<std::vector<Receipt>>(std::vector<Receipt>{{7, 1, 2}, {3, 3, 1}});
  const auto match = first_match(command, 7, {.group = "1", .types = {"z"}});
  REQUIRE(match.has_value());
  CHECK(match->context_id == "b-{1}");
  CHECK(match->sequence == 3);
  CHECK_FALSE(first_match(command, 7, {.group = "2"}).has_value());
}

TEST_CASE("condition: what is beyond its limits is refused") {
  const auto code = [](const FailIf& condition) { return validate_fail_if(condition).code(); };
  CHECK(code({.group = "1"}) == Errc::ok);
  CHECK(code({}) == Errc::invalid_argument);
  CHECK(code({.group = "1", .types = {""}}) == Errc::invalid_argument);
  CHECK(code({.group = "1", .types = std::vector<std::string>(16, "t")}) == Errc::ok);
  CHECK(code({.group = "1", .types = std::vector<std::string>(17, "t")}) == Errc::too_large);
  CHECK(code({.group = "1", .tags = {std::string(64, 't')}}) == Errc::ok);
  CHECK(code({.group = "1", .tags = {std::string(65, 't')}}) == Errc::too_large);
  CHECK(code({.group = "1", .tags = {""}}) == Errc::invalid_argument);
  CHECK(code({.group = "1", .tags = std::vector<std::string>(17, "t")}) == Errc::too_large);
}

} // namespace weir
