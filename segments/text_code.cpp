#include "segments/text_code.hpp"

#include "segments/bytes.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>
#include <optional>

namespace weir::segments {
namespace {

constexpr std::size_t offset_min = 16;     // a copy moves 16 bytes at a time, each after the one before
constexpr std::size_t offset_max = 0xFFFF; // two bytes
constexpr std::size_t literal_max = 31;    // five bits; the largest value: more in `lengths`
constexpr std::size_t copy_max = 1'023;    // ten bits; longer ones are several
constexpr std::uint16_t same_offset = 0x8000;

constexpr std::size_t literal_step = 32; // what a decoder copies at once
constexpr std::size_t copy_step = 64;
constexpr std::size_t history_margin = 8; // what is looked at before a place

// A sequence takes two bytes, an offset two more, and all take time to decode: a copy from a new place is worth it from
// six bytes on, of the eight that are loaded; one from where the last came from, four.
constexpr unsigned hash_shift = 16;
constexpr unsigned table_bits = 12;
constexpr std::size_t table_places = std::size_t{1} << table_bits;
// Matches are looked for at every fourth place: they are found a few places later, and then followed back. Every second
// place would save 0.7 % of the bytes and take a sixth longer.
constexpr std::size_t step_without_match = 4;

/// One register. Of an array clang++ keeps a copy on the stack, which costs a store a step.
using Step = std::uint64_t __attribute__((vector_size(16)));

template <std::size_t bytes> void copy(char* to, const char* from) noexcept {
  for (std::size_t i = 0; i < bytes; i += sizeof(Step)) { // in this order: `to` may lie 16 bytes behind `from`
    const auto step = load<Step>(from + i);
    std::memcpy(to + i, &step, sizeof step);
  }
}

/// Where the table of an encoder has what begins like `bytes`.
std::size_t place_of(std::uint64_t bytes) noexcept {
  return static_cast<std::size_t>((bytes << hash_shift) * 0x9E3779B97F4A7C15ULL >> (64 - table_bits));
}

/// How many bytes are the same at `a` and `b`, `max` at most.
std::size_t common(const char* a, const char* b, std::size_t max) noexcept {
  std::size_t i = 0;
  for (; i + 8 <= max; i += 8)
    if (const std::uint64_t differ = load<std::uint64_t>(a + i) ^ load<std::uint64_t>(b + i); differ != 0)
      return i + static_cast<std::size_t>(std::countr_zero(differ)) / 8;
  while (i < max && a[i] == b[i])
    ++i;
  return i;
}

/// How many bytes are the same before `a` and `b`, `max` at most; history_margin bytes before either may be read.
std::size_t common_before(const char* a, const char* b, std::size_t max) noexcept {
  const std::uint64_t differ = load<std::uint64_t>(a - 8) ^ load<std::uint64_t>(b - 8);
  std::size_t i = static_cast<std::size_t>(std::countl_zero(differ)) / 8;
  if (i == 8)
    while (i < max && a[-1 - static_cast<std::ptrdiff_t>(i)] == b[-1 - static_cast<std::ptrdiff_t>(i)])
      ++i;
  return std::min(i, max);
}

/// The streams that encoded text is made of, as far as they are written.
struct Streams {
  char* literal;
  std::uint16_t* sequence;
  std::uint16_t* next_offset;
  std::string& lengths;
  const char* anchor; ///< What is before it is encoded.
  std::size_t last_offset = 0;

  /// Encodes the next bytes: `literals` of them as they are, then `copied` from `offset` before.
  void add(std::size_t literals, std::size_t copied, std::size_t offset) {
    if (literals <= literal_step)
      copy<literal_step>(literal, anchor);
    else
      std::memcpy(literal, anchor, literals);
    literal += literals;
    anchor += literals + copied;
    if (literals >= literal_max)
      append_varint(lengths, literals - literal_max);
    const bool same = offset == last_offset;
    *next_offset = static_cast<std::uint16_t>(offset);
    next_offset += same ? 0 : 1;
    last_offset = offset;
    *sequence++ = static_cast<std::uint16_t>(std::min(literals, literal_max) | std::min(copied, copy_max) << 5 |
                                             (same ? same_offset : 0));
    for (; copied > copy_max; copied -= copy_max)
      *sequence++ = static_cast<std::uint16_t>(std::min(copied - copy_max, copy_max) << 5 | same_offset);
  }
};

/// The streams of an encoded text; the lengths are what follows them.
struct StoredStreams {
  std::string_view literals, offsets, sequences;
};

std::optional<StoredStreams> take_streams(ByteSource& source, std::size_t stored_bytes) noexcept {
  const std::uint64_t literals = source.take_varint(), offsets = source.take_varint(), sequences = source.take_varint();
  if (!source.ok() || literals > stored_bytes || sequences > stored_bytes || offsets > sequences)
    return std::nullopt;
  StoredStreams streams;
  streams.literals = source.take_bytes(literals);
  streams.offsets = source.take_bytes(offsets * sizeof(std::uint16_t));
  streams.sequences = source.take_bytes(sequences * sizeof(std::uint16_t));
  return source.ok() ? std::optional(streams) : std::nullopt;
}

/// Whether a copy of `count` bytes, one at least, leads to where nothing is, or from the dictionary into the text.
/// `beyond`: how far before the text it begins.
inline bool bad_copy(std::size_t offset, std::ptrdiff_t beyond, std::ptrdiff_t dictionary_bytes,
                     std::size_t count) noexcept {
  return offset < offset_min || beyond > dictionary_bytes || static_cast<std::size_t>(beyond - 1) < count - 1;
}

} // namespace

TextDictionary::TextDictionary(std::string_view text) : padded_(text), size_(text.size()) {
  padded_.append(copy_step, '\0');
}

TextEncoder::TextEncoder() : dictionary_places_(table_places), places_(table_places) {
  set_dictionary({});
}

void TextEncoder::set_dictionary(std::string_view text) {
  static std::atomic<std::uint64_t> last_number{0};
  dictionary_ = text.substr(text.size() - std::min(text.size(), offset_max / 2));
  dictionary_number_ = last_number.fetch_add(1, std::memory_order_relaxed) + 1;
  std::fill(dictionary_places_.begin(), dictionary_places_.end(), std::uint16_t{0});
  for (std::size_t at = 0; at + sizeof(std::uint64_t) <= dictionary_.size(); ++at)
    dictionary_places_[place_of(load<std::uint64_t>(dictionary_.data() + at))] = static_cast<std::uint16_t>(at);
}

void TextEncoder::make_room(std::size_t text_bytes) {
  if (literals_ && text_bytes_ >= text_bytes)
    return;
  text_bytes_ = text_bytes;
  literals_ = std::make_unique_for_overwrite<char[]>(text_bytes + literal_step);
  sequences_ = std::make_unique_for_overwrite<std::uint16_t[]>(text_bytes + 1); // a copy has a byte at least
  offsets_ = std::make_unique_for_overwrite<std::uint16_t[]>(text_bytes + 1);
}

std::string_view TextEncoder::encode(std::string_view raw) {
  room_.clear();
  room_.append(raw);
  return encode(room_);
}

std::string_view TextEncoder::encode(TextRoom& raw) {
  static_assert(TextRoom::back_bytes >= literal_step && TextRoom::margin_bytes >= history_margin);
  const char* const history = raw.with_dictionary(dictionary_, dictionary_number_);
  make_room(raw.size());
  lengths_.clear();
  if (dictionary_.size() + raw.size() <= UINT16_MAX) {
    std::copy(dictionary_places_.begin(), dictionary_places_.end(), places_.begin());
    return encode(history, raw.size(), places_);
  }
  far_places_.assign(dictionary_places_.begin(), dictionary_places_.end());
  return encode(history, raw.size(), far_places_);
}

template <class Place>
std::string_view TextEncoder::encode(const char* const history, std::size_t text_bytes, std::vector<Place>& places) {
  const char* const text = history + dictionary_.size();
  const char* const end = text + text_bytes;
  Streams streams{literals_.get(), sequences_.get(), offsets_.get(), lengths_, text};
  std::size_t misses = 0;
  for (const char* at = text; end - at >= static_cast<std::ptrdiff_t>(sizeof(std::uint64_t));) {
    const auto here = load<std::uint64_t>(at);
    Place& place = places.data()[place_of(here)];
    const char* const there = history + place;
    const auto distance = static_cast<std::size_t>(at - there);
    if (distance >= offset_min) // of a short pattern that repeats itself, the place stays until it is far enough away
      place = static_cast<Place>(at - history);
    const bool again = static_cast<std::uint32_t>(load<std::uint64_t>(at - streams.last_offset) ^ here) == 0 &&
                       streams.last_offset != 0;
    const bool found =
        (load<std::uint64_t>(there) ^ here) << hash_shift == 0 && distance - offset_min <= offset_max - offset_min;
    if (!(again | found)) {
      at += step_without_match + (misses++ >> 5); // what does not repeat itself at all is passed over ever faster
      continue;
    }
    misses = 0;
    const std::size_t offset = again ? streams.last_offset : distance;
    const char* from = at - offset;
    const std::size_t back =
        common_before(at, from,
                      std::min(static_cast<std::size_t>(at - streams.anchor),
                               static_cast<std::size_t>(from < text ? from - history : from - text)));
    std::size_t max = static_cast<std::size_t>(end - at);
    if (from < text) // a copy does not go on from the dictionary into the text
      max = std::min(max, static_cast<std::size_t>(text - from));
    const std::size_t length = common(at, from, max) + back;
    streams.add(static_cast<std::size_t>(at - streams.anchor) - back, length, offset);
    at = streams.anchor;
    places.data()[place_of(load<std::uint64_t>(at - 2))] = static_cast<Place>(at - 2 - history);
  }
  streams.add(static_cast<std::size_t>(end - streams.anchor), 0, streams.last_offset);
  return put_together(static_cast<std::size_t>(streams.literal - literals_.get()),
                      static_cast<std::size_t>(streams.sequence - sequences_.get()),
                      static_cast<std::size_t>(streams.next_offset - offsets_.get()));
}

/// The code, of so many of each.
std::string_view TextEncoder::put_together(std::size_t literals, std::size_t sequences, std::size_t offsets) {
  out_.clear();
  append_varint(out_, literals);
  append_varint(out_, offsets);
  append_varint(out_, sequences);
  out_.append(literals_.get(), literals);
  out_.append(reinterpret_cast<const char*>(offsets_.get()), offsets * sizeof(std::uint16_t));
  out_.append(reinterpret_cast<const char*>(sequences_.get()), sequences * sizeof(std::uint16_t));
  out_ += lengths_;
  return out_;
}

bool decode_text(std::string_view stored, const TextDictionary& dictionary, std::span<char> out) noexcept {
  ByteSource source(stored);
  const auto streams = take_streams(source, stored.size());
  if (!streams)
    return false;
  const char* literal = streams->literals.data();
  const char* const literal_end = literal + streams->literals.size();
  // As far as this, a whole step can be read; other streams follow the literals, so it is all of them as a rule.
  const char* const literal_wide = stored.data() + (stored.size() - std::min(literal_step, stored.size()));
  // Never further than the sequences, which are as many as these at least: no look at it leaves `stored`.
  const char* next_offset = streams->offsets.data();
  const std::string_view text = dictionary.text();
  const char* const text_end = text.data() + text.size();
  const auto text_size = static_cast<std::ptrdiff_t>(text.size());
  char* const begin = out.data();
  // A sequence that ends here or before can be written by whole steps.
  const auto wide_end = static_cast<std::ptrdiff_t>(out.size()) - static_cast<std::ptrdiff_t>(copy_step);
  std::size_t decoded = 0;
  std::size_t offset = 0;
  for (const char *at = streams->sequences.data(), *last = at + streams->sequences.size(); at != last; at += 2) {
    const std::size_t sequence = load<std::uint16_t>(at);
    std::size_t literal_count = sequence & literal_max;
    const std::size_t copy_count = sequence >> 5 & copy_max;
    // Whether it is the same offset again is anybody's guess: no branch, here and below.
    const std::size_t other = (sequence >> 15) - 1; // all bits, or none
    offset += (load<std::uint16_t>(next_offset) - offset) & other;
    next_offset += 2 & other;
    if (literal_count == literal_max) [[unlikely]] {
      literal_count += source.take_varint();
      if (literal_count > out.size() - decoded || static_cast<std::ptrdiff_t>(literal_count) > literal_end - literal)
        return false;
      if (literal_count > literal_step) {
        std::memcpy(begin + decoded, literal, literal_count);
        decoded += literal_count;
        literal += literal_count;
        literal_count = 0;
      }
    }
    const std::size_t copy_begin = decoded + literal_count, copy_end = copy_begin + copy_count;
    if (static_cast<std::ptrdiff_t>(copy_end) > wide_end || literal > literal_wide) [[unlikely]] {
      // Damaged sequences may have taken more than there was: what is left is less than nothing then.
      if (static_cast<std::ptrdiff_t>(literal_count) > literal_end - literal || copy_end > out.size())
        return false;
      std::memcpy(begin + decoded, literal, literal_count);
      literal += literal_count;
      decoded = copy_end;
      if (copy_count == 0)
        continue;
      const auto beyond = static_cast<std::ptrdiff_t>(offset - copy_begin);
      if (bad_copy(offset, beyond, text_size, copy_count))
        return false;
      const char* const from = (beyond > 0 ? text_end : begin) - beyond;
      for (std::size_t i = 0; i < copy_count; ++i)
        begin[copy_begin + i] = from[i];
      continue;
    }
    copy<literal_step>(begin + decoded, literal);
    literal += literal_count;
    decoded = copy_end;
    if (copy_count == 0) [[unlikely]]
      continue;
    // An offset beyond the text's begin leads into the dictionary: so many bytes from its end.
    const auto beyond = static_cast<std::ptrdiff_t>(offset - copy_begin);
    if (bad_copy(offset, beyond, text_size, copy_count)) [[unlikely]]
      return false;
    const char* base = begin;
    if (beyond > 0)
      base = text_end;
    const char* const from = base - beyond;
    char* const to = begin + copy_begin;
    copy<copy_step>(to, from);
    for (std::size_t i = copy_step; i < copy_count; i += 16)
      copy<16>(to + i, from + i);
  }
  return decoded == out.size() && literal == literal_end &&
         next_offset == streams->offsets.data() + streams->offsets.size() && source.ok() && source.left() == 0;
}

} // namespace weir::segments
