#include "tests/segments/field_fixture.hpp"

#include "engine/stub.hpp"

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <limits>

namespace weir::segments::test {

namespace {

constexpr const char* keys[] = {"a",
                                "b",
                                "ab",
                                "a.b",
                                "amount",
                                "\\u0041",
                                "with \\\"quotes\\\"",
                                "\xC3\xA4",
                                "\\ud83d\\ude00",
                                "long key that does not fit into a word",
                                "",
                                "\\\\"};

std::string random_scalar(std::mt19937_64& random, std::size_t key) {
  // Mostly of one type for each key, so that there are columns.
  const std::size_t type = random() % 40 == 0 ? random() % 8 : key % 8;
  switch (type) {
  case 0: return std::to_string(static_cast<std::int64_t>(random() % 2'000) - 1'000);
  case 1: return std::to_string(random() % 100'000) + "." + std::to_string(10 + random() % 90);
  case 2: return random() % 2 == 0 ? "true" : "false";
  case 3: return "\"" + random_text(random, random() % 3, "abc") + "\"";
  case 4: {
    constexpr const char* extremes[] = {"-9223372036854775808", "9223372036854775807", "0", "-0", "1", "-1"};
    return extremes[random() % 6];
  }
  case 5: {
    constexpr const char* extremes[] = {"-0.0",   "0.0", "1e308", "-1.7976931348623157e308", "5e-324",
                                        "1e-400", "0.1", "1E5",   "123456789012345678.25",   "3.0000001"};
    return extremes[random() % 10];
  }
  case 6: return "\"" + random_text(random, random() % 60, "0123456789abcdef") + "\\n\\u00e4\\ud83d\\ude00\"";
  default: {
    constexpr const char* others[] = {"18446744073709551615", "123456789012345678901234567890", "[1,{\"a\":2},\"]\"]",
                                      "{}"};
    return others[random() % 4];
  }
  }
}

std::string random_object(std::mt19937_64& random, std::size_t depth) {
  std::string out = random() % 8 == 0 ? "{ " : "{";
  bool first = true;
  for (std::size_t key = 0; key < std::size(keys); ++key) {
    if (random() % (depth == 0 ? 4 : 2) == 0)
      continue;
    if (!first)
      out += random() % 8 == 0 ? " ,\n" : ",";
    first = false;
    out += std::string("\"") + keys[key] + (random() % 8 == 0 ? "\" :\t" : "\":");
    if (random() % 12 == 0)
      out += "null";
    else if (key % 5 == 2 && depth < 10 && random() % 8 != 0)
      out += random_object(random, depth + 1);
    else
      out += random_scalar(random, key + depth);
  }
  return out + "}";
}

struct Found {
  Presence presence = Presence::absent;
  json::Scalar scalar;
};

/// What a query finds in a payload.
json::Scalar find(const std::string& payload, const json::Path& path) {
  if (payload.size() == stub_bytes && payload.front() == '\0')
    return json::Absent{};
  std::vector<json::Scalar> found;
  const Status status = json::find_paths(payload, {&path, 1}, found);
  REQUIRE_MESSAGE(status.ok(), to_string(status.error()));
  return found.front();
}

Presence presence_of(const json::Scalar& scalar) {
  if (std::holds_alternative<json::Absent>(scalar))
    return Presence::absent;
  return std::holds_alternative<std::monostate>(scalar) ? Presence::null : Presence::value;
}

bool equal(const FieldColumn& column, std::size_t row, const json::Scalar& scalar) {
  switch (column.type) {
  case FieldForm::boolean:
    return std::holds_alternative<bool>(scalar) && column.integers[row] == (std::get<bool>(scalar) ? 1 : 0);
  case FieldForm::int64:
    return std::holds_alternative<std::int64_t>(scalar) && column.integers[row] == std::get<std::int64_t>(scalar);
  case FieldForm::float64:
    return std::holds_alternative<double>(scalar) &&
           std::bit_cast<std::uint64_t>(column.reals[row]) == std::bit_cast<std::uint64_t>(std::get<double>(scalar));
  case FieldForm::string:
    return std::holds_alternative<std::string>(scalar) &&
           column.texts[column.codes[row]] == std::get<std::string>(scalar);
  default: return false;
  }
}

bool is_zero(const FieldColumn& column, std::size_t row) {
  return (column.integers.empty() || column.integers[row] == 0) &&
         (column.reals.empty() || std::bit_cast<std::uint64_t>(column.reals[row]) == 0) &&
         (column.codes.empty() || column.codes[row] == 0);
}

/// A column read for some rows has in them what the whole one has.
void check_some_rows(const ColumnReader& reader, std::size_t zone, std::size_t field, const FieldColumn& whole,
                     std::uint32_t rows) {
  std::mt19937_64 random(zone);
  for (const unsigned one_in : {1U, 4U, 50U}) {
    std::vector<std::uint64_t> wanted((rows + 63) / 64);
    for (std::uint32_t row = 0; row < rows; ++row)
      wanted[row / 64] |= std::uint64_t{random() % one_in == 0 ? 1U : 0U} << (row % 64);
    const auto columns = reader.read_columns(zone, 0, {&field, 1}, wanted);
    REQUIRE_MESSAGE(columns.ok(), to_string(columns.error()));
    const FieldColumn& some = (*columns)->fields()[0];
    REQUIRE(some.type == whole.type);
    std::size_t wrong = some.presence.size() == whole.presence.size() ? 0 : 1;
    for (std::uint32_t row = 0; row < rows && wrong == 0; ++row) {
      if ((wanted[row / 64] >> (row % 64) & 1U) == 0)
        continue;
      const Presence presence = whole.presence.empty() ? Presence::value : whole.presence[row];
      wrong += whole.presence.empty() || some.presence[row] == presence ? 0 : 1;
      if (presence != Presence::value)
        continue;
      wrong += whole.integers.empty() || some.integers[row] == whole.integers[row] ? 0 : 1;
      wrong += whole.reals.empty() ||
                       std::bit_cast<std::uint64_t>(some.reals[row]) == std::bit_cast<std::uint64_t>(whole.reals[row])
                   ? 0
                   : 1;
      wrong += whole.codes.empty() || some.texts[some.codes[row]] == whole.texts[whole.codes[row]] ? 0 : 1;
    }
    CHECK(wrong == 0);
  }
}

void check_field(const ColumnReader& reader, const Rows& rows, std::size_t field, const FieldInfo& info) {
  const auto zone_metas = reader.zones();
  const auto known = reader.field_zones(field);
  REQUIRE(zone_metas.ok());
  REQUIRE_MESSAGE(known.ok(), to_string(known.error()));
  REQUIRE(known->size() == zone_metas->size());
  for (std::size_t zone = 0; zone < known->size(); ++zone) {
    const ZoneMeta& meta = (*zone_metas)[zone];
    const FieldZone& says = (*known)[zone];
    const auto columns = reader.read_columns(zone, 0, {&field, 1});
    REQUIRE_MESSAGE(columns.ok(), to_string(columns.error()));
    const FieldColumn& column = (*columns)->fields()[0];
    REQUIRE(column.type == says.type);
    check_some_rows(reader, zone, field, column, meta.rows);
    std::uint32_t values = 0, nulls = 0;
    std::size_t wrong = 0;
    for (std::uint32_t i = 0; i < meta.rows; ++i) {
      const json::Scalar scalar = find(rows[meta.first_row + i].payload, info.path);
      if (const auto* const text = std::get_if<std::string>(&scalar);
          text != nullptr && (says.type == FieldForm::string || says.text_filter)) {
        const auto may = reader.may_hold(zone, field, *text);
        REQUIRE(may.ok());
        wrong += *may ? 0 : 1;
      }
      if (says.type == FieldForm::mixed)
        continue;
      const Presence presence = presence_of(scalar);
      const Presence read = !column.presence.empty()       ? column.presence[i]
                            : says.type == FieldForm::none ? Presence::absent
                                                           : Presence::value;
      wrong +=
          presence == read && (presence == Presence::value ? equal(column, i, scalar) : is_zero(column, i)) ? 0 : 1;
      values += presence == Presence::value ? 1 : 0;
      nulls += presence == Presence::null ? 1 : 0;
      if (presence != Presence::value)
        continue;
      if (says.type == FieldForm::int64 || says.type == FieldForm::boolean)
        wrong += column.integers[i] >= says.integer_min && column.integers[i] <= says.integer_max ? 0 : 1;
      if (says.type == FieldForm::float64)
        wrong += column.reals[i] >= says.real_min && column.reals[i] <= says.real_max ? 0 : 1;
    }
    CHECK(wrong == 0);
    if (says.type == FieldForm::mixed)
      continue;
    CHECK(values == says.values);
    CHECK(nulls == says.nulls);
    CHECK(column.texts.size() == says.distinct);
  }
}

} // namespace

std::string random_document(std::mt19937_64& random) {
  return random_object(random, 0);
}

void check_columns(const ColumnReader& reader, const Rows& rows) {
  const auto fields = reader.fields();
  REQUIRE_MESSAGE(fields.ok(), to_string(fields.error()));
  for (std::size_t field = 0; field < fields->size(); ++field)
    check_field(reader, rows, field, (*fields)[field]);
}

void check_type_counts(const ColumnReader& reader, std::size_t zone, std::span<const std::uint32_t> types,
                       std::mt19937_64& random) {
  for (const std::uint64_t one_in : {1U, 3U}) {
    std::vector<std::uint64_t> rows((types.size() + 63) / 64), counts(reader.types()->size()), expected(counts);
    for (std::size_t row = 0; row < types.size(); ++row) {
      if (random() % one_in != 0)
        continue;
      rows[row / 64] |= std::uint64_t{1} << (row % 64);
      ++expected[types[row]];
    }
    const auto done = reader.count_types(zone, rows, counts);
    REQUIRE(done.ok());
    CHECK(*done);
    CHECK(counts == expected);
  }
}

} // namespace weir::segments::test
