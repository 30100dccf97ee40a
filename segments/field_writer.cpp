#include "segments/field_writer.hpp"

#include "engine/kill_point.hpp"
#include "engine/sabotage.hpp"
#include "engine/stub.hpp"
#include "segments/filter.hpp"
#include "segments/format.hpp"

#include <algorithm>
#include <bit>
#include <numeric>
#include <utility>

namespace weir::segments {
namespace {

using Kind = json::FieldValue::Kind;

// Strings that were too different for a column are looked at anew so often.
constexpr std::size_t zones_between_tries = 16;

constexpr std::uint8_t bit_of(Kind kind) noexcept {
  return static_cast<std::uint8_t>(1u << static_cast<unsigned>(kind));
}

void set_row(RowBits& bits, std::uint32_t row) noexcept {
  bits.data()[row / 64] |= std::uint64_t{1} << (row % 64);
}

/// The only type among `kinds`; nulls do not count.
FieldForm only_type(std::uint8_t kinds) noexcept {
  switch (kinds & ~bit_of(Kind::null)) {
  case 0: return FieldForm::none;
  case bit_of(Kind::boolean): return FieldForm::boolean;
  case bit_of(Kind::int64): return FieldForm::int64;
  case bit_of(Kind::float64): return FieldForm::float64;
  case bit_of(Kind::string): return FieldForm::string;
  default: return FieldForm::mixed;
  }
}

} // namespace

FieldWriter::FieldWriter(SegmentOutput& out, std::uint32_t zone_rows, std::uint32_t filter_bits_per_key,
                         PageWriter* pages)
    : out_(out), zone_rows_(zone_rows), filter_bits_per_key_(filter_bits_per_key), pages_(pages),
      reader_({}, field_paths_max) {
}

void FieldWriter::add(const EventView& event, std::string_view payload, std::uint32_t type) {
  if (!is_stub(event)) {
    payload_bytes_ += payload.size();
    // After the first one that is no JSON nothing of the zone counts.
    unreadable_ = unreadable_ || !reader_.read_padded(payload, type);
    if (!unreadable_)
      for (const json::FieldValue& value : reader_.values())
        add_value(value);
  }
  ++rows_;
}

inline void FieldWriter::add_value(const json::FieldValue& value) {
  while (value.path >= seen_.size())
    seen_.emplace_back().late = overlooked_;
  Seen& seen = seen_.data()[value.path];
  if (seen.last_row == rows_)
    unreadable_ = true; // a key twice: no valid document has that
  seen.last_row = rows_;
  seen.kinds |= bit_of(value.kind);
  if (value.kind == Kind::string) {
    add_text(seen, value.text);
  } else if (value.kind == Kind::other) {
    return;
  } else if (value.kind == Kind::null) {
    if (seen.null.empty())
      seen.null.resize(row_words(zone_rows_));
    set_row(seen.null, rows_);
    ++seen.nulls;
    return;
  } else {
    seen.values.push_back(value.bits);
  }
  if (seen.present.empty())
    seen.present.resize(row_words(zone_rows_));
  set_row(seen.present, rows_);
  ++seen.count;
}

/// Of a text that has a code, as a filter has it.
std::uint64_t FieldWriter::hash_of(const Seen& seen, std::uint32_t code) const {
  return field_filter_hash(seen.texts.text(code), out_.identity());
}

inline void FieldWriter::add_text(Seen& seen, std::string_view text) {
  static_assert(json::FieldReader::padding_bytes >= TextTable::text_padding_bytes);
  if (seen.too_different || seen.too_long) {
    if (!seen.too_long)
      seen.hashes.push_back(field_filter_hash(text, out_.identity()));
    return;
  }
  const std::size_t different = seen.texts.size();
  seen.values.push_back(seen.texts.code_of(text));
  if (seen.texts.size() != different)
    judge_texts(seen, text.size());
}

/// Whether the strings are still worth their codes, of which the last one is new.
void FieldWriter::judge_texts(Seen& seen, std::size_t bytes) {
  text_bytes_ += bytes;
  const std::size_t different = seen.texts.size() - 1;
  if (text_bytes_ > field_texts_bytes_max || seen.texts.bytes() > field_text_bytes_max * field_texts_sure) {
    seen.too_long = true;
  } else if (different >= field_texts_sure && nearly_all_different(different, seen.values.size())) {
    seen.too_different = true;
    for (std::uint32_t code = 0; code < seen.texts.size(); ++code)
      seen.hashes.push_back(hash_of(seen, code));
  }
}

/// What the zone keeps of the path; settles whether strings are worth a column.
FieldForm FieldWriter::type_of(const Seen& seen) const {
  const FieldForm type = unreadable_ ? FieldForm::mixed : only_type(seen.kinds);
  if (type == FieldForm::string &&
      (seen.too_long || seen.too_different || nearly_all_different(seen.texts.size(), seen.count) ||
       seen.texts.bytes() > field_text_bytes_max * seen.texts.size()))
    return FieldForm::mixed;
  return type;
}

bool FieldWriter::worth_a_field(const Seen& seen) const {
  if (unreadable_ || seen.count < std::max(1u, rows_ / field_rows_part))
    return false;
  // Of strings that are nearly all different there is at least the filter.
  const FieldForm type = only_type(seen.kinds);
  return type != FieldForm::none && type != FieldForm::mixed && !seen.too_long;
}

void FieldWriter::choose_fields() {
  for (std::uint32_t path = 0; path < seen_.size(); ++path) {
    Seen& seen = seen_[path];
    if (seen.field != nothing)
      continue;
    if (fields_.size() == fields_max || !worth_a_field(seen)) {
      seen.zones.resize(zones_);
      seen.zones.push_back(seen.kinds != 0 || unreadable_);
      continue;
    }
    seen.field = static_cast<std::uint32_t>(fields_.size());
    Field& field = fields_.emplace_back();
    field.entry.path = reader_.path(path);
    field.path = path;
    seen.zones.resize(zones_);
    bool none_before = true;
    for (std::size_t zone = 0; zone < zones_; ++zone) {
      FieldZone before;
      before.type = seen.late || seen.zones[zone] || unreadable_zones_[zone] ? FieldForm::mixed : FieldForm::none;
      none_before = none_before && before.type == FieldForm::none;
      append_field_zone(field.zones, before, {});
    }
    seen.zones = {};
    if (pages_ != nullptr)
      pages_->new_field(none_before);
  }
}

void FieldWriter::sort_texts(Seen& seen, Column& column, std::vector<std::string_view>& texts) {
  std::vector<std::uint32_t> order(seen.texts.size());
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(),
            [&](std::uint32_t a, std::uint32_t b) { return seen.texts.text(a) < seen.texts.text(b); });
  std::vector<std::uint32_t> place_of(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    place_of[order[i]] = static_cast<std::uint32_t>(i);
    texts.push_back(seen.texts.text(order[i]));
    if (order.size() > field_texts_few)
      column.hashes.push_back(hash_of(seen, order[i]));
  }
  for (std::uint64_t& code : seen.values)
    code = sabotaged(Sabotage::number_texts_as_they_came) ? code : place_of[static_cast<std::size_t>(code)];
  set_bounds(column.zone, texts);
}

std::string FieldWriter::write_column(Seen& seen, Column& column, std::uint64_t& bytes_left) {
  FieldZone& zone = column.zone;
  zone.type = type_of(seen);
  seen.were_different = false;
  if (zone.type == FieldForm::mixed) {
    const bool strings = !unreadable_ && only_type(seen.kinds) == FieldForm::string && !seen.too_long;
    seen.were_different = strings && (seen.too_different || nearly_all_different(seen.texts.size(), seen.count));
    if (strings && seen.too_different)
      column.hashes = std::move(seen.hashes);
    else if (strings)
      for (std::uint32_t code = 0; code < seen.texts.size(); ++code)
        column.hashes.push_back(hash_of(seen, code));
    return {};
  }
  zone.values = seen.count;
  zone.nulls = seen.nulls;
  if (zone.type == FieldForm::none && zone.nulls == 0)
    return {};
  std::vector<std::string_view> texts;
  if (zone.type == FieldForm::string)
    sort_texts(seen, column, texts);
  else if (zone.type != FieldForm::none)
    set_bounds(zone, seen.values);
  std::string content =
      encode_field_column({zone.type, rows_, seen.present, seen.null, seen.nulls, seen.values, texts});
  if (content.size() > bytes_left) {
    column.zone = {};
    column.hashes.clear();
    return {};
  }
  column.place.column = out_.append(BlockKind::field_column, content);
  bytes_left -= std::min<std::uint64_t>(bytes_left, column.place.column.stored_bytes + block_header_bytes);
  return content;
}

void FieldWriter::write_filter(Column& column) {
  if (column.hashes.empty())
    return;
  if (sabotaged(Sabotage::field_filter_forgets))
    column.hashes.resize((column.hashes.size() + 1) / 2);
  const BuiltFilter filter = build_filter(column.hashes, filter_bits_per_key_);
  column.zone.text_filter = true;
  column.place.filter = out_.append(BlockKind::field_filter, filter.lines, false);
  column.place.filter_probes = filter.shape.probes;
}

void FieldWriter::write_zone() {
  overlooked_ = overlooked_ || reader_.refused_any();
  choose_fields();
  std::uint64_t bytes_left = payload_bytes_ / field_payload_part + field_bytes_per_row * rows_;
  std::vector<Column> columns(fields_.size());
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    const std::string content = write_column(seen_[fields_[i].path], columns[i], bytes_left);
    if (pages_ != nullptr)
      pages_->add_field(i, columns[i].zone, content);
  }
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    Column& column = columns[i];
    write_filter(column);
    append_field_zone(fields_[i].zones, column.zone, column.place);
    fields_[i].of_use = fields_[i].of_use || column.place.column.offset != 0 || column.zone.text_filter;
  }
  unreadable_zones_.push_back(unreadable_);
  ++zones_;
  clear_zone();
}

void FieldWriter::clear_zone() {
  for (Seen& seen : seen_) {
    seen.last_row = nothing;
    if (seen.kinds == 0)
      continue;
    seen.kinds = 0;
    seen.nulls = seen.count = 0;
    seen.values.clear();
    std::fill(seen.present.begin(), seen.present.end(), 0);
    std::fill(seen.null.begin(), seen.null.end(), 0);
    seen.texts.clear();
    // Ids stay ids: to number them for a while in each zone, only to give up, would take longer than all the rest.
    seen.too_different = seen.were_different && zones_ % zones_between_tries != 0;
    seen.too_long = false;
    seen.hashes.clear();
  }
  rows_ = 0;
  payload_bytes_ = 0;
  text_bytes_ = 0;
  unreadable_ = false;
  if (reader_.size() == field_paths_max || (fields_.size() == fields_max && reader_.size() > fields_max))
    forget_paths();
}

/// Makes room for paths that turn up later: of documents whose keys are ever new, none is worth a field.
void FieldWriter::forget_paths() {
  overlooked_ = true;
  std::vector<json::Path> paths;
  std::vector<Seen> kept;
  for (Field& field : fields_) {
    kept.push_back(std::move(seen_[field.path]));
    field.path = static_cast<std::uint32_t>(paths.size());
    paths.push_back(field.entry.path);
  }
  seen_ = std::move(kept);
  reader_ = json::FieldReader(paths, fields_.size() == fields_max ? 0 : field_paths_max);
}

BlockRef FieldWriter::finish() {
  kill_point("segment.before_fields");
  std::vector<FieldEntry> entries;
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    Field& field = fields_[i];
    if (!field.of_use) // in a small segment nothing may be worth its bytes
      continue;
    field.entry.zones = out_.append(BlockKind::field_zones, field.zones);
    field.zones = {};
    if (pages_ != nullptr)
      field.entry.pages = out_.append(BlockKind::field_zones, pages_->field_pages(i));
    entries.push_back(std::move(field.entry));
  }
  kill_point("segment.after_fields"); // all that is said of them is written, but for their list
  if (entries.empty())
    return {0, 0, BlockKind::field_list};
  return out_.append(BlockKind::field_list, encode_field_list(entries));
}

} // namespace weir::segments
