// Merging segments: the same events, whatever they are, and nothing half done when it fails.
#include "tests/segments/segment_fixture.hpp"

#include "segments/compaction.hpp"
#include "segments/format.hpp"
#include "tests/support/bytes.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <tuple>

using namespace weir;
using namespace weir::segments;
using namespace weir::segments::test;

namespace {

const MayGoOn go_on = [] { return Status{}; };

/// What a shard stores in its life, cut into the rows of `segments` flushes: contexts that come and go, and some that
/// are in every part.
std::vector<Rows> random_history(std::mt19937_64& random, std::size_t segments, const RowShape& shape) {
  RowShape more = shape;
  more.events_per_context_max = 4;
  std::map<std::string, Sequence> last;
  std::vector<Rows> history(segments);
  Position position = 1 + random() % 1'000;
  for (Rows& rows : history) {
    rows = random_rows(random, more); // texts; the order is made here
    const std::string always[] = {"always-1", "always-2", "zz-always"};
    for (std::size_t i = 0; i < 30 + random() % 200; ++i) {
      rows.push_back(rows[random() % rows.size()]);
      rows.back().context_id = always[random() % 3];
    }
    std::shuffle(rows.begin(), rows.end(), random);
    for (Row& row : rows) {
      row.sequence = ++last[row.context_id];
      row.position = position += 1 + random() % 3;
      row.recorded_at = Timestamp(std::chrono::microseconds(1'700'000'000'000'000 + 40 * row.position));
      if (random() % 2 == 0)
        row.timestamp = row.recorded_at;
    }
    std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
      return std::tie(a.context_id, a.sequence) < std::tie(b.context_id, b.sequence);
    });
  }
  return history;
}

Rows all_of(const std::vector<Rows>& history) {
  Rows all;
  for (const Rows& rows : history)
    all.insert(all.end(), rows.begin(), rows.end());
  std::sort(all.begin(), all.end(), [](const Row& a, const Row& b) {
    return std::tie(a.context_id, a.sequence) < std::tie(b.context_id, b.sequence);
  });
  return all;
}

std::vector<SegmentMeta> write_all(SegmentDirectory& directory, const std::vector<Rows>& history) {
  std::vector<SegmentMeta> metas;
  for (const Rows& rows : history)
    metas.push_back(directory.write(rows, metas.size() + 1));
  return metas;
}

EventSum sum_of_rows(const Rows& rows) {
  EventSum sum;
  for (const Row& row : rows) {
    sum.enter_context(row.context_id);
    sum.add(row.view());
  }
  return sum;
}

std::vector<std::string> files_of(SegmentDirectory& directory) {
  std::vector<std::string> names;
  const auto entries = directory.fs->list("segments/000");
  for (const io::DirectoryEntry& entry : *entries)
    names.push_back(entry.name);
  return names;
}

} // namespace

TEST_CASE("merge: random neighbours become one segment with the same events, whole and in order") {
  const std::uint64_t seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 24; ++round) {
    CAPTURE(round);
    SegmentDirectory directory({.directory_seed = random(), .zone_rows = round % 3 == 0 ? 16u : 512u});
    RowShape shape;
    shape.contexts = 1 + random() % 60;
    shape.ids = round % 2 == 0;
    shape.metadata = round % 4 < 2;
    shape.schemas = round % 3 != 0;
    shape.payload_bytes_max = round % 8 == 7 ? 30'000 : 300;
    const auto history = random_history(random, 2 + random() % 5, shape);
    const auto inputs = write_all(directory, history);
    const Rows expected = all_of(history);
    const auto merged = merged_of(directory.files.merge(inputs, 100, go_on, {}));
    REQUIRE_MESSAGE(merged.ok(), to_string(merged.error()));
    const auto reader = directory.open(*merged);
    const Status verified = reader->verify();
    CHECK_MESSAGE(verified.ok(), to_string(verified.error()));
    CHECK(*scan(*reader) == expected);
    CHECK(merged->event_count == expected.size());
    CHECK(merged->position_min == inputs.front().position_min);
    CHECK(merged->position_max == inputs.back().position_max);
    for (int i = 0; i < 20; ++i) {
      const std::string& context = expected[random() % expected.size()].context_id;
      CHECK(*replay(*reader, context, {}, {}) == expected_replay(expected, context, {}));
    }
    // The inputs are still there, and the same bytes would come out again.
    const std::string content = directory.content(*merged);
    CHECK(files_of(directory).size() == inputs.size() + 1);
    REQUIRE(directory.files.remove(*merged).ok());
    REQUIRE(merged_of(directory.files.merge(inputs, 100, go_on, {})).ok());
    CHECK(directory.content(*merged) == content);
  }
}

TEST_CASE("merge: merging in steps gives the bytes of merging at once") {
  std::mt19937_64 random(5);
  SegmentDirectory directory;
  const auto history = random_history(random, 4, {});
  const auto inputs = write_all(directory, history);
  const auto left = merged_of(directory.files.merge(std::span(inputs).first(2), 11, go_on, {}));
  const auto right = merged_of(directory.files.merge(std::span(inputs).last(2), 12, go_on, {}));
  REQUIRE((left.ok() && right.ok()));
  const SegmentMeta halves[] = {*left, *right};
  const auto in_steps = merged_of(directory.files.merge(halves, 13, go_on, {}));
  const auto at_once = merged_of(directory.files.merge(inputs, 14, go_on, {}));
  REQUIRE((in_steps.ok() && at_once.ok()));
  CHECK(*scan(*directory.open(*in_steps)) == *scan(*directory.open(*at_once)));
  CHECK(in_steps->file_bytes == at_once->file_bytes);
}

TEST_CASE("merge: zones grow with the segment, as long as there are enough of them") {
  CHECK(zone_rows_of(4'096, 0, 0) == 4'096);
  CHECK(zone_rows_of(4'096, 64 * 4'096 - 1, 0) == 4'096);
  CHECK(zone_rows_of(4'096, 64 * 4'096, 0) == 8'192);
  CHECK(zone_rows_of(4'096, 128 * 4'096 - 1, 0) == 8'192);
  CHECK(zone_rows_of(4'096, 128 * 4'096, 0) == 16'384);
  CHECK(zone_rows_of(4'096, segment_rows_max, 0) == 16'384);
  CHECK(zone_rows_of(40'000, segment_rows_max, 0) == 65'536);
  CHECK(zone_rows_of(65'536, segment_rows_max, 0) == 65'536);

  // Zones of 8 MiB of payloads, about, are large enough.
  constexpr std::uint64_t million = 1'000'000;
  CHECK(zone_rows_of(4'096, million, 500 * million) == 16'384);
  CHECK(zone_rows_of(4'096, million, 600 * million) == 8'192);
  CHECK(zone_rows_of(4'096, million, 1'100 * million) == 4'096);
  CHECK(zone_rows_of(4'096, million, UINT64_MAX) == 4'096);

  std::mt19937_64 random(8);
  SegmentDirectory directory({.directory_seed = 1, .zone_rows = 16});
  RowShape shape;
  shape.contexts = 600;
  std::vector<SegmentMeta> inputs = write_all(directory, random_history(random, 4, shape));
  const auto zone_rows = [&](const SegmentMeta& meta) { return directory.open(meta)->zones()->front().rows; };
  for (const SegmentMeta& input : inputs) {
    CHECK(input.event_count > 64 * 16);
    CHECK(zone_rows(input) == 16); // a flush does not know how many events will come
  }
  const auto merged = merged_of(directory.files.merge(inputs, 100, go_on, {}));
  REQUIRE(merged.ok());
  CHECK(merged->event_count >= 128 * 16);
  CHECK(zone_rows(*merged) == 64);
}

TEST_CASE("merge: event sums tell every field, every event and every context apart, and nothing else") {
  std::mt19937_64 random(6);
  Rows rows = random_rows(random, {});
  rows[0].event_id = "some-id";
  rows[0].metadata = "{}";
  const EventSum sum = sum_of_rows(rows);
  Rows shuffled = rows;
  std::shuffle(shuffled.begin(), shuffled.end(), random);
  CHECK(sum_of_rows(shuffled) == sum);
  const auto differs = [&](auto change) {
    Rows changed = rows;
    change(changed);
    return !(sum_of_rows(changed) == sum);
  };
  CHECK(differs([](Rows& r) { r.pop_back(); }));
  CHECK(differs([](Rows& r) { r.back() = r.front(); }));
  CHECK(differs([](Rows& r) { r[0].context_id += 'x'; }));
  CHECK(differs([](Rows& r) { ++r[0].sequence; }));
  CHECK(differs([](Rows& r) { ++r[0].position; }));
  CHECK(differs([](Rows& r) { std::swap(r[0].position, r[1].position); }));
  CHECK(differs([](Rows& r) { r[0].recorded_at += std::chrono::microseconds(1); }));
  CHECK(differs([](Rows& r) { r[0].timestamp += std::chrono::microseconds(1); }));
  CHECK(differs([](Rows& r) { r[0].event_type += 'x'; }));
  CHECK(differs([](Rows& r) { r[0].payload += ' '; }));
  CHECK(differs([](Rows& r) { r[0].event_id.clear(); }));
  CHECK(differs([](Rows& r) { std::swap(r[0].event_id, r[0].metadata); }));
  CHECK(differs([](Rows& r) { // a byte that moves from one field to the next
    r[0].payload.insert(r[0].payload.begin(), r[0].metadata.back());
    r[0].metadata.pop_back();
  }));
}

TEST_CASE("merge: reads past the cache, in large pieces, and keeps few bytes in memory") {
  std::mt19937_64 random(7);
  SegmentDirectory directory({.directory_seed = 7, .zone_rows = 4'096});
  RowShape shape;
  shape.contexts = 2'000;
  shape.payload_bytes_max = 700;
  const auto inputs = write_all(directory, random_history(random, 3, shape));
  const auto reads = directory.fs->counters().of(io::Operation::read);
  const auto bytes = directory.fs->counters().read_bytes;
  const auto merged = merged_of(directory.files.merge(inputs, 9, go_on, {}));
  REQUIRE(merged.ok());
  std::uint64_t file_bytes = merged->file_bytes;
  for (const SegmentMeta& input : inputs)
    file_bytes += input.file_bytes;
  CHECK(file_bytes > 4 * MiB);
  CHECK(directory.fs->counters().read_bytes - bytes < file_bytes); // filters and position order are made anew
  CHECK(directory.fs->counters().of(io::Operation::read) - reads < file_bytes / (64 * KiB));
  const BlockCacheStats stats = directory.cache.stats();
  CHECK(stats.cached_bytes == 0);
  CHECK(stats.hits + stats.misses == 0);
}

TEST_CASE("merge: neighbours that do not follow each other are refused, and leave nothing behind") {
  std::mt19937_64 random(8);
  SegmentDirectory directory;
  const auto inputs = write_all(directory, random_history(random, 3, {}));
  const SegmentMeta wrong_order[] = {inputs[1], inputs[0]};
  CHECK(merged_of(directory.files.merge(wrong_order, 9, go_on, {})).code() == Errc::invalid_argument);
  const SegmentMeta one_missing[] = {inputs[0], inputs[2]};
  CHECK(merged_of(directory.files.merge(one_missing, 9, go_on, {})).code() == Errc::invalid_argument);
  const SegmentMeta twice[] = {inputs[0], inputs[0]};
  CHECK(merged_of(directory.files.merge(twice, 9, go_on, {})).code() == Errc::invalid_argument);
  CHECK(files_of(directory).size() == 3);
}

TEST_CASE("merge: damage in an input, wherever it is, is corruption that names the place, and nothing is published") {
  std::mt19937_64 random(9);
  SegmentDirectory directory;
  const auto inputs = write_all(directory, random_history(random, 2, {}));
  const std::string good = directory.content(inputs[1]);
  std::size_t found = 0, harmless = 0;
  for (std::size_t at = 0; at < good.size(); at += 1 + random() % 23) {
    CAPTURE(at);
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ (1 << random() % 8));
    directory.overwrite(inputs[1], bad);
    const auto merged = merged_of(directory.files.merge(inputs, 9, go_on, {}));
    if (merged.ok()) { // a part that is made anew: filters, position order, content hashes
      ++harmless;
      CHECK(*scan(*directory.open(*merged)) == [&] {
        directory.overwrite(inputs[1], good);
        return *scan(*directory.open(*merged_of(directory.files.merge(inputs, 10, go_on, {}))));
      }());
      CHECK(directory.fs->unlink(segment_path(0, 9)).ok());
      CHECK(directory.fs->unlink(segment_path(0, 10)).ok());
      continue;
    }
    ++found;
    CHECK((merged.code() == Errc::corruption || merged.code() == Errc::incompatible));
    CHECK(merged.error().where.starts_with("segments/000/0000000000000002.seg"));
    CHECK(files_of(directory).size() == 2);
  }
  CHECK(found > 10 * harmless);
}

TEST_CASE("merge: what is read back from the new file decides: a byte that got lost on the way stops it") {
  std::mt19937_64 random(10);
  SegmentDirectory directory;
  const auto inputs = write_all(directory, random_history(random, 2, {}));
  // The disk takes the new file and gives back other bytes.
  std::uint64_t spoiled = 0;
  for (std::uint64_t at = 49; at < 30'000; at += 997) {
    CAPTURE(at);
    directory.fs->set_hook([&](const io::Call& call) -> std::optional<Error> {
      if (call.operation == io::Operation::sync_data && call.path.ends_with(".tmp")) {
        directory.fs->set_hook({});
        auto file = directory.fs->open(std::string(call.path), io::OpenMode::read_write);
        std::byte byte{};
        REQUIRE((*file)->pread({&byte, 1}, at).ok());
        byte ^= std::byte{4};
        REQUIRE((*file)->pwrite({&byte, 1}, at).ok());
        ++spoiled;
      }
      return std::nullopt;
    });
    CHECK(merged_of(directory.files.merge(inputs, 9, go_on, {})).code() == Errc::corruption);
    CHECK(files_of(directory).size() == 2);
  }
  CHECK(spoiled == 31);
}

TEST_CASE("merge: a new file that is whole in itself and differs from its inputs by one character is found out") {
  std::mt19937_64 random(13);
  SegmentDirectory directory;
  auto history = random_history(random, 2, {.contexts = 10});
  // Random bytes are stored as they are, so one of them can change without moving anything else.
  Rows rows = history[0];
  for (Row& row : rows)
    row.payload = random_text(random, 200, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/=$%&!?#*");
  history[0] = rows;
  const auto inputs = write_all(directory, history);
  SegmentDirectory other;
  ++history[0][7].payload[100];
  const auto others = write_all(other, history);
  const auto wrong = merged_of(other.files.merge(others, 9, go_on, {}));
  REQUIRE(wrong.ok());
  const std::string content = other.content(*wrong);
  bool swapped = false;
  directory.fs->set_hook([&](const io::Call& call) -> std::optional<Error> {
    if (call.operation == io::Operation::sync_data && !swapped) {
      swapped = true;
      auto file = directory.fs->open(std::string(call.path), io::OpenMode::read_write);
      REQUIRE(*(*file)->size() == content.size());
      REQUIRE((*file)->pwrite(weir::test::as_bytes(content), 0).ok());
    }
    return std::nullopt;
  });
  const auto merged = merged_of(directory.files.merge(inputs, 9, go_on, {}));
  REQUIRE(merged.code() == Errc::corruption);
  CHECK(merged.error().message == "a merged segment does not hold the events of its inputs");
  CHECK(files_of(directory).size() == 2);
}

TEST_CASE("merge: cancelled at any point it ends soon and leaves nothing behind") {
  std::mt19937_64 random(11);
  SegmentDirectory directory;
  const auto inputs = write_all(directory, random_history(random, 3, {}));
  bool go = false;
  const MayGoOn while_go = [&]() -> Status { return go ? Status{} : fail(Errc::cancelled, "no more"); };
  CHECK(merged_of(directory.files.merge(inputs, 9, while_go, {})).code() == Errc::cancelled);
  CHECK(files_of(directory).size() == 3);
  go = true;
  directory.fs->set_hook([&](const io::Call& call) -> std::optional<Error> {
    if (call.operation == io::Operation::sync_data) // written; not read back yet
      go = false;
    return std::nullopt;
  });
  CHECK(merged_of(directory.files.merge(inputs, 9, while_go, {})).code() == Errc::cancelled);
  CHECK(files_of(directory).size() == 3);
}

TEST_CASE("merge: with large payloads it asks every few MiB whether to go on, when it writes and when it reads back") {
  const std::uint64_t asked_every = 4 * MiB, payload_bytes = 1 * MiB;
  SegmentDirectory directory;
  std::vector<Rows> history(2);
  Position position = 0;
  for (Rows& rows : history)
    for (int i = 0; i < 20; ++i) {
      Row& row = rows.emplace_back();
      row.context_id = "context";
      row.sequence = row.position = ++position;
      row.event_type = "type";
      row.payload.assign(payload_bytes, static_cast<char>('a' + i));
    }
  const auto inputs = write_all(directory, history);
  std::uint64_t asked = 0, asked_writing = 0;
  directory.fs->set_hook([&](const io::Call& call) -> std::optional<Error> {
    if (call.operation == io::Operation::sync_data)
      asked_writing = asked;
    return std::nullopt;
  });
  REQUIRE(merged_of(directory.files.merge(inputs, 9, [&] { return ++asked, Status{}; }, {})).ok());
  const std::uint64_t stretches = 40 * payload_bytes / asked_every;
  CHECK(asked_writing == stretches);
  CHECK(asked == 2 * stretches);
}

TEST_CASE("merge: an error at any call leaves no new segment, and the next attempt works") {
  std::mt19937_64 random(12);
  const auto history = random_history(random, 3, {.contexts = 20});
  bool failed = true;
  std::uint64_t failing = 1;
  for (; failed; ++failing) {
    CAPTURE(failing);
    SegmentDirectory directory;
    const auto inputs = write_all(directory, history);
    std::uint64_t calls = 0;
    directory.fs->set_hook([&](const io::Call&) -> std::optional<Error> {
      return ++calls == failing ? std::optional(fail(Errc::disk_full, "no space")) : std::nullopt;
    });
    const auto merged = merged_of(directory.files.merge(inputs, 7, go_on, {}));
    directory.fs->set_hook({});
    failed = calls >= failing;
    if (failed && !merged.ok()) {
      CHECK(merged.code() == Errc::disk_full);
      const auto names = files_of(directory);
      CHECK(std::none_of(names.begin(), names.end(),
                         [](const std::string& name) { return name == "0000000000000007.seg"; }));
    }
    const auto again = merged_of(directory.files.merge(inputs, 8, go_on, {}));
    REQUIRE(again.ok());
    CHECK(*scan(*directory.open(*again)) == all_of(history));
  }
  CHECK(failing > 15);
}
