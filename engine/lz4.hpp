// The one door to LZ4: a run of bytes as one LZ4 block, and back.
//
// Purpose: blocks of segments and groups of the log. A block carries neither its length nor a checksum; whoever stores
// one keeps both. Threading: pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace weir::lz4 {

inline constexpr std::size_t raw_bytes_max = 0x7E00'0000;
/// A block of n bytes decodes to at most this many times n: tells absurd lengths before a buffer is allocated.
inline constexpr std::uint64_t ratio_max = 255;

/// The longest block that `raw_bytes` bytes can become. Precondition: raw_bytes <= raw_bytes_max.
[[nodiscard]] std::size_t block_bytes_max(std::size_t raw_bytes) noexcept;

/// Writes `raw` as a block to `out` and returns its length; 0 if it would be longer than `out` (then `out` holds
/// garbage). A higher `acceleration` (1 and up) looks at fewer places: less time, a longer block. Precondition:
/// raw.size() <= raw_bytes_max.
[[nodiscard]] std::size_t compress(std::string_view raw, std::span<char> out, int acceleration) noexcept;

/// Decodes a block into exactly `out`; false if that is not what it decodes to. Safe on any bytes; `out` may hold
/// garbage afterwards.
[[nodiscard]] bool decompress(std::string_view block, std::span<char> out) noexcept;

} // namespace weir::lz4
