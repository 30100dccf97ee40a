#include "engine/memtable.hpp"
#include "engine/shard_view.hpp"
#include "tests/support/calls.hpp"
#include "tests/support/why.hpp"

#include <doctest/doctest.h>

#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace weir {

namespace {

using test::apply_calls;
using test::encoded_call;
using test::encoded_removal;

std::size_t applied(Memtable& memtable, const std::vector<std::string>& calls,
                    const Memtable::LastElsewhere& last = {}) {
  const auto owner = std::make_shared<const std::vector<std::string>>(calls);
  const std::vector<std::string_view> views(owner->begin(), owner->end());
  const std::size_t dense = memtable.recover(owner, views, 1, 100, last).records;
  memtable.publish();
  return dense;
}

std::map<std::string, ContextMark> marks_of(const MemtableView& view) {
  const auto sorted = view.sorted();
  EventView event;
  while (sorted->next(event))
    ;
  std::map<std::string, ContextMark> marks;
  std::string last;
  ContextMark mark;
  for (std::string_view context; sorted->next_mark(context, mark);) {
    CHECK(std::string(context) > last);
    last = context;
    marks.emplace(context, mark);
  }
  return marks;
}

} // namespace

TEST_CASE("marks: joining is the larger of each, in whatever order and however often") {
  std::mt19937_64 random(1);
  const auto any = [&] {
    ContextMark mark;
    mark.first_live = 1 + random() % 9;
    mark.last = random() % 9;
    mark.closed = random() % 4 == 0;
    mark.position = random() % 9;
    mark.recorded_at = test::at_us(static_cast<std::int64_t>(random() % 9));
    return mark;
  };
  const auto join = [](ContextMark a, const ContextMark& b) {
    a.join(b);
    return a;
  };
  for (int i = 0; i < 1'000; ++i) {
    const ContextMark a = any();
    const ContextMark b = any();
    const ContextMark c = any();
    CHECK(join(a, b) == join(b, a));
    CHECK(join(join(a, b), c) == join(a, join(b, c)));
    CHECK(join(a, a) == a);
    CHECK(join(a, ContextMark{}) == a);
  }
}

TEST_CASE("memtable: a view sees the marks that were applied before it, and no later one") {
  const auto memtable = std::make_shared<Memtable>(1);
  apply_calls(*memtable, {encoded_call("a", 1, 3, 1)}, 1);
  memtable->publish();
  const MemtableView before(memtable);
  apply_calls(*memtable, {encoded_removal("a", 4, 2, false, 4, test::at_us(8))}, 2);
  const MemtableView unpublished(memtable);
  memtable->publish();
  const MemtableView truncated(memtable);
  apply_calls(*memtable, {encoded_call("a", 4, 1, 5), encoded_removal("a", 5, 5, true, 6, test::at_us(9))}, 3);
  memtable->publish();
  const MemtableView closed(memtable);

  for (const MemtableView* view : {&before, &unpublished}) {
    CHECK_FALSE(view->has_marks());
    CHECK_FALSE(view->find_mark("a").has_value());
    CHECK(marks_of(*view).empty());
    CHECK(context_head(*view, "a") == ContextHead(3));
  }
  const ContextMark first{2, 3, false, 4, test::at_us(8)};
  CHECK(truncated.find_mark("a") == first);
  CHECK(truncated.rows() == 3);
  CHECK(context_head(truncated, "a") == ContextHead(3, first));
  const ContextMark second{5, 4, true, 6, test::at_us(9)};
  CHECK(closed.find_mark("a") == second);
  CHECK_FALSE(closed.find_mark("b").has_value());
  CHECK(context_head(closed, "a") == ContextHead(4, second));
  CHECK(marks_of(truncated) == std::map<std::string, ContextMark>{{"a", first}});
  CHECK(marks_of(closed) == std::map<std::string, ContextMark>{{"a", second}});
}

TEST_CASE("memtable: marks alone are something: they have records, bytes, and are sorted for a segment") {
  const auto memtable = std::make_shared<Memtable>(1);
  CHECK(memtable->visible().nothing());
  const std::uint64_t empty = memtable->bytes();
  std::vector<std::string> calls;
  for (const char* context : {"c", "a", "b", "a"})
    calls.push_back(encoded_removal(context, 8, 3));
  apply_calls(*memtable, calls, 11);
  memtable->publish();
  apply_calls(*memtable, {encoded_removal("d", 1, 1, true)}, 15);
  memtable->publish();
  CHECK_FALSE(memtable->visible().nothing());
  CHECK(memtable->rows_visible() == 0);
  CHECK(memtable->bytes() > empty);
  CHECK(memtable->first_record() == 11);
  CHECK(memtable->last_record() == 15);
  const auto marks = marks_of(MemtableView(memtable));
  CHECK(marks.size() == 4);
  CHECK(marks.at("a").first_live == 3);
  CHECK(marks.at("d").closed);
  CHECK_FALSE(MemtableView(memtable).find_context("a").has_value());
}

TEST_CASE("memtable: a call behind a removal goes on where its context was, and a removal itself must do so") {
  const auto elsewhere = [](std::string_view, std::uint64_t) { return std::optional<Sequence>(7); };
  {
    Memtable memtable(1);
    CHECK(applied(memtable, {encoded_removal("a", 8, 8), encoded_call("a", 8)}, elsewhere) == 2);
  }
  {
    Memtable memtable(1);
    CHECK(applied(memtable, {encoded_removal("a", 8, 8), encoded_call("a", 1)}, elsewhere) == 1);
  }
  {
    Memtable memtable(1);
    CHECK(applied(memtable, {encoded_removal("a", 9, 8)}, elsewhere) == 0);
  }
  Memtable memtable(1);
  CHECK(applied(memtable, {encoded_call("a", 1, 2), encoded_removal("a", 4, 2)}, {}) == 1);
}

TEST_CASE("codec: a removal comes back as it was, and its damaged forms are refused") {
  for (const bool closes : {false, true})
    for (const Sequence first_live : {1, 200, 300}) {
      const std::string call = encoded_removal("order-1", 300, first_live, closes, 77, test::at_us(5));
      auto reader = CallReader::open(call);
      REQUIRE_MESSAGE(reader.ok(), test::why(reader));
      const CallHeader& header = reader->header();
      CHECK(header.events == 0);
      CHECK(header.context_id == "order-1");
      CHECK(header.first_sequence == 300);
      CHECK(header.first_position == 77);
      CHECK(header.recorded_at == test::at_us(5));
      CHECK(header.first_live == first_live);
      CHECK(header.closes == closes);
      EventView event;
      const auto more = reader->next(event);
      REQUIRE(more.ok());
      CHECK_FALSE(*more);
      for (std::size_t size = 0; size < call.size(); ++size)
        CHECK(CallReader::open(call.substr(0, size)).code() == Errc::corruption);
      CHECK(CallReader::open(call + '\0').code() == Errc::corruption);
    }
  CHECK(CallReader::open(encoded_removal("a", 3, 4)).code() == Errc::corruption); // beyond the end
  CHECK(CallReader::open(encoded_removal("a", 3, 0)).code() == Errc::corruption);
  std::string neither = encoded_removal("a", 3, 1, true);
  neither.back() = 2;
  CHECK(CallReader::open(neither).code() == Errc::corruption);
}

} // namespace weir
