// Different texts, numbered as they come.
//
// Purpose: the strings of a field in one zone become codes while the zone is written; memory is kept from zone to zone.
// Threading: plain value. Invariants: a text has one code; codes count up from 0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::segments {

class TextTable {
public:
  /// How many there are, and their bytes together.
  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_.size(); }
  /// Precondition: code < size(). Valid until the next text is added.
  [[nodiscard]] std::string_view text(std::uint32_t code) const noexcept {
    const Entry& entry = entries_[code];
    return {bytes_.data() + entry.offset, entry.size};
  }
  [[nodiscard]] std::uint64_t hash(std::uint32_t code) const noexcept { return entries_[code].hash; }

  /// The code of `text`, whose hash is `hash`; a new one if it was not there. Precondition: all bytes together are
  /// fewer than 2^32.
  std::uint32_t code_of(std::string_view text, std::uint64_t hash);
  void clear() noexcept;

private:
  struct Entry {
    std::uint64_t hash;
    std::uint32_t offset, size;
  };
  void grow();

  std::vector<std::uint32_t> slots_; ///< Code + 1 by hash, 0 where none is; a power of two of them.
  std::vector<Entry> entries_;
  std::string bytes_;
};

} // namespace weir::segments
