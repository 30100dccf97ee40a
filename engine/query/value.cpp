#include "engine/json/json.hpp"
#include "engine/query/number_text.hpp"
#include "engine/time_text.hpp"
#include <weir/query_result.hpp>

namespace weir {

std::optional<std::uint64_t> Value::as_uint64() const noexcept {
  if (const auto* small = std::get_if<std::int64_t>(&data_); small != nullptr && *small >= 0)
    return static_cast<std::uint64_t>(*small);
  return held<std::uint64_t>();
}

std::optional<double> Value::as_double() const noexcept {
  switch (kind()) {
  case Kind::int64: return static_cast<double>(*std::get_if<std::int64_t>(&data_));
  case Kind::uint64: return static_cast<double>(*std::get_if<std::uint64_t>(&data_));
  default: return held<double>();
  }
}

std::optional<std::string_view> Value::as_string() const noexcept {
  const auto* text = std::get_if<std::string>(&data_);
  return text != nullptr ? std::optional<std::string_view>(*text) : std::nullopt;
}

std::optional<std::string_view> Value::as_json() const noexcept {
  const auto* json = std::get_if<JsonText>(&data_);
  return json != nullptr ? std::optional<std::string_view>(json->text) : std::nullopt;
}

void append_json(std::string& out, const Value& value) {
  switch (value.kind()) {
  case Value::Kind::null: out += "null"; break;
  case Value::Kind::boolean: out += *value.as_bool() ? "true" : "false"; break;
  case Value::Kind::int64:
  case Value::Kind::uint64:
  case Value::Kind::float64: query::append_number(out, value); break;
  case Value::Kind::string: json::append_string(out, *value.as_string()); break;
  case Value::Kind::timestamp:
    out += '"';
    append_timestamp(out, *value.as_timestamp());
    out += '"';
    break;
  case Value::Kind::json: out += *value.as_json(); break;
  }
}

std::string to_json(const Value& value) {
  std::string out;
  append_json(out, value);
  return out;
}

void QueryStats::add(const QueryStats& other) noexcept {
  shards += other.shards;
  segments_total += other.segments_total;
  segments_pruned += other.segments_pruned;
  zones_total += other.zones_total;
  zones_pruned += other.zones_pruned;
  zones_counted += other.zones_counted;
  zones_scanned += other.zones_scanned;
  payload_zones += other.payload_zones;
  field_columns += other.field_columns;
  rows_scanned += other.rows_scanned;
  memtable_rows += other.memtable_rows;
  rows_matched += other.rows_matched;
  threads += other.threads;
  scan_us += other.scan_us;
  merge_us += other.merge_us;
}

} // namespace weir
