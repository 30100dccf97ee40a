#include "segments/zone_directory.hpp"

#include "segments/bytes.hpp"

#include <algorithm>
#include <utility>

namespace weir::segments {
namespace {

constexpr std::size_t header_bytes = 4 + 4 * zone_block_kinds;
constexpr std::size_t entry_bytes = 8 + 4 + 4;

bool holds_strings(BlockKind kind) {
  return kind == BlockKind::event_ids || kind == BlockKind::metadata || kind == BlockKind::payloads;
}

/// In the cache.
class CheckedDirectory final : public Block {
public:
  CheckedDirectory(ZoneDirectory directory, std::uint64_t block_bytes)
      : Block(Charge{sizeof(CheckedDirectory) + block_bytes}), directory_(std::move(directory)) {}
  [[nodiscard]] const ZoneDirectory& directory() const noexcept { return directory_; }

private:
  ZoneDirectory directory_;
};

} // namespace

std::string encode_directory(std::uint32_t rows, std::span<const ZoneBlock> blocks) {
  std::string counts, entries;
  append_integer(counts, rows);
  for (std::size_t kind = 1; kind <= zone_block_kinds; ++kind) {
    std::uint32_t count = 0;
    for (const ZoneBlock& block : blocks) {
      if (static_cast<std::size_t>(block.ref.kind) != kind)
        continue;
      ++count;
      append_integer(entries, block.ref.offset);
      append_integer(entries, block.ref.stored_bytes);
      append_integer(entries, block.first_row);
    }
    append_integer(counts, count);
  }
  return counts + entries;
}

Result<std::shared_ptr<const ZoneDirectory>> ZoneDirectory::read(const BlockSource& source, const Footer& footer,
                                                                 std::size_t zone) {
  const BlockRef& ref = footer.places[zone].directory;
  const std::uint64_t place = ref.offset + 1; // within the block, so nothing else is derived from there
  auto known = source.find_derived(place);
  if (!known) {
    auto block = source.read(ref);
    if (!block)
      return std::move(block).error();
    const std::uint64_t bytes = (*block)->charge_bytes();
    auto directory = open(source, ref, *std::move(block), footer.zones[zone].rows);
    if (!directory)
      return std::move(directory).error();
    known = source.keep_derived(place, std::make_shared<const CheckedDirectory>(*std::move(directory), bytes));
  }
  const auto& directory = static_cast<const CheckedDirectory&>(*known).directory();
  return std::shared_ptr<const ZoneDirectory>(std::move(known), &directory);
}

Result<ZoneDirectory> ZoneDirectory::open(const BlockSource& source, const BlockRef& ref, BlockPtr block,
                                          std::uint32_t rows) {
  const auto contradiction = [&] { return source.damaged("a zone's directory contradicts itself", ref.offset); };
  const std::string_view bytes = block->text();
  if (bytes.size() < header_bytes || load<std::uint32_t>(bytes.data()) != rows)
    return contradiction();
  ZoneDirectory directory;
  directory.rows_ = rows;
  std::uint64_t entries = 0;
  for (std::size_t i = 0; i < zone_block_kinds; ++i) {
    entries += load<std::uint32_t>(bytes.data() + 4 + 4 * i);
    if (entries > bytes.size() / entry_bytes)
      return contradiction();
    directory.starts_[i + 1] = static_cast<std::uint32_t>(entries);
  }
  if (bytes.size() != header_bytes + entries * entry_bytes)
    return contradiction();
  directory.block_ = std::move(block);
  for (std::size_t number = 1; number <= zone_block_kinds; ++number) {
    const auto kind = static_cast<BlockKind>(number);
    const std::size_t count = directory.count(kind);
    if (holds_strings(kind) ? (count != 0) != (directory.count(lengths_of(kind)) != 0) : count > 1)
      return contradiction();
    for (std::size_t i = 0; i < count; ++i) {
      const ZoneBlock entry = directory.at(kind, i);
      const bool rows_ascend = i == 0 ? entry.first_row == 0 : entry.first_row > directory.at(kind, i - 1).first_row;
      if (!rows_ascend || entry.first_row >= rows || entry.ref.end() > ref.offset || !source.contains(entry.ref))
        return contradiction();
    }
  }
  for (const BlockKind kind : {BlockKind::position, BlockKind::recorded_at, BlockKind::type}) {
    if (directory.count(kind) != 1)
      return contradiction();
  }
  return directory;
}

std::size_t ZoneDirectory::count(BlockKind kind) const noexcept {
  const auto number = static_cast<std::size_t>(kind);
  return starts_[number] - starts_[number - 1];
}

ZoneBlock ZoneDirectory::at(BlockKind kind, std::size_t i) const noexcept {
  const std::size_t entry = starts_[static_cast<std::size_t>(kind) - 1] + i;
  const char* const at = block_->text().data() + header_bytes + entry * entry_bytes;
  return {{load<std::uint64_t>(at), load<std::uint32_t>(at + 8), kind}, load<std::uint32_t>(at + 12)};
}

std::size_t ZoneDirectory::find(BlockKind kind, std::uint32_t row) const noexcept {
  std::size_t low = 0, high = count(kind);
  while (high - low > 1) {
    const std::size_t middle = low + (high - low) / 2;
    (at(kind, middle).first_row <= row ? low : high) = middle;
  }
  return low;
}

std::uint32_t ZoneDirectory::row_end(BlockKind kind, std::size_t i) const noexcept {
  return i + 1 < count(kind) ? at(kind, i + 1).first_row : rows_;
}

} // namespace weir::segments
