// Context to shard, the same for ever.
//
// Purpose: promise P5. XXH3-64 of the context id with the directory's random seed; if the id contains `{...}` with text
// inside, only the text inside the first braces counts, so that a caller can keep contexts together.
// Threading: immutable.
#pragma once

#include <weir/event.hpp>

#include <cstdint>
#include <string_view>

namespace weir {

/// The part of the id that decides placement: the text inside the first `{` and the next `}`, if there is any, else
/// all.
[[nodiscard]] std::string_view placement_key(std::string_view context_id) noexcept;

class ShardRouter {
public:
  /// Precondition: shards >= 1.
  ShardRouter(std::uint32_t shards, std::uint64_t directory_seed) noexcept;
  [[nodiscard]] ShardId shard_of(std::string_view context_id) const noexcept;

private:
  std::uint32_t shards_;
  std::uint64_t seed_;
};

} // namespace weir
