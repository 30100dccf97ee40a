// A blocked Bloom filter: "certainly not here" for contexts and event ids.
//
// Purpose: most segments do not hold a given context; one cache line of a filter says so. Format:
// docs/formats/segment.md, "Filters".
// Threading: the builder is for one thread; the rest are pure functions.
// Invariants: no false negatives.
#pragma once

#include "segments/format.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace weir::segments {

/// Hash of a context in the filter and of an event id of a context.
[[nodiscard]] std::uint64_t context_filter_hash(std::string_view context_id, std::uint64_t identity) noexcept;
[[nodiscard]] std::uint64_t event_id_filter_hash(std::string_view context_id, std::string_view event_id,
                                                 std::uint64_t identity) noexcept;

/// Where a filter is and what it looks like; 0 lines: it holds no key.
struct FilterShape {
  std::uint64_t offset = 0;
  std::uint32_t lines = 0;
  std::uint8_t probes = 0;

  [[nodiscard]] std::uint32_t line_of(std::uint64_t hash) const noexcept {
    return static_cast<std::uint32_t>(((hash >> 32) * lines) >> 32);
  }
  [[nodiscard]] std::size_t blocks() const noexcept {
    return (lines + filter_lines_per_block - 1) / filter_lines_per_block;
  }
  /// Block `number` of the filter. Precondition: number < blocks().
  [[nodiscard]] BlockRef block(std::size_t number, BlockKind kind) const noexcept;
};

/// The filter's lines for these keys, and its shape (without a place).
struct BuiltFilter {
  FilterShape shape;
  std::string lines;
};
[[nodiscard]] BuiltFilter build_filter(std::span<const std::uint64_t> hashes, std::uint32_t bits_per_key);

/// Whether a key with this hash may have been added; `line` are the filter_line_bytes of its line.
[[nodiscard]] bool line_may_hold(std::string_view line, std::uint64_t hash, std::uint8_t probes) noexcept;

} // namespace weir::segments
