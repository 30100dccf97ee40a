#include "segments/field_verify.hpp"

#include "engine/stub.hpp"
#include "segments/zone_columns.hpp"

#include <algorithm>
#include <bit>

namespace weir::segments {

using Kind = json::FieldValue::Kind;

Status append_field_blocks(const BlockSource& source, const Footer& footer, const SegmentFields& fields,
                           std::vector<BlockRef>& refs) {
  const auto listed = fields.fields(source, footer);
  if (!listed)
    return listed.error();
  for (std::size_t field = 0; field < listed->size(); ++field) {
    const auto zones = fields.zones(source, footer, field);
    if (!zones)
      return zones.error();
    for (const FieldPlace& place : (*zones)->places)
      for (const BlockRef& ref : {place.column, place.filter})
        if (ref.offset != 0)
          refs.push_back(ref);
    refs.push_back(fields.zones_block(field));
  }
  return {};
}

Error FieldVerifier::differs(std::size_t field) const {
  const BlockRef& column = zones_[field]->places[zone_].column;
  return source_.damaged("the column of a field and the payloads differ",
                         column.offset != 0 ? column.offset : fields_.zones_block(field).offset);
}

Status FieldVerifier::begin_zone(std::size_t zone) {
  const auto listed = fields_.fields(source_, *footer_);
  if (!listed)
    return listed.error();
  if (!reader_) {
    std::vector<json::Path> paths;
    for (std::size_t field = 0; field < listed->size(); ++field) {
      const auto zones = fields_.zones(source_, *footer_, field);
      if (!zones)
        return zones.error();
      zones_.push_back(*zones);
      paths.push_back((*listed)[field].path);
    }
    reader_ = std::make_unique<json::FieldReader>(paths, 0);
  }
  zone_ = zone;
  row_ = 0;
  all_mixed_ = std::all_of(zones_.begin(), zones_.end(), [zone](const FieldZones* field) {
    return field->zones[zone].type == FieldForm::mixed && !field->zones[zone].text_filter;
  });
  auto columns = read_zone_columns(source_, footer_, zone, 0, zones_, {});
  if (!columns)
    return std::move(columns).error();
  columns_ = *std::move(columns);
  seen_.assign(zones_.size(), {});
  for (std::size_t field = 0; field < zones_.size(); ++field) {
    const auto texts = columns_->fields()[field].texts;
    seen_[field].codes.resize(texts.size());
    if (std::adjacent_find(texts.begin(), texts.end(), std::greater_equal<>()) != texts.end())
      return differs(field);
    for (const std::string_view text : texts)
      WEIR_TRY(check_text(field, text));
  }
  return {};
}

Status FieldVerifier::check(const EventView& event) {
  if (!all_mixed_ && !is_stub(event)) {
    if (!reader_->read(event.payload))
      return source_.damaged("a payload is no JSON, and yet the zone has columns", footer_->places[zone_].begin);
    for (const json::FieldValue& value : reader_->values())
      WEIR_TRY(check_value(value));
  }
  ++row_;
  return {};
}

Status FieldVerifier::check_value(const json::FieldValue& value) {
  const std::size_t field = value.path;
  const FieldColumn& column = columns_->fields()[field];
  if (column.type == FieldForm::mixed)
    return value.kind == Kind::string ? check_text(field, value.text) : Status{};
  Seen& seen = seen_[field];
  if (seen.last_row == row_)
    return differs(field);
  seen.last_row = row_;
  const bool null = value.kind == Kind::null;
  const Presence presence = !column.presence.empty()         ? column.presence[row_]
                            : column.type == FieldForm::none ? Presence::absent
                                                             : Presence::value;
  if (presence != (null ? Presence::null : Presence::value) || (!null && !same(column, value, seen)))
    return differs(field);
  ++(null ? seen.nulls : seen.values);
  return {};
}

bool FieldVerifier::same(const FieldColumn& column, const json::FieldValue& value, Seen& seen) const {
  const bool first = seen.values == 0;
  FieldZone& bounds = seen.bounds;
  switch (column.type) {
  case FieldForm::boolean:
  case FieldForm::int64: {
    const std::int64_t integer = value.integer();
    bounds.integer_min = first ? integer : std::min(bounds.integer_min, integer);
    bounds.integer_max = first ? integer : std::max(bounds.integer_max, integer);
    return value.kind == (column.type == FieldForm::boolean ? Kind::boolean : Kind::int64) &&
           column.integers[row_] == integer;
  }
  case FieldForm::float64: {
    const double real = value.real();
    bounds.real_min = first ? real : std::min(bounds.real_min, real);
    bounds.real_max = first ? real : std::max(bounds.real_max, real);
    return value.kind == Kind::float64 && std::bit_cast<std::uint64_t>(column.reals[row_]) == value.bits;
  }
  case FieldForm::string: {
    const std::uint32_t code = column.codes[row_];
    seen.distinct += seen.codes[code] ? 0 : 1;
    seen.codes[code] = true;
    return value.kind == Kind::string && column.texts[code] == value.text;
  }
  case FieldForm::none:
  case FieldForm::mixed: break;
  }
  return false;
}

Status FieldVerifier::check_text(std::size_t field, std::string_view text) {
  const auto may = field_may_hold(source_, *zones_[field], zone_, text);
  if (!may)
    return may.error();
  return *may ? Status{} : source_.damaged("a filter lacks a key", zones_[field]->places[zone_].filter.offset);
}

bool FieldVerifier::bounds_hold(std::size_t field) const {
  const FieldZone& zone = zones_[field]->zones[zone_];
  const Seen& seen = seen_[field];
  switch (zone.type) {
  case FieldForm::boolean:
  case FieldForm::int64:
    return zone.integer_min == seen.bounds.integer_min && zone.integer_max == seen.bounds.integer_max;
  case FieldForm::float64: return zone.real_min == seen.bounds.real_min && zone.real_max == seen.bounds.real_max;
  case FieldForm::string: {
    const auto texts = columns_->fields()[field].texts;
    return seen.distinct == zone.distinct && zone.text_min == texts.front().substr(0, field_bound_bytes_max) &&
           zone.text_max == texts.back().substr(0, field_bound_bytes_max) &&
           zone.text_max_open == (texts.back().size() > field_bound_bytes_max);
  }
  case FieldForm::none:
  case FieldForm::mixed: break;
  }
  return true;
}

Status FieldVerifier::end_zone() {
  // Rows have what the payloads have, and not more of it.
  for (std::size_t field = 0; field < seen_.size(); ++field) {
    const FieldZone& zone = zones_[field]->zones[zone_];
    if (zone.type != FieldForm::mixed &&
        (seen_[field].values != zone.values || seen_[field].nulls != zone.nulls || !bounds_hold(field)))
      return differs(field);
  }
  return {};
}

} // namespace weir::segments
