// How many bits are set.
//
// Purpose: counting rows is a part of every zone's scan, and the baseline has no instruction for it.
// Threading: a pure function.
#pragma once

#include <cstdint>
#include <span>

namespace weir {

[[nodiscard]] std::uint64_t count_bits(std::span<const std::uint64_t> words) noexcept;

} // namespace weir
