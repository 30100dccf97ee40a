// Values as bytes, packed one behind the other.
//
// Purpose: of very many events only some values are kept, in a fraction of what a Value takes.
// Threading: pure functions; PackedValues has one owner, and any number of readers once it is complete.
#pragma once

#include "engine/query/compare.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::query {

/// Appends `value` as bytes that unpack() reads. Bytes of two normalized values are equal exactly if the values are.
void pack(std::string& out, const ValueView& value);
/// Reads one value from `at` on and moves behind it. Precondition: pack() wrote it. The view points into the bytes.
[[nodiscard]] ValueView unpack(const char*& at) noexcept;

/// Packed values of many events, those of one side by side. It grows in small steps: what is there is not moved, and no
/// more room is taken than is used.
class PackedValues {
public:
  /// Where `packed`, the values of an event, are from now on: below 2^40 for less than half a tebibyte of them.
  [[nodiscard]] std::uint64_t add(std::string_view packed) {
    if (blocks_.empty() || blocks_.back().size() + packed.size() >= block_bytes)
      blocks_.emplace_back();
    const std::uint64_t place = std::uint64_t{blocks_.size() - 1} << block_bits | blocks_.back().size();
    blocks_.back() += packed;
    bytes_ += packed.size();
    return place;
  }
  /// Precondition: add() gave `place`.
  [[nodiscard]] const char* at(std::uint64_t place) const noexcept {
    return blocks_[place >> block_bits].data() + (place & (block_bytes - 1));
  }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }

private:
  static constexpr unsigned block_bits = 20;
  static constexpr std::size_t block_bytes = std::size_t{1} << block_bits;

  std::vector<std::string> blocks_; ///< Longer ones have the values of one event alone.
  std::uint64_t bytes_ = 0;
};

} // namespace weir::query
