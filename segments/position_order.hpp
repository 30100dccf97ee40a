// The rows of a segment in the order of their positions.
//
// Purpose: what the position order of a new segment is made of, and its blocks. Threading: pure functions.
#pragma once

#include <weir/event.hpp>
#include <weir/result.hpp>

#include "segments/block_source.hpp"
#include "segments/footer.hpp"

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <span>
#include <string_view>
#include <vector>

namespace weir::segments {

/// Bytes a row that rows_by_position() asks `memory` for at most.
inline constexpr std::size_t position_order_scratch_bytes = 8;

/// Row numbers by ascending position; `positions` are by row, fewer than 2^32 - 1. Takes `memory` only while it works.
/// Errors: `invalid_argument` if two rows have the same position.
Result<std::vector<std::uint32_t>> rows_by_position(std::span<const Position> positions,
                                                    std::pmr::memory_resource& memory);

inline constexpr std::string_view order_is_wrong = "the position order is wrong";

/// Block `number` of the position order: packed row numbers, as many as there must be. Precondition: there is such a
/// block. Errors: those of reading; `corruption` if its size is wrong.
Result<BlockPtr> read_order_block(const BlockSource& source, const Footer& footer, std::size_t number);

} // namespace weir::segments
