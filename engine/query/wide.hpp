// Integers of 128 bits, which both compilers have and the standard has not.
#pragma once

namespace weir::query {

__extension__ using Int128 = __int128;
__extension__ using Uint128 = unsigned __int128;

} // namespace weir::query
