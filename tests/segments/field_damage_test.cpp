// Fields that are damaged, or that say what is not so: nobody gets a wrong value, and nobody crashes.
#include "tests/segments/field_fixture.hpp"
#include "tests/segments/forged_segment.hpp"

#include "engine/hash.hpp"
#include "segments/bytes.hpp"

#include <doctest/doctest.h>

#include <cstring>

using namespace weir;
using namespace weir::segments;
using namespace weir::segments::test;

namespace {

constexpr SegmentOptions options{.directory_seed = 7, .zone_rows = 40, .filter_bits_per_key = 10};

Rows damage_rows() {
  return rows_with(100, [](std::size_t i) {
    const std::string n = std::to_string(i);
    return "{\"n\":" + n + (i % 3 == 0 ? ",\"price\":" + n + ".5" : "") +
           ",\"note\":" + (i % 4 == 0 ? "null" : "\"note-" + std::to_string(i % 5) + "\"") + ",\"flag\":true}";
  });
}

/// A few rows alone are read another way: every eleventh.
std::vector<std::uint64_t> few_rows(std::uint32_t rows) {
  std::vector<std::uint64_t> words((rows + 63) / 64);
  for (std::uint32_t row = 0; row < rows; row += 11)
    words[row / 64] |= std::uint64_t{1} << (row % 64);
  return words;
}

/// Everything that a column of these rows points to is there.
void check_harmless(const FieldColumn& column, std::uint32_t rows, const std::vector<std::uint64_t>& wanted) {
  for (std::uint32_t row = 0; row < rows && !column.codes.empty(); ++row)
    if ((wanted.empty() || (wanted[row / 64] >> (row % 64) & 1U) != 0) &&
        (column.presence.empty() || column.presence[row] == Presence::value))
      CHECK(column.codes[row] < column.texts.size());
  for (const std::string_view text : column.texts)
    CHECK(std::string(text).size() == text.size()); // every byte is read
}

/// Whatever the reader says of its fields is read; answers whether all of it was.
bool read_all(const SegmentReader& reader) {
  const auto fields = reader.fields();
  const auto zones = reader.zones();
  if (!fields || !zones) {
    CHECK((fields ? zones.code() : fields.code()) == Errc::corruption);
    return false;
  }
  bool whole = true;
  const auto good = [&](const auto& result) {
    if (!result)
      CHECK((result.code() == Errc::corruption || result.code() == Errc::unsupported));
    whole = whole && result.ok();
    return result.ok();
  };
  for (std::size_t field = 0; field < fields->size(); ++field) {
    if (!good(reader.field_zones(field)))
      continue;
    for (std::size_t zone = 0; zone < zones->size(); ++zone) {
      good(reader.may_hold(zone, field, "note-3"));
      const std::uint32_t rows = (*zones)[zone].rows;
      for (const std::vector<std::uint64_t>& wanted : {std::vector<std::uint64_t>(), few_rows(rows)})
        if (const auto columns = reader.read_columns(zone, 0, {&field, 1}, wanted); good(columns))
          check_harmless((*columns)->fields()[0], rows, wanted);
    }
  }
  return whole;
}

/// The segment with what `change` does to it, and its reader.
struct ForgedFields {
  explicit ForgedFields(const std::function<void(Forged&)>& change) : directory(options) {
    meta = directory.write(damage_rows());
    Forged forged = take_apart(directory, meta);
    REQUIRE(forged.fields.size() == 4);
    change(forged);
    meta = put_together(directory, meta, std::move(forged));
    reader = directory.open(meta);
  }
  SegmentDirectory directory;
  SegmentMeta meta;
  std::shared_ptr<const SegmentReader> reader;
};

} // namespace

TEST_CASE("field damage: taken apart and put together the fields are the same") {
  const ForgedFields same([](Forged&) {});
  check_columns(*same.reader, damage_rows());
  const Status verified = same.reader->verify();
  CHECK_MESSAGE(verified.ok(), to_string(verified.error()));
}

TEST_CASE("field damage: every changed byte of the fields is found, and no read gives another value") {
  const Rows rows = damage_rows();
  SegmentDirectory directory(options);
  const SegmentMeta meta = directory.write(rows);
  const std::string good = directory.content(meta);
  std::size_t bytes = 0;
  for (std::size_t at = segment_header_bytes; at < meta.footer_offset;) {
    const std::size_t size = block_header_bytes + load<std::uint32_t>(good.data() + at + 16);
    const auto kind = static_cast<BlockKind>(good[at + 9]);
    if (kind >= BlockKind::field_column)
      for (std::size_t i = at; i < at + size; i += 3, ++bytes) {
        std::string bad = good;
        bad[i] = static_cast<char>(bad[i] ^ 0x10);
        directory.overwrite(meta, bad);
        BlockCache cold(1 * MiB);
        const auto reader = *SegmentFiles(*directory.fs, cold, directory.options).open(meta);
        CHECK(reader->verify().code() == Errc::corruption);
        CHECK_FALSE(read_all(*reader));
        CHECK(*scan(*reader) == rows); // payloads are whole
      }
    at += size;
  }
  CHECK(bytes > 200);
}

TEST_CASE("field damage: numbers changed under a right checksum are refused or read without harm") {
  const std::uint64_t seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  const Rows rows = damage_rows();
  SegmentDirectory directory(options);
  const SegmentMeta written = directory.write(rows);
  // Every block as it is: compression hides nothing.
  const SegmentMeta meta = put_together(directory, written, take_apart(directory, written));
  const std::string good = directory.content(meta);
  std::vector<std::size_t> blocks;
  for (std::size_t at = segment_header_bytes; at < meta.footer_offset;
       at += block_header_bytes + load<std::uint32_t>(good.data() + at + 16))
    if (static_cast<BlockKind>(good[at + 9]) >= BlockKind::field_column)
      blocks.push_back(at);
  for (int round = 0; round < 2'000; ++round) {
    std::string bad = good;
    const std::size_t block = blocks[random() % blocks.size()];
    const std::size_t size = load<std::uint32_t>(good.data() + block + 16);
    for (std::uint64_t n = 1 + random() % 3; n != 0; --n)
      bad[block + block_header_bytes + random() % size] = static_cast<char>(random() % 2 == 0 ? 0xFF : random());
    repair_block(bad, block, identity_of(directory, meta));
    directory.overwrite(meta, bad);
    BlockCache cold(1 * MiB);
    const auto reader = *SegmentFiles(*directory.fs, cold, directory.options).open(meta);
    const bool whole = read_all(*reader);
    const Status verified = reader->verify();
    CHECK((verified.ok() || verified.code() == Errc::corruption));
    if (verified.ok() && whole)
      check_columns(*reader, rows);
  }
}

TEST_CASE("field damage: fields that contradict themselves are corruption to every reader") {
  const auto refused = [](const std::function<void(Forged&)>& change) {
    const ForgedFields forged(change);
    CHECK_FALSE(read_all(*forged.reader));
    CHECK(forged.reader->verify().code() == Errc::corruption);
  };
  // The list.
  refused([](Forged& f) { f.edit_field_list = [](std::string& list) { list[0] = 65; }; });
  refused([](Forged& f) { f.edit_field_list = [](std::string& list) { list[0] = 0; }; });
  refused([](Forged& f) { f.edit_field_list = [](std::string& list) { list += 'x'; }; });
  refused([](Forged& f) { f.edit_field_list = [](std::string& list) { list.pop_back(); }; });
  refused([](Forged& f) { f.edit_field_entries = [](auto& entries) { entries[1].path = entries[0].path; }; });
  refused([](Forged& f) { f.edit_field_entries = [](auto& entries) { entries[0].path.resize(9); }; });
  refused([](Forged& f) { f.edit_field_entries = [](auto& entries) { entries[0].path = {}; }; });
  refused([](Forged& f) { f.edit_field_entries = [](auto& entries) { entries[0].zones.offset = UINT64_MAX - 5; }; });
  // What is known of a field.
  refused([](Forged& f) { f.edit_field_zones = [](std::string& zones) { zones += 'x'; }; });
  refused([](Forged& f) { f.edit_field_zones = [](std::string& zones) { zones.pop_back(); }; });
  refused([](Forged& f) { f.edit_field_zones = [](std::string& zones) { zones[0] |= 64; }; });
  refused([](Forged& f) { f.edit_field = [](FieldZones& field) { field.zones[0].values = 41; }; });
  refused([](Forged& f) { f.edit_field = [](FieldZones& field) { field.zones[0].nulls = 1; }; });
  refused([](Forged& f) { f.edit_field = [](FieldZones& field) { field.zones[0].integer_min = 1'000; }; });
  refused([](Forged& f) { f.edit_field = [](FieldZones& field) { field.places[0].column.offset = 48; }; });
  refused([](Forged& f) { f.edit_field = [](FieldZones& field) { field.zones[0].type = FieldForm::string; }; });
  // A column.
  for (const std::size_t field : {0u, 1u, 2u, 3u}) {
    refused([=](Forged& f) { f.fields[field].columns[0] += 'x'; });
    refused([=](Forged& f) { f.fields[field].columns[0].pop_back(); });
    refused([=](Forged& f) { f.fields[field].columns[0][2] = 1; });
    refused([=](Forged& f) { f.fields[field].columns[0][0] ^= 4; });
    refused([=](Forged& f) { f.fields[field].columns[0][1] = 9; });
    refused([=](Forged& f) { f.fields[field].columns[0].resize(3); });
  }
  refused([](Forged& f) { f.fields[1].columns[0][4] ^= 2; });     // one more row with a value
  refused([](Forged& f) { f.fields[1].columns[0][8] = '\xFF'; }); // and the last eight
}

TEST_CASE("field damage: verify compares columns, bounds and filters with the payloads") {
  const auto found = [](const std::function<void(Forged&)>& change) {
    const ForgedFields forged(change);
    const Status verified = forged.reader->verify();
    CHECK(verified.code() == Errc::corruption);
  };
  found([](Forged& f) { f.fields[0].columns[0][4] ^= 1; }); // all values by one
  found([](Forged& f) { f.edit_field = [](FieldZones& field) { field.zones[0].integer_max += 1; }; });
  found([](Forged& f) { f.edit_field = [](FieldZones& field) { field.zones[0].integer_min -= 1; }; });
  found([](Forged& f) { f.fields[2].known.zones[0].text_min = "a"; });
  found([](Forged& f) { f.fields[2].known.zones[0].text_max_open = true; });
  found([](Forged& f) { f.fields[2].columns[0].back() ^= 1; }); // a letter of a text
  found([](Forged& f) { f.fields[1].known.zones[0].real_max = 1e9; });
  found([](Forged& f) { f.edit_field_entries = [](auto& entries) { entries[0].zones = entries[1].zones; }; });
  // A field that a zone denies.
  found([](Forged& f) {
    f.fields[0].columns[0].clear();
    f.fields[0].known.zones[0] = {};
    f.fields[0].known.zones[0].type = FieldForm::none;
    f.fields[0].known.places[0] = {};
  });
}
