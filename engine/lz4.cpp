#include "engine/lz4.hpp"

#include <lz4.h>

#include <algorithm>

namespace weir::lz4 {
namespace {

static_assert(raw_bytes_max == LZ4_MAX_INPUT_SIZE);

/// LZ4 counts in int: of more than it can fill or read nothing is offered to it.
int to_int(std::size_t bytes) noexcept {
  return static_cast<int>(std::min(bytes, std::size_t{INT32_MAX}));
}

} // namespace

std::size_t block_bytes_max(std::size_t raw_bytes) noexcept {
  return static_cast<std::size_t>(LZ4_compressBound(to_int(raw_bytes)));
}

std::size_t compress(std::string_view raw, std::span<char> out, int acceleration) noexcept {
  return static_cast<std::size_t>(
      LZ4_compress_fast(raw.data(), out.data(), to_int(raw.size()), to_int(out.size()), acceleration));
}

bool decompress(std::string_view block, std::span<char> out) noexcept {
  const int size = LZ4_decompress_safe(block.data(), out.data(), to_int(block.size()), to_int(out.size()));
  return size >= 0 && static_cast<std::size_t>(size) == out.size();
}

} // namespace weir::lz4
