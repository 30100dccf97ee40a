// Numbers of the segment format, shared by writer and reader; docs/formats/segment.md tells it in prose.
//
// Threading: constants and plain values.
#pragma once

#include <weir/limits.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>

namespace weir::segments {

static_assert(std::endian::native == std::endian::little, "weir files are little-endian");

inline constexpr char segment_magic[] = "WEIRSEG1";
inline constexpr std::size_t segment_magic_bytes = 8;
inline constexpr std::uint32_t segment_format_version = 3;
/// Still read; it has neither marks nor schema versions.
inline constexpr std::uint32_t segment_format_version_min = 2;
inline constexpr std::uint32_t segment_file_kind = 2; ///< For file_identity().
inline constexpr std::size_t segment_header_bytes = 48;

inline constexpr std::size_t block_header_bytes = 20;
inline constexpr std::size_t block_bytes_target = 16 * KiB;
inline constexpr std::size_t block_bytes_min = 3 * KiB; ///< Strings of a zone: no new block for less.
inline constexpr std::size_t dictionary_bytes_max = 4 * KiB;
inline constexpr std::size_t dictionary_source_bytes_min = 3 * KiB; ///< Of the block that it is taken from.
/// No block is larger once decoded. Bounds what a damaged or hostile size field can make a reader allocate.
inline constexpr std::uint32_t block_raw_bytes_max = 256 * MiB;

inline constexpr std::uint32_t zone_rows_max = 65'536;
inline constexpr std::uint64_t segment_rows_max = UINT32_MAX; ///< Rows are 32 bit in the index and the position order.
inline constexpr std::size_t integer_group_rows = 128;
inline constexpr std::size_t index_restart_interval = 16;
inline constexpr std::size_t filter_line_bytes = 64;
inline constexpr std::size_t filter_lines_per_block = block_bytes_target / filter_line_bytes;
inline constexpr std::uint32_t filter_probes_max = 7; ///< 9 bits each out of a 64-bit hash.
inline constexpr std::size_t order_rows_per_block = 8'192;
/// Zero bytes after bit-packed values, so that a decoder may load whole words.
inline constexpr std::size_t bits_padding_bytes = 8;

enum class Codec : std::uint8_t { raw = 0, lz4 = 1, hex_lz4 = 2, text = 3 };

enum class BlockKind : std::uint8_t {
  position = 1,
  recorded_at,
  timestamp,
  type,
  content_hash,
  event_id_lengths,
  event_ids,
  metadata_lengths,
  metadata,
  payload_lengths,
  payloads,
  directory,
  context_index,
  context_filter,
  event_id_filter,
  position_order,
  footer,
  dictionary,
  marks,
};
/// Kinds 1 ... 11 are listed in a zone's directory.
inline constexpr std::size_t zone_block_kinds = 11;

/// Where a block is: what names a block also knows its size, so one read gets it.
struct BlockRef {
  std::uint64_t offset = 0;
  std::uint32_t stored_bytes = 0;
  BlockKind kind = BlockKind::footer;

  [[nodiscard]] std::uint64_t end() const noexcept { return offset + block_header_bytes + stored_bytes; }
};

static_assert(limits::payload_bytes_max < block_raw_bytes_max, "the largest payload fits into a block");
static_assert(filter_probes_max * 9 <= 64);

} // namespace weir::segments
