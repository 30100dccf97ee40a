// What a footer says of bands and their pages, and the parts of it that zones have, too.
//
// Threading: pure functions; what takes apart is safe on any bytes.
#pragma once

#include "segments/block_source.hpp"
#include "segments/bytes.hpp"
#include "segments/footer.hpp"

#include <cstddef>
#include <string>

namespace weir::segments {

void append_block(std::string& out, const BlockRef& block);
[[nodiscard]] BlockRef take_block(ByteSource& bytes, BlockKind kind);

/// Bounds of rows, but for those of sequences, and their types.
void append_bounds(std::string& out, const ZoneMeta& zone);
/// False if `bytes` are none of a segment with so many types.
[[nodiscard]] bool take_bounds(ByteSource& bytes, std::size_t types, ZoneMeta& zone);

void append_bands(std::string& out, const Footer& footer);
/// Into `footer`, whose zones are there; `source` ends where the footer begins. False if they contradict these or
/// themselves: there are none, or they hold all zones; each lies behind its last zone, where nothing else does.
[[nodiscard]] bool take_bands(ByteSource& bytes, const BlockSource& source, Footer& footer);

} // namespace weir::segments
