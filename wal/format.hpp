// Layout of the write-ahead log; docs/formats/wal.md tells it in prose, with the rules for readers.
//
// Purpose: the structures writer and reader share, their checksums and their validity. Threading: pure functions.
// Invariants: structures are copied to and from the disk as they are (little-endian, no padding); a structure whose
// `check` is right was written by us, to this offset, in this life of this file.
#pragma once

#include <weir/event.hpp>

#include "engine/hash.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

namespace weir::wal {

static_assert(std::endian::native == std::endian::little, "the format is little-endian, and so must be the machine");

inline constexpr std::uint32_t identity_kind = 1; ///< Keeps WAL files and segments apart in file_identity().
inline constexpr std::uint32_t format_version = 1;
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
  std::uint64_t group_bytes = 0;
  std::uint64_t synced_offset = 0;
  std::uint64_t check = 0;
};

struct RecordHeader {
  std::uint32_t body_bytes = 0;
  std::uint32_t header_check = 0;
  std::uint64_t body_check = 0;
};

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
static_assert(sizeof(RecordHeader) == 16 && std::has_unique_object_representations_v<RecordHeader>);
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

/// Check of the record header at `offset`; binds the record's number, which is not stored.
[[nodiscard]] inline std::uint32_t header_check_of(const RecordHeader& header, std::uint64_t record,
                                                   std::uint64_t identity, std::uint64_t offset) noexcept {
  const std::uint64_t words[3] = {header.body_bytes, header.body_check, record};
  return static_cast<std::uint32_t>(hash64(words, sizeof words, checksum_seed(identity, offset)));
}

/// Checksum of a body that begins at `offset`.
[[nodiscard]] inline std::uint64_t body_check_of(std::string_view body, std::uint64_t identity,
                                                 std::uint64_t offset) noexcept {
  return hash64(body, checksum_seed(identity, offset));
}

[[nodiscard]] inline bool valid(const GroupHeader& header, std::uint64_t identity, std::uint64_t offset) {
  return header.magic == group_magic && header.check == check_of(header, identity, offset) && header.records > 0 &&
         header.group_bytes > sizeof header && header.synced_offset <= offset;
}

[[nodiscard]] inline bool valid(const Seal& seal, std::uint64_t identity, std::uint64_t offset) {
  return seal.magic == seal_magic && seal.check == check_of(seal, identity, offset);
}

} // namespace weir::wal
