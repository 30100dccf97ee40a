#include "segments/zone_tail.hpp"

#include <span>

namespace weir::segments {
namespace {

bool holds_integers(BlockKind kind) {
  switch (kind) {
  case BlockKind::position:
  case BlockKind::recorded_at:
  case BlockKind::timestamp:
  case BlockKind::type:
  case BlockKind::event_id_lengths:
  case BlockKind::metadata_lengths:
  case BlockKind::payload_lengths: return true;
  default: return false;
  }
}

} // namespace

Result<std::shared_ptr<const ZoneTail>> ZoneTail::read(const BlockSource& source, const Footer& footer,
                                                       std::size_t zone) {
  const ZonePlace& place = footer.places[zone];
  if (auto cached = source.find_derived(place.tail))
    return std::static_pointer_cast<const ZoneTail>(std::move(cached)); // nothing else is derived from that place
  auto piece = source.read_piece(place.tail, place.directory);
  if (!piece)
    return std::move(piece).error();
  auto directory_block = source.decode(place.directory, *piece);
  if (!directory_block)
    return std::move(directory_block).error();
  std::uint64_t charge = (*directory_block)->charge_bytes() + sizeof(ZoneTail);
  auto directory = ZoneDirectory::open(source, place.directory, *std::move(directory_block), footer.zones[zone].rows);
  if (!directory)
    return std::move(directory).error();
  std::array<BlockPtr, zone_block_kinds + 1> blocks;
  std::array<std::optional<IntegerColumn>, zone_block_kinds + 1> columns;
  for (std::size_t number = 1; number <= zone_block_kinds; ++number) {
    const auto kind = static_cast<BlockKind>(number);
    if (!holds_integers(kind) || directory->count(kind) == 0)
      continue;
    const BlockRef ref = directory->at(kind, 0).ref;
    // The writer puts them all between tail and directory; wherever a file has them, they are read right.
    auto block = piece->covers(ref) ? source.decode(ref, *piece) : source.read(ref);
    if (!block)
      return std::move(block).error();
    blocks[number] = *std::move(block);
    columns[number] = IntegerColumn::open(blocks[number]->text(), footer.zones[zone].rows);
    if (!columns[number])
      return source.damaged("a column does not have the zone's rows", ref.offset);
    charge += blocks[number]->charge_bytes();
  }
  auto tail = std::make_shared<const ZoneTail>(*std::move(directory), std::move(blocks), std::move(columns), charge);
  return std::static_pointer_cast<const ZoneTail>(source.keep_derived(place.tail, std::move(tail)));
}

} // namespace weir::segments
