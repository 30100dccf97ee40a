// Different texts, numbered as they come.
//
// Purpose: the strings of a field in one zone become codes while the zone is written; memory is kept from zone to zone.
// Most strings are short: these are compared and found as two words, without a look at the text that is kept.
// Threading: plain value. Invariants: a text has one code; codes count up from 0.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace weir::segments {

class TextTable {
public:
  /// So many bytes behind the begin of a text are readable, however short it is.
  static constexpr std::size_t text_padding_bytes = 16;

  /// How many there are, and their bytes together.
  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_.size(); }
  /// Precondition: code < size(). Valid until the next text is added.
  [[nodiscard]] std::string_view text(std::uint32_t code) const noexcept {
    const Entry& entry = entries_[code];
    return {bytes_.data() + entry.offset, entry.size};
  }

  /// The code of `text`; a new one if it was not there. Precondition: all bytes together are fewer than 2^32, and
  /// text_padding_bytes are readable at its begin.
  std::uint32_t code_of(std::string_view text) {
    const Key key = key_of(text);
    const std::size_t mask = slots_.size() - 1; // none: all bits
    for (std::size_t at = place_of(key) & mask; at < slots_.size(); at = (at + 1) & mask) {
      const Slot& slot = slots_[at];
      if (slot.size == 0)
        break;
      if (slot.key.first == key.first && slot.key.second == key.second && slot.size == text.size() + 1 &&
          (text.size() <= short_bytes || this->text(slot.code) == text))
        return slot.code;
    }
    return add(text, key);
  }
  void clear() noexcept;

private:
  static constexpr std::size_t short_bytes = 16;
  /// Bytes that count, then bytes that do not.
  static constexpr auto masks = [] {
    std::array<char, 2 * short_bytes> bytes{};
    std::fill_n(bytes.begin(), short_bytes, '\xFF');
    return bytes;
  }();

  /// A short text itself, with zeros behind it; of a long one the hash.
  struct Key {
    std::uint64_t first = 0, second = 0;
  };
  struct Slot {
    Key key;
    std::uint32_t code = 0;
    std::uint32_t size = 0; ///< Of the text, and one more; 0: nothing is here.
  };
  struct Entry {
    std::uint32_t offset, size;
    Key key;
  };

  static Key key_of(std::string_view text) noexcept {
    if (text.size() > short_bytes)
      return key_of_long(text);
    std::uint64_t first = 0, second = 0;
    std::memcpy(&first, text.data(), sizeof first);
    std::memcpy(&second, text.data() + sizeof first, sizeof second);
    const char* const mask = masks.data() + (short_bytes - text.size());
    std::uint64_t first_mask = 0, second_mask = 0;
    std::memcpy(&first_mask, mask, sizeof first_mask);
    std::memcpy(&second_mask, mask + sizeof first_mask, sizeof second_mask);
    return {first & first_mask, second & second_mask};
  }
  static Key key_of_long(std::string_view text) noexcept;
  static std::size_t place_of(const Key& key) noexcept {
    const std::uint64_t mixed = (key.first ^ key.second * 0xC2B2AE3D27D4EB4FULL) * 0x9E3779B97F4A7C15ULL;
    return static_cast<std::size_t>(mixed >> 32);
  }
  std::uint32_t add(std::string_view text, const Key& key);
  void put(std::uint32_t code) noexcept;
  void grow();

  std::vector<Slot> slots_; ///< A power of two of them, or none.
  std::vector<Entry> entries_;
  std::string bytes_;
};

} // namespace weir::segments
