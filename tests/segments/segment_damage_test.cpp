// P7: a read returns the right bytes or an error; never wrong data, never a crash.
#include "tests/segments/segment_fixture.hpp"

#include "engine/hash.hpp"
#include "segments/bytes.hpp"
#include "segments/format.hpp"
#include "segments/segment_reader.hpp"
#include "segments/segment_salvage.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>

using namespace weir;
using namespace weir::segments;
using namespace weir::segments::test;

namespace {

Rows small_rows() {
  std::mt19937_64 random(21);
  return random_rows(random, {.contexts = 6, .events_per_context_max = 5, .payload_bytes_max = 60});
}

/// Everything a reader can be asked gives the rows or `corruption` that names the file.
bool reads_right_or_fails(const SegmentReader& reader, const Rows& rows) {
  bool honest = true;
  const auto judge = [&](const auto& result, bool right) {
    if (result.ok())
      honest = honest && right;
    else
      honest = honest && result.code() == Errc::corruption &&
               result.error().where.starts_with(segment_path(reader.meta().shard, reader.meta().number));
  };
  const auto all = scan(reader);
  judge(all, all.ok() && *all == rows);
  std::string last;
  for (const Row& row : rows) {
    if (row.context_id == last)
      continue;
    last = row.context_id;
    const auto replayed = replay(reader, last, {}, {});
    judge(replayed, replayed.ok() && *replayed == expected_replay(rows, last, {}));
  }
  for (const bool backward : {false, true}) {
    const auto run = reader.read_positions({.from = 0, .to = UINT64_MAX, .backward = backward}, {});
    Rows in_order;
    for (std::size_t i = 0; run.ok() && i < (*run)->size(); ++i)
      in_order.push_back(Row::of((**run)[i]));
    Rows expected = rows;
    std::sort(expected.begin(), expected.end(), [](const Row& a, const Row& b) { return a.position < b.position; });
    judge(run, run.ok() && in_order == expected);
  }
  const auto missing = reader.find_context("order-nobody");
  judge(missing, missing.ok() && !missing->has_value());
  return honest;
}

} // namespace

TEST_CASE("segment damage: strings are read with the file's dictionary, and a flipped byte of that is found") {
  Rows rows = small_rows();
  for (Row& row : rows)
    row.payload =
        R"({"order":"order-42","total":)" + std::to_string(row.position) + R"(,"currency":"EUR","channel":"web",)" +
        R"("note":"deliver to the neighbour in the second floor if nobody is at home, and ring twice there",)" +
        R"("address":{"street":"Lange Strasse","number":)" + std::to_string(row.position % 90) +
        R"(,"city":"Hamburg","country":"DE"},"items":[{"sku":"SKU-000","name":"oak shelf","quantity":1}],)" +
        R"("terms":"payable within fourteen days from the date of the invoice, without any deduction"})";
  for (std::size_t i = 0, size = rows.size(); rows.size() < 40; ++i) {
    rows.push_back(rows[size - 1]);
    rows.back().sequence += i + 1;
    rows.back().position = 10'000 + i;
    rows.back().event_id.clear();
  }
  // Nothing is cached, so that every read sees the file.
  SegmentDirectory directory({.directory_seed = 3, .zone_rows = 8'192, .filter_bits_per_key = 10}, 0);
  const SegmentMeta meta = directory.write(rows);
  CHECK(reads_right_or_fails(*directory.open(meta), rows));
  CHECK(directory.open(meta)->verify().ok());
  CHECK(*scan(*directory.open(meta)) == rows);
  std::string bytes = directory.content(meta);
  // The dictionary is the last block before the footer.
  const std::size_t last = static_cast<std::size_t>(meta.footer_offset) - 1;
  bytes[last] = static_cast<char>(bytes[last] ^ 1);
  directory.overwrite(meta, bytes);
  const auto reader = directory.open(meta);
  CHECK(reader->verify().code() == Errc::corruption);
  CHECK(scan(*reader).code() == Errc::corruption);
  CHECK(reads_right_or_fails(*reader, rows));

  // It can be made anew from the block it was taken from, so nothing is lost.
  std::vector<std::string> damaged;
  auto salvage = SegmentSalvage::open(*directory.fs, segment_path(0, 1), 0, 1, 3,
                                      [&](const Error& error, std::uint64_t) { damaged.push_back(error.where); });
  REQUIRE(salvage.ok());
  std::size_t at = 0;
  bool same = true;
  while ((*salvage)->next_context())
    REQUIRE((*salvage)->read(
        (*salvage)->first_sequence(), (*salvage)->last_sequence(), [&](const EventView& event) -> Status {
          same = same && at < rows.size() && event.payload == rows[at].payload && event.metadata == rows[at].metadata;
          ++at;
          return {};
        }));
  CHECK(same);
  CHECK(at == rows.size());
  CHECK(damaged.size() == 1);
}

TEST_CASE("segment damage: every flipped byte is found, and no read returns anything wrong") {
  const Rows rows = small_rows();
  SegmentDirectory directory({.directory_seed = 3, .zone_rows = 8, .filter_bits_per_key = 10});
  const SegmentMeta meta = directory.write(rows);
  const std::string good = directory.content(meta);
  for (std::size_t at = 0; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ (1 << (at % 8)));
    directory.overwrite(meta, bad);
    BlockCache cold(1 * MiB);
    const auto reader = SegmentFiles(*directory.fs, cold, directory.options).open(meta);
    REQUIRE(reader.ok());
    CAPTURE(at);
    const Status verified = (*reader)->verify();
    REQUIRE(verified.code() == Errc::corruption);
    REQUIRE(verified.error().where.starts_with(segment_path(0, 1) + ":"));
    REQUIRE(reads_right_or_fails(**reader, rows));
  }
}

TEST_CASE("segment damage: a warm cache does not make verify blind") {
  const Rows rows = small_rows();
  SegmentDirectory directory;
  const SegmentMeta meta = directory.write(rows);
  const auto reader = directory.open(meta);
  REQUIRE(scan(*reader).ok());
  REQUIRE(reader->verify().ok());
  std::string bad = directory.content(meta);
  bad[segment_header_bytes + block_header_bytes + 3] ^= 1;
  directory.overwrite(meta, bad);
  CHECK(reader->verify().code() == Errc::corruption);
  CHECK(*scan(*reader) == rows);
}

TEST_CASE("segment damage: a file cut at any length is refused") {
  const Rows rows = small_rows();
  SegmentDirectory directory({.directory_seed = 3, .zone_rows = 8, .filter_bits_per_key = 10});
  const SegmentMeta meta = directory.write(rows);
  const auto open_before = directory.open(meta);
  const std::string good = directory.content(meta);
  for (std::size_t size = 0; size < good.size(); ++size) {
    directory.overwrite(meta, good.substr(0, size));
    CAPTURE(size);
    REQUIRE(directory.files.open(meta).code() == Errc::corruption);
    REQUIRE(directory.files.sweep(0, {&meta, 1}, 2).code() == Errc::corruption);
    REQUIRE(open_before->verify().code() == Errc::corruption);
  }
  directory.overwrite(meta, good);
  BlockCache cold(0);
  const auto reader = *SegmentFiles(*directory.fs, cold, directory.options).open(meta);
  for (std::size_t size = 0; size < good.size(); size += 7) {
    directory.overwrite(meta, good.substr(0, size));
    REQUIRE(reads_right_or_fails(*reader, rows));
  }
}

TEST_CASE("segment damage: an older file under the same name is not taken for the live one") {
  Rows rows = small_rows();
  SegmentDirectory directory;
  Rows older = rows;
  std::reverse(older.front().payload.begin(), older.front().payload.end());
  older.front().payload += "x";
  older.front().event_id.clear();
  const std::string old_bytes = [&] {
    const SegmentMeta meta = directory.write(older);
    return directory.content(meta);
  }();
  const SegmentMeta meta = directory.write(rows); // the one before went to quarantine
  std::string same_size = old_bytes;
  same_size.resize(directory.content(meta).size(), '\0');
  directory.overwrite(meta, same_size);
  const auto reader = directory.open(meta);
  CHECK(reader->verify().code() == Errc::corruption);
  CHECK(reader->types().code() == Errc::corruption);
  CHECK(reads_right_or_fails(*reader, rows));
}

TEST_CASE("segment damage: an older file that says of itself what the catalog says is not taken for the live one") {
  const Rows rows = small_rows();
  Rows older = rows;
  for (Row& row : older)
    row.event_type.front() = 'T';
  SegmentDirectory directory;
  const SegmentMeta before = directory.write(older);
  const std::string old_bytes = directory.content(before);
  const SegmentMeta meta = directory.write(rows); // the one before went to quarantine
  SegmentMeta expected = before;
  expected.footer_checksum = meta.footer_checksum;
  REQUIRE(expected == meta);
  REQUIRE(before.footer_checksum != meta.footer_checksum);
  directory.overwrite(meta, old_bytes);
  const auto reader = directory.open(meta);
  CHECK(reader->verify().code() == Errc::corruption);
  CHECK(reader->types().code() == Errc::corruption);
  CHECK(reads_right_or_fails(*reader, rows));
}

TEST_CASE("segment damage: a file of another shard, number or directory does not pass") {
  const Rows rows = small_rows();
  SegmentDirectory directory;
  const SegmentMeta meta = directory.write(rows, 1, 0);
  const std::string bytes = directory.content(meta);
  SegmentMeta moved = directory.write(rows, 2, 5);
  moved.footer_checksum = meta.footer_checksum;
  directory.overwrite(moved, bytes);
  CHECK(directory.open(moved)->verify().code() == Errc::corruption);
  SegmentOptions other_seed = directory.options;
  other_seed.directory_seed ^= 1;
  CHECK((*SegmentFiles(*directory.fs, directory.cache, other_seed).open(meta))->verify().code() == Errc::corruption);
}

TEST_CASE("segment damage: a valid header of another format version is incompatible, not corrupt") {
  const Rows rows = small_rows();
  SegmentDirectory directory;
  const SegmentMeta meta = directory.write(rows);
  std::string bytes = directory.content(meta);
  SUBCASE("a later one") {
    bytes[segment_magic_bytes] = segment_format_version + 1;
  }
  SUBCASE("an earlier one") {
    bytes[segment_magic_bytes] = segment_format_version_min - 1;
  }
  const auto identity = load<std::uint64_t>(bytes.data() + 24);
  const std::uint64_t checksum =
      hash64(std::string_view(bytes).substr(0, segment_header_bytes - 8), checksum_seed(identity, 0));
  std::memcpy(bytes.data() + segment_header_bytes - 8, &checksum, sizeof checksum);
  directory.overwrite(meta, bytes);
  const auto reader = directory.open(meta);
  CHECK(reader->zones().code() == Errc::incompatible);
  CHECK(reader->verify().code() == Errc::incompatible);
}

TEST_CASE("segment damage: numbers changed under a right checksum are refused or read without harm") {
  const std::uint64_t seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  const Rows rows = small_rows();
  SegmentDirectory directory({.directory_seed = 3, .zone_rows = 8, .filter_bits_per_key = 10});
  const SegmentMeta meta = directory.write(rows);
  const std::string good = directory.content(meta);
  const auto identity = load<std::uint64_t>(good.data() + 24);
  for (int round = 0; round < 1'000; ++round) {
    std::string bad = good;
    std::vector<std::size_t> blocks;
    for (std::size_t at = segment_header_bytes; at < good.size();
         at += block_header_bytes + load<std::uint32_t>(good.data() + at + 16))
      blocks.push_back(at);
    const std::size_t block = blocks[random() % blocks.size()];
    const std::size_t size = block_header_bytes + load<std::uint32_t>(good.data() + block + 16);
    for (std::uint64_t n = 1 + random() % 3; n != 0; --n)
      bad[block + 8 + random() % (size - 8)] = static_cast<char>(random() % 2 == 0 ? 0xFF : random());
    const std::uint64_t checksum = hash64(bad.data() + block + 8, size - 8, checksum_seed(identity, block));
    std::memcpy(bad.data() + block, &checksum, sizeof checksum);
    SegmentMeta forged = meta;
    if (block == meta.footer_offset)
      forged.footer_checksum = checksum;
    directory.overwrite(meta, bad);
    BlockCache cold(1 * MiB);
    const auto reader = *SegmentFiles(*directory.fs, cold, directory.options).open(forged);
    // Forged data may read as other data; it must not crash, hang or take memory without bound.
    const Errc verified = reader->verify().code();
    CHECK((verified == Errc::ok || verified == Errc::corruption || verified == Errc::unsupported));
    static_cast<void>(scan(*reader).ok());
    for (const Row& row : rows) {
      EventBatch batch;
      static_cast<void>(reader->read_context(row.context_id, {1, sequence_max, round % 2 == 0}, {}, batch).ok());
    }
  }
}

TEST_CASE("segment damage: a failed read of the footer is not remembered") {
  const Rows rows = small_rows();
  SegmentDirectory directory;
  const auto reader = directory.open(directory.write(rows));
  directory.fs->set_hook([](const io::Call& call) -> std::optional<Error> {
    return call.operation == io::Operation::read ? std::optional(fail(Errc::io_error, "cable pulled")) : std::nullopt;
  });
  CHECK(reader->types().code() == Errc::io_error);
  CHECK(reader->find_context("x").code() == Errc::io_error);
  directory.fs->set_hook({});
  CHECK(*scan(*reader) == rows);
}
