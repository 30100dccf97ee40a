// Little-endian integers and varints in byte strings.
//
// Purpose: the writer appends with ByteSink, the reader takes apart with ByteSource, which checks every length: bytes
// come from disk.
// Threading: plain values.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace weir::segments {

template <class Integer> [[nodiscard]] inline Integer load(const void* at) noexcept {
  Integer value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

/// Whether two texts are equal: for short ones, of which the next is as a rule like the last, quicker than a call.
[[nodiscard]] inline bool same_text(std::string_view a, std::string_view b) noexcept {
  constexpr std::size_t word_bytes = sizeof(std::uint64_t);
  if (a.size() != b.size())
    return false;
  if (a.size() < word_bytes || a.size() > 4 * word_bytes)
    return a == b;
  std::uint64_t differ = 0;
  for (std::size_t at = 0; at + word_bytes < a.size(); at += word_bytes)
    differ |= load<std::uint64_t>(a.data() + at) ^ load<std::uint64_t>(b.data() + at);
  const std::size_t last = a.size() - word_bytes;
  return (differ | (load<std::uint64_t>(a.data() + last) ^ load<std::uint64_t>(b.data() + last))) == 0;
}

template <class Integer> inline void append_integer(std::string& out, Integer value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof value);
}

inline void append_varint(std::string& out, std::uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

inline void append_text(std::string& out, std::string_view text) {
  append_varint(out, text.size());
  out.append(text);
}

[[nodiscard]] inline std::string_view as_text(std::span<const std::byte> bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

[[nodiscard]] inline std::span<const std::byte> as_bytes(std::string_view text) noexcept {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

/// Takes values from the front. The first one that does not fit makes the source fail for good; values taken after
/// that are 0 or empty, so a run of takes needs one check.
class ByteSource {
public:
  explicit ByteSource(std::string_view bytes) noexcept : rest_(bytes) {}

  [[nodiscard]] bool ok() const noexcept { return ok_; }
  [[nodiscard]] std::size_t left() const noexcept { return rest_.size(); }

  /// Whether the next byte is there, and this one.
  [[nodiscard]] bool next_is(char byte) const noexcept { return rest_.starts_with(byte); }

  template <class Integer> Integer take() noexcept {
    if (rest_.size() < sizeof(Integer))
      return fail(), Integer{};
    const auto value = load<Integer>(rest_.data());
    rest_.remove_prefix(sizeof(Integer));
    return value;
  }

  std::uint64_t take_varint() noexcept {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      if (shift == 63 && byte > 1)
        break;
      value |= std::uint64_t{byte & 0x7Fu} << shift;
      if (byte < 0x80)
        return value;
    }
    return fail(), 0;
  }

  std::string_view take_bytes(std::uint64_t size) noexcept {
    if (rest_.size() < size)
      return fail(), std::string_view{};
    const std::string_view bytes = rest_.substr(0, static_cast<std::size_t>(size));
    rest_.remove_prefix(static_cast<std::size_t>(size));
    return bytes;
  }

  std::string_view take_text() noexcept { return take_bytes(take_varint()); }

private:
  void fail() noexcept {
    ok_ = false;
    rest_ = {};
  }
  std::string_view rest_;
  bool ok_ = true;
};

} // namespace weir::segments
