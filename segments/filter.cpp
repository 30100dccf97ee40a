#include "segments/filter.hpp"

#include "engine/hash.hpp"
#include "engine/sabotage.hpp"

#include <algorithm>

namespace weir::segments {
namespace {

constexpr std::uint64_t line_bits = filter_line_bytes * 8;

/// Calls `visit(byte, mask)` for every bit of the key's line; stops when it returns false.
template <class Visit> bool each_bit(std::uint64_t hash, std::uint8_t probes, Visit visit) {
  // The high half of the hash chose the line; the product spreads the rest over all nine-bit pieces.
  std::uint64_t pieces = hash * 0x9E3779B97F4A7C15ULL;
  for (unsigned i = 0; i < probes; ++i, pieces >>= 9) {
    const auto bit = static_cast<std::size_t>(pieces % line_bits);
    if (!visit(bit / 8, static_cast<unsigned char>(1u << (bit % 8))))
      return false;
  }
  return true;
}

} // namespace

std::uint64_t context_filter_hash(std::string_view context_id, std::uint64_t identity) noexcept {
  return hash64(context_id, identity);
}

std::uint64_t event_id_filter_hash(std::string_view context_id, std::string_view event_id,
                                   std::uint64_t identity) noexcept {
  return hash64(event_id, hash64(context_id, identity));
}

BlockRef FilterShape::block(std::size_t number, BlockKind kind) const noexcept {
  const std::uint64_t stride = block_header_bytes + filter_lines_per_block * filter_line_bytes;
  const std::size_t in_block = std::min<std::size_t>(filter_lines_per_block, lines - number * filter_lines_per_block);
  return {offset + number * stride, static_cast<std::uint32_t>(in_block * filter_line_bytes), kind};
}

BuiltFilter build_filter(std::span<const std::uint64_t> hashes, std::uint32_t bits_per_key) {
  BuiltFilter filter;
  if (hashes.empty())
    return filter;
  const std::uint64_t bits = std::uint64_t{hashes.size()} * std::max(bits_per_key, 1u);
  filter.shape.lines =
      static_cast<std::uint32_t>(std::min<std::uint64_t>((bits + line_bits - 1) / line_bits, UINT32_MAX));
  // bits per key · ln 2 probes give the fewest false positives.
  filter.shape.probes = static_cast<std::uint8_t>(
      std::clamp<std::uint64_t>(std::uint64_t{bits_per_key} * 69 / 100, 1, filter_probes_max));
  filter.lines.resize(filter.shape.lines * filter_line_bytes);
  for (const std::uint64_t hash : hashes) {
    char* const line = filter.lines.data() + std::size_t{filter.shape.line_of(hash)} * filter_line_bytes;
    each_bit(hash, filter.shape.probes, [line](std::size_t byte, unsigned char mask) {
      line[byte] = static_cast<char>(static_cast<unsigned char>(line[byte]) | mask);
      return true;
    });
  }
  return filter;
}

bool line_may_hold(std::string_view line, std::uint64_t hash, std::uint8_t probes) noexcept {
  if (sabotaged(Sabotage::filter_misses_keys) && hash % 8 == 0)
    return false;
  return each_bit(hash, probes, [line](std::size_t byte, unsigned char mask) {
    return (static_cast<unsigned char>(line[byte]) & mask) != 0;
  });
}

} // namespace weir::segments
