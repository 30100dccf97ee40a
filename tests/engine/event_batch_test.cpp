#include <weir/event.hpp>

#include <doctest/doctest.h>

#include <array>
#include <utility>

using namespace weir;

namespace {

EventView event(Sequence sequence, std::string_view payload) {
  EventView made;
  made.sequence = sequence;
  made.payload = payload;
  return made;
}

} // namespace

TEST_CASE("event batch: events that are lent are shown where they are") {
  const std::array there = {event(1, "{}"), event(2, "[1]")};
  EventBatch batch;
  batch.lend(there, 5);
  CHECK(batch.size() == 2);
  CHECK(batch.bytes() == 5);
  CHECK(batch.begin() == there.data());
  CHECK(&batch[1] == &there[1]);
  CHECK(batch.back().sequence == 2);
  const EventBatch copy = batch;
  CHECK(copy.begin() == there.data());
}

TEST_CASE("event batch: one that goes on after events were lent copies them") {
  const std::array there = {event(1, "{}"), event(2, "[1]")};
  EventBatch batch;
  batch.lend(there, 5);
  batch.add(event(3, "[12]"));
  CHECK(batch.size() == 3);
  CHECK(batch.bytes() == 9);
  CHECK(batch.begin() != there.data());
  CHECK(batch[0].sequence == 1);
  CHECK(batch[1].payload.data() == there[1].payload.data());
  CHECK(batch[2].sequence == 3);
}

TEST_CASE("event batch: nothing is left of what was moved or cleared") {
  const std::array there = {event(1, "{}")};
  EventBatch batch, other;
  batch.lend(there, 2);
  EventBatch taken = std::move(batch);
  CHECK(batch.empty()); // NOLINT(bugprone-use-after-move): that is what is looked at
  CHECK(taken.size() == 1);
  other = std::move(taken);
  CHECK(taken.empty()); // NOLINT(bugprone-use-after-move)
  CHECK(other.size() == 1);
  other.clear();
  CHECK(other.empty());
  CHECK(other.bytes() == 0);
}
