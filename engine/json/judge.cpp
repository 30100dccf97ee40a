#include "engine/json/judge.hpp"

#include "engine/json/sax.hpp"
#include "engine/json/scan.hpp"
#include "engine/validate.hpp"

#include <weir/limits.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

namespace weir::json::detail {
namespace {

// Behind the text: enough for the longest load from its last byte.
constexpr std::size_t padding_bytes = 32;

/// A copy of a text, followed by zeros: no step of the pass has to know where the text ends.
class PaddedText {
public:
  const char* copy(std::string_view text) {
    if (room_bytes_ < text.size() + padding_bytes) {
      room_bytes_ = std::max<std::size_t>(text.size() + padding_bytes, 4096);
      room_ = std::make_unique_for_overwrite<char[]>(room_bytes_);
    }
    // All bytes pass by here anyway: whether one is above ASCII is known when the copy is made.
    constexpr std::size_t step = 4 * sizeof(std::uint64_t);
    static_assert(step == padding_bytes);
    std::uint64_t seen = 0;
    std::size_t at = 0;
    for (; at + step <= text.size(); at += step)
      seen |= copy_words(text.data() + at, room_.get() + at);
    char* const rest = room_.get() + at;
    std::memset(room_.get() + text.size(), 0, padding_bytes);
    std::memcpy(rest, text.data() + at, text.size() - at);
    for (std::size_t i = 0; i < step; i += sizeof seen)
      seen |= load<std::uint64_t>(rest + i);
    ascii_ = (seen & 0x8080808080808080ULL) == 0;
    return room_.get();
  }
  /// Whether the text that was copied last is nothing but ASCII.
  [[nodiscard]] bool ascii() const noexcept { return ascii_; }
  /// One huge document does not stay in memory once per thread.
  void trim() noexcept {
    if (room_bytes_ <= scratch_bytes_kept)
      return;
    room_.reset();
    room_bytes_ = 0;
  }

private:
  /// All bits of the four words from `from` on, which are copied.
  static std::uint64_t copy_words(const char* from, char* to) noexcept {
    std::uint64_t words[4];
    std::memcpy(words, from, sizeof words);
    std::memcpy(to, words, sizeof words);
    return words[0] | words[1] | words[2] | words[3];
  }

  std::unique_ptr<char[]> room_;
  std::size_t room_bytes_ = 0;
  bool ascii_ = false;
};

/// Reads values one after the other. Each step takes the text from `p` on and returns where it ends; null: not sure.
class Judge {
public:
  const char* object(const char* p, std::size_t depth) {
    if (depth > limits::json_depth_max)
      return nullptr;
    p = skip_space(p);
    if (*p == '}')
      return p + 1;
    const std::size_t first = key_count_;
    std::uint64_t seen = 0;
    while (true) {
      if (*p != '"')
        return nullptr;
      const char* const key = p + 1;
      p = plain_end(key);
      if (*p != '"' || !add_key(key, static_cast<std::size_t>(p - key), first, seen))
        return nullptr;
      p = skip_space(p + 1);
      if (*p != ':')
        return nullptr;
      p = value(skip_space(p + 1), depth);
      if (p == nullptr)
        return nullptr;
      p = skip_space(p);
      if (*p == '}') {
        key_count_ = first;
        return p + 1;
      }
      if (*p != ',')
        return nullptr;
      p = skip_space(p + 1);
    }
  }

private:
  struct Key {
    const char* at;
    std::size_t bytes;
    std::uint64_t begin; ///< Its first eight bytes, as many as it has.
  };
  // Of all objects that are open. Each new one may be compared with all others of its object.
  static constexpr std::size_t keys_max = 128;

  /// False: the object has the key already, or there are too many. `seen` has a bit for each key's hash.
  bool add_key(const char* at, std::size_t bytes, std::size_t first, std::uint64_t& seen) {
    if (key_count_ == keys_max)
      return false;
    const auto word = load<std::uint64_t>(at);
    const std::uint64_t begin = bytes >= sizeof word ? word : word & ((std::uint64_t{1} << 8 * bytes) - 1);
    const std::uint64_t bit = std::uint64_t{1} << ((begin + bytes) * 0x9E3779B97F4A7C15ULL >> 58);
    if ((seen & bit) != 0)
      for (std::size_t i = first; i < key_count_; ++i)
        if (keys_[i].begin == begin && keys_[i].bytes == bytes && std::memcmp(keys_[i].at, at, bytes) == 0)
          return false;
    seen |= bit;
    keys_[key_count_++] = {at, bytes, begin};
    return true;
  }

  const char* value(const char* p, std::size_t depth) {
    if (++members_ > limits::json_members_max)
      return nullptr;
    switch (*p) {
    case '"': return string(p + 1);
    case '{': return object(p + 1, depth + 1);
    case '[': return array(p + 1, depth + 1);
    case 't': return load<std::uint32_t>(p) == load<std::uint32_t>("true") ? p + 4 : nullptr;
    case 'f': return load<std::uint32_t>(p + 1) == load<std::uint32_t>("alse") ? p + 5 : nullptr;
    case 'n': return load<std::uint32_t>(p) == load<std::uint32_t>("null") ? p + 4 : nullptr;
    default: return number(p);
    }
  }

  const char* array(const char* p, std::size_t depth) {
    if (depth > limits::json_depth_max)
      return nullptr;
    p = skip_space(p);
    if (*p == ']')
      return p + 1;
    while (true) {
      p = value(p, depth);
      if (p == nullptr)
        return nullptr;
      p = skip_space(p);
      if (*p == ']')
        return p + 1;
      if (*p != ',')
        return nullptr;
      p = skip_space(p + 1);
    }
  }

  static const char* string(const char* p) {
    for (p = plain_end(p); *p != '"'; p = plain_end(p)) {
      p = *p == '\\' ? escape(p + 1) : nullptr;
      if (p == nullptr)
        return nullptr;
    }
    return p + 1;
  }

  static const char* escape(const char* p) {
    switch (*p) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't': return p + 1;
    case 'u': break;
    default: return nullptr;
    }
    const int unit = hex4(p + 1);
    if (unit < 0 || (unit >= 0xDC00 && unit <= 0xDFFF))
      return nullptr;
    p += 5;
    if (unit < 0xD800 || unit > 0xDBFF)
      return p;
    const int low = p[0] == '\\' && p[1] == 'u' ? hex4(p + 2) : -1;
    return low >= 0xDC00 && low <= 0xDFFF ? p + 6 : nullptr;
  }

  static const char* number(const char* const begin) {
    const char* p = begin + (*begin == '-' ? 1 : 0);
    if (!is_digit(*p))
      return nullptr;
    p = *p == '0' ? p + 1 : digits_end(p);
    if (*p == '.') {
      if (!is_digit(*++p))
        return nullptr;
      p = digits_end(p);
    }
    bool has_exponent = false;
    if (*p == 'e' || *p == 'E') {
      has_exponent = true;
      ++p;
      if (*p == '+' || *p == '-')
        ++p;
      if (!is_digit(*p))
        return nullptr;
      p = digits_end(p);
    }
    const auto chars = static_cast<std::size_t>(p - begin);
    return chars <= limits::json_number_chars_max && (!has_exponent || finite({begin, chars})) ? p : nullptr;
  }

  static const char* digits_end(const char* p) noexcept {
    while (is_digit(*p))
      ++p;
    return p;
  }

  std::array<Key, keys_max> keys_;
  std::size_t key_count_ = 0;
  std::size_t members_ = 0;
};

} // namespace

bool surely_object(std::string_view text) {
  if (text.empty()) // it may point nowhere
    return false;
  thread_local PaddedText padded;
  const char* const begin = padded.copy(text);
  if (!padded.ascii() && !valid_utf8(text))
    return false;
  const char* p = skip_space(begin);
  Judge judge;
  p = *p == '{' ? judge.object(p + 1, 1) : nullptr;
  const bool sure = p != nullptr && skip_space(p) == begin + text.size();
  padded.trim();
  return sure;
}

} // namespace weir::json::detail
