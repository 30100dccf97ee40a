#include "segments/field_directory.hpp"

#include "engine/check.hpp"
#include "engine/hash.hpp"
#include "engine/json/field_reader.hpp"
#include "segments/bytes.hpp"
#include "segments/filter.hpp"

#include <bit>
#include <cmath>

namespace weir::segments {
namespace {

// What an entry begins with: the type, and what else there is.
constexpr std::uint8_t type_mask = 7, has_column = 8, has_filter = 16, max_open = 32;

/// Reads entries from a block; false at the first contradiction.
class Parser {
public:
  Parser(const BlockSource& source, const Footer& footer, std::string_view bytes)
      : source_(source), footer_(footer), bytes_(bytes) {}

  bool parse(FieldZones& out) {
    const std::size_t count = footer_.zones.size();
    if (bytes_.left() < count)
      return false;
    out.zones.resize(count);
    out.places.resize(count);
    out.texts.reserve(bytes_.left() + sizeof(std::string)); // on the heap, so that views of it stay when it is moved
    for (std::size_t i = 0; i < count; ++i)
      if (!entry(i, out.zones[i], out.places[i], out.texts))
        return false;
    return bytes_.left() == 0;
  }

private:
  bool entry(std::size_t number, FieldZone& zone, FieldPlace& place, std::string& texts) {
    const auto what = bytes_.take<std::uint8_t>();
    if (!bytes_.ok() || (what & type_mask) > static_cast<std::uint8_t>(FieldForm::mixed) || what >= 2 * max_open)
      return false;
    zone.type = static_cast<FieldForm>(what & type_mask);
    zone.text_filter = (what & has_filter) != 0;
    const bool typed = zone.type != FieldForm::none && zone.type != FieldForm::mixed;
    const bool text = zone.type == FieldForm::string;
    if (((what & has_column) == 0 ? typed : zone.type == FieldForm::mixed) ||
        (zone.text_filter && !text && zone.type != FieldForm::mixed) || ((what & max_open) != 0 && !text))
      return false;
    zone.text_max_open = (what & max_open) != 0;
    if ((what & has_column) != 0 && (!column(number, zone, place, texts)))
      return false;
    return !zone.text_filter || filter(number, place);
  }

  bool column(std::size_t number, FieldZone& zone, FieldPlace& place, std::string& texts) {
    place.column.offset = bytes_.take<std::uint64_t>();
    place.column.stored_bytes = bytes_.take<std::uint32_t>();
    const std::uint64_t values = bytes_.take_varint(), nulls = bytes_.take_varint();
    const std::uint32_t rows = footer_.zones[number].rows;
    const bool none = zone.type == FieldForm::none;
    if (!bytes_.ok() || values > rows || nulls > rows - values || (values == 0) != none || (none && nulls == 0) ||
        !lies_in(number, place.column))
      return false;
    zone.values = static_cast<std::uint32_t>(values);
    zone.nulls = static_cast<std::uint32_t>(nulls);
    return bounds(zone, texts);
  }

  bool bounds(FieldZone& zone, std::string& texts) {
    switch (zone.type) {
    case FieldForm::boolean:
    case FieldForm::int64:
      zone.integer_min = bytes_.take<std::int64_t>();
      zone.integer_max = bytes_.take<std::int64_t>();
      return bytes_.ok() && zone.integer_min <= zone.integer_max &&
             (zone.type == FieldForm::int64 || (zone.integer_min >= 0 && zone.integer_max <= 1));
    case FieldForm::float64:
      zone.real_min = std::bit_cast<double>(bytes_.take<std::uint64_t>());
      zone.real_max = std::bit_cast<double>(bytes_.take<std::uint64_t>());
      return bytes_.ok() && std::isfinite(zone.real_min) && std::isfinite(zone.real_max) &&
             zone.real_min <= zone.real_max;
    case FieldForm::string: {
      const std::uint64_t distinct = bytes_.take_varint();
      if (distinct == 0 || distinct > zone.values)
        return false;
      zone.distinct = static_cast<std::uint32_t>(distinct);
      return take_text(zone.text_min, texts) && take_text(zone.text_max, texts) && zone.text_min <= zone.text_max;
    }
    case FieldForm::none:
    case FieldForm::mixed: break;
    }
    return true;
  }

  bool take_text(std::string_view& out, std::string& texts) {
    const std::string_view text = bytes_.take_text();
    if (!bytes_.ok() || text.size() > field_bound_bytes_max)
      return false;
    const std::size_t begin = texts.size();
    texts += text;
    out = std::string_view(texts).substr(begin);
    return true;
  }

  bool filter(std::size_t number, FieldPlace& place) {
    place.filter.offset = bytes_.take<std::uint64_t>();
    place.filter.stored_bytes = bytes_.take<std::uint32_t>();
    place.filter_probes = bytes_.take<std::uint8_t>();
    return bytes_.ok() && place.filter.stored_bytes != 0 && place.filter.stored_bytes % filter_line_bytes == 0 &&
           place.filter_probes >= 1 && place.filter_probes <= filter_probes_max && lies_in(number, place.filter);
  }

  /// A zone's columns lie between its strings and its small columns.
  [[nodiscard]] bool lies_in(std::size_t number, const BlockRef& ref) const {
    const ZonePlace& zone = footer_.places[number];
    return ref.offset >= zone.begin && source_.contains(ref) && ref.end() <= zone.tail;
  }

  const BlockSource& source_;
  const Footer& footer_;
  ByteSource bytes_;
};

bool parse_path(ByteSource& bytes, json::Path& path) {
  const std::uint64_t keys = bytes.take_varint();
  if (keys == 0 || keys > json::FieldReader::depth_max)
    return false;
  std::size_t size = 0;
  for (std::uint64_t i = 0; i < keys; ++i) {
    path.emplace_back(bytes.take_text());
    size += path.back().size();
  }
  return bytes.ok() && size <= json::FieldReader::path_bytes_max;
}

} // namespace

std::uint64_t field_filter_hash(std::string_view text, std::uint64_t identity) noexcept {
  return hash64(text, identity);
}

void append_field_zone(std::string& out, const FieldZone& zone, const FieldPlace& place) {
  const bool column = place.column.offset != 0;
  out.push_back(static_cast<char>(static_cast<std::uint8_t>(zone.type) | (column ? has_column : 0) |
                                  (zone.text_filter ? has_filter : 0) | (zone.text_max_open ? max_open : 0)));
  if (column) {
    append_integer(out, place.column.offset);
    append_integer(out, place.column.stored_bytes);
    append_varint(out, zone.values);
    append_varint(out, zone.nulls);
    switch (zone.type) {
    case FieldForm::boolean:
    case FieldForm::int64:
      append_integer(out, zone.integer_min);
      append_integer(out, zone.integer_max);
      break;
    case FieldForm::float64:
      append_integer(out, std::bit_cast<std::uint64_t>(zone.real_min));
      append_integer(out, std::bit_cast<std::uint64_t>(zone.real_max));
      break;
    case FieldForm::string:
      append_varint(out, zone.distinct);
      append_text(out, zone.text_min);
      append_text(out, zone.text_max);
      break;
    case FieldForm::none:
    case FieldForm::mixed: break;
    }
  }
  if (zone.text_filter) {
    append_integer(out, place.filter.offset);
    append_integer(out, place.filter.stored_bytes);
    append_integer(out, place.filter_probes);
  }
}

Result<FieldZones> parse_field_zones(const BlockSource& source, const Footer& footer, const BlockRef& ref,
                                     std::string_view bytes) {
  FieldZones zones;
  if (!Parser(source, footer, bytes).parse(zones))
    return source.damaged("what is known of a field contradicts itself", ref.offset);
  return zones;
}

std::string encode_field_list(std::span<const FieldEntry> fields) {
  std::string out;
  append_varint(out, fields.size());
  for (const FieldEntry& field : fields) {
    append_varint(out, field.path.size());
    for (const std::string& key : field.path)
      append_text(out, key);
    append_integer(out, field.zones.offset);
    append_integer(out, field.zones.stored_bytes);
    append_integer(out, field.pages.offset);
    append_integer(out, field.pages.stored_bytes);
  }
  return out;
}

Result<std::vector<FieldEntry>> parse_field_list(const BlockSource& source, const BlockRef& ref, std::string_view bytes,
                                                 std::uint32_t format_version) {
  const auto contradiction = [&] { return source.damaged("the list of fields contradicts itself", ref.offset); };
  ByteSource from(bytes);
  const std::uint64_t count = from.take_varint();
  if (count == 0 || count > fields_max)
    return contradiction();
  std::vector<FieldEntry> fields(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < fields.size(); ++i) {
    FieldEntry& field = fields[i];
    const bool path = parse_path(from, field.path);
    field.zones.offset = from.take<std::uint64_t>();
    field.zones.stored_bytes = from.take<std::uint32_t>();
    if (format_version >= segment_format_version_pages) {
      field.pages.offset = from.take<std::uint64_t>();
      field.pages.stored_bytes = from.take<std::uint32_t>();
    }
    const auto lies_before = [&](const BlockRef& block) { return block.end() <= ref.offset && source.contains(block); };
    if (!path || !from.ok() || !lies_before(field.zones) || (field.pages.offset != 0 && !lies_before(field.pages)))
      return contradiction();
    for (std::size_t other = 0; other < i; ++other)
      if (fields[other].path == field.path)
        return contradiction();
  }
  if (from.left() != 0)
    return contradiction();
  return fields;
}

Result<std::span<const FieldInfo>> SegmentFields::fields(const BlockSource& source, const Footer& footer) const {
  if (!listed_.load(std::memory_order_acquire))
    WEIR_TRY(read_list(source, footer));
  return std::span<const FieldInfo>(infos_);
}

Status SegmentFields::read_list(const BlockSource& source, const Footer& footer) const {
  // Without the lock: who finds the block in the cache must not wait for another's disk.
  std::vector<FieldEntry> entries;
  if (footer.fields_block.offset != 0) {
    const auto block = source.read(footer.fields_block);
    if (!block)
      return block.error();
    auto parsed = parse_field_list(source, footer.fields_block, (*block)->text(), footer.format_version);
    if (!parsed)
      return std::move(parsed).error();
    entries = *std::move(parsed);
  }
  const std::lock_guard lock(mutex_);
  if (listed_.load(std::memory_order_relaxed))
    return {}; // another reader was faster
  entries_ = std::move(entries);
  for (const FieldEntry& entry : entries_)
    infos_.push_back({entry.path});
  read_ = std::make_unique<std::atomic<const FieldZones*>[]>(entries_.size());
  listed_.store(true, std::memory_order_release);
  return {};
}

Result<const FieldZones*> SegmentFields::zones(const BlockSource& source, const Footer& footer,
                                               std::size_t field) const {
  auto listed = fields(source, footer);
  if (!listed)
    return std::move(listed).error();
  WEIR_CHECK(field < listed->size());
  if (const FieldZones* const read = read_[field].load(std::memory_order_acquire))
    return read;
  const BlockRef& ref = zones_block(field);
  auto block = source.read(ref);
  if (!block)
    return std::move(block).error();
  auto parsed = parse_field_zones(source, footer, ref, (*block)->text());
  if (!parsed)
    return std::move(parsed).error();
  const std::lock_guard lock(mutex_);
  if (const FieldZones* const read = read_[field].load(std::memory_order_relaxed))
    return read; // another reader was faster
  const auto& kept = owned_.emplace_back(std::make_unique<const FieldZones>(*std::move(parsed)));
  read_[field].store(kept.get(), std::memory_order_release);
  return kept.get();
}

} // namespace weir::segments
