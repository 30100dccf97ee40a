#include "tests/segments/forged_segment.hpp"

#include "engine/hash.hpp"
#include "segments/block_source.hpp"
#include "segments/bytes.hpp"
#include "segments/segment_reader.hpp"
#include "segments/segment_writer.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <utility>

namespace weir::segments::test {

namespace {

bool is_integers(BlockKind kind) {
  return kind != BlockKind::event_ids && kind != BlockKind::metadata && kind != BlockKind::payloads &&
         kind != BlockKind::content_hash;
}

} // namespace

std::string& Forged::Zone::content(BlockKind kind) {
  const auto found = std::find_if(blocks.begin(), blocks.end(), [kind](const Block& b) { return b.kind == kind; });
  REQUIRE(found != blocks.end());
  return found->content;
}

std::uint64_t identity_of(const SegmentDirectory& directory, const SegmentMeta& meta) {
  return file_identity(directory.options.directory_seed, segment_file_kind, meta.shard, meta.number);
}

Forged take_apart(SegmentDirectory& directory, const SegmentMeta& meta) {
  const auto file = directory.fs->open(segment_path(meta.shard, meta.number), io::OpenMode::read_only);
  REQUIRE(file.ok());
  BlockCache cache(0);
  const BlockSource source(**file, "", identity_of(directory, meta), 0, meta.file_bytes, cache);
  auto footer = read_footer(source, meta);
  REQUIRE(footer.ok());
  const auto content = [&](const BlockRef& ref) {
    const auto block = source.read(ref, &footer->dictionary);
    REQUIRE(block.ok());
    return std::string((*block)->text());
  };
  Forged forged;
  for (std::size_t zone = 0; zone < footer->zones.size(); ++zone) {
    const BlockRef ref = footer->places[zone].directory;
    auto entries = ZoneDirectory::open(source, ref, *source.read(ref), footer->zones[zone].rows);
    REQUIRE(entries.ok());
    std::vector<ZoneBlock> blocks;
    for (std::size_t kind = 1; kind <= zone_block_kinds; ++kind)
      for (std::size_t i = 0; i < entries->count(static_cast<BlockKind>(kind)); ++i)
        blocks.push_back(entries->at(static_cast<BlockKind>(kind), i));
    std::sort(blocks.begin(), blocks.end(),
              [](const ZoneBlock& a, const ZoneBlock& b) { return a.ref.offset < b.ref.offset; });
    Forged::Zone& parts = forged.zones.emplace_back();
    for (const ZoneBlock& block : blocks)
      parts.blocks.push_back({block.ref.kind, block.first_row, content(block.ref)});
  }
  for (const IndexBlockRef& block : footer->index)
    forged.index.push_back(content(block.ref));
  for (std::size_t i = 0; i < footer->context_filter.blocks(); ++i)
    forged.context_filter.push_back(content(footer->context_filter.block(i, BlockKind::context_filter)));
  for (std::size_t i = 0; i < footer->event_id_filter.blocks(); ++i)
    forged.event_id_filter.push_back(content(footer->event_id_filter.block(i, BlockKind::event_id_filter)));
  for (std::size_t i = 0; i < footer->order_blocks(); ++i)
    forged.order.push_back(content(footer->order_block(i)));
  if (footer->dictionary_block.offset != 0)
    forged.dictionary = content(footer->dictionary_block);
  if (footer->time_index_block.offset != 0)
    forged.time_index = content(footer->time_index_block);
  const SegmentFields fields;
  const auto listed = fields.fields(source, *footer);
  REQUIRE(listed.ok());
  for (std::size_t i = 0; i < listed->size(); ++i) {
    const FieldEntry& entry = fields.entries()[i];
    auto known = parse_field_zones(source, *footer, entry.zones, (*source.read(entry.zones))->text());
    REQUIRE(known.ok());
    Forged::Field& field = forged.fields.emplace_back();
    field.path = entry.path;
    for (const FieldPlace& place : known->places) {
      field.columns.push_back(place.column.offset == 0 ? std::string() : content(place.column));
      field.filters.push_back(place.filter.offset == 0 ? std::string() : content(place.filter));
    }
    field.known = *std::move(known);
  }
  forged.footer = *std::move(footer);
  return forged;
}

SegmentMeta put_together(SegmentDirectory& directory, const SegmentMeta& meta, Forged forged) {
  const std::uint64_t identity = identity_of(directory, meta);
  Footer& footer = forged.footer;
  std::string file = encode_header({meta.shard, meta.number, identity}, footer.zone_rows);
  const auto append = [&](BlockKind kind, std::string_view content) {
    return append_block(file, file.size(), identity, kind, content, nullptr);
  };
  for (std::size_t zone = 0; zone < forged.zones.size(); ++zone) {
    ZonePlace& place = footer.places[zone];
    place.begin = file.size();
    place.tail = 0;
    std::vector<ZoneBlock> blocks;
    for (const Forged::Zone::Block& block : forged.zones[zone].blocks) {
      if (place.tail == 0 && is_integers(block.kind)) {
        for (Forged::Field& field : forged.fields)
          if (!field.columns[zone].empty())
            field.known.places[zone].column = append(BlockKind::field_column, field.columns[zone]);
        for (Forged::Field& field : forged.fields)
          if (!field.filters[zone].empty())
            field.known.places[zone].filter = append(BlockKind::field_filter, field.filters[zone]);
        place.tail = file.size();
      }
      blocks.push_back({append(block.kind, block.content), block.first_row});
    }
    if (zone == 0 && forged.edit_directory_entries)
      forged.edit_directory_entries(blocks);
    std::string content = encode_directory(footer.zones[zone].rows, blocks);
    if (zone == 0 && forged.edit_directory)
      forged.edit_directory(content);
    place.directory = append(BlockKind::directory, content);
  }
  for (std::size_t i = 0; i < forged.index.size(); ++i)
    footer.index[i].ref = append(BlockKind::context_index, forged.index[i]);
  if (forged.before_filters)
    forged.before_filters(file);
  const auto append_all = [&](BlockKind kind, const std::vector<std::string>& blocks) {
    const std::uint64_t begin = blocks.empty() ? 0 : file.size();
    for (const std::string& block : blocks)
      append(kind, block);
    return begin;
  };
  footer.context_filter.offset = append_all(BlockKind::context_filter, forged.context_filter);
  footer.event_id_filter.offset = append_all(BlockKind::event_id_filter, forged.event_id_filter);
  footer.order_offset = append_all(BlockKind::position_order, forged.order);
  if (!forged.dictionary.empty())
    footer.dictionary_block = append(BlockKind::dictionary, forged.dictionary);
  if (!forged.time_index.empty())
    footer.time_index_block = append(BlockKind::time_index, forged.time_index);
  if (!forged.fields.empty()) {
    std::vector<FieldEntry> entries;
    if (forged.edit_field)
      forged.edit_field(forged.fields.front().known);
    for (Forged::Field& field : forged.fields) {
      std::string zones;
      for (std::size_t zone = 0; zone < field.known.zones.size(); ++zone)
        append_field_zone(zones, field.known.zones[zone], field.known.places[zone]);
      if (entries.empty() && forged.edit_field_zones)
        forged.edit_field_zones(zones);
      entries.push_back({field.path, append(BlockKind::field_zones, zones)});
    }
    if (forged.edit_field_entries)
      forged.edit_field_entries(entries);
    std::string list = encode_field_list(entries);
    if (forged.edit_field_list)
      forged.edit_field_list(list);
    footer.fields_block = append(BlockKind::field_list, list);
  }
  if (forged.before_footer)
    forged.before_footer(file);
  if (forged.edit_footer)
    forged.edit_footer(footer);
  std::string bytes = encode_footer(footer);
  if (forged.edit_footer_bytes)
    forged.edit_footer_bytes(bytes);
  SegmentMeta written = footer.totals;
  written.shard = meta.shard;
  written.number = meta.number;
  written.footer_offset = append(BlockKind::footer, bytes).offset;
  written.file_bytes = file.size();
  written.footer_checksum = load<std::uint64_t>(file.data() + written.footer_offset);
  directory.overwrite(meta, file);
  return written;
}

void repair_block(std::string& file, std::uint64_t offset, std::uint64_t identity) {
  char* const block = file.data() + offset;
  const std::size_t bytes = block_header_bytes - sizeof(std::uint64_t) + load<std::uint32_t>(block + 16);
  const std::uint64_t checksum = hash64(block + sizeof(std::uint64_t), bytes, checksum_seed(identity, offset));
  std::memcpy(block, &checksum, sizeof checksum);
}

} // namespace weir::segments::test
