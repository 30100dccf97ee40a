#include "engine/hash.hpp"

#include "engine/sabotage.hpp"
#include "engine/stream_hash.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace weir {

std::uint64_t hash64(const void* data, std::size_t size, std::uint64_t seed) noexcept {
  return XXH3_64bits_withSeed(data, size, seed);
}

Hash128 hash128(std::string_view text, std::uint64_t seed) noexcept {
  const XXH128_hash_t hash = XXH3_128bits_withSeed(text.data(), text.size(), seed);
  return {hash.low64, hash.high64};
}

struct StreamHash::State {
  XXH3_state_t state;
};

StreamHash::StreamHash() : state_(std::make_unique<State>()) {
  XXH3_128bits_reset(&state_->state);
}

StreamHash::~StreamHash() = default;

void StreamHash::add(std::span<const std::byte> bytes) noexcept {
  XXH3_128bits_update(&state_->state, bytes.data(), bytes.size());
}

Hash128 StreamHash::value() const noexcept {
  const XXH128_hash_t hash = XXH3_128bits_digest(&state_->state);
  return {hash.low64, hash.high64};
}

std::uint64_t file_identity(std::uint64_t directory_seed, std::uint32_t kind, std::uint32_t shard,
                            std::uint64_t number) noexcept {
  const std::uint64_t words[3] = {kind, shard, sabotaged(Sabotage::same_identity_for_all_files) ? 0 : number};
  return XXH3_64bits_withSeed(words, sizeof words, directory_seed);
}

} // namespace weir
