#include "engine/event_ids.hpp"
#include "tests/support/calls.hpp"
#include "tests/support/memory_segment.hpp"
#include "tests/support/why.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace weir {

namespace {

using test::at_us;
using test::MemorySegment;
using Events = std::vector<Event>;

Event with_id(std::string id, int content = 0) {
  return {.event_type = "paid", .payload = "{\"n\":" + std::to_string(content) + "}", .event_id = std::move(id)};
}

struct Stored {
  std::string context;
  Events events;
  Sequence sequence;
  Position position;
};

std::shared_ptr<Memtable> memtable_of(const std::vector<Stored>& calls) {
  const auto memtable = std::make_shared<Memtable>(1);
  std::vector<std::string> encoded;
  for (const Stored& call : calls)
    encoded.push_back(test::encoded_call(call.context, call.events, {call.sequence, call.position, at_us(50)}));
  test::apply_calls(*memtable, std::move(encoded));
  memtable->publish();
  return memtable;
}

std::shared_ptr<MemorySegment> segment_of(const std::vector<Stored>& calls) {
  const auto sorted = MemtableView(memtable_of(calls)).sorted();
  return std::make_shared<MemorySegment>(*sorted);
}

/// One segment, one memtable.
ShardView view_of(const std::vector<Stored>& segment, const std::vector<Stored>& memtable) {
  ShardView view;
  auto list = std::make_shared<SegmentList>();
  if (!segment.empty())
    list->push_back(segment_of(segment));
  view.segments = std::move(list);
  view.memtables.emplace_back(memtable_of(memtable));
  return view;
}

IdAnswer ask(const ShardView& view, const StoreCommand& command) {
  const std::vector<IdQuestion> questions{id_question(command, 9)};
  auto answers = answer_id_questions(view, questions);
  REQUIRE(answers.size() == 1);
  CHECK(answers[0].number == 9);
  return std::move(answers[0]);
}

IdAnswer ask(const ShardView& view, const std::string& context, const Events& events) {
  StoreCommand command;
  command.context_id = context;
  encode_call(context, events, command.encoded);
  command.events = static_cast<std::uint32_t>(events.size());
  return ask(view, command);
}

IdAnswer ask(const ShardView& view, const std::vector<std::pair<std::string, Events>>& parts) {
  StoreCommand command;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto& [context, events] = parts[i];
    StorePart part{context, {}, static_cast<std::uint32_t>(events.size()), {}};
    if (!events.empty())
      encode_call(context, events, part.encoded);
    if (i != 0) {
      command.more.push_back(std::move(part));
      continue;
    }
    command.context_id = part.context_id;
    command.encoded = part.encoded;
    command.events = part.events;
  }
  return ask(view, command);
}

Receipt duplicate(const IdAnswer& answer) {
  REQUIRE(answer.verdict.has_value());
  REQUIRE_MESSAGE(answer.verdict->ok(), test::why(*answer.verdict));
  CHECK((*answer.verdict)->duplicate);
  return **answer.verdict;
}

Error conflict(const IdAnswer& answer) {
  REQUIRE(answer.verdict.has_value());
  REQUIRE(answer.verdict->code() == Errc::event_id_conflict);
  return answer.verdict->error();
}

} // namespace

TEST_CASE("event ids: an id is found in segments and memtables, in its context only, with the receipt of then") {
  const auto view = view_of({{"a", {with_id("x"), with_id("y")}, 1, 100}}, {{"a", {with_id("z")}, 3, 200}});
  for (const auto& [id, sequence, position] :
       {std::tuple{"x", 1, 100}, std::tuple{"y", 2, 101}, std::tuple{"z", 3, 200}}) {
    const Receipt receipt = duplicate(ask(view, "a", {with_id(id)}));
    CHECK(receipt.sequence == static_cast<Sequence>(sequence));
    CHECK(receipt.position == static_cast<Position>(position));
    CHECK(receipt.events == 1);
    CHECK_FALSE(ask(view, "b", {with_id(id)}).verdict.has_value());
  }
  const IdAnswer unknown = ask(view, "a", {with_id("w")});
  CHECK_FALSE(unknown.verdict.has_value());
  CHECK(unknown.checked_to == 200);
}

TEST_CASE("event ids: type, payload, metadata and a timestamp that was given must be the same, one left out need not") {
  Event first = with_id("x", 1);
  first.metadata = "{\"by\":1}";
  first.timestamp = at_us(5);
  const auto view = view_of({}, {{"a", {first}, 1, 100}});
  CHECK(duplicate(ask(view, "a", {first})).sequence == 1);
  Event other = first;
  other.timestamp.reset();
  CHECK(duplicate(ask(view, "a", {other})).sequence == 1);
  const auto changed = [&](auto change) {
    other = first;
    change(other);
    const Error error = conflict(ask(view, "a", {other}));
    REQUIRE(error.conflicts.size() == 1);
    CHECK(error.conflicts[0].context_id == "a");
    CHECK(error.conflicts[0].event_id == "x");
    CHECK(error.conflicts[0].current == 1);
    REQUIRE(error.conflicts[0].receipt.has_value());
    CHECK(error.conflicts[0].receipt->position == 100);
    CHECK(error.message.find("x (sequence 1)") != std::string::npos);
  };
  changed([](Event& event) { event.event_type = "lost"; });
  changed([](Event& event) { event.payload = "{\"n\":2}"; });
  changed([](Event& event) { event.metadata = "{\"by\":2}"; });
  changed([](Event& event) { event.metadata.clear(); });
  changed([](Event& event) { event.timestamp = at_us(6); });
}

TEST_CASE("event ids: an event whose timestamp was that of its recording is the same if the retry gives that one") {
  const auto view = view_of({}, {{"a", {with_id("x")}, 1, 100}});
  Event retry = with_id("x");
  retry.timestamp = at_us(50);
  CHECK(duplicate(ask(view, "a", {retry})).sequence == 1);
}

TEST_CASE("event ids: a call of several events is a duplicate as a whole, those without an id included") {
  Event plain = with_id("");
  const Events call{with_id("x", 1), plain, with_id("y", 2)};
  const auto view = view_of({}, {{"a", {with_id("w")}, 1, 10}, {"a", call, 2, 11}, {"b", {with_id("q")}, 1, 14}});
  const Receipt receipt = duplicate(ask(view, "a", call));
  CHECK(receipt.sequence == 2);
  CHECK(receipt.position == 11);
  CHECK(receipt.events == 3);
  // A part of it is a retry of that part.
  CHECK(duplicate(ask(view, "a", {plain, with_id("y", 2)})).sequence == 3);
  plain.payload = "{\"n\":7}";
  CHECK(conflict(ask(view, "a", {with_id("x", 1), plain, with_id("y", 2)})).conflicts.size() == 2);
  CHECK(conflict(ask(view, "a", {with_id("y", 2), with_id("x", 1)})).conflicts.size() == 2);
  // One more event than was stored.
  CHECK(conflict(ask(view, "a", {with_id("y", 2), with_id("")})).conflicts.size() == 1);
  // No room for the events before it.
  CHECK(conflict(ask(view, "a", {with_id(""), with_id("w")})).conflicts.size() == 1);
}

TEST_CASE("event ids: stored and new ids in one call are a conflict that names the stored ones") {
  const auto view = view_of({{"a", {with_id("x"), with_id("y")}, 1, 100}}, {});
  const Error error = conflict(ask(view, "a", {with_id("x"), with_id("new"), with_id("y")}));
  REQUIRE(error.conflicts.size() == 2);
  CHECK(error.conflicts[0].event_id == "x");
  CHECK(error.conflicts[1].event_id == "y");
  CHECK(error.message.find("only some") != std::string::npos);
  CHECK(error.message.find("new") == std::string::npos);
}

TEST_CASE("event ids: events of several calls are no duplicate of one call, which would have had positions in a row") {
  const auto view = view_of({{"a", {with_id("x")}, 1, 100}}, {{"a", {with_id("y")}, 2, 105}});
  CHECK(conflict(ask(view, "a", {with_id("x"), with_id("y")})).conflicts.size() == 2);
}

TEST_CASE("event ids: a segment that cannot be read is the answer, not a new id") {
  const auto segment = segment_of({{"a", {with_id("x")}, 1, 100}});
  segment->fail_with = fail(Errc::corruption, "damaged", "1.seg");
  ShardView view;
  view.segments = std::make_shared<const SegmentList>(SegmentList{segment});
  const IdAnswer answer = ask(view, "a", {with_id("x")});
  REQUIRE(answer.verdict.has_value());
  CHECK(answer.verdict->code() == Errc::corruption);
}

TEST_CASE("event ids: the same id twice in one call is refused before anything is looked up") {
  const Events twice{with_id("x"), with_id(""), with_id("x")};
  CHECK(hash_event_ids("a", twice, 1).code() == Errc::invalid_argument);
  const Events fine{with_id("x"), with_id(""), with_id("y")};
  const auto hashes = hash_event_ids("a", fine, 1);
  REQUIRE(hashes.ok());
  CHECK(hashes->size() == 2);
  CHECK(*hashes != *hash_event_ids("b", fine, 1));
}

TEST_CASE("event ids: a call for several contexts is a duplicate as a whole, or a conflict that names all") {
  const Events two{with_id("x"), with_id("y")}, one{with_id("z")};
  const ShardView view =
      view_of({{"a", two, 1, 10}, {"b", one, 1, 12}, {"d", {with_id("p")}, 1, 13}}, {{"c", {with_id("q")}, 1, 20}});
  const auto again = ask(view, {{"a", two}, {"c", {}}, {"b", one}});
  CHECK(duplicate(again) == Receipt{1, 10, 3, Durability::buffered, true});
  REQUIRE(again.receipts.size() == 3);
  CHECK(again.receipts[0] == Receipt{1, 10, 2, Durability::buffered, true});
  CHECK(again.receipts[1] == Receipt{2, 0, 0, Durability::buffered, true});
  CHECK(again.receipts[2] == Receipt{1, 12, 1, Durability::buffered, true});
  CHECK_FALSE(ask(view, {{"a", {with_id("new")}}, {"b", {with_id("new")}}}).verdict.has_value());
  // Stored, but by two calls; in another order; a part of it new.
  const Error apart = conflict(ask(view, {{"b", one}, {"c", {with_id("q")}}}));
  REQUIRE(apart.conflicts.size() == 2);
  CHECK(apart.conflicts[0].context_id == "b");
  CHECK(apart.conflicts[0].receipt == Receipt{1, 12, 1, Durability::buffered, true});
  CHECK(apart.conflicts[1].context_id == "c");
  CHECK(conflict(ask(view, {{"b", one}, {"a", two}})).conflicts.size() == 3);
  const Error mixed = conflict(ask(view, {{"a", two}, {"b", {with_id("new")}}}));
  REQUIRE(mixed.conflicts.size() == 2);
  CHECK(mixed.conflicts[0].context_id == "a");
  CHECK(conflict(ask(view, {{"a", two}, {"b", {with_id("z", 1)}}})).conflicts.size() == 3);
}

} // namespace weir
