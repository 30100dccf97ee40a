// Rows of a segment by position: what readers of the event queue get.
//
// Purpose: rows lie in the order of their contexts, so those that follow each other in position are all over the file.
// Everything that is wanted is decoded in one go from front to back, and the stored permutation gives the order
// afterwards. Threading: a pure function of immutable things. Invariants: the rows of a run are those of the range, all
// of them and each once; memory stays within the bounds but for a block of strings or two, the rest of a slab for each
// thread, and while it works 4 bytes for each row of the segment and of the run.
#pragma once

#include <weir/result.hpp>

#include "engine/ports.hpp"
#include "segments/block_source.hpp"
#include "segments/footer.hpp"

#include <memory>

namespace weir::segments {

/// See SegmentReader::read_positions. Errors: `corruption`, `unsupported`, `io_error`.
Result<std::shared_ptr<const PositionRun>> read_position_run(const BlockSource& source,
                                                             std::shared_ptr<const Footer> footer,
                                                             const PositionRange& range, const ReadBounds& bounds,
                                                             const WithHelp& help = {});

} // namespace weir::segments
