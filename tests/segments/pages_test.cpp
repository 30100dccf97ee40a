// Pages: the columns of a merged segment a second time, in the order of positions.
#include "engine/hash.hpp"
#include "segments/bytes.hpp"
#include "segments/segment_reader.hpp"
#include "tests/segments/field_fixture.hpp"
#include "tests/segments/forged_segment.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <set>

using namespace weir;
using namespace weir::segments;
using namespace weir::segments::test;

namespace {

const MayGoOn go_on = [] { return Status{}; };

struct Merged {
  explicit Merged(const Rows& rows, std::uint32_t zone_rows)
      : directory({.directory_seed = 7, .zone_rows = zone_rows, .filter_bits_per_key = 10}) {
    const SegmentMeta input = directory.write(rows);
    const auto merged = directory.files.merge({&input, 1}, 2, go_on, {});
    REQUIRE_MESSAGE(merged.ok(), to_string(merged.error()));
    meta = merged->meta;
    reader = directory.open(meta);
  }
  [[nodiscard]] const ColumnReader& pages() const {
    const auto pages = reader->by_position();
    REQUIRE(pages.ok());
    REQUIRE(*pages != nullptr);
    return **pages;
  }

  SegmentDirectory directory;
  SegmentMeta meta;
  std::shared_ptr<const SegmentReader> reader;
};

std::size_t type_number(const SegmentReader& reader, const std::string& type) {
  const auto types = *reader.types();
  return static_cast<std::size_t>(std::find(types.begin(), types.end(), type) - types.begin());
}

/// The rows as pages have them: bands of 16 zones, in each the rows by position, cut into pages, in each of these by
/// type.
Rows in_pages(const SegmentReader& reader, const Rows& rows) {
  const auto zones = *reader.zones();
  const std::size_t zone_rows = zones.front().rows;
  Rows out = rows;
  const auto each_part = [&](std::size_t part, const auto& sort) {
    for (std::size_t first = 0; first < out.size(); first += part)
      sort(out.begin() + static_cast<std::ptrdiff_t>(first),
           out.begin() + static_cast<std::ptrdiff_t>(std::min(first + part, out.size())));
  };
  each_part(band_zones_max * zone_rows, [](auto begin, auto end) {
    std::sort(begin, end, [](const Row& a, const Row& b) { return a.position < b.position; });
  });
  each_part(zone_rows, [&](auto begin, auto end) {
    std::stable_sort(begin, end, [&](const Row& a, const Row& b) {
      return type_number(reader, a.event_type) < type_number(reader, b.event_type);
    });
  });
  return out;
}

void check_numbers(const SegmentReader& reader, const ColumnReader& pages, const Rows& rows) {
  const auto zones = *pages.zones();
  std::mt19937_64 random(rows.size());
  std::uint64_t first_row = 0;
  for (std::size_t page = 0; page < zones.size(); ++page) {
    CAPTURE(page);
    const ZoneMeta& meta = zones[page];
    REQUIRE(meta.first_row == first_row);
    first_row += meta.rows;
    const auto columns = pages.read_columns(page, column_timestamp | column_type, {});
    REQUIRE(columns.ok());
    std::set<Position> positions;
    std::set<Timestamp> timestamps, recorded_at;
    for (std::size_t i = 0; i < meta.rows; ++i) {
      const Row& row = rows[meta.first_row + i];
      CHECK((*columns)->timestamps()[i] == row.timestamp.time_since_epoch().count());
      CHECK((*columns)->types()[i] == type_number(reader, row.event_type));
      CHECK(meta.has_type((*columns)->types()[i]));
      positions.insert(row.position);
      timestamps.insert(row.timestamp);
      recorded_at.insert(row.recorded_at);
    }
    check_type_counts(pages, page, (*columns)->types(), random);
    CHECK(meta.position_min == *positions.begin());
    CHECK(meta.position_max == *positions.rbegin());
    CHECK(meta.timestamp_min == *timestamps.begin());
    CHECK(meta.timestamp_max == *timestamps.rbegin());
    CHECK(meta.recorded_at_min == *recorded_at.begin());
    CHECK(meta.recorded_at_max == *recorded_at.rbegin());
  }
  CHECK(first_row == rows.size());
}

Rows documents(std::size_t count, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Rows rows = rows_with(count, [&](std::size_t) { return random_document(random); });
  for (Row& row : rows)
    if (random() % 2 == 0)
      row.timestamp -= std::chrono::seconds(random() % 3);
  return rows;
}

Footer footer_of(Merged& merged) {
  const auto file = merged.directory.fs->open(segment_path(0, 2), io::OpenMode::read_only);
  REQUIRE(file.ok());
  BlockCache cache(0);
  const BlockSource source(**file, "", identity_of(merged.directory, merged.meta), 0, merged.meta.file_bytes, cache);
  auto footer = read_footer(source, merged.meta);
  REQUIRE(footer.ok());
  return *std::move(footer);
}

/// The segment with another footer in the place of its own.
SegmentMeta with_footer(Merged& merged, const Footer& footer) {
  std::string file = merged.directory.content(merged.meta).substr(0, merged.meta.footer_offset);
  SegmentMeta meta = merged.meta;
  (void)append_block(file, file.size(), identity_of(merged.directory, meta), BlockKind::footer, encode_footer(footer),
                     nullptr);
  meta.file_bytes = file.size();
  meta.footer_checksum = load<std::uint64_t>(file.data() + meta.footer_offset);
  merged.directory.overwrite(meta, file);
  return meta;
}

} // namespace

TEST_CASE("pages: of random documents they have what the rows of their positions have") {
  for (const std::uint64_t seed : {1u, 2u, 3u, 4u, 5u, 6u}) {
    CAPTURE(seed);
    const std::uint32_t zone_rows = std::array{1u, 3u, 7u, 20u, 13u, 21u}[seed - 1];
    const Rows rows = documents(700, seed);
    const Merged merged(rows, zone_rows);
    const ColumnReader& pages = merged.pages();
    CHECK(pages.zones()->size() == merged.reader->zones()->size());
    const Rows expected = in_pages(*merged.reader, rows);
    check_numbers(*merged.reader, pages, expected);
    CHECK(pages.fields()->size() == merged.reader->fields()->size());
    CHECK_FALSE(pages.fields()->empty());
    check_columns(pages, expected);
    check_columns(*merged.reader, rows);
    const Status verified = merged.reader->verify();
    CHECK_MESSAGE(verified.ok(), to_string(verified.error()));
    CHECK(*scan(*merged.reader) == rows);
  }
}

TEST_CASE("pages: a field that turns up late is nothing in pages before, or not known") {
  const Rows rows = rows_with(1'600, [](std::size_t i) {
    std::string text = "{\"n\":" + std::to_string(i % 50);
    if (i >= 1'400) // in the last band
      text += ",\"late\":true";
    if (i % 320 == 3) // one row in a zone of 40 is not worth a field, but it is there
      text += ",\"seldom\":1";
    else if (i >= 800)
      text += ",\"seldom\":2";
    return text + "}";
  });
  Merged merged(rows, 40); // bands of 640 rows
  const Rows expected = in_pages(*merged.reader, rows);
  check_columns(merged.pages(), expected);
  std::set<FieldForm> late, seldom;
  for (std::size_t field = 0; field < merged.pages().fields()->size(); ++field) {
    const auto zones = merged.pages().field_zones(field);
    REQUIRE(zones.ok());
    for (const FieldZone& zone : *zones) {
      if ((*merged.pages().fields())[field].path == json::Path{"late"})
        late.insert(zone.type);
      if ((*merged.pages().fields())[field].path == json::Path{"seldom"})
        seldom.insert(zone.type);
    }
  }
  CHECK(late == std::set{FieldForm::none, FieldForm::boolean});
  CHECK(seldom == std::set{FieldForm::int64, FieldForm::mixed});
  CHECK(merged.reader->verify().ok());
}

TEST_CASE("pages: strings of which there are many in a stretch of time are left out") {
  const Rows rows = rows_with(640, [](std::size_t i) {
    return "{\"customer\":\"cus_" + std::to_string(1'000'000 + i / 7) + "\",\"state\":\"" +
           (i % 3 == 0 ? "new" : "old") + "\"}";
  });
  const Merged merged(rows, 20);
  for (std::size_t field = 0; field < 2; ++field) {
    const bool customer = (*merged.pages().fields())[field].path == json::Path{"customer"};
    const auto zones = merged.reader->field_zones(field), pages = merged.pages().field_zones(field);
    REQUIRE((zones.ok() && pages.ok()));
    for (const FieldZone& zone : *zones)
      CHECK(zone.type == FieldForm::string);
    for (const FieldZone& zone : *pages)
      CHECK(zone.type == (customer ? FieldForm::mixed : FieldForm::string));
  }
}

TEST_CASE("pages: segments that were flushed, and small ones, have none") {
  SegmentDirectory directory({.directory_seed = 7, .zone_rows = 10, .filter_bits_per_key = 10});
  const SegmentMeta flushed = directory.write(documents(400, 1));
  CHECK(*directory.open(flushed)->by_position() == nullptr);
  for (const std::size_t events : {319u, 320u}) {
    const SegmentMeta input = directory.write(documents(events, 2), 10 + events);
    const auto merged = directory.files.merge({&input, 1}, 1'000 + events, go_on, {});
    REQUIRE(merged.ok());
    CHECK((*directory.open(merged->meta)->by_position() != nullptr) == (events == 320));
  }
}

TEST_CASE("pages: no core columns but timestamps and types") {
  const Merged merged(documents(400, 3), 10);
  const NumberRange all{0, UINT64_MAX};
  std::array<std::uint64_t, 1> rows{~std::uint64_t{0} >> 54U}, out{};
  for (const ColumnBit column : {column_position, column_recorded_at, column_context, column_sequence}) {
    CHECK(merged.pages().read_columns(0, column, {}).error().code == Errc::invalid_argument);
    const auto marked = merged.pages().mark_rows(0, column, {&all, 1}, rows, out);
    CHECK((!marked.ok() || !*marked));
  }
  CHECK(merged.pages().read_columns(40, 0, {}).error().code == Errc::invalid_argument);
  for (const ColumnBit column : {column_timestamp, column_type}) {
    out = {};
    REQUIRE(*merged.pages().mark_rows(0, column, {&all, 1}, rows, out));
    CHECK(out == rows);
  }
}

TEST_CASE("pages: a value in another place is found by verify") {
  const Rows rows = rows_with(400, [](std::size_t i) { return "{\"n\":" + std::to_string(i) + "}"; });
  Merged merged(rows, 10);
  const Footer footer = footer_of(merged);
  REQUIRE(footer.bands.size() == 3);
  const auto refuse = [&](const Footer& other, const std::string& message) {
    const Status verified = merged.directory.open(with_footer(merged, other))->verify();
    REQUIRE_FALSE(verified.ok());
    CHECK(verified.error().code == Errc::corruption);
    CHECK(verified.error().message == message);
  };
  // The same blocks, but of other pages. Those of numbers are as long as each other.
  for (const bool types : {false, true}) {
    Footer other = footer;
    auto& numbers = other.page_numbers;
    if (types)
      std::swap(numbers[0].types, numbers[1].types);
    else
      std::swap(numbers[0].timestamps, numbers[1].timestamps);
    refuse(other, "a page and the zones differ");
  }
  for (const auto& edit : {std::function<void(ZoneMeta&)>([](ZoneMeta& page) { --page.position_min; }),
                           std::function<void(ZoneMeta&)>([](ZoneMeta& page) { ++page.position_max; }),
                           std::function<void(ZoneMeta&)>([](ZoneMeta& page) { ++page.timestamp_min; }),
                           std::function<void(ZoneMeta&)>([](ZoneMeta& page) { --page.recorded_at_max; }),
                           std::function<void(ZoneMeta&)>([](ZoneMeta& page) { page.type_bits[0] ^= 1; })}) {
    Footer other = footer;
    edit(other.pages[0]);
    refuse(other, "a page and the zones differ");
  }
  Footer none = footer;
  none.bands.clear();
  refuse(none, "blocks leave a gap or overlap");
}

TEST_CASE("pages: a footer whose bands contradict it is refused") {
  Merged merged(documents(400, 5), 10);
  const Footer footer = footer_of(merged);
  const auto refuse = [&](const std::function<void(Footer&)>& edit) {
    Footer other = footer;
    edit(other);
    const auto zones = merged.directory.open(with_footer(merged, other))->zones();
    REQUIRE_FALSE(zones.ok());
    CHECK(zones.error().message == "the footer contradicts itself or the catalog");
  };
  const auto drop_last_page = [](Footer& f) {
    --f.bands.back().pages;
    f.pages.pop_back();
  };
  refuse([&](Footer& f) { drop_last_page(f); });
  refuse([](Footer& f) { f.bands.pop_back(); });
  refuse([](Footer& f) { ++f.bands[0].zones; });
  refuse([](Footer& f) { f.bands[0].zones = 0; });
  refuse([](Footer& f) { ++f.pages[0].rows; });
  refuse([](Footer& f) { f.pages[0].rows = 0; });
  refuse([](Footer& f) { f.pages[1].position_min = f.pages[0].position_max; });
  refuse([](Footer& f) { f.pages[0].position_min = f.pages[0].position_max + 1; });
  refuse([](Footer& f) { f.pages[0].type_bits.assign(2, 1); });
  refuse([](Footer& f) { --f.bands[0].begin; });
  refuse([](Footer& f) { f.bands[0].tail = f.bands[0].begin - 1; });
  refuse([](Footer& f) { f.bands[0].end = f.bands[0].tail - 1; });
  refuse([](Footer& f) { ++f.bands[0].end; });
  refuse([](Footer& f) { f.bands.back().end = UINT64_MAX; });
  refuse([](Footer& f) { f.page_numbers[0].timestamps.offset = f.bands[0].tail - 1; });
  refuse([](Footer& f) { f.page_numbers[0].types.offset = f.bands[0].end; });
  refuse([](Footer& f) { f.page_numbers[0].types.stored_bytes = UINT32_MAX; });
  refuse([](Footer& f) { f.page_numbers[0].types.offset = UINT64_MAX; });
}
