// Numbers of the segment format, shared by writer and reader; docs/formats/segment.md tells it in prose.
//
// Threading: constants and plain values.
#pragma once

#include <weir/event.hpp>
#include <weir/limits.hpp>

#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace weir::segments {

static_assert(std::endian::native == std::endian::little, "weir files are little-endian");

inline constexpr char segment_magic[] = "WEIRSEG1";
inline constexpr std::size_t segment_magic_bytes = 8;
inline constexpr std::uint32_t segment_format_version = 6;
/// Still read; it has neither marks nor schema versions.
inline constexpr std::uint32_t segment_format_version_min = 2;
/// The first one that keeps payload fields as columns.
inline constexpr std::uint32_t segment_format_version_fields = 4;
/// The first one with a time index.
inline constexpr std::uint32_t segment_format_version_times = 5;
/// The first one with pages.
inline constexpr std::uint32_t segment_format_version_pages = 6;
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
  field_column,
  field_filter,
  field_zones,
  field_list,
  time_index,
};
/// Kinds 1 ... 11 are listed in a zone's directory.
inline constexpr std::size_t zone_block_kinds = 11;

/// The block with the lengths of a zone's strings is the kind before theirs.
[[nodiscard]] constexpr BlockKind lengths_of(BlockKind strings) noexcept {
  return static_cast<BlockKind>(static_cast<std::uint8_t>(strings) - 1);
}

/// Times are stored as microseconds since 1970, as unsigned words.
[[nodiscard]] constexpr std::uint64_t micros_of(Timestamp time) noexcept {
  return static_cast<std::uint64_t>(time.time_since_epoch().count());
}
[[nodiscard]] constexpr Timestamp time_of(std::uint64_t micros) noexcept {
  return Timestamp(std::chrono::microseconds(static_cast<std::int64_t>(micros)));
}

/// Payload fields that a segment keeps as columns, and paths that are followed until it is known which these are.
inline constexpr std::size_t fields_max = 64;
inline constexpr std::size_t field_paths_max = 256;
/// A path becomes a field in the first zone of which one row in so many has a scalar there.
inline constexpr std::uint32_t field_rows_part = 16;
/// Doubles that are integers divided by a power of ten up to this one are kept as these integers.
inline constexpr unsigned field_decimals_max = 6;
inline constexpr std::uint8_t field_decimals_none = 255; ///< They are kept as they are.
/// Strings that are nearly all different are no column: more different ones than this, and than half of all.
inline constexpr std::uint32_t field_texts_few = 64;
/// That is judged before the end of the zone where there are so many different ones already.
inline constexpr std::uint32_t field_texts_sure = 1'024;
inline constexpr std::size_t field_text_bytes_max = 256; ///< On average; longer ones are no column.
/// Different strings of all fields of a zone; bounds what the writer keeps.
inline constexpr std::size_t field_texts_bytes_max = 4 * MiB;
inline constexpr std::size_t field_bound_bytes_max = 32; ///< Of the smallest and largest string of a zone.
/// All columns of a zone have at most 1/8 of the bytes of its payloads, and these for each row.
inline constexpr std::uint64_t field_payload_part = 8, field_bytes_per_row = 8;

/// Of so many zones the columns are put in the order of positions together: of fewer where they take more memory.
inline constexpr std::size_t band_zones_max = 16;
inline constexpr std::size_t band_bytes_max = 8 * MiB;
/// Different strings of a field in a page: as many bytes a row at most.
inline constexpr std::size_t page_text_bytes_per_row = 1;

/// Stretches of the time index: as many at most, and rows that there are for each.
inline constexpr std::size_t time_stretches_max = 4'096;
inline constexpr std::size_t time_stretch_rows = 64;
/// Fewer rows have no time index: their columns are read as quickly.
inline constexpr std::uint64_t time_index_rows_min = 2'048;

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
