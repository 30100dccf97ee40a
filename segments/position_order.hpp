// The rows of a segment in the order of their positions.
//
// Purpose: what the position order of a new segment is made of. Threading: pure function.
#pragma once

#include <weir/event.hpp>
#include <weir/result.hpp>

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <span>
#include <vector>

namespace weir::segments {

/// Bytes a row that rows_by_position() asks `memory` for at most.
inline constexpr std::size_t position_order_scratch_bytes = 8;

/// Row numbers by ascending position; `positions` are by row, fewer than 2^32 - 1. Takes `memory` only while it works.
/// Errors: `invalid_argument` if two rows have the same position.
Result<std::vector<std::uint32_t>> rows_by_position(std::span<const Position> positions,
                                                    std::pmr::memory_resource& memory);

} // namespace weir::segments
