#include "wal/compressed_group.hpp"

#include "engine/lz4.hpp"
#include "wal/format.hpp"

#include <cstring>

namespace weir::wal {
namespace {

/// Below it the write costs as much either way: one block of the disk.
constexpr std::size_t compress_from_bytes = 4 * KiB;
/// Orders of 304 bytes, 75 in a group, become 121, 126, 139, 167, 212 with 1, 4, 8, 16, 24; 8 to 16 saves a fifth of
/// the time. Above, the log takes a larger part of what is written to the device than time is saved.
constexpr int acceleration = 16;

constexpr std::size_t block_offset = sizeof(GroupHeader) + sizeof(Check);

} // namespace

bool CompressedGroup::assign(Group& group) {
  if (group.bytes() < compress_from_bytes || group.bytes() > raw_bytes_max)
    return false;
  const std::string_view records = group.unchecked_records();
  const std::size_t capacity = block_offset + records.size() - records.size() / 8;
  if (capacity_ < capacity) {
    buffer_ = std::make_unique_for_overwrite<char[]>(capacity);
    capacity_ = capacity;
  }
  const std::size_t block =
      lz4::compress(records, {buffer_.get() + block_offset, capacity - block_offset}, acceleration);
  size_ = block_offset + block;
  records_ = group.records();
  raw_bytes_ = records.size();
  return block != 0;
}

std::span<const std::byte> CompressedGroup::frame(std::uint64_t identity, std::uint64_t offset,
                                                  std::uint64_t first_record, std::uint64_t synced_offset) {
  char* const block = buffer_.get() + block_offset;
  const Check check = check_of_bytes({block, size_ - block_offset}, identity, offset + block_offset);
  std::memcpy(block - sizeof check, &check, sizeof check);

  GroupHeader header;
  header.records = static_cast<std::uint32_t>(records_);
  header.first_record = first_record;
  header.group_bytes = static_cast<std::uint32_t>(size_);
  header.raw_bytes = static_cast<std::uint32_t>(raw_bytes_);
  header.synced_offset = synced_offset;
  header.check = check_of(header, identity, offset);
  std::memcpy(buffer_.get(), &header, sizeof header);
  return std::as_bytes(std::span<const char>(buffer_.get(), size_));
}

} // namespace weir::wal
