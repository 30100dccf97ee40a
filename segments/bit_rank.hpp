// Bits of a bitmap: set, and moved together and apart by the ones of another one.
//
// Purpose: a column keeps the values of the rows that have one, one behind the other; these lead from rows to the
// places of their values and back, 64 rows at a time. Threading: pure functions.
#pragma once

#include "engine/columns.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace weir::segments {

/// Bit `first` + k of `out`: that of `bits` at the k-th one of `mask`; others are 0. Preconditions: `bits` and `mask`
/// are of one size, and `out` has room for as many bits behind `first` as `mask` has ones.
void gather_bits(RowWords bits, RowWords mask, std::size_t first, std::span<std::uint64_t> out) noexcept;

/// The way back: adds bit `first` + k of `bits` to `out` at the k-th one of `mask`, if that is one of `wanted`.
/// Preconditions: `mask`, `wanted` and `out` are of one size, and `bits` has as many bits behind `first` as `mask` has
/// ones.
void scatter_bits(RowWords bits, std::size_t first, RowWords mask, RowWords wanted,
                  std::span<std::uint64_t> out) noexcept;

/// Adds the bits of these numbers. Precondition: `out` has them.
void set_bits(std::span<const std::uint32_t> numbers, std::span<std::uint64_t> out) noexcept;

/// Adds what is in both `a` and `b`. Precondition: all are of one size.
void add_both(std::span<std::uint64_t> out, RowWords a, RowWords b) noexcept;

} // namespace weir::segments
