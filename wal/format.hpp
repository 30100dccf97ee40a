// Layout of the write-ahead log; docs/formats/wal.md tells it in prose, with the rules for readers.
//
// Purpose: the structures writer and reader share, their checksums and their validity. Threading: pure functions.
// Invariants: structures are copied to and from the disk as they are (little-endian, no padding); a structure whose
// `check` is right was written by us, to this offset, in this life of this file.
#pragma once

#include <weir/event.hpp>
#include <weir/limits.hpp>

#include "engine/hash.hpp"
#include "engine/lz4.hpp"
#include "engine/sabotage.hpp"
#include "engine/varint.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

namespace weir::wal {

static_assert(std::endian::native == std::endian::little, "the format is little-endian, and so must be the machine");

inline constexpr std::uint32_t identity_kind = 1; ///< Keeps WAL files and segments apart in file_identity().
inline constexpr std::uint32_t format_version = 4;
/// Older ones that are still read: in 2 a record is one call; before 4 nothing is removed or has a schema version.
inline constexpr std::uint32_t format_version_min = 2;
/// The header has this block for itself, so that no write of records can tear it.
inline constexpr std::uint64_t data_offset = 4096;

// Group and seal begin with a byte that ASCII text does not contain, so a scan for them seldom stops in vain.
inline constexpr std::uint64_t file_magic = 0x004C'4157'5249'4557; // "WEIRWAL\0"
inline constexpr std::uint32_t group_magic = 0x5247'57A7;
inline constexpr std::uint32_t seal_magic = 0x4C53'57A7;

struct FileHeader {
  std::uint64_t magic = file_magic;
  std::uint32_t version = format_version;
  ShardId shard = 0;
  std::uint64_t number = 0;
  std::uint64_t predecessor = 0;
  std::uint64_t predecessor_last_record = 0;
  std::uint64_t first_record = 0;
  std::uint64_t file_bytes = 0;
  std::uint64_t check = 0;
};

struct GroupHeader {
  std::uint32_t magic = group_magic;
  std::uint32_t records = 0;
  std::uint64_t first_record = 0;
  std::uint32_t group_bytes = 0;
  std::uint32_t raw_bytes = 0; ///< Of the records, if they are stored as one LZ4 block; 0: stored as they are.
  std::uint64_t synced_offset = 0;
  std::uint64_t check = 0;
};

/// Of a record's body, or of the LZ4 block of a group.
using Check = std::uint64_t;

/// Bounds what a reader allocates for a compressed group; larger groups are stored as they are.
inline constexpr std::uint32_t raw_bytes_max = 2 * limits::group_bytes_max;

struct Seal {
  std::uint32_t magic = seal_magic;
  std::uint32_t zero = 0;
  std::uint64_t last_record = 0;
  std::uint64_t records = 0;
  std::uint64_t successor = 0;
  std::uint64_t check = 0;
};

static_assert(sizeof(FileHeader) == 64 && std::has_unique_object_representations_v<FileHeader>);
static_assert(sizeof(GroupHeader) == 40 && std::has_unique_object_representations_v<GroupHeader>);
static_assert(sizeof(Seal) == 40 && std::has_unique_object_representations_v<Seal>);
static_assert(sizeof(FileHeader) <= data_offset);

/// `T` at `bytes`, which need not be aligned.
template <class T> [[nodiscard]] T load(const void* bytes) noexcept {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

/// Checksum of a FileHeader, GroupHeader or Seal at `offset`: everything but its last member.
template <class T> [[nodiscard]] std::uint64_t check_of(const T& value, std::uint64_t identity, std::uint64_t offset) {
  return hash64(&value, sizeof value - sizeof value.check, checksum_seed(identity, offset));
}

/// Check of a body or an LZ4 block that begins at `offset`.
[[nodiscard]] inline Check check_of_bytes(std::string_view bytes, std::uint64_t identity,
                                          std::uint64_t offset) noexcept {
  return hash64(bytes, checksum_seed(identity, offset));
}

/// Bytes of a record before its body: the body's length, its check.
[[nodiscard]] constexpr std::size_t record_header_bytes(std::size_t body_bytes) noexcept {
  return varint_bytes(body_bytes) + sizeof(Check);
}

struct Record {
  Check check = 0; ///< Of the body; 0 inside an LZ4 block, which has one for all.
  std::string_view body;
};

/// Takes the record at `at` and moves `at` behind it; false if it does not end before `end`. Checks nothing else.
[[nodiscard]] inline bool take_record(const char*& at, const char* end, Record& record) noexcept {
  std::uint64_t body_bytes = 0;
  if (!take_varint(at, end, body_bytes))
    return false;
  const auto left = static_cast<std::size_t>(end - at);
  if (left < sizeof(Check) || body_bytes > left - sizeof(Check))
    return false;
  record.check = load<Check>(at);
  record.body = {at + sizeof(Check), static_cast<std::size_t>(body_bytes)};
  at = record.body.data() + record.body.size();
  return true;
}

[[nodiscard]] inline bool valid(const GroupHeader& header, std::uint64_t identity, std::uint64_t offset) {
  const std::uint64_t stored_bytes = header.group_bytes - std::min<std::uint64_t>(header.group_bytes, sizeof header);
  return header.magic == group_magic &&
         (sabotaged(Sabotage::ignore_group_checksum) || header.check == check_of(header, identity, offset)) &&
         header.records > 0 && stored_bytes > sizeof(Check) && header.synced_offset <= offset &&
         header.raw_bytes <= std::min<std::uint64_t>(raw_bytes_max, stored_bytes * lz4::ratio_max);
}

[[nodiscard]] inline bool valid(const Seal& seal, std::uint64_t identity, std::uint64_t offset) {
  return seal.magic == seal_magic && seal.check == check_of(seal, identity, offset);
}

} // namespace weir::wal
