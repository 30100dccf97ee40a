#include "segments/page_verify.hpp"

#include "engine/hash.hpp"
#include "segments/field_column.hpp"
#include "segments/field_verify.hpp"
#include "segments/zone_columns.hpp"

#include <algorithm>
#include <bit>
#include <functional>
#include <span>
#include <string>

namespace weir::segments {
namespace {

Presence presence_of(const FieldColumn& column, std::size_t row) noexcept {
  if (!column.presence.empty())
    return column.presence[row];
  return column.type == FieldForm::none ? Presence::absent : Presence::value;
}

/// A value, as a page and a zone both have it.
std::uint64_t word_of(const FieldColumn& column, std::size_t row) noexcept {
  switch (column.type) {
  case FieldForm::boolean:
  case FieldForm::int64: return static_cast<std::uint64_t>(column.integers[row]);
  case FieldForm::float64: return std::bit_cast<std::uint64_t>(column.reals[row]);
  case FieldForm::string: return hash64(column.texts[column.codes[row]], 0);
  case FieldForm::none:
  case FieldForm::mixed: break;
  }
  return 0;
}

/// What the directory has to say of the column; `mixed` where its strings are not as they have to be.
FieldZone zone_of(const FieldColumn& column, std::size_t rows) {
  FieldZone zone;
  zone.type = column.type;
  std::vector<std::uint64_t> values;
  std::vector<bool> used(column.texts.size());
  for (std::size_t row = 0; row < rows; ++row) {
    const Presence presence = presence_of(column, row);
    zone.nulls += presence == Presence::null ? 1 : 0;
    if (presence != Presence::value)
      continue;
    ++zone.values;
    if (column.type == FieldForm::string)
      used[column.codes[row]] = true;
    else
      values.push_back(word_of(column, row));
  }
  if (column.type == FieldForm::string) {
    if (std::find(used.begin(), used.end(), false) != used.end() ||
        std::adjacent_find(column.texts.begin(), column.texts.end(), std::greater_equal<>()) != column.texts.end())
      return {};
    set_bounds(zone, column.texts);
  } else if (!values.empty()) {
    set_bounds(zone, values);
  }
  return zone;
}

void extend(ZoneMeta& zone, const ZoneColumns& columns, std::size_t row) {
  EventView event;
  event.position = columns.positions()[row];
  event.recorded_at = time_of(static_cast<std::uint64_t>(columns.recorded_at()[row]));
  event.timestamp = time_of(static_cast<std::uint64_t>(columns.timestamps()[row]));
  segments::extend(zone, event, columns.types()[row]);
}

} // namespace

PageVerifier::PageVerifier(const BlockSource& source, std::shared_ptr<const Footer> footer, const SegmentFields& fields)
    : source_(source), footer_(std::move(footer)), pages_(std::make_shared<const Footer>(footer_of_pages(*footer_))),
      fields_(fields) {
}

Error PageVerifier::differs(std::size_t page) const {
  return source_.damaged("a page and the zones differ", pages_->page_numbers[page].timestamps.offset);
}

Status PageVerifier::append_blocks(std::vector<BlockRef>& refs) const {
  if (footer_->bands.empty())
    return {};
  for (const PageNumbers& numbers : footer_->page_numbers) {
    refs.push_back(numbers.timestamps);
    refs.push_back(numbers.types);
  }
  return append_field_blocks(source_, *pages_, page_fields_, refs);
}

Status PageVerifier::run() {
  if (footer_->bands.empty())
    return {};
  const auto listed = fields_.fields(source_, *footer_);
  if (!listed)
    return listed.error();
  for (std::size_t field = 0; field < listed->size(); ++field) {
    const auto of_zones = fields_.zones(source_, *footer_, field);
    const auto of_pages = page_fields_.zones(source_, *pages_, field);
    if (!of_zones)
      return of_zones.error();
    if (!of_pages)
      return of_pages.error();
    of_zones_.push_back(*of_zones);
    of_pages_.push_back(*of_pages);
  }
  std::size_t zone = 0, page = 0;
  for (const Band& band : footer_->bands) {
    WEIR_TRY(check_band(band, zone, page));
    zone += band.zones;
    page += band.pages;
  }
  return {};
}

Status PageVerifier::check_band(const Band& band, std::size_t first_zone, std::size_t first_page) {
  std::vector<Rows> rows(band.pages);
  for (std::size_t zone = first_zone; zone < first_zone + band.zones; ++zone)
    WEIR_TRY(add_zone(zone, first_page, rows));
  for (std::size_t i = 0; i < rows.size(); ++i)
    WEIR_TRY(check_page(first_page + i, rows[i]));
  return {};
}

/// Adds each row to the page that has its position.
Status PageVerifier::add_zone(std::size_t zone, std::size_t first_page, std::vector<Rows>& pages) const {
  const auto columns = read_zone_columns(
      source_, footer_, zone, column_position | column_timestamp | column_recorded_at | column_type, of_zones_, {});
  if (!columns)
    return columns.error();
  const auto metas = std::span(pages_->zones).subspan(first_page, pages.size());
  for (std::size_t row = 0; row < (*columns)->rows(); ++row) {
    const auto after = std::upper_bound(metas.begin(), metas.end(), (*columns)->positions()[row],
                                        [](Position p, const ZoneMeta& page) { return p < page.position_min; });
    const std::size_t i = static_cast<std::size_t>(after - metas.begin()) - (after == metas.begin() ? 0 : 1);
    extend(pages[i].bounds, **columns, row);
    pages[i].sum += hash_of(**columns, row, first_page + i);
  }
  return {};
}

/// Of all that the page has of a row.
std::uint64_t PageVerifier::hash_of(const ZoneColumns& columns, std::size_t row, std::size_t page) const {
  std::uint64_t words[2 + 2 * fields_max] = {static_cast<std::uint64_t>(columns.timestamps()[row]),
                                             columns.types()[row]};
  std::size_t count = 2;
  for (std::size_t field = 0; field < of_pages_.size(); ++field) {
    if (of_pages_[field]->zones[page].type == FieldForm::mixed)
      continue;
    const FieldColumn& column = columns.fields()[field];
    // What a zone does not know no page knows.
    const Presence presence = presence_of(column, row);
    words[count++] = column.type == FieldForm::mixed ? 3 : static_cast<std::uint64_t>(presence);
    words[count++] = presence == Presence::value ? word_of(column, row) : 0;
  }
  return hash64(words, count * sizeof words[0], 0);
}

Status PageVerifier::check_page(std::size_t page, const Rows& rows) const {
  const ZoneMeta& known = pages_->zones[page];
  const ZoneMeta& seen = rows.bounds;
  if (known.rows != seen.rows || known.position_min != seen.position_min || known.position_max != seen.position_max ||
      known.recorded_at_min != seen.recorded_at_min || known.recorded_at_max != seen.recorded_at_max ||
      known.timestamp_min != seen.timestamp_min || known.timestamp_max != seen.timestamp_max ||
      known.type_bits != seen.type_bits)
    return differs(page);
  const auto columns = read_zone_columns(source_, pages_, page, column_timestamp | column_type, of_pages_, {});
  if (!columns)
    return columns.error();
  std::uint64_t sum = 0;
  for (std::size_t row = 0; row < (*columns)->rows(); ++row)
    sum += hash_of(**columns, row, page);
  if (sum != rows.sum || !std::is_sorted((*columns)->types().begin(), (*columns)->types().end()))
    return differs(page);
  for (std::size_t field = 0; field < of_pages_.size(); ++field) {
    if (of_pages_[field]->zones[page].type == FieldForm::mixed)
      continue;
    std::string expected, recorded;
    append_field_zone(expected, zone_of((*columns)->fields()[field], known.rows), of_pages_[field]->places[page]);
    append_field_zone(recorded, of_pages_[field]->zones[page], of_pages_[field]->places[page]);
    if (expected != recorded)
      return differs(page);
  }
  return {};
}

} // namespace weir::segments
