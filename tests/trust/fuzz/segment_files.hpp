// Segment files as fuzz inputs: the file, and behind it where the footer begins.
//
// Threading: pure functions.
#pragma once

#include "trust/fuzz/fuzz.hpp"

#include "engine/ports.hpp"
#include "segments/segment_files.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace weir::fuzz {

inline constexpr segments::SegmentOptions segment_options{
    .directory_seed = 7, .zone_rows = 16, .filter_bits_per_key = 8};
[[nodiscard]] std::uint64_t segment_identity();

/// `file` of segment 1 of shard 0, as `meta` describes it.
[[nodiscard]] std::string fold_segment(std::string_view file, const SegmentMeta& meta);
/// The file, and what a catalog would say that was written together with it, as far as the footer can be read.
struct UnfoldedSegment {
  std::string file;
  SegmentMeta meta;
};
[[nodiscard]] UnfoldedSegment unfold_segment(std::string_view folded);

/// The same segment with every block stored as it is: mutations then reach what compression hides.
[[nodiscard]] std::string uncompressed(io::FileSystem& fs, const SegmentMeta& meta, SegmentMeta& new_meta);

/// Makes the checksums of header and blocks right, block after block.
void repair_segment(std::string& folded);

} // namespace weir::fuzz
