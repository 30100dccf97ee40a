// A text that grows where it is encoded: with room in front for a dictionary, and zeros behind.
//
// Purpose: the strings of a block are copied once, out of the memtable; their fields are read here, and the text code
// finds them and its dictionary side by side. Owner: whoever collects a block; one thread. Invariants: back_bytes zeros
// follow the text; the bytes in front of it are those of the encoder that was here last.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

namespace weir::segments {

class TextRoom {
public:
  static constexpr std::size_t back_bytes = 64;
  /// Readable before the dictionary, whatever is there.
  static constexpr std::size_t margin_bytes = 16;

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  /// Valid until the next text is appended.
  [[nodiscard]] std::string_view text() const noexcept { return {begin(), size_}; }
  void clear() noexcept { size_ = 0; }

  /// Where it is now, followed by zeros; valid until the next one.
  std::string_view append(std::string_view text) {
    if (capacity_ - size_ < text.size() + back_bytes)
      make_room(front_bytes_, size_ + text.size() + back_bytes);
    char* const to = bytes_.get() + margin_bytes + front_bytes_ + size_;
    std::copy(text.begin(), text.end(), to);
    std::memset(to + text.size(), 0, back_bytes);
    size_ += text.size();
    return {to, text.size()};
  }

  /// Puts `dictionary` in front of the text, unless the one with this number is there; where it begins. Numbers are
  /// never 0, and no two dictionaries have the same.
  const char* with_dictionary(std::string_view dictionary, std::uint64_t number) {
    if (front_bytes_ < dictionary.size() || !bytes_)
      make_room(dictionary.size(), std::max(capacity_, size_ + back_bytes));
    char* const to = bytes_.get() + margin_bytes + front_bytes_ - dictionary.size();
    if (dictionary_ != number) {
      std::copy(dictionary.begin(), dictionary.end(), to);
      dictionary_ = number;
    }
    return to;
  }

private:
  [[nodiscard]] const char* begin() const noexcept { return bytes_.get() + margin_bytes + front_bytes_; }

  void make_room(std::size_t front_bytes, std::size_t capacity) {
    capacity = std::max(capacity, 2 * capacity_);
    auto bytes = std::make_unique<char[]>(margin_bytes + front_bytes + capacity);
    if (bytes_)
      std::memcpy(bytes.get() + margin_bytes + front_bytes, begin(), size_);
    bytes_ = std::move(bytes);
    front_bytes_ = front_bytes;
    capacity_ = capacity;
    dictionary_ = 0;
  }

  std::unique_ptr<char[]> bytes_;
  std::size_t front_bytes_ = 0; ///< Before the text, for a dictionary.
  std::size_t capacity_ = 0;    ///< Of the text and what follows it.
  std::size_t size_ = 0;
  std::uint64_t dictionary_ = 0; ///< Number of the one in front.
};

} // namespace weir::segments
