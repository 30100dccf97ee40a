// No query outruns its deadline or its memory by what one step of it does.
#include "engine/query/execution.hpp"
#include "engine/query/executor.hpp"
#include "engine/query/join.hpp"
#include "engine/query/leftovers.hpp"
#include "engine/query/number_list.hpp"
#include "engine/query/order.hpp"
#include "engine/query/pruning.hpp"
#include "engine/query/sequence_matching.hpp"
#include "engine/query/split_table.hpp"
#include "engine/query/text_pieces.hpp"
#include "engine/views/view_book.hpp"
#include "tests/engine/query/fake_shard.hpp"
#include "tests/engine/schema/defined.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <numeric>
#include <semaphore>
#include <string>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

using namespace weir;
using namespace weir::query;
using namespace std::chrono_literals;
using test::FakeSegment;
using test::StoredEvent;

namespace {

/// Later by a second each time it is asked: what a look costs is counted, not timed.
class SteppingClock final : public io::Clock {
public:
  [[nodiscard]] Timestamp now() const override { return {}; }
  [[nodiscard]] std::chrono::steady_clock::time_point steady_now() const override {
    return std::chrono::steady_clock::time_point(std::chrono::seconds(++looks));
  }
  mutable std::uint64_t looks = 0;
};

/// Ends a run after so many looks at the clock.
QueryControl control_of(const SteppingClock& clock, std::uint64_t looks = 1'000'000) {
  QueryControl control;
  control.clock = &clock;
  control.deadline = std::chrono::steady_clock::time_point(std::chrono::seconds(looks));
  return control;
}

/// Events of `contexts` contexts in turn.
std::vector<StoredEvent> events(std::uint64_t first, std::uint64_t last, std::uint64_t contexts = 7) {
  std::vector<StoredEvent> all;
  for (std::uint64_t n = first; n < last; ++n)
    all.push_back(
        test::stored_event("order-" + std::to_string(n % contexts), n / contexts + 1, n + 1,
                           Timestamp(std::chrono::seconds(n)), n % 3 == 0 ? "paid" : "placed",
                           R"({"n":)" + std::to_string(n) + R"(,"group":"group )" + std::to_string(n % 200) + "\"}"));
  return all;
}

Query parsed(std::string_view text) {
  auto plan = parse_query(text);
  if (!plan)
    FAIL(std::string(text), ": ", to_string(plan.error()));
  return *std::move(plan);
}

/// How often hashes are asked for, which is what a hash table does with each entry that it moves.
std::size_t hashes_made = 0;
struct CountingHash {
  std::uint64_t operator()(std::uint64_t key) const noexcept {
    ++hashes_made;
    return key * 0x9E3779B97F4A7C15ULL;
  }
};

/// A number that knows how many of its kind there are, and were at most at once.
struct Counted {
  explicit Counted(std::uint64_t of) : value(of) { most = std::max(most, ++alive); }
  Counted(Counted&& other) noexcept : value(other.value) { most = std::max(most, ++alive); }
  Counted& operator=(Counted&&) noexcept = default;
  ~Counted() { --alive; }
  friend bool operator<(const Counted& a, const Counted& b) noexcept { return a.value < b.value; }

  std::uint64_t value;
  static inline std::size_t alive = 0, most = 0;
};

/// Parts of an answer by position, `rows` each, whose positions alternate.
std::vector<ShardRows> alternating(std::size_t parts, std::uint64_t rows) {
  std::vector<ShardRows> made(parts);
  for (std::uint64_t i = 0; i < parts * rows; ++i) {
    query::ResultRow row;
    row.position = i + 1;
    row.cells.emplace_back(row.position);
    made[i % parts].rows.push_back(std::move(row));
  }
  return made;
}

} // namespace

TEST_CASE("query bounds: sorting is right for any order, takes no second array, and ends as the pacer says") {
  constexpr std::uint64_t size = 30'000;
  const std::vector<std::function<std::uint64_t(std::uint64_t)>> orders = {
      [](std::uint64_t i) { return i; },
      [](std::uint64_t i) { return size - i; },
      [](std::uint64_t) { return std::uint64_t{7}; },
      [](std::uint64_t i) { return i % 3; },
      [](std::uint64_t i) { return i * 0x9E3779B97F4A7C15ULL >> 40U; },
      [](std::uint64_t i) { return std::min(i, size - i); },
  };
  for (const auto& order : orders) {
    for (const std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{5'000}, std::size_t{size}}) {
      std::vector<Counted> items;
      items.reserve(size);
      std::vector<std::uint64_t> expected;
      for (std::uint64_t i = 0; i < size; ++i) {
        items.emplace_back(order(i));
        expected.push_back(order(i));
      }
      std::sort(expected.begin(), expected.end());
      Counted::most = 0;
      const SteppingClock clock;
      const QueryControl control = control_of(clock);
      Pacer pacer(control);
      const bool all = count == size;
      REQUIRE((all ? sort_paced(items, std::less<>(), pacer) : select_paced(items, count, std::less<>(), pacer)).ok());
      CHECK(Counted::most < size + 10);
      std::vector<std::uint64_t> found;
      for (const Counted& item : items)
        found.push_back(item.value);
      if (!all)
        std::sort(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(count));
      CHECK(std::equal(expected.begin(), expected.begin() + static_cast<std::ptrdiff_t>(count), found.begin()));
      std::sort(found.begin(), found.end());
      CHECK(found == expected);
      CHECK(clock.looks < 200); // about as many steps as a sort of them takes
    }
  }
  std::vector<std::uint64_t> numbers(1'000'000);
  std::iota(numbers.rbegin(), numbers.rend(), 0);
  const SteppingClock clock;
  const QueryControl control = control_of(clock, 3);
  Pacer pacer(control);
  CHECK(sort_paced(numbers, std::less<>(), pacer).code() == Errc::deadline_exceeded);
}

TEST_CASE("query bounds: parts that are joined keep the first rows, with looks at the deadline on the way") {
  const Query plan = parsed("QUERY * RETURN [position] LIMIT 20000");
  const SteppingClock clock;
  const auto joined = join(plan, alternating(3, 20'000), control_of(clock));
  REQUIRE(joined.ok());
  std::vector<Position> positions;
  for (const query::ResultRow& row : joined->rows)
    positions.push_back(row.position);
  std::sort(positions.begin(), positions.end());
  CHECK(positions.size() == 20'000);
  CHECK(positions.back() == 20'000);
  CHECK(clock.looks > 3 + 40'000 / 4'096 * 2); // moving the rows, and telling which are the first
  CHECK(join(plan, alternating(3, 20'000), control_of(clock, clock.looks + 8)).code() == Errc::deadline_exceeded);
}

TEST_CASE("query bounds: packed values stay where they were put, however long they are") {
  PackedValues values;
  std::vector<std::pair<std::uint64_t, std::string>> put;
  std::uint64_t bytes = 0;
  constexpr std::size_t block = std::size_t{1} << 20U;
  for (const std::size_t size : {std::size_t{0}, block, std::size_t{0}, block - 1, std::size_t{1}, std::size_t{0},
                                 3 * block, std::size_t{0}, block / 2, block / 2, std::size_t{0}, std::size_t{7}}) {
    const std::string packed(size, static_cast<char>('a' + put.size()));
    put.emplace_back(values.add(packed), packed);
    bytes += size;
  }
  for (const auto& [place, packed] : put)
    CHECK(std::string_view(values.at(place), packed.size()) == packed);
  CHECK(values.bytes() == bytes);
}

TEST_CASE("query bounds: numbers of percentiles are counted with the array that they are sorted in") {
  NumberList<std::int64_t> numbers;
  std::uint64_t taken = 0;
  constexpr std::uint64_t count = 200'000;
  for (std::uint64_t i = 0; i < count; ++i)
    taken += numbers.push(static_cast<std::int64_t>(i));
  CHECK(taken >= 2 * sizeof(std::int64_t) * (count / 65'536 * 65'536));
  CHECK(taken < 3 * sizeof(std::int64_t) * count);
}

TEST_CASE("query bounds: whether an answer is too large does not depend on how many threads gather it") {
  for (const std::string text : {"QUERY * COUNT, COUNT UNIQUE payload.n BY payload.group",
                                 "QUERY * ORDER BY payload.n LIMIT 300", "QUERY * RETURN [payload] LIMIT 300",
                                 "QUERY placed FOLLOWED BY paid LINKED BY payload.group RETURN [placed.sequence]"}) {
    CAPTURE(text);
    const Query plan = parsed(text);
    const auto run = [&](std::uint64_t bytes_max, bool helped) {
      // Both threads meet every group, and enough rows each.
      const auto first = std::make_shared<FakeSegment>(events(0, 1'000), 1'000);
      const auto second = std::make_shared<FakeSegment>(events(1'000, 2'000), 1'000);
      QueryControl control;
      control.result_bytes_max = bytes_max;
      const auto execution = *Execution::make(plan, {test::make_view({first, second})}, control);
      // The first thread reads its zone while another is at its own.
      std::thread helper;
      std::counting_semaphore<> second_read(0);
      second->on_read = [&]() -> Status {
        second_read.release();
        return {};
      };
      bool called = false;
      first->on_read = [&]() -> Status {
        if (helped && !std::exchange(called, true)) {
          helper = std::thread([&] { execution->help(); });
          second_read.acquire();
        }
        return {};
      };
      auto result = execution->run();
      CHECK(called == helped);
      if (helper.joinable())
        helper.join();
      return result;
    };
    std::uint64_t enough = 1'000;
    while (run(enough, false).code() == Errc::too_large)
      enough += enough / 16;
    const auto alone = run(enough, false);
    const auto helped = run(enough, true);
    REQUIRE(alone.ok());
    REQUIRE_MESSAGE(helped.ok(), to_string(helped.error()));
    CHECK(helped->rows == alone->rows);
    CHECK(run(enough / 2, true).code() == Errc::too_large);
  }
}

TEST_CASE("query bounds: a run that ends early leaves what it gathered to be freed after the answer") {
  const auto segment = std::make_shared<FakeSegment>(events(0, 2'000), 100);
  std::atomic<bool> cancel{false};
  std::size_t reads = 0;
  segment->on_read = [&]() -> Status {
    cancel = ++reads > 10;
    return {};
  };
  Leftovers leftovers;
  QueryControl control;
  control.cancel = &cancel;
  control.leftovers = &leftovers;
  const auto execution =
      *Execution::make(parsed("QUERY * COUNT UNIQUE payload.n BY payload.n"), {test::make_view({segment})}, control);
  CHECK(leftovers.empty());
  CHECK(execution->run().code() == Errc::cancelled);
  CHECK_FALSE(leftovers.empty());
}

TEST_CASE("query bounds: a table of millions of entries never moves more than some tens of thousands at once") {
  SplitTable<std::unordered_set<std::uint64_t, CountingHash>, CountingHash> table;
  std::size_t most = 0;
  constexpr std::uint64_t entries = 2'000'000;
  for (std::uint64_t i = 0; i < entries; ++i) {
    hashes_made = 0;
    table.make_room();
    table.part_of(i).insert(i);
    most = std::max(most, hashes_made);
  }
  CHECK(table.size() == entries);
  CHECK(most < 12 * table.split_from); // some hashes for each entry that is moved
  for (const std::uint64_t key : {std::uint64_t{0}, entries / 2, entries - 1})
    CHECK(table.part_of(key).count(key) == 1);
  CHECK(table.part_of(entries).count(entries) == 0);
}

TEST_CASE("query bounds: tables and lists are joined and copied as their pacer says, and then have everything") {
  using Table = SplitTable<std::unordered_map<std::uint64_t, int, CountingHash>, CountingHash>;
  const auto fill = [](Table& table, std::uint64_t from, std::uint64_t to) {
    for (std::uint64_t i = from; i < to; ++i) {
      table.make_room();
      table.part_of(i).emplace(i, 1);
    }
  };
  const auto add = [](auto& ours, auto& node) -> Status {
    ours.second += node.mapped();
    return {};
  };
  NumberList<std::int64_t> numbers, more;
  for (std::int64_t i = 0; i < 300'000; ++i)
    (i % 3 == 0 ? more : numbers).push(i * 7'919 % 300'000);
  for (const std::uint64_t looks : {1'000'000u, 3u}) {
    const SteppingClock clock;
    const QueryControl control = control_of(clock, looks);
    Pacer pacer(control);
    Table all, other, copied;
    fill(all, 0, 60'000);
    fill(other, 50'000, 100'000);
    const Status taken = all.take(other, pacer, add);
    const Status copying = taken ? copied.copy(all, pacer) : taken;
    NumberList<std::int64_t> joined;
    const Status listed = copying ? joined.copy(numbers, pacer) : copying;
    NumberList<std::int64_t> rest;
    REQUIRE(rest.copy(more, pacer).ok());
    if (looks == 3) {
      CHECK(taken.code() == Errc::deadline_exceeded);
      continue;
    }
    REQUIRE(listed.ok());
    CHECK(copied.size() == 100'000);
    CHECK(copied.part_of(std::uint64_t{55'000}).at(55'000) == 2);
    CHECK(copied.part_of(std::uint64_t{99'999}).at(99'999) == 1);
    REQUIRE(joined.take(std::move(rest), pacer).ok());
    CHECK(joined.size() == 300'000);
    const auto sorted = std::move(joined).sorted(pacer);
    REQUIRE(sorted.ok());
    CHECK(sorted->size() == 300'000);
    CHECK(std::is_sorted(sorted->begin(), sorted->end()));
    CHECK(sorted->front() == 0);
    CHECK(sorted->back() == 299'999);
    CHECK(clock.looks > 150'000 / 4'096);
  }
}

TEST_CASE("query bounds: a filter is asked for the few texts that are possible, and for none of very many") {
  FieldTable table;
  EventSlots names(table);
  std::vector<Value> texts;
  for (int i = 0; i < 4'000; ++i)
    texts.emplace_back("k" + std::to_string(100'000 + i));
  const Leaf leaf(field("payload.a").in(texts), names, &table);
  FieldZone zone;
  zone.type = FieldForm::string;
  zone.values = 10;
  zone.text_filter = true;
  std::size_t asked = 0;
  const auto may_hold = [&](std::string_view) { return ++asked, false; };
  zone.text_min = "k102000";
  zone.text_max = "k102003x";
  CHECK_FALSE(query::evaluate(leaf, zone, 10, may_hold).may_be_true());
  CHECK(asked == 4);
  zone.text_min = "x";
  zone.text_max = "z";
  CHECK_FALSE(query::evaluate(leaf, zone, 10, may_hold).may_be_true());
  CHECK(asked == 4);
  zone.text_min = "a";
  CHECK(query::evaluate(leaf, zone, 10, may_hold).may_be_true());
  CHECK(asked == 4);
  zone.type = FieldForm::mixed;
  CHECK(query::evaluate(leaf, zone, 10, may_hold).may_be_true());
  CHECK(asked == 4);
}

TEST_CASE("query bounds: leaves on types are judged for as many types as there are with a look at the deadline") {
  FieldTable table;
  EventSlots names(table);
  Predicate predicate;
  Expr any = field("event_type") == "no such type";
  for (int i = 0; i < 200; ++i)
    any = std::move(any) || field("event_type") == "neither is this " + std::to_string(i);
  predicate.require(any, names, &table);
  const std::vector<std::string> types(2'000, "type");
  const SteppingClock clock;
  const QueryControl control = control_of(clock, 10);
  Pacer pacer(control);
  Watch watch(pacer);
  const SegmentPruner pruner(predicate, types, std::nullopt, &watch);
  CHECK(watch.going().code() == Errc::deadline_exceeded);
  CHECK(clock.looks == 10);
}

TEST_CASE("query bounds: looking up removals and upcasting weigh more than rows that are only read") {
  // Each row is of another context than the one before, so each asks all segments for a mark.
  const auto looks_of = [](std::vector<std::shared_ptr<FakeSegment>> segments, const schema::Registry* upcasts) {
    const SteppingClock clock;
    QueryControl control = control_of(clock);
    control.upcasts = upcasts;
    const auto result =
        query::run(parsed("QUERY placed WHERE payload.n >= 0 COUNT"),
                   std::vector{test::make_view(std::move(segments), {test::make_memtable(events(0, 4'096))})}, control);
    REQUIRE_MESSAGE(result.ok(), to_string(result.error()));
    return clock.looks;
  };
  std::vector<std::shared_ptr<FakeSegment>> segments;
  for (int i = 0; i < 8; ++i)
    segments.push_back(std::make_shared<FakeSegment>(events(6'000, 6'001), 16));
  const std::uint64_t plain = looks_of(segments, nullptr);
  for (const auto& segment : segments)
    segment->marked = true;
  CHECK(looks_of(segments, nullptr) > plain + 50);
  CHECK(segments.front()->mark_looks > 2'000);
  test::Defined schemas;
  REQUIRE(schemas.define("DEFINE placed FIELDS { n: int64, group: string }").ok());
  const auto same = [](std::string_view payload) -> Result<std::string> { return std::string(payload); };
  REQUIRE(schemas.registry.register_upcasters("placed", {{0, same}}).ok());
  CHECK(looks_of({}, &schemas.registry) > looks_of({}, nullptr) + 15);
}

TEST_CASE("query bounds: many link values of a sequence are numbered with a look at the deadline") {
  const Query plan = parsed("QUERY placed FOLLOWED BY paid LINKED BY context_id COUNT");
  const auto sequence = *CompiledSequence::make(plan);
  std::vector<SequencePart> parts(2);
  for (SequencePart& part : parts) {
    for (int i = 0; i < 100'000; ++i) {
      const std::string link = "link " + std::to_string(i);
      const std::uint64_t hash = LinkTable::hash(link);
      part.bins[SequencePart::bin_of(hash)].links.number_of(link, hash);
    }
  }
  const SteppingClock clock;
  const QueryControl control = control_of(clock, 20);
  SequenceMatching matching(*sequence, std::move(parts), control);
  matching.work();
  CHECK(std::move(matching).rows().code() == Errc::deadline_exceeded);
  CHECK(clock.looks == 20);
}

TEST_CASE("query bounds: a plan too long to be written runs, is explained by its beginning, and is not remembered") {
  for (const bool one_literal : {true, false}) {
    Query plan = Query::all_types();
    Expr none = field("payload.group") == std::string(one_literal ? 1u << 20 : 1, 'x') + "\u00fc";
    for (int i = 0; !one_literal && i < 5'000; ++i)
      none = std::move(none) || field("payload.group") == "no group " + std::to_string(i);
    plan.where(std::move(none)).count();
    REQUIRE(plan.validate().ok());
    const auto shards = std::vector{test::make_view({std::make_shared<FakeSegment>(events(0, 50), 10)})};
    const auto result = query::run(plan, shards, {});
    REQUIRE(result.ok());
    CHECK(result->rows == std::vector<std::vector<Value>>{{Value(std::uint64_t{0})}});
    CHECK(result->explain.front().starts_with("plan: QUERY * WHERE payload.group = 'x"));
    CHECK(result->explain.front().size() < 1'200);
    CHECK(result->explain.front().ends_with("(longer than 65536 bytes, so it cannot be written as a query)"));
    CHECK(text_of(plan, limits::query_text_bytes_max).size() > limits::query_text_bytes_max);
    CHECK(text_of(plan, limits::query_text_bytes_max).size() < 3 * limits::query_text_bytes_max);
    CHECK(to_text(plan).size() > 100'000);
    bool known = false;
    CHECK(ViewBook().check("long", plan, known).code() == Errc::too_large);
  }
}

TEST_CASE("query bounds: a condition may name thousands of fields of payloads with thousands of members") {
  // Fields are told apart by a table, and found in a payload a few at a time with looks in between.
  Query plan = Query::all_types();
  Expr any = field("payload.m0") == 1;
  for (int i = 1; i < 4'000; ++i)
    any = std::move(any) || field("payload.f" + std::to_string(i)) == 1;
  any = std::move(any) || field("payload.m1999") == 1;
  plan.where(std::move(any)).count();
  std::vector<StoredEvent> all = events(0, 1);
  all.front().payload = R"({"m":1)";
  for (int i = 1; i < 2'000; ++i)
    all.front().payload += ",\"m" + std::to_string(i) + "\":1";
  all.front().payload += '}';
  const SteppingClock clock;
  const auto shards = std::vector{test::make_view({}, {test::make_memtable(all)})};
  const auto result = query::run(plan, shards, control_of(clock));
  REQUIRE(result.ok());
  CHECK(result->rows == std::vector<std::vector<Value>>{{Value(std::uint64_t{1})}});
  const std::uint64_t looks = clock.looks;
  CHECK(looks > 5);
  CHECK(query::run(plan, shards, control_of(clock, looks + 6)).code() == Errc::deadline_exceeded);
}
