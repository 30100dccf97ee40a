// The one door to xxHash.
//
// Purpose: XXH3 for checksums, placement and filters. Checksums are seeded with a file's identity and an offset, so
// bytes of another file, another life of a recycled file or another place never pass. Threading: pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weir {

/// XXH3-64 of `size` bytes at `data`.
[[nodiscard]] std::uint64_t hash64(const void* data, std::size_t size, std::uint64_t seed) noexcept;
[[nodiscard]] inline std::uint64_t hash64(std::string_view text, std::uint64_t seed) noexcept {
  return hash64(text.data(), text.size(), seed);
}

struct Hash128 {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  friend bool operator==(const Hash128&, const Hash128&) = default;
};
/// XXH3-128 of `text`.
[[nodiscard]] Hash128 hash128(std::string_view text, std::uint64_t seed) noexcept;

/// Stands for an event id of a context in memory; `context_hash` is that of the context, with any seed.
[[nodiscard]] inline std::uint64_t event_id_hash(std::uint64_t context_hash, std::string_view event_id) noexcept {
  return hash64(event_id, context_hash);
}

/// Seed of a checksum at `offset` of the file with identity `file_identity`.
[[nodiscard]] constexpr std::uint64_t checksum_seed(std::uint64_t file_identity, std::uint64_t offset) noexcept {
  // The odd multiplier (golden ratio) spreads offsets over all bits, so identity and offset cannot cancel out.
  return file_identity ^ (offset * 0x9E3779B97F4A7C15ULL + 0x632BE59BD9B4E019ULL);
}

/// Identity of file `number` of `shard` in the directory with `directory_seed`; `kind` keeps WAL and segments apart.
[[nodiscard]] std::uint64_t file_identity(std::uint64_t directory_seed, std::uint32_t kind, std::uint32_t shard,
                                          std::uint64_t number) noexcept;

} // namespace weir
