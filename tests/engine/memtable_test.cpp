#include "engine/event_codec.hpp"
#include "engine/memtable.hpp"
#include "tests/support/calls.hpp"
#include "tests/support/memory_segment.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace weir {

namespace {

using test::apply_calls;
using test::encoded_call;
using test::OwnedEvent;

// A memtable beside the plain list it must agree with.
class Modelled {
public:
  explicit Modelled(std::uint64_t hash_seed) : memtable(std::make_shared<Memtable>(hash_seed)) {}

  // Sequences of a context start where a segment might have ended.
  void store(const std::vector<std::pair<std::string, std::uint32_t>>& calls) {
    std::vector<std::string> encoded;
    for (const auto& [context, count] : calls) {
      auto& rows = contexts[context];
      const Sequence first = rows.empty() ? context.size() : rows.back().sequence + 1;
      encoded.push_back(encoded_call(context, first, count, position_, test::at_us(record_)));
      auto reader = CallReader::open(encoded.back());
      EventView event;
      while (*reader->next(event)) {
        rows.emplace_back(event);
        all.emplace_back(event);
      }
      position_ += count;
    }
    apply_calls(*memtable, std::move(encoded), static_cast<std::uint64_t>(record_));
    record_ += static_cast<std::int64_t>(calls.size());
  }

  std::shared_ptr<Memtable> memtable;
  std::map<std::string, std::vector<OwnedEvent>> contexts;
  std::vector<OwnedEvent> all;

private:
  Position position_ = 1;
  std::int64_t record_ = 1;
};

std::vector<OwnedEvent> read(const MemtableView& view, const std::string& context, const SequenceRange& range,
                             const ReadBounds& bounds, bool& more) {
  EventBatch batch;
  more = view.read_context(context, range, bounds, batch);
  std::vector<OwnedEvent> events;
  for (const EventView& event : batch)
    events.emplace_back(event);
  return events;
}

} // namespace

TEST_CASE("memtable: memory of one that is gone serves the next, and nothing of it is seen") {
  for (const std::uint64_t round : {1, 2, 3}) { // the arenas are several blocks of the size that is kept
    Modelled modelled(round);
    std::vector<std::pair<std::string, std::uint32_t>> calls;
    for (std::uint64_t i = 0; i < 120'000; ++i) {
      calls.emplace_back(std::to_string(round) + "-" + std::to_string(i * i % 4'001), 1 + i % 2);
      if (calls.size() == 1'000)
        modelled.store(std::exchange(calls, {}));
    }
    modelled.memtable->publish();
    const MemtableView view(modelled.memtable);
    REQUIRE(view.rows() == modelled.all.size());
    bool same = true;
    for (std::uint64_t row = 0; row < view.rows(); ++row)
      same = same && OwnedEvent(view.row(row)) == modelled.all[row];
    CHECK(same);
    CHECK_FALSE(view.find_context(std::to_string(round - 1) + "-1").has_value());
    for (const auto& [context, rows] : modelled.contexts) {
      const auto range = view.find_context(context);
      REQUIRE(range.has_value());
      CHECK(range->rows == rows.size());
    }
  }
}

TEST_CASE("memtable: an empty one holds nothing and says so") {
  const auto memtable = std::make_shared<Memtable>(1);
  const MemtableView view(memtable);
  CHECK(view.rows() == 0);
  CHECK_FALSE(view.find_context("order-1").has_value());
  EventBatch batch;
  CHECK_FALSE(view.read_context("order-1", {}, {}, batch));
  CHECK(batch.empty());
  EventView event;
  CHECK_FALSE(view.sorted()->next(event));
}

TEST_CASE("memtable: what is applied shows once it is published, and to views taken afterwards only") {
  Modelled model(1);
  model.store({{"a", 2}, {"b", 1}});
  CHECK(MemtableView(model.memtable).rows() == 0);
  CHECK_FALSE(MemtableView(model.memtable).find_context("a").has_value());
  model.memtable->publish();
  const MemtableView before(model.memtable);
  model.store({{"a", 3}, {"c", 1}});
  model.memtable->publish();
  CHECK(before.rows() == 3);
  CHECK(before.find_context("a")->last_sequence == 2);
  CHECK_FALSE(before.find_context("c").has_value());
  const MemtableView after(model.memtable);
  CHECK(after.rows() == 7);
  CHECK(after.find_context("a")->last_sequence == 5);
  CHECK(after.find_context("c")->rows == 1);
  CHECK(model.memtable->first_record() == 1);
  CHECK(model.memtable->last_record() == 4);
}

TEST_CASE("memtable: random calls read back as from a plain list, over every range, bound and direction") {
  const std::uint64_t seed = 7;
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  Modelled model(seed);
  for (int group = 0; group < 60; ++group) {
    std::vector<std::pair<std::string, std::uint32_t>> calls;
    for (auto count = random() % 20 + 1; count != 0; --count)
      calls.emplace_back(std::string(random() % 3 + 1, static_cast<char>('a' + random() % 12)),
                         static_cast<std::uint32_t>(random() % 5 + 1));
    model.store(calls);
  }
  model.memtable->publish();
  const MemtableView view(model.memtable);

  REQUIRE(view.rows() == model.all.size());
  for (std::size_t i = 0; i < model.all.size(); ++i)
    REQUIRE(OwnedEvent(view.row(i)) == model.all[i]);

  for (const auto& each : model.contexts) {
    const std::string& context = each.first;
    const std::vector<OwnedEvent>& rows = each.second;
    CAPTURE(context);
    const auto found = view.find_context(context);
    REQUIRE(found.has_value());
    CHECK(found->first_sequence == rows.front().sequence);
    CHECK(found->last_sequence == rows.back().sequence);
    CHECK(found->rows == rows.size());
    for (int round = 0; round < 60; ++round) {
      SequenceRange range;
      range.from = random() % (rows.back().sequence + 4);
      range.to = random() % 5 == 0 ? sequence_max : random() % (rows.back().sequence + 4);
      range.backward = random() % 2 == 0;
      const ReadBounds bounds{random() % 40 + 1, random() % 2 == 0 ? 1u << 20 : random() % 400};
      std::vector<OwnedEvent> expected;
      for (const OwnedEvent& event : rows)
        if (event.sequence >= range.from && event.sequence <= range.to)
          expected.push_back(event);
      if (range.backward)
        std::reverse(expected.begin(), expected.end());
      bool more = false;
      const auto got = read(view, context, range, bounds, more);
      CHECK(got.size() <= bounds.events_max);
      CHECK(got.empty() == expected.empty());
      CHECK(more == (got.size() < expected.size()));
      REQUIRE(got.size() <= expected.size());
      CHECK(std::equal(got.begin(), got.end(), expected.begin()));
      std::size_t bytes = 0; // only the last one may go beyond the bound
      for (std::size_t i = 0; i + 1 < got.size(); ++i)
        bytes += got[i].context_id.size() + got[i].event_type.size() + got[i].event_id.size() + got[i].metadata.size() +
                 got[i].payload.size();
      CHECK((got.size() < 2 || bytes < bounds.bytes_max));
    }
  }
}

TEST_CASE("memtable: contexts whose names begin alike are sorted by their bytes") {
  Modelled model(3);
  std::vector<std::string> names = {"order-",         "order-1",         "order-10",        "order-2",
                                    "order-1234567",  "order-12345678",  "order-123456780", "order-123456789",
                                    "order-\xC3\xBC", "order-123456788x"};
  for (const std::string& name : names)
    model.store({{name, 1}});
  model.memtable->publish();
  std::sort(names.begin(), names.end());
  const auto sorted = MemtableView(model.memtable).sorted();
  EventView event;
  for (const std::string& name : names) {
    REQUIRE(sorted->next(event));
    CHECK(event.context_id == name);
  }
  CHECK_FALSE(sorted->next(event));
}

TEST_CASE("memtable: sorted gives each row once, by context and sequence") {
  Modelled model(3);
  model.store({{"b", 2}, {"a", 1}, {"ab", 1}, {"\xC3\xBC", 1}});
  model.store({{"a", 2}, {"0", 1}, {"b", 1}});
  model.memtable->publish();
  const auto sorted = MemtableView(model.memtable).sorted();
  std::vector<OwnedEvent> got;
  EventView event;
  while (sorted->next(event))
    got.emplace_back(event);
  std::vector<OwnedEvent> expected;
  for (const auto& [context, rows] : model.contexts) // a map: sorted by the bytes of its keys
    expected.insert(expected.end(), rows.begin(), rows.end());
  CHECK(got == expected);
}

TEST_CASE("memtable: a batch keeps the events it points to alive, the memtable's owner gone") {
  EventBatch batch;
  {
    Modelled model(1);
    model.store({{"a", 3}});
    model.memtable->publish();
    MemtableView(model.memtable).read_context("a", {}, {}, batch);
  }
  REQUIRE(batch.size() == 3);
  CHECK(batch.back().payload == "{\"n\":3}");
}

TEST_CASE("memtable: counts at least the bytes it was given to keep, and never fewer than before") {
  Modelled model(1);
  std::uint64_t before = model.memtable->bytes();
  std::uint64_t given = 0;
  for (int i = 0; i < 300; ++i) {
    model.store({{"context-" + std::to_string(i % 100), 4}});
    given += 4 * (event_header_bytes_min + 7); // at least {"n":1}
    CHECK(model.memtable->bytes() > before);
    before = model.memtable->bytes();
    CHECK(before >= given);
  }
}

TEST_CASE("memtable: readers see prefixes of whole calls while the writer applies and the table grows") {
  constexpr std::uint64_t contexts = 10'000;
  const auto memtable = std::make_shared<Memtable>(11);
  std::atomic<bool> done{false};
  // Each call stores two events to a new context, and each tenth two more to "hot".
  const auto reader = [&](std::uint64_t seed) {
    std::mt19937_64 random(seed);
    std::uint64_t rows_before = 0;
    bool last_round = false;
    while (!last_round) {
      last_round = done.load();
      const MemtableView view(memtable);
      REQUIRE(view.rows() >= rows_before);
      REQUIRE(view.rows() % 2 == 0);
      rows_before = view.rows();
      if (view.rows() == 0)
        continue;
      const EventView row = view.row(random() % view.rows());
      const auto range = view.find_context(row.context_id);
      REQUIRE(range.has_value());
      REQUIRE(range->first_sequence == 1);
      REQUIRE(range->last_sequence % 2 == 0);
      REQUIRE(range->last_sequence >= row.sequence);
      const std::string later = "c" + std::to_string(contexts - 1);
      if (const auto last = view.find_context(later))
        REQUIRE(last->rows == 2);
      EventBatch batch;
      view.read_context("hot", {1, sequence_max, random() % 2 == 0}, {64, 1u << 20}, batch);
      REQUIRE(batch.size() % 2 == 0);
      for (std::size_t i = 0; i < batch.size(); ++i) {
        REQUIRE(batch[i].context_id == "hot");
        REQUIRE(batch[i].position <= view.rows());
        REQUIRE(batch[i].payload == "{\"n\":" + std::to_string(batch[i].sequence) + "}");
      }
    }
  };
  std::thread first(reader, 1), second(reader, 2);
  Position position = 1;
  Sequence hot = 1;
  for (std::uint64_t i = 0; i < contexts; ++i) {
    std::vector<std::string> calls{encoded_call("c" + std::to_string(i), 1, 2, position)};
    position += 2;
    if (i % 10 == 0) {
      calls.push_back(encoded_call("hot", hot, 2, position));
      hot += 2;
      position += 2;
    }
    apply_calls(*memtable, std::move(calls));
    memtable->publish();
  }
  done.store(true);
  first.join();
  second.join();
  CHECK(MemtableView(memtable).rows() == position - 1);
  for (std::uint64_t i = 0; i < contexts; ++i)
    REQUIRE(MemtableView(memtable).find_context("c" + std::to_string(i)).has_value());
}

TEST_CASE("memtable: a record of several calls is applied as a whole, or not at all if one context does not go on") {
  const auto record_of = [](Sequence a, Sequence b, Position position) {
    std::vector<std::string> encoded(2);
    encode_call("a", std::vector<Event>(2, {.event_type = "t", .payload = "{}"}), encoded[0]);
    encode_call("b", std::vector<Event>(1, {.event_type = "t", .payload = "{}", .event_id = "x"}), encoded[1]);
    const std::vector<NumberedCall> calls{{encoded[0], {a, position, test::at_us(1)}},
                                          {encoded[1], {b, position + 2, test::at_us(1)}}};
    std::string record(record_bytes(calls), '\0');
    write_record(calls, record.data());
    return record;
  };
  const auto records = std::make_shared<std::vector<std::string>>();
  records->push_back(encoded_call("a", 1, 1, 10, test::at_us(1)));
  records->push_back(record_of(2, 7, 11));
  records->push_back(encoded_call("b", 8, 1, 14, test::at_us(1)));
  records->push_back(record_of(4, 10, 15)); // b has only come to 8
  const auto memtable = std::make_shared<Memtable>(5);
  const std::vector<std::string_view> bodies(records->begin(), records->end());
  const Memtable::Recovered done = memtable->recover(records, bodies, 3, 1'000, {});
  CHECK(done.records == 3);
  CHECK(done.events == 5);
  CHECK(done.malformed == nullptr);
  memtable->publish();
  CHECK(memtable->first_record() == 3);
  CHECK(memtable->last_record() == 5);
  const MemtableView view(memtable);
  REQUIRE(view.rows() == 5);
  for (std::uint64_t row = 0; row < view.rows(); ++row)
    CHECK(view.row(row).position == 10 + row);
  CHECK(view.find_context("a")->last_sequence == 3);
  CHECK(view.find_context("b")->last_sequence == 8);
  CHECK(view.find_event_id("b", "x") == 7);
}

} // namespace weir
