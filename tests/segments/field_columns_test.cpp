#include "tests/segments/field_fixture.hpp"
#include "tests/support/gate.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <future>
#include <numeric>

using namespace weir;
using namespace weir::segments;
using namespace weir::segments::test;

namespace {

std::optional<std::size_t> field_of(const SegmentReader& reader, const json::Path& path) {
  const auto fields = reader.fields();
  REQUIRE(fields.ok());
  for (std::size_t i = 0; i < fields->size(); ++i)
    if ((*fields)[i].path == path)
      return i;
  return std::nullopt;
}

/// What the zone says of the field.
FieldZone zone_of(const SegmentReader& reader, const json::Path& path, std::size_t zone = 0) {
  const auto field = field_of(reader, path);
  REQUIRE(field);
  const auto zones = reader.field_zones(*field);
  REQUIRE(zones.ok());
  return (*zones)[zone];
}

} // namespace

TEST_CASE("field columns: of random documents they have what a look-up by path finds") {
  for (const std::uint64_t seed : {1u, 2u, 3u, 4u, 5u, 6u}) {
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    const std::uint32_t zone_rows = std::array{64u, 1u, 37u, 128u, 300u, 129u}[seed - 1];
    SegmentDirectory directory({.directory_seed = 7, .zone_rows = zone_rows, .filter_bits_per_key = 10});
    const Rows rows = rows_with(700, [&](std::size_t) { return random_document(random); });
    const SegmentMeta meta = directory.write(rows);
    const auto reader = directory.open(meta);
    CHECK(reader->fields()->size() >= 5);
    check_columns(*reader, rows);
    const Status verified = reader->verify();
    CHECK_MESSAGE(verified.ok(), to_string(verified.error()));
    CHECK(*scan(*reader) == rows);
  }
}

TEST_CASE("field columns: a zone settles on the type of its values, and says their bounds and counts") {
  SegmentDirectory directory({.directory_seed = 7, .zone_rows = 100, .filter_bits_per_key = 10});
  const Rows rows = rows_with(100, [](std::size_t i) {
    const std::string n = std::to_string(i);
    return "{\"n\":" + std::to_string(static_cast<int>(i) - 50) + ",\"price\":" + n + ".25,\"odd\":0.1" + n +
           "234567,\"flag\":" + (i % 2 == 0 ? "true" : "false") + ",\"city\":\"" + (i % 3 == 0 ? "Graz" : "Lyon") +
           "\",\"some\":" + (i % 4 == 0 ? "1" : "null") + ",\"nothing\":null,\"deep\":{\"a.b\":" + n +
           "},\"either\":" + (i == 7 ? "\"x\"" : "1") + ",\"huge\":18446744073709551615" +
           (i < 90 ? ",\"most\":7" : "") + "}";
  });
  const auto reader = directory.open(directory.write(rows));
  check_columns(*reader, rows);
  const FieldZone n = zone_of(*reader, {"n"});
  CHECK(n.type == FieldForm::int64);
  CHECK(n.values == 100);
  CHECK(n.integer_min == -50);
  CHECK(n.integer_max == 49);
  const FieldZone price = zone_of(*reader, {"price"});
  CHECK(price.type == FieldForm::float64);
  CHECK(price.real_min == 0.25);
  CHECK(price.real_max == 99.25);
  CHECK(zone_of(*reader, {"odd"}).type == FieldForm::float64);
  CHECK(zone_of(*reader, {"flag"}).type == FieldForm::boolean);
  const FieldZone city = zone_of(*reader, {"city"});
  CHECK(city.type == FieldForm::string);
  CHECK(city.distinct == 2);
  CHECK(city.text_min == "Graz");
  CHECK(city.text_max == "Lyon");
  CHECK_FALSE(city.text_max_open);
  const FieldZone some = zone_of(*reader, {"some"});
  CHECK(some.values == 25);
  CHECK(some.nulls == 75);
  CHECK(zone_of(*reader, {"most"}).values == 90);
  CHECK(zone_of(*reader, {"deep", "a.b"}).type == FieldForm::int64);
  // Not one type in any zone: no field.
  for (const char* const other : {"either", "huge", "deep", "nothing"}) {
    CAPTURE(other);
    CHECK_FALSE(field_of(*reader, {other}));
  }
}

TEST_CASE("field columns: a zone without a field says so, and one where its types differ is mixed") {
  SegmentDirectory directory({.directory_seed = 7, .zone_rows = 50, .filter_bits_per_key = 10});
  const Rows rows = rows_with(300, [](std::size_t i) -> std::string {
    switch (i / 50) {
    case 0: return R"({"other":1})";
    case 1: return i == 60 ? R"({"x":1,"other":1})" : R"({"other":1})"; // too few for a field yet
    case 2: return R"({"x":5})";
    case 3: return i == 170 ? R"({"x":{"y":1}})" : R"({"x":5})";
    case 4: return i % 2 == 0 ? R"({"x":null})" : "{}";
    default: return R"({"x":"text"})";
    }
  });
  const auto reader = directory.open(directory.write(rows));
  check_columns(*reader, rows);
  constexpr std::array types = {FieldForm::none,  FieldForm::mixed, FieldForm::int64,
                                FieldForm::mixed, FieldForm::none,  FieldForm::string};
  for (std::size_t zone = 0; zone < types.size(); ++zone) {
    CAPTURE(zone);
    CHECK(zone_of(*reader, {"x"}, zone).type == types[zone]);
  }
  CHECK(zone_of(*reader, {"x"}, 4).nulls == 25);
  CHECK(reader->verify().ok());
}

TEST_CASE("field list: who asks for the fields does not wait for another's read of their list") {
  SegmentDirectory directory({.directory_seed = 7, .zone_rows = 64, .filter_bits_per_key = 10});
  const SegmentMeta meta = directory.write(rows_with(100, [](std::size_t) { return R"({"n":1,"m":"x"})"; }));
  const auto reader = directory.open(meta);
  REQUIRE(reader->zones().ok()); // the footer is read
  weir::test::Gate gate;
  gate.close();
  std::atomic<int> reads{0};
  directory.fs->set_hook([&](const io::Call& call) -> std::optional<Error> {
    if (call.operation == io::Operation::read && reads++ == 0)
      gate.pass();
    return std::nullopt;
  });
  std::future<std::span<const FieldInfo>> held, other;
  const weir::test::OpenAtEnd end(gate);
  held = std::async(std::launch::async, [&] { return *reader->fields(); });
  gate.wait_until_n_waiting(1);
  other = std::async(std::launch::async, [&] { return *reader->fields(); });
  const bool answered = other.wait_for(std::chrono::seconds(20)) == std::future_status::ready;
  CHECK(answered);
  gate.open();
  const auto first = held.get(), second = other.get();
  directory.fs->set_hook({});
  CHECK(first.data() == second.data()); // published once
  CHECK(second.size() == 2);
  CHECK(reads == 2);
}

TEST_CASE("field columns: strings that are all different have a filter instead of a column") {
  SegmentDirectory directory({.directory_seed = 7, .zone_rows = 2'048, .filter_bits_per_key = 10});
  const auto id = [](std::size_t i) { return "request-" + std::to_string(i * 7'919); };
  const Rows rows = rows_with(4'000, [&](std::size_t i) {
    return "{\"id\":\"" + id(i) + "\",\"customer\":\"customer-" + std::to_string(i / 10) + "\"}";
  });
  const auto reader = directory.open(directory.write(rows));
  check_columns(*reader, rows);
  CHECK(reader->verify().ok());
  const std::size_t ids = *field_of(*reader, {"id"}), customers = *field_of(*reader, {"customer"});
  const FieldZone zone = zone_of(*reader, {"id"});
  CHECK(zone.type == FieldForm::mixed);
  CHECK(zone.text_filter);
  CHECK(zone_of(*reader, {"customer"}).type == FieldForm::string);
  CHECK(zone_of(*reader, {"customer"}).text_filter);
  CHECK_FALSE(*reader->may_hold(0, customers, "customer")); // before the first
  CHECK_FALSE(*reader->may_hold(0, customers, "d"));        // behind the last
  std::size_t false_hits = 0;
  for (std::size_t i = 0; i < 1'000; ++i)
    false_hits += *reader->may_hold(0, ids, id(10'000 + i)) ? 1 : 0;
  CHECK(false_hits < 50);
}

TEST_CASE("field columns: long strings and values that would take too much are left in the payload") {
  SegmentDirectory directory({.directory_seed = 7, .zone_rows = 256, .filter_bits_per_key = 10});
  std::mt19937_64 random(5);
  const Rows rows = rows_with(256, [&](std::size_t i) {
    return "{\"text\":\"" + random_text(random, 400, "abcdefgh") + std::to_string(i % 9) + "\",\"n\":1}";
  });
  const auto reader = directory.open(directory.write(rows));
  check_columns(*reader, rows);
  CHECK(reader->verify().ok());
  CHECK(field_of(*reader, {"n"}));
  if (const auto field = field_of(*reader, {"text"}))
    CHECK((*reader->field_zones(*field))[0].type == FieldForm::mixed);

  // Thirty numbers of 8 bytes in some 300 bytes of payload.
  const Rows wide = rows_with(256, [&](std::size_t) {
    std::string payload = "{\"k\":0.5";
    for (int k = 0; k < 30; ++k)
      payload +=
          ",\"k" + std::to_string(k) + "\":" + std::to_string(random() % 9) + "e-" + std::to_string(random() % 250);
    return payload + "}";
  });
  const SegmentMeta meta = directory.write(wide, 2);
  const auto narrow = directory.open(meta);
  check_columns(*narrow, wide);
  // Those that do not fit are not listed.
  CHECK(narrow->fields()->size() >= 2);
  CHECK(narrow->fields()->size() <= 21);
}

TEST_CASE("field columns: there are at most 64 fields, and keys that are ever new do not keep others out") {
  SegmentDirectory directory({.directory_seed = 7, .zone_rows = 64, .filter_bits_per_key = 10});
  const Rows many = rows_with(200, [](std::size_t i) {
    std::string payload = "{";
    for (std::size_t k = 0; k < 90; ++k)
      payload += (k == 0 ? "\"k" : ",\"k") + std::to_string(k) + "\":" + std::to_string(i);
    return payload + "}";
  });
  const auto reader = directory.open(directory.write(many));
  CHECK(reader->fields()->size() == fields_max);
  check_columns(*reader, many);
  CHECK(reader->verify().ok());

  const Rows fresh = rows_with(1'000, [](std::size_t i) {
    std::string payload = "{\"always\":" + std::to_string(i);
    for (std::size_t k = 0; k < 20; ++k)
      payload += ",\"once-" + std::to_string(20 * i + k) + "\":1";
    return payload + (i >= 500 ? ",\"later\":true" : "") + "}";
  });
  const auto second = directory.open(directory.write(fresh, 2));
  check_columns(*second, fresh);
  CHECK(second->verify().ok());
  CHECK(zone_of(*second, {"always"}, 15).type == FieldForm::int64);
  // It turned up after other paths had been forgotten, so zones before are not known to be without it.
  CHECK(zone_of(*second, {"later"}, 15).type == FieldForm::boolean);
  CHECK(zone_of(*second, {"later"}, 0).type == FieldForm::mixed);
}

TEST_CASE("field columns: a payload that is no JSON leaves its zone to the payloads") {
  SegmentDirectory directory({.directory_seed = 7, .zone_rows = 10, .filter_bits_per_key = 10});
  for (const std::string bad : {"", "{", "no", "{\"n\":1,}", "{\"n\":1}}", "{\"n\":1 2}", "{\"n\":\"\\ud800\"}", "[1]",
                                "{\"n\":1,\"n\":2}", "{\"n\":tru}", "{\"n\":1", "{\"n", "{\"n\":[}"}) {
    CAPTURE(bad);
    const Rows rows = rows_with(30, [&](std::size_t i) { return i == 12 ? bad : R"({"n":5})"; });
    const SegmentMeta meta = directory.write(rows);
    const auto reader = directory.open(meta);
    CHECK(zone_of(*reader, {"n"}, 0).type == FieldForm::int64);
    CHECK(zone_of(*reader, {"n"}, 1).type == FieldForm::mixed);
    CHECK(zone_of(*reader, {"n"}, 2).type == FieldForm::int64);
    CHECK(reader->verify().ok());
  }
}

TEST_CASE("field columns: contexts, sequences, positions, times and types come as arrays, too") {
  std::mt19937_64 random(11);
  for (const bool times_differ : {false, true}) {
    SegmentDirectory directory({.directory_seed = 7, .zone_rows = 77, .filter_bits_per_key = 10});
    Rows rows = random_rows(random, {.contexts = 60, .events_per_context_max = 40});
    if (!times_differ)
      for (Row& row : rows)
        row.timestamp = row.recorded_at;
    const auto reader = directory.open(directory.write(rows));
    const auto types = reader->types();
    constexpr ColumnSet all =
        column_context | column_sequence | column_position | column_recorded_at | column_timestamp | column_type;
    for (std::size_t zone = 0; zone < reader->zones()->size(); ++zone) {
      const ZoneMeta& meta = (*reader->zones())[zone];
      const auto columns = reader->read_columns(zone, all, {});
      REQUIRE(columns.ok());
      REQUIRE((*columns)->rows() == meta.rows);
      std::size_t wrong = 0;
      for (std::uint32_t i = 0; i < meta.rows; ++i) {
        const Row& row = rows[meta.first_row + i];
        const ZoneColumns& read = **columns;
        wrong += read.context_texts()[read.contexts()[i]] == row.context_id && read.sequences()[i] == row.sequence &&
                         read.positions()[i] == row.position &&
                         read.recorded_at()[i] == row.recorded_at.time_since_epoch().count() &&
                         read.timestamps()[i] == row.timestamp.time_since_epoch().count() &&
                         (*types)[read.types()[i]] == row.event_type
                     ? 0
                     : 1;
      }
      CHECK(wrong == 0);
      CHECK(std::is_sorted((*columns)->contexts().begin(), (*columns)->contexts().end()));
      for (const ColumnSet one :
           {column_context, column_sequence, column_position, column_recorded_at, column_timestamp, column_type}) {
        const auto few = reader->read_columns(zone, one, {});
        REQUIRE(few.ok());
        CHECK((*few)->contexts().size() == (one == column_context ? meta.rows : 0));
        CHECK((*few)->sequences().size() == (one == column_sequence ? meta.rows : 0));
        CHECK((*few)->positions().size() == (one == column_position ? meta.rows : 0));
        CHECK((*few)->recorded_at().size() == (one == column_recorded_at ? meta.rows : 0));
        CHECK((*few)->timestamps().size() == (one == column_timestamp ? meta.rows : 0));
        CHECK((*few)->types().size() == (one == column_type ? meta.rows : 0));
      }
    }
    CHECK(reader->read_columns(reader->zones()->size(), all, {}).code() == Errc::invalid_argument);
  }
}

TEST_CASE("field columns: rows are marked by core numbers as their arrays say") {
  std::mt19937_64 random(12);
  for (const bool times_differ : {false, true}) {
    SegmentDirectory directory({.directory_seed = 7, .zone_rows = 300, .filter_bits_per_key = 10});
    Rows rows = random_rows(random, {.contexts = 60, .events_per_context_max = 40});
    if (!times_differ)
      for (Row& row : rows)
        row.timestamp = row.recorded_at;
    const auto reader = directory.open(directory.write(rows));
    for (std::size_t zone = 0; zone < reader->zones()->size(); ++zone) {
      const std::uint32_t count = (*reader->zones())[zone].rows;
      const auto columns =
          reader->read_columns(zone, column_position | column_recorded_at | column_timestamp | column_type, {});
      REQUIRE(columns.ok());
      for (const ColumnBit column : {column_position, column_recorded_at, column_timestamp, column_type}) {
        const auto number = [&](std::uint32_t row) {
          switch (column) {
          case column_position: return (*columns)->positions()[row];
          case column_recorded_at: return static_cast<std::uint64_t>((*columns)->recorded_at()[row]);
          case column_timestamp: return static_cast<std::uint64_t>((*columns)->timestamps()[row]);
          default: return std::uint64_t{(*columns)->types()[row]};
          }
        };
        std::vector<std::uint64_t> open((count + 63) / 64), marked(open.size());
        for (std::uint32_t row = 0; row < count; ++row)
          open[row / 64] |= std::uint64_t{random() % 3 != 0 ? 1U : 0U} << (row % 64);
        const std::uint64_t one = number(static_cast<std::uint32_t>(random() % count)),
                            other = number(static_cast<std::uint32_t>(random() % count));
        const NumberRange range{std::min(one, other), std::max(one, other)};
        const auto done = reader->mark_rows(zone, column, {&range, 1}, open, marked);
        REQUIRE(done.ok());
        REQUIRE(*done);
        std::size_t wrong = 0;
        for (std::uint32_t row = 0; row < count; ++row) {
          const bool wanted = (open[row / 64] >> (row % 64) & 1U) != 0;
          const bool inside = number(row) >= range.low && number(row) <= range.high;
          wrong += ((marked[row / 64] >> (row % 64) & 1U) != 0) == (wanted && inside) ? 0 : 1;
        }
        CHECK(wrong == 0);
      }
      check_type_counts(*reader, zone, (*columns)->types(), random);
      std::vector<std::uint64_t> words((count + 63) / 64);
      const auto contexts = reader->mark_rows(zone, column_context, {}, words, words);
      REQUIRE(contexts.ok());
      CHECK_FALSE(*contexts); // they are no numbers of a row
    }
    CHECK(reader->mark_rows(reader->zones()->size(), column_type, {}, {}, {}).code() == Errc::invalid_argument);
    CHECK(reader->count_types(reader->zones()->size(), {}, {}).code() == Errc::invalid_argument);
  }
}

TEST_CASE("field columns: a merge cuts them anew") {
  SegmentDirectory directory({.directory_seed = 7, .zone_rows = 64, .filter_bits_per_key = 10});
  std::mt19937_64 random(3);
  Rows first = rows_with(300, [&](std::size_t) { return random_document(random); });
  Rows second = rows_with(200, [&](std::size_t) { return random_document(random); });
  for (Row& row : second) {
    row.context_id = "later-" + row.context_id;
    row.position += 1'000'000;
  }
  const SegmentMeta inputs[] = {directory.write(first, 1), directory.write(second, 2)};
  const auto merged = directory.files.merge(inputs, 3, [] { return Status(); }, {});
  REQUIRE_MESSAGE(merged.ok(), to_string(merged.error()));
  Rows all = std::move(first);
  all.insert(all.end(), second.begin(), second.end());
  const auto reader = directory.open(merged->meta);
  CHECK(*scan(*reader) == all);
  CHECK(reader->fields()->size() > 10);
  check_columns(*reader, all);
  CHECK(reader->verify().ok());
}

TEST_CASE("field columns: the same rows give the same bytes") {
  std::mt19937_64 random(9);
  const Rows rows = rows_with(500, [&](std::size_t) { return random_document(random); });
  SegmentDirectory one, other;
  CHECK(one.content(one.write(rows)) == other.content(other.write(rows)));
}
