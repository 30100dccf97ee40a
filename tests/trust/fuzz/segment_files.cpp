#include "trust/fuzz/segment_files.hpp"

#include "engine/hash.hpp"
#include "segments/block_source.hpp"
#include "segments/bytes.hpp"
#include "segments/field_directory.hpp"
#include "segments/segment_reader.hpp"
#include "segments/zone_directory.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace weir::fuzz {

using namespace segments;

namespace {

constexpr std::size_t footer_place_bytes = sizeof(std::uint32_t);

/// The raw content of the block at `at`; empty if it cannot be decoded.
std::string content_at(std::string_view file, std::size_t at) {
  if (at > file.size() || file.size() - at < block_header_bytes)
    return {};
  const auto codec = static_cast<std::uint8_t>(file[at + 8]);
  const auto raw_bytes = load<std::uint32_t>(file, at + 12), stored_bytes = load<std::uint32_t>(file, at + 16);
  const std::string_view stored = file.substr(at + block_header_bytes, stored_bytes);
  if (stored.size() != stored_bytes || raw_bytes > 1 * MiB || !plausible_sizes(codec, stored_bytes, raw_bytes))
    return {};
  std::string raw(raw_bytes, '\0');
  const bool decoded =
      decode_block(codec, std::as_bytes(std::span(stored)), std::as_writable_bytes(std::span(raw.data(), raw.size())))
          .ok();
  return decoded ? raw : std::string();
}

} // namespace

std::uint64_t segment_identity() {
  return file_identity(segment_options.directory_seed, segment_file_kind, 0, 1);
}

std::string fold_segment(std::string_view file, const SegmentMeta& meta) {
  std::string folded(file);
  append_integer(folded, static_cast<std::uint32_t>(meta.footer_offset));
  return folded;
}

UnfoldedSegment unfold_segment(std::string_view folded) {
  UnfoldedSegment segment;
  SegmentMeta& meta = segment.meta;
  meta.number = 1;
  meta.event_count = meta.context_count = 1;
  if (folded.size() < footer_place_bytes)
    return segment;
  segment.file = folded.substr(0, folded.size() - footer_place_bytes);
  meta.file_bytes = segment.file.size();
  meta.footer_offset = load<std::uint32_t>(folded, segment.file.size());
  if (meta.footer_offset > meta.file_bytes || meta.file_bytes - meta.footer_offset < sizeof(std::uint64_t))
    return segment;
  meta.footer_checksum = load<std::uint64_t>(segment.file, meta.footer_offset);
  const std::string content = content_at(segment.file, meta.footer_offset);
  ByteSource bytes(content);
  const auto time = [&bytes] { return Timestamp(std::chrono::microseconds(bytes.take<std::int64_t>())); };
  meta.event_count = bytes.take<std::uint64_t>();
  meta.context_count = bytes.take<std::uint64_t>();
  meta.payload_bytes = bytes.take<std::uint64_t>();
  meta.position_min = bytes.take<std::uint64_t>();
  meta.position_max = bytes.take<std::uint64_t>();
  meta.timestamp_min = time();
  meta.timestamp_max = time();
  meta.recorded_at_min = time();
  meta.recorded_at_max = time();
  return segment;
}

std::string uncompressed(io::FileSystem& fs, const SegmentMeta& meta, SegmentMeta& new_meta) {
  const std::string path = segment_path(meta.shard, meta.number), file = read_file(fs, path);
  const auto open = fs.open(path, io::OpenMode::read_only);
  require(open.ok(), "a segment opens");
  BlockCache cache(1 * MiB);
  const BlockSource source(**open, path, segment_identity(), 0, meta.file_bytes, cache);
  auto footer = read_footer(source, meta);
  require(footer.ok(), "a footer is read");

  const Footer zones_before = *footer;
  // Every block behind the one before, with what it holds; directories name new places and come later.
  std::string out = file.substr(0, segment_header_bytes);
  std::map<std::uint64_t, std::uint64_t> moved; // from where to where
  const auto move = [&](BlockRef& block) {
    if (block.offset == 0)
      return;
    block.offset = moved.at(block.offset);
    block.stored_bytes = load<std::uint32_t>(out, block.offset + 16);
  };
  const Footer pages_before = footer_of_pages(zones_before);
  std::set<std::uint64_t> of_pages; // blocks of the directory of fields
  if (const BlockRef& list = footer->fields_block; list.offset != 0) {
    const auto fields = parse_field_list(source, list, content_at(file, list.offset));
    require(fields.ok(), "the list of fields is read");
    for (const FieldEntry& field : *fields)
      of_pages.insert(field.pages.offset);
  }
  std::map<std::uint64_t, std::size_t> zone_of_directory;
  for (std::size_t zone = 0; zone < footer->places.size(); ++zone)
    zone_of_directory[footer->places[zone].directory.offset] = zone;
  for (std::uint64_t at = segment_header_bytes; at < meta.footer_offset;
       at += block_header_bytes + load<std::uint32_t>(file, at + 16)) {
    const auto kind = static_cast<BlockKind>(file[at + 9]);
    std::string content = content_at(file, at);
    moved[at] = out.size();
    if (kind == BlockKind::directory) {
      const std::size_t zone = zone_of_directory.at(at);
      const std::uint32_t rows = footer->zones[zone].rows;
      const BlockRef ref = footer->places[zone].directory;
      const auto directory = ZoneDirectory::open(source, ref, *source.read(ref), rows);
      require(directory.ok(), "a directory is read");
      std::vector<ZoneBlock> blocks;
      for (std::size_t k = 1; k <= zone_block_kinds; ++k)
        for (std::size_t i = 0; i < directory->count(static_cast<BlockKind>(k)); ++i) {
          ZoneBlock block = directory->at(static_cast<BlockKind>(k), i);
          block.ref.stored_bytes = load<std::uint32_t>(file, block.ref.offset + 12);
          block.ref.offset = moved.at(block.ref.offset);
          blocks.push_back(block);
        }
      content = encode_directory(rows, blocks);
      footer->places[zone].directory.stored_bytes = static_cast<std::uint32_t>(content.size());
    } else if (kind == BlockKind::field_zones) {
      auto zones = parse_field_zones(source, of_pages.contains(at) ? pages_before : zones_before,
                                     {at, load<std::uint32_t>(file, at + 16), kind}, content);
      require(zones.ok(), "the zones of a field are read");
      content.clear();
      for (std::size_t zone = 0; zone < zones->zones.size(); ++zone) {
        move(zones->places[zone].column);
        move(zones->places[zone].filter);
        append_field_zone(content, zones->zones[zone], zones->places[zone]);
      }
    } else if (kind == BlockKind::field_list) {
      auto fields = parse_field_list(source, {at, load<std::uint32_t>(file, at + 16), kind}, content);
      require(fields.ok(), "the list of fields is read");
      for (FieldEntry& field : *fields) {
        move(field.zones);
        move(field.pages);
      }
      content = encode_field_list(*fields);
    }
    (void)append_block(out, out.size(), segment_identity(), kind, content, nullptr);
  }
  for (ZonePlace& place : footer->places) {
    place.begin = moved.at(place.begin);
    place.tail = moved.at(place.tail);
    place.directory.offset = moved.at(place.directory.offset);
  }
  for (PageNumbers& numbers : footer->page_numbers) {
    move(numbers.timestamps);
    move(numbers.types);
  }
  for (Band& band : footer->bands)
    for (std::uint64_t* const place : {&band.begin, &band.tail, &band.end})
      *place = moved.at(*place);
  for (IndexBlockRef& index : footer->index) {
    index.ref.stored_bytes = load<std::uint32_t>(file, index.ref.offset + 12);
    index.ref.offset = moved.at(index.ref.offset);
  }
  for (std::uint64_t* offset : {&footer->context_filter.offset, &footer->event_id_filter.offset, &footer->order_offset})
    if (*offset != 0)
      *offset = moved.at(*offset);
  move(footer->fields_block);
  move(footer->time_index_block);
  new_meta = meta;
  new_meta.footer_offset = out.size();
  (void)append_block(out, out.size(), segment_identity(), BlockKind::footer, encode_footer(*footer), nullptr);
  new_meta.file_bytes = out.size();
  new_meta.footer_checksum = load<std::uint64_t>(out, new_meta.footer_offset);
  return out;
}

void repair_segment(std::string& folded) {
  if (folded.size() < segment_header_bytes + footer_place_bytes)
    return;
  const std::size_t end = folded.size() - footer_place_bytes;
  constexpr std::size_t header_content = segment_header_bytes - sizeof(std::uint64_t);
  put(folded, header_content, hash64(folded.data(), header_content, checksum_seed(segment_identity(), 0)));
  for (std::size_t at = segment_header_bytes; at + block_header_bytes <= end;) {
    const std::size_t size = block_header_bytes + std::size_t{load<std::uint32_t>(folded, at + 16)};
    if (size > end - at)
      return;
    put(folded, at,
        hash64(folded.data() + at + sizeof(std::uint64_t), size - sizeof(std::uint64_t),
               checksum_seed(segment_identity(), at)));
    at += size;
  }
}

} // namespace weir::fuzz
