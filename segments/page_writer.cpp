#include "segments/page_writer.hpp"

#include "engine/check.hpp"
#include "engine/sabotage.hpp"
#include "segments/integer_column.hpp"
#include "segments/position_order.hpp"

#include <algorithm>
#include <bit>
#include <memory_resource>
#include <numeric>
#include <tuple>
#include <utility>

namespace weir::segments {
namespace {

std::uint64_t bits_of(const FieldColumn& column, std::size_t row) noexcept {
  switch (column.type) {
  case FieldForm::boolean:
  case FieldForm::int64: return static_cast<std::uint64_t>(column.integers[row]);
  case FieldForm::float64: return std::bit_cast<std::uint64_t>(column.reals[row]);
  case FieldForm::string: return column.codes[row];
  case FieldForm::none:
  case FieldForm::mixed: break;
  }
  return 0;
}

/// The least and the largest of some times, by their bits.
std::pair<Timestamp, Timestamp> bounds_of(std::span<const std::uint64_t> times) {
  const auto [least, most] = std::minmax_element(times.begin(), times.end(), [](std::uint64_t a, std::uint64_t b) {
    return static_cast<std::int64_t>(a) < static_cast<std::int64_t>(b);
  });
  return {time_of(*least), time_of(*most)};
}

} // namespace

void PageWriter::add_numbers(BlockKind kind, std::string_view content) {
  switch (kind) {
  case BlockKind::position: zone_.positions = content; break;
  case BlockKind::recorded_at: zone_.recorded_at = content; break;
  case BlockKind::timestamp: zone_.timestamps = content; break;
  case BlockKind::type: zone_.types = content; break;
  default: return; // of strings: pages have none
  }
  kept_bytes_ += content.size();
}

void PageWriter::new_field(bool none_before) {
  Field& field = fields_.emplace_back();
  FieldZone before;
  before.type = none_before ? FieldForm::none : FieldForm::mixed;
  for (std::size_t page = 0; page < pages_; ++page)
    append_field_zone(field.pages, before, {});
  field.zones.resize(zones_.size(), {before, {}});
}

void PageWriter::add_field(std::size_t field, const FieldZone& zone, std::string_view content) {
  kept_bytes_ += content.size();
  FieldZoneContent& added = fields_[field].zones.emplace_back();
  added.zone = zone;
  added.zone.text_min = added.zone.text_max = {}; // the writer's
  added.content = content;                        // as long as it is: what was made piece by piece has room for more
}

void PageWriter::end_zone(std::uint32_t rows) {
  zone_.rows = rows;
  zones_.push_back(std::exchange(zone_, {}));
}

bool PageWriter::full() const noexcept {
  return zones_.size() >= band_zones_max || kept_bytes_ >= band_bytes_max;
}

std::vector<std::uint64_t> PageWriter::numbers(std::string Zone::*column) const {
  std::vector<std::uint64_t> out;
  out.reserve(zones_.size() * zone_rows_);
  for (const Zone& zone : zones_) {
    // Times that equal recorded_at everywhere are not there.
    const auto packed = IntegerColumn::open((zone.*column).empty() ? zone.recorded_at : zone.*column, zone.rows);
    WEIR_CHECK(packed.has_value());
    const std::size_t before = out.size();
    out.resize(before + zone.rows);
    packed->decode(0, std::span(out).subspan(before));
  }
  return out;
}

void PageWriter::gather(const Page& page, std::span<const std::uint64_t> values) {
  gathered_.resize(page.rows.size());
  std::transform(page.rows.begin(), page.rows.end(), gathered_.begin(), [values](auto row) { return values[row]; });
}

/// Of what was gathered.
BlockRef PageWriter::write_numbers(BlockKind kind) {
  integers_.clear();
  append_integers(integers_, gathered_);
  return out_.append(kind, integers_);
}

/// Its rows are in the order of positions, and stay so within each type.
void PageWriter::sort_by_type(Page& page, std::span<const std::uint64_t> types) {
  gather(page, types);
  std::vector<std::uint32_t> places(static_cast<std::size_t>(*std::max_element(gathered_.begin(), gathered_.end())) +
                                    2);
  for (const std::uint64_t type : gathered_)
    ++places[static_cast<std::size_t>(type) + 1];
  page.meta.type_bits.resize((places.size() - 2) / 64 + 1);
  for (std::size_t type = 0; type + 1 < places.size(); ++type)
    page.meta.type_bits[type / 64] |= std::uint64_t{places[type + 1] != 0 ? 1U : 0U} << type % 64;
  std::partial_sum(places.begin(), places.end(), places.begin());
  by_type_.resize(page.rows.size());
  for (std::size_t i = 0; i < page.rows.size(); ++i)
    by_type_[places[static_cast<std::size_t>(gathered_[i])]++] = page.rows[i];
  std::copy(by_type_.begin(), by_type_.end(), page.rows.begin());
}

/// The rows of the band in the order of their positions. Errors: `invalid_argument` if two have the same.
Result<std::vector<std::uint32_t>> PageWriter::start_pages(std::vector<Page>& pages) {
  const std::vector<std::uint64_t> positions = numbers(&Zone::positions);
  auto order = rows_by_position(positions, *std::pmr::new_delete_resource());
  if (!order)
    return order;
  if (sabotaged(Sabotage::page_of_another_order))
    std::swap(order->front(), order->back());
  for (std::size_t first = 0; first < order->size(); first += zone_rows_) {
    Page& page = pages.emplace_back();
    page.rows = std::span(*order).subspan(first, std::min<std::size_t>(zone_rows_, order->size() - first));
    page.meta.first_row = rows_ + first;
    page.meta.rows = static_cast<std::uint32_t>(page.rows.size());
    page.meta.position_min = positions[page.rows.front()];
    page.meta.position_max = positions[page.rows.back()];
  }
  return order;
}

// Of the band's columns one is decoded at a time.
Status PageWriter::write_band(Footer& footer) {
  Band band;
  band.zones = static_cast<std::uint32_t>(zones_.size());
  band.begin = out_.offset();
  std::vector<Page> pages;
  const auto order = start_pages(pages); // what their rows point into
  if (!order)
    return order.error();
  each_page(pages, &Zone::types,
            [this](Page& page, std::span<const std::uint64_t> types) { sort_by_type(page, types); });
  for (Field& field : fields_)
    write_field(field, pages);
  band.tail = out_.offset();
  each_page(pages, &Zone::recorded_at, [this](Page& page, std::span<const std::uint64_t> recorded_at) {
    gather(page, recorded_at);
    std::tie(page.meta.recorded_at_min, page.meta.recorded_at_max) = bounds_of(gathered_);
  });
  each_page(pages, &Zone::timestamps, [this](Page& page, std::span<const std::uint64_t> timestamps) {
    gather(page, timestamps);
    std::tie(page.meta.timestamp_min, page.meta.timestamp_max) = bounds_of(gathered_);
    page.numbers.timestamps = write_numbers(BlockKind::timestamp);
  });
  each_page(pages, &Zone::types, [this](Page& page, std::span<const std::uint64_t> types) {
    gather(page, types);
    page.numbers.types = write_numbers(BlockKind::type);
  });
  for (Page& page : pages) {
    footer.pages.push_back(std::move(page.meta));
    footer.page_numbers.push_back(page.numbers);
  }
  band.pages = static_cast<std::uint32_t>(pages.size());
  band.end = out_.offset();
  footer.bands.push_back(band);
  pages_ += pages.size();
  rows_ += order->size();
  zones_.clear();
  kept_bytes_ = 0;
  return {};
}

template <class Visit>
void PageWriter::each_page(std::vector<Page>& pages, std::string Zone::*column, const Visit& visit) {
  const std::vector<std::uint64_t> values = numbers(column);
  for (Page& page : pages)
    visit(page, values);
}

FieldForm PageWriter::form_of(const Field& field) {
  FieldForm form = FieldForm::none;
  for (const FieldZoneContent& zone : field.zones) {
    if (zone.zone.type == FieldForm::none)
      continue;
    if (form != FieldForm::none && form != zone.zone.type)
      return FieldForm::mixed;
    form = zone.zone.type;
  }
  return form;
}

FieldColumn PageWriter::column_of(const Field& field, std::size_t zone, ZoneArrays& memory) const {
  FieldColumn none;
  none.type = FieldForm::none;
  const auto& [known, content] = field.zones[zone];
  if (content.empty())
    return none;
  const auto column = decode_field_column(content, known, zones_[zone].rows, memory);
  WEIR_CHECK(column.has_value()); // it was made so
  return *column;
}

PageWriter::Values PageWriter::values_of(const Field& field, FieldForm form) const {
  Values out;
  out.form = form;
  for (std::size_t i = 0; form == FieldForm::string && i < zones_.size(); ++i) {
    ZoneArrays memory;
    const auto texts = column_of(field, i, memory).texts; // which lie in what was kept
    out.texts.insert(out.texts.end(), texts.begin(), texts.end());
  }
  std::sort(out.texts.begin(), out.texts.end());
  out.texts.erase(std::unique(out.texts.begin(), out.texts.end()), out.texts.end());
  out.values.reserve(zones_.size() * zone_rows_);
  out.presence.reserve(zones_.size() * zone_rows_);
  std::vector<std::uint32_t> codes; // in the band, of those in the zone
  for (std::size_t i = 0; i < zones_.size(); ++i) {
    ZoneArrays memory;
    const FieldColumn column = column_of(field, i, memory);
    const std::size_t before = out.values.size(), rows = zones_[i].rows;
    const bool none = column.type == FieldForm::none;
    out.all = out.all && !none && column.presence.empty();
    if (column.presence.empty())
      out.presence.resize(before + rows, none ? Presence::absent : Presence::value);
    else
      out.presence.insert(out.presence.end(), column.presence.begin(), column.presence.end());
    out.values.resize(before + rows);
    if (none)
      continue;
    for (std::size_t row = 0; row < rows; ++row)
      out.values[before + row] = bits_of(column, row);
    if (form != FieldForm::string)
      continue;
    codes.clear();
    for (const std::string_view text : column.texts)
      codes.push_back(
          static_cast<std::uint32_t>(std::lower_bound(out.texts.begin(), out.texts.end(), text) - out.texts.begin()));
    for (std::size_t row = before; row < before + rows; ++row)
      out.values[row] = codes[static_cast<std::size_t>(out.values[row])]; // that of the first where there is none
  }
  return out;
}

bool PageWriter::encode(const Values& values, const Page& page, PageField& out) {
  const auto rows = static_cast<std::uint32_t>(page.rows.size());
  out.zone.type = values.form;
  RowBits present, null;
  if (values.all) {
    gather(page, values.values);
  } else {
    gathered_.clear();
    gathered_.reserve(rows);
    present.resize(row_words(rows));
    null.resize(row_words(rows));
    // Without a branch for each row, and without its value where it has none.
    for (std::uint32_t first = 0; first < rows; first += 64) {
      const auto some = page.rows.subspan(first, std::min<std::size_t>(64, rows - first));
      std::uint64_t with_value = 0, with_null = 0;
      for (std::size_t i = 0; i < some.size(); ++i) {
        const Presence presence = values.presence[some[i]];
        with_value |= std::uint64_t{presence == Presence::value ? 1U : 0U} << i;
        with_null |= std::uint64_t{presence == Presence::null ? 1U : 0U} << i;
      }
      present[first / 64] = with_value;
      null[first / 64] = with_null;
      out.zone.nulls += static_cast<std::uint32_t>(std::popcount(with_null));
      for (; with_value != 0; with_value &= with_value - 1)
        gathered_.push_back(values.values[some[static_cast<std::size_t>(std::countr_zero(with_value))]]);
    }
  }
  out.zone.values = static_cast<std::uint32_t>(gathered_.size());
  if (gathered_.empty()) {
    out.zone.type = FieldForm::none;
    if (out.zone.nulls == 0)
      return true;
  }
  std::vector<std::string_view> texts;
  if (out.zone.type == FieldForm::string) {
    std::vector<std::uint32_t> codes(values.texts.size(), 0);
    for (const std::uint64_t code : gathered_)
      codes[static_cast<std::size_t>(code)] = 1;
    std::size_t bytes = 0;
    for (std::size_t code = 0; code < codes.size(); ++code) {
      if (codes[code] == 0)
        continue;
      codes[code] = static_cast<std::uint32_t>(texts.size());
      texts.push_back(values.texts[code]);
      bytes += texts.back().size();
    }
    if (bytes > rows * page_text_bytes_per_row || nearly_all_different(texts.size(), gathered_.size()))
      return false;
    for (std::uint64_t& code : gathered_)
      code = codes[static_cast<std::size_t>(code)];
    segments::set_bounds(out.zone, texts);
  } else if (out.zone.type != FieldForm::none) {
    segments::set_bounds(out.zone, gathered_);
  }
  out.content = encode_field_column({out.zone.type, rows, present, null, out.zone.nulls, gathered_, texts});
  return true;
}

void PageWriter::write_field(Field& field, std::span<const Page> pages) {
  const FieldForm form = form_of(field);
  bool worth = form != FieldForm::mixed;
  const Values values = worth ? values_of(field, form) : Values{};
  std::vector<PageField> encoded(pages.size()); // whose bounds of strings point into `values`
  for (std::size_t i = 0; worth && i < pages.size(); ++i)
    worth = encode(values, pages[i], encoded[i]);
  for (const PageField& page : encoded) {
    FieldPlace place;
    if (worth && !page.content.empty())
      place.column = out_.append(BlockKind::field_column, page.content);
    append_field_zone(field.pages, worth ? page.zone : FieldZone{}, place);
  }
  field.zones.clear();
}

} // namespace weir::segments
