// Integers of 128 bits, which both compilers have and the standard has not.
#pragma once

namespace weir::query {

__extension__ using Int128 = __int128;
__extension__ using Uint128 = unsigned __int128;

/// Right for the lowest value, too.
[[nodiscard]] constexpr Uint128 absolute(Int128 value) noexcept {
  return value < 0 ? -static_cast<Uint128>(value) : static_cast<Uint128>(value);
}

} // namespace weir::query
