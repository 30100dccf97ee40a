// Text as literals and copies: the code of a segment's strings.
//
// Purpose: a replay decodes what it reads, so decoding has to cost hardly more than fetching decoded text from memory.
// LZ4 spends most of its time there on branches nobody can predict: its lengths and offsets vary in size. Here all
// sequences have one size, literals, lengths and offsets lie apart, and a copy is 64 bytes long whatever its length: a
// decoder runs through without such branches. A dictionary, the same for a whole file, says what events look like, so
// that small blocks need not say it again. Format: docs/formats/segment.md, "Text code".
// Threading: an encoder is for one thread; a dictionary is constant once made; decoding is a pure function, safe on any
// bytes.
#pragma once

#include "segments/text_room.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir::segments {

/// Text that blocks may copy from.
class TextDictionary {
public:
  TextDictionary() : TextDictionary(std::string_view{}) {}
  explicit TextDictionary(std::string_view text);
  [[nodiscard]] std::string_view text() const noexcept { return {padded_.data(), size_}; }

private:
  std::string padded_; ///< Followed by bytes that a copy may read too much of.
  std::size_t size_;
};

class TextEncoder {
public:
  TextEncoder();
  /// Replaces the dictionary; of a long text the end is taken.
  void set_dictionary(std::string_view text);
  [[nodiscard]] std::string_view dictionary() const noexcept { return dictionary_; }

  /// The code of `raw`, valid until the next call. Precondition: raw.size() < 2^30.
  [[nodiscard]] std::string_view encode(std::string_view raw);
  /// The same of the text that is there, without a copy. Which encoder was there before does not matter.
  [[nodiscard]] std::string_view encode(TextRoom& raw);

private:
  void make_room(std::size_t text_bytes);
  template <class Place>
  std::string_view encode(const char* history, std::size_t text_bytes, std::vector<Place>& places);
  std::string_view put_together(std::size_t literals, std::size_t sequences, std::size_t offsets);

  std::string dictionary_;
  std::uint64_t dictionary_number_;
  /// Where in the history, which is the dictionary and then the text, it was last that a text began like this; by hash.
  /// Of the dictionary alone, and of all.
  std::vector<std::uint16_t> dictionary_places_, places_;
  std::vector<std::uint32_t> far_places_; ///< The same of a text for which these are too small.
  TextRoom room_;
  std::size_t text_bytes_ = 0; ///< There is room for the streams of so many.
  std::unique_ptr<char[]> literals_;
  std::unique_ptr<std::uint16_t[]> sequences_, offsets_;
  std::string lengths_;
  std::string out_;
};

/// Text is at most this many times as long as its code.
inline constexpr std::uint64_t text_code_ratio_max = 512;

/// Decodes `stored` into `out`. False if it does not decode to exactly `out.size()` bytes with this dictionary.
[[nodiscard]] bool decode_text(std::string_view stored, const TextDictionary& dictionary, std::span<char> out) noexcept;

} // namespace weir::segments
