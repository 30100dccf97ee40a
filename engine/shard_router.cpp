#include "engine/shard_router.hpp"

#include "engine/check.hpp"
#include "engine/hash.hpp"
#include "engine/sabotage.hpp"

namespace weir {

std::string_view placement_key(std::string_view context_id) noexcept {
  const std::size_t open = context_id.find('{');
  if (open == std::string_view::npos)
    return context_id;
  const std::size_t close = context_id.find('}', open + 1);
  if (close == std::string_view::npos || close == open + 1)
    return context_id;
  return context_id.substr(open + 1, close - open - 1);
}

ShardRouter::ShardRouter(std::uint32_t shards, std::uint64_t directory_seed) noexcept
    : shards_(shards), seed_(directory_seed) {
  WEIR_CHECK(shards >= 1);
}

ShardId ShardRouter::shard_of(std::string_view context_id) const noexcept {
  return static_cast<ShardId>(
      hash64(sabotaged(Sabotage::route_by_whole_id) ? context_id : placement_key(context_id), seed_) % shards_);
}

} // namespace weir
