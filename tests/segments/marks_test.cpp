// Marks in segments: written, found, merged, verified, salvaged.
#include "engine/content_hash.hpp"
#include "engine/stub.hpp"
#include "segments/catalog_records.hpp"
#include "segments/compaction.hpp"
#include "segments/segment_reader.hpp"
#include "segments/segment_salvage.hpp"
#include "tests/segments/segment_fixture.hpp"
#include "tests/support/why.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

using namespace weir;
using namespace weir::segments;
using namespace weir::segments::test;
using weir::test::why;

namespace {

using Marks = std::map<std::string, ContextMark>;

const MayGoOn go_on = [] { return Status{}; };

/// Rows and marks as a flush hands them over.
class MarkedSource final : public SortedEvents {
public:
  MarkedSource(const Rows& rows, const Marks& marks) : rows_(rows), marks_(marks), next_(marks.begin()) {}
  bool next(EventView& event) override { return rows_.next(event); }
  bool next_mark(std::string_view& context_id, ContextMark& mark) override {
    if (next_ == marks_.end())
      return false;
    context_id = next_->first;
    mark = next_->second;
    ++next_;
    return true;
  }

private:
  RowSource rows_;
  const Marks& marks_;
  Marks::const_iterator next_;
};

Marks random_marks(std::mt19937_64& random, std::size_t count, Position position) {
  Marks marks;
  while (marks.size() < count) {
    ContextMark mark;
    mark.last = random() % 1'000;
    mark.first_live = 1 + random() % (mark.last + 1);
    mark.closed = random() % 3 == 0;
    mark.position = position + marks.size();
    mark.recorded_at = Timestamp(std::chrono::microseconds(1'700'000'000'000'000 + random() % 1'000'000));
    marks.emplace("order-" + std::to_string(random() % (4 * count)), mark);
  }
  return marks;
}

SegmentMeta write(SegmentDirectory& directory, const Rows& rows, const Marks& marks, std::uint64_t number = 1) {
  MarkedSource source(rows, marks);
  auto meta = directory.files.write(0, number, source);
  REQUIRE_MESSAGE(meta.ok(), why(meta));
  return *meta;
}

void holds_exactly(const SegmentReader& reader, const Marks& marks, std::size_t names) {
  const auto has_marks = reader.has_marks();
  REQUIRE_MESSAGE(has_marks.ok(), why(has_marks));
  CHECK(*has_marks == !marks.empty());
  for (std::size_t i = 0; i < names; ++i) {
    const std::string context = "order-" + std::to_string(i);
    const auto found = reader.find_mark(context);
    REQUIRE_MESSAGE(found.ok(), why(found));
    const auto expected = marks.find(context);
    REQUIRE(found->has_value() == (expected != marks.end()));
    if (*found)
      REQUIRE(**found == expected->second);
  }
  const Status verified = reader.verify();
  CHECK_MESSAGE(verified.ok(), why(verified));
}

} // namespace

TEST_CASE("marks: every one is found, among rows or alone, in one block or many, and nothing else is") {
  std::mt19937_64 random(1);
  for (const std::size_t count : {1u, 7u, 3'000u}) {
    for (const bool with_rows : {false, true}) {
      CAPTURE(count);
      CAPTURE(with_rows);
      SegmentDirectory directory;
      const Rows rows = with_rows ? random_rows(random, {}) : Rows{};
      const Marks marks = random_marks(random, count, 1'000'000'000);
      const SegmentMeta meta = write(directory, rows, marks);
      CHECK(meta.event_count == rows.size());
      CHECK(meta.position_max >= marks.begin()->second.position);
      const auto reader = directory.open(meta);
      holds_exactly(*reader, marks, 4 * count);
      CHECK(*scan(*reader) == rows);
      for (const Row& row : rows)
        REQUIRE(reader->find_context(row.context_id)->has_value());
      CHECK_FALSE(reader->find_context(marks.begin()->first + "x")->has_value());
      CHECK_FALSE(reader->find_mark("a")->has_value()); // before the first
    }
  }
}

TEST_CASE("marks: what cannot be is refused by the writer") {
  std::mt19937_64 random(3);
  SegmentDirectory directory;
  const auto refused = [&](const ContextMark& mark) {
    const Marks marks{{"order-1", mark}};
    const Rows none;
    MarkedSource source(none, marks);
    return directory.files.write(0, 9, source).code() == Errc::invalid_argument;
  };
  CHECK(refused({4, 2, false, 1, {}})); // beyond the end
  CHECK(refused({0, 2, false, 1, {}}));
  CHECK(refused({1, sequence_max, false, 1, {}}));
  CHECK(refused({1, 2, false, 0, {}})); // no position
  CHECK_FALSE(refused({3, 2, false, 1, {}}));
}

TEST_CASE("merge: marks of all inputs are joined, in whatever steps, and bounds stay those of the inputs") {
  std::mt19937_64 random(4);
  for (int round = 0; round < 10; ++round) {
    CAPTURE(round);
    SegmentDirectory directory({.directory_seed = random(), .zone_rows = 16});
    constexpr std::size_t names = 40;
    std::vector<SegmentMeta> inputs;
    Marks expected;
    Rows all;
    Position position = 1;
    for (std::uint64_t number = 1; number <= 4; ++number) {
      Rows rows;
      if ((random() % 4) != 0)
        for (Sequence i = 0; i < 3; ++i) {
          Row row;
          row.context_id = "order-5";
          row.sequence = all.size() + 1;
          row.position = position++;
          row.event_type = "t";
          rows.push_back(row);
          all.push_back(row);
        }
      const Marks marks = rows.empty() || random() % 3 != 0 ? random_marks(random, 10, position) : Marks{};
      position += 10;
      inputs.push_back(write(directory, rows, marks, number));
      for (const auto& [context, mark] : marks) {
        const auto at = expected.try_emplace(context, mark).first;
        at->second.join(mark);
      }
    }
    const auto at_once = merged_of(directory.files.merge(inputs, 10, go_on, {}));
    REQUIRE_MESSAGE(at_once.ok(), why(at_once));
    holds_exactly(*directory.open(*at_once), expected, names);
    CHECK(*scan(*directory.open(*at_once)) == all);
    const auto left = merged_of(directory.files.merge(std::span(inputs).first(2), 11, go_on, {}));
    const auto right = merged_of(directory.files.merge(std::span(inputs).last(2), 12, go_on, {}));
    REQUIRE((left.ok() && right.ok()));
    const SegmentMeta halves[] = {*left, *right};
    const auto in_steps = merged_of(directory.files.merge(halves, 13, go_on, {}));
    REQUIRE_MESSAGE(in_steps.ok(), why(in_steps));
    holds_exactly(*directory.open(*in_steps), expected, names);
    for (const SegmentMeta& merged : {*at_once, *in_steps}) {
      CHECK(merged.position_min == inputs.front().position_min);
      CHECK(merged.position_max == inputs.back().position_max);
      CHECK(merged.event_count == all.size());
    }
  }
}

TEST_CASE("marks: every flipped byte of a segment of marks is found by verify, and no read answers anything wrong") {
  std::mt19937_64 random(5);
  SegmentDirectory directory;
  const Marks marks = random_marks(random, 20, 5);
  const SegmentMeta meta = write(directory, {}, marks);
  const std::string good = directory.content(meta);
  for (std::size_t at = 0; at < good.size(); ++at) {
    CAPTURE(at);
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ (1 << (random() % 8)));
    directory.overwrite(meta, bad);
    BlockCache cache(1 * MiB);
    SegmentFiles files(*directory.fs, cache, directory.options);
    const auto reader = files.open(meta);
    REQUIRE(reader.ok());
    REQUIRE_FALSE((*reader)->verify().ok());
    for (const auto& [context, mark] : marks) {
      const auto found = (*reader)->find_mark(context);
      if (found.ok()) {
        REQUIRE(found->has_value());
        REQUIRE(**found == mark);
      }
    }
  }
}

TEST_CASE("segment salvage: marks are handed out in order, and a damaged block of them is told") {
  std::mt19937_64 random(6);
  SegmentDirectory directory;
  const Marks marks = random_marks(random, 3'000, 5);
  const SegmentMeta meta = write(directory, {}, marks);
  std::size_t damaged = 0;
  const auto salvaged = [&] {
    damaged = 0;
    auto segment = SegmentSalvage::open(*directory.fs, segment_path(0, 1), 0, 1, directory.options.directory_seed,
                                        [&](const Error&, std::uint64_t) { ++damaged; });
    REQUIRE_MESSAGE(segment.ok(), why(segment));
    Marks found;
    while ((*segment)->next_mark())
      found.emplace((*segment)->marked_context(), (*segment)->mark());
    return found;
  };
  CHECK(salvaged() == marks);
  CHECK(damaged == 0);
  std::string bytes = directory.content(meta);
  const std::string& first = marks.begin()->first; // literal in its block, however that is encoded
  const auto place = bytes.find(first);
  REQUIRE(place != std::string::npos);
  bytes[place] ^= 1;
  directory.overwrite(meta, bytes);
  const Marks found = salvaged();
  CHECK(damaged == 1);
  CHECK(found.size() < marks.size());
  CHECK_FALSE(found.empty());
}

TEST_CASE("merge: removed events are left out, or stubs where somebody may ask for their ids, and marks say why") {
  std::mt19937_64 random(7);
  for (int round = 0; round < 60; ++round) {
    CAPTURE(round);
    SegmentDirectory directory({.directory_seed = random(), .zone_rows = 16});
    constexpr std::uint64_t segments = 4;
    std::vector<SegmentMeta> inputs;
    std::vector<Rows> parts;
    std::map<std::string, Sequence> last;
    Position position = 1;
    const bool ids = round % 3 == 0;
    for (std::uint64_t number = 1; number <= segments; ++number) {
      Rows rows;
      for (const char* context : {"closed", "gone", "live", "truncated"})
        for (std::size_t events = random() % 4; events != 0; --events) {
          Row row;
          row.context_id = context;
          row.sequence = ++last[context];
          row.position = position++;
          row.recorded_at = Timestamp(std::chrono::hours(position));
          row.timestamp = Timestamp(std::chrono::seconds(position)); // of long ago
          row.event_type = "t";
          row.payload = "{}";
          row.metadata = number == 3 ? "{\"m\":1}" : "";
          if (ids && number == 2)
            row.event_id = "id-" + std::to_string(position);
          rows.push_back(row);
        }
      if (rows.empty())
        continue;
      parts.push_back(rows);
      inputs.push_back(write(directory, rows, {}, number));
    }
    Marks marks;
    const auto mark = [&](const std::string& context, Sequence first_live, bool closed) {
      const auto recorded_at = Timestamp(std::chrono::hours(position + 100));
      marks[context] = {first_live, last[context], closed, position + 100, recorded_at}; // of a later segment
    };
    mark("closed", last["closed"] + 1, true);
    mark("gone", last["gone"] + 1, false);
    mark("truncated", 1 + random() % (last["truncated"] + 1), false);
    const MarkLookup removed = [&](std::string_view context) {
      const auto found = marks.find(std::string(context));
      return found == marks.end() ? std::nullopt : std::optional(found->second);
    };
    // From the front of each context, until something has to stay.
    std::string scratch;
    std::uint64_t stubs = 0;
    Rows expected;
    std::uint64_t dropped = 0;
    std::map<std::string, bool> kept, touched;
    for (const char* context : {"closed", "gone", "live", "truncated"})
      for (const Rows& rows : parts) {
        const bool has_ids =
            std::any_of(rows.begin(), rows.end(), [](const Row& row) { return !row.event_id.empty(); });
        for (const Row& row : rows) {
          if (row.context_id != context)
            continue;
          const auto found = marks.find(context);
          const bool gone = found != marks.end() && row.sequence < found->second.first_live;
          touched[context] = touched[context] || gone;
          if (gone && (found->second.closed || (!kept[context] && !has_ids))) {
            ++dropped;
            continue;
          }
          kept[context] = true;
          expected.push_back(row);
          if (!gone)
            continue;
          const auto stub = stub_of(content_hash(row.view(), scratch));
          expected.back().payload.assign(stub.begin(), stub.end());
          expected.back().metadata.clear();
          ++stubs;
        }
      }
    if (inputs.empty() || (expected.empty() && dropped == 0))
      continue;
    const auto merged = directory.files.merge(inputs, 10, go_on, {removed});
    REQUIRE_MESSAGE(merged.ok(), to_string(merged.error()));
    CHECK(merged->dropped.events == dropped);
    CHECK(merged->dropped.payload_bytes == 2 * (dropped + stubs));
    CHECK(merged->meta.event_count == expected.size());
    CHECK(merged->meta.position_min == inputs.front().position_min);
    CHECK(merged->meta.position_max == inputs.back().position_max);
    // A mark that is younger than its events say they are does not widen them: no catalog would take the segment.
    CHECK(catalog::merge_fault(inputs, merged->meta, merged->dropped) == nullptr);
    const auto reader = directory.open(merged->meta);
    CHECK(*scan(*reader) == expected);
    const Status verified = reader->verify();
    CHECK_MESSAGE(verified.ok(), why(verified));
    // Nothing is left to give back, and doing it again changes nothing.
    const auto left = directory.files.reclaimable(merged->meta, go_on, removed);
    REQUIRE_MESSAGE(left.ok(), why(left));
    CHECK(left->events == 0);
    CHECK(left->of == expected.size() - stubs);
    CHECK(left->stubs == stubs);
    const auto again = directory.files.merge(std::span(&merged->meta, 1), 11, go_on, {removed});
    REQUIRE_MESSAGE(again.ok(), to_string(again.error()));
    CHECK(again->dropped.events == 0);
    CHECK(again->dropped.payload_bytes == 0);
    CHECK(*scan(*directory.open(again->meta)) == expected);
    CHECK(again->meta.file_bytes == merged->meta.file_bytes);
    std::uint64_t reclaimable = 0;
    for (const SegmentMeta& input : inputs) {
      const auto found = directory.files.reclaimable(input, go_on, removed);
      REQUIRE_MESSAGE(found.ok(), why(found));
      CHECK(found->of == input.event_count);
      reclaimable += found->events;
    }
    CHECK(reclaimable == dropped + stubs);
    for (const char* context : {"closed", "gone", "live", "truncated"}) {
      const auto found = reader->find_mark(context);
      REQUIRE(found.ok());
      CHECK(found->has_value() == touched[context]);
      if (*found) {
        CHECK((*found)->first_live == marks[context].first_live);
        CHECK((*found)->closed == marks[context].closed);
      }
    }
  }
}

TEST_CASE("stubs: one that no mark explains is found by verify, and so is a count that is wrong") {
  Row row;
  row.context_id = "order-1";
  row.sequence = 1;
  row.position = 5;
  row.event_type = "t";
  row.event_id = "id";
  const auto stub = stub_of({1, 2});
  row.payload.assign(stub.begin(), stub.end());
  const auto verified = [](const Row& stored, const Marks& marks) {
    SegmentDirectory directory;
    return directory.open(write(directory, {stored}, marks))->verify();
  };
  const ContextMark mark{.first_live = 2, .last = 1, .closed = false, .position = 6, .recorded_at = {}};
  CHECK(verified(row, {{"order-1", mark}}).ok());
  CHECK(verified(row, {}).code() == Errc::corruption);
  CHECK(verified(row, {{"order-0", mark}}).code() == Errc::corruption);
  CHECK(verified(row, {{"order-2", mark}}).code() == Errc::corruption);
  ContextMark less = mark;
  less.first_live = 1;
  CHECK(verified(row, {{"order-1", less}}).code() == Errc::corruption);
  row.metadata = "{}";
  CHECK(verified(row, {{"order-1", mark}}).code() == Errc::corruption);
}

TEST_CASE("merge: removed events behind rows of an older segment become stubs, so that no hole is left in a context") {
  SegmentDirectory directory;
  const auto part = [&](std::uint64_t number, Sequence first, Sequence last, bool ids) {
    Rows rows;
    for (Sequence sequence = first; sequence <= last; ++sequence)
      rows.push_back({.context_id = "c",
                      .sequence = sequence,
                      .position = sequence,
                      .event_type = "t",
                      .event_id = ids ? "id-" + std::to_string(sequence) : "",
                      .metadata = "",
                      .payload = "{}"});
    return write(directory, rows, {}, number);
  };
  const SegmentMeta with_ids = part(1, 1, 3, true), without = part(2, 4, 6, false), live = part(3, 7, 8, false);
  const MarkLookup mark = [](std::string_view) { return std::optional(ContextMark{7, 8, false, 9, {}}); };
  const auto older = [&](std::string_view context_id) {
    return directory.open(with_ids)->find_context(context_id)->has_value();
  };
  const SegmentMeta newer[] = {without, live};
  const auto alone = directory.files.merge(newer, 4, go_on, {mark, older});
  REQUIRE_MESSAGE(alone.ok(), why(alone));
  CHECK(alone->dropped.events == 0);
  CHECK(alone->dropped.payload_bytes == 3 * 2);
  CHECK(alone->meta.event_count == 5);
  const SegmentMeta all[] = {with_ids, alone->meta};
  const auto together = directory.files.merge(all, 5, go_on, {mark});
  REQUIRE_MESSAGE(together.ok(), why(together));
  CHECK(together->meta.event_count == 8);
  const auto at_front = directory.files.merge(newer, 6, go_on, {mark});
  REQUIRE_MESSAGE(at_front.ok(), why(at_front));
  CHECK(at_front->dropped.events == 3);
}
