// One pass over a JSON text: RapidJSON's reader behind the few things engine/json/ needs of it.
//
// Purpose: the only file that includes RapidJSON. Parsing is iterative, so nesting costs heap, never stack. Numbers are
// handed over as text: each caller wants something else of them. Strings are unescaped but their encoding is not
// checked here. Threading: pure functions over per-thread scratch.
#pragma once

// RapidJSON's empty stack adds an offset to a null pointer before it compares: harmless, and told by the sanitizer.
#ifdef __clang__
#pragma clang attribute push(__attribute__((no_sanitize("pointer-overflow"))), apply_to = function)
#endif
#include <rapidjson/reader.h>
#ifdef __clang__
#pragma clang attribute pop
#endif

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace weir::json::detail {

/// Bytes with an end: RapidJSON's own string stream would need a NUL behind them.
class Input {
public:
  using Ch = char;
  explicit Input(std::string_view text) : begin_(text.data()), at_(begin_), end_(begin_ + text.size()) {}

  [[nodiscard]] char Peek() const { return at_ == end_ ? '\0' : *at_; }
  char Take() { return at_ == end_ ? '\0' : *at_++; }
  [[nodiscard]] std::size_t Tell() const { return static_cast<std::size_t>(at_ - begin_); }
  [[nodiscard]] bool at_end() const { return at_ == end_; }

  /// Bytes from here on that stand for themselves inside a string: no quote, no backslash, no control character.
  [[nodiscard]] std::size_t plain_bytes() const {
    constexpr std::uint64_t ones = 0x0101010101010101ULL, high = 0x8080808080808080ULL;
    const char* p = at_;
    for (std::uint64_t word; static_cast<std::size_t>(end_ - p) >= sizeof word; p += sizeof word) {
      std::memcpy(&word, p, sizeof word);
      const std::uint64_t quote = word ^ (ones * '"'), backslash = word ^ (ones * '\\');
      // Sets the high bit of every byte below 0x20, or zero after the exclusive or. A borrow can only mark bytes
      // above the first true hit, and the first is all that counts.
      const std::uint64_t hits =
          (((word - ones * 0x20) & ~word) | ((quote - ones) & ~quote) | ((backslash - ones) & ~backslash)) & high;
      if (hits != 0)
        return static_cast<std::size_t>(p - at_) + static_cast<unsigned>(std::countr_zero(hits)) / 8;
    }
    while (p != end_ && *p != '"' && *p != '\\' && static_cast<unsigned char>(*p) >= 0x20)
      ++p;
    return static_cast<std::size_t>(p - at_);
  }
  void copy(void* out, std::size_t bytes) {
    std::memcpy(out, at_, bytes);
    at_ += bytes;
  }

  // Demanded by RapidJSON's stream concept, used by in-situ parsing only.
  char* PutBegin() { return nullptr; }
  void* Push(std::size_t) { return nullptr; }
  void Put(char) {}
  void Flush() {}
  std::size_t PutEnd(char*) { return 0; }

private:
  const char* begin_;
  const char* at_;
  const char* end_;
};

/// What a pass reports. A handler shadows the calls it cares about; false ends the pass. Containers are reported while
/// the input stands on their bracket, so Tell() is exact there and only there.
struct Handler {
  bool Null() { return true; }
  bool Bool(bool) { return true; }
  bool RawNumber(const char*, rapidjson::SizeType, bool) { return true; }
  bool String(const char*, rapidjson::SizeType, bool) { return true; }
  bool Key(const char*, rapidjson::SizeType, bool) { return true; }
  bool StartObject() { return true; }
  bool EndObject(rapidjson::SizeType) { return true; }
  bool StartArray() { return true; }
  bool EndArray(rapidjson::SizeType) { return true; }
  // Compiled by RapidJSON, never called: numbers come as text.
  bool Int(int) { return false; }
  bool Uint(unsigned) { return false; }
  bool Int64(std::int64_t) { return false; }
  bool Uint64(std::uint64_t) { return false; }
  bool Double(double) { return false; }
};

/// How a pass ended.
struct Outcome {
  enum class End { complete, stopped_by_handler, malformed };
  End end = End::complete;
  std::size_t offset = 0;           ///< Of what ended the pass early.
  std::string_view expected;        ///< For malformed text: what is wrong, for people.
  bool number_out_of_range = false; ///< Malformed only in that a number exceeds a double.
};

[[nodiscard]] Outcome outcome_of(const rapidjson::ParseResult& result, const Input& input);

/// Scratch above this is given back after use, so that one huge document does not stay in memory once per thread.
inline constexpr std::size_t scratch_bytes_kept = 256 * 1024;

/// UTF-8 that is copied in runs; RapidJSON's own goes byte by byte, which takes most of the time of a pass.
struct Utf8Runs : rapidjson::UTF8<> {};

using Reader = rapidjson::GenericReader<Utf8Runs, Utf8Runs>;

} // namespace weir::json::detail

namespace rapidjson {

/// Lets RapidJSON work on a copy of the stream in registers while it is inside a string or number.
template <> struct StreamTraits<weir::json::detail::Input> {
  enum { copyOptimization = 1 };
};

/// Called inside a string, before a byte that is neither quote, backslash nor control character.
template <> struct Transcoder<weir::json::detail::Utf8Runs, weir::json::detail::Utf8Runs> {
  template <class Out> static bool Transcode(weir::json::detail::Input& in, Out& out) {
    const std::size_t bytes = in.plain_bytes();
    in.copy(out.Push(static_cast<SizeType>(bytes)), bytes);
    return true;
  }
  template <class Out> static bool Validate(weir::json::detail::Input& in, Out& out) { return Transcode(in, out); }
};

/// Called for the characters of a number.
template <> struct Transcoder<UTF8<>, weir::json::detail::Utf8Runs> {
  template <class In, class Out> static bool Transcode(In& in, Out& out) {
    out.Put(in.Take());
    return true;
  }
};

} // namespace rapidjson

namespace weir::json::detail {

/// Reads `input`, `document_bytes` long, to its end or until `handler` stops it.
template <class H> Outcome parse(Input& input, std::size_t document_bytes, H& handler) {
  constexpr unsigned flags = rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag;
  if (document_bytes > scratch_bytes_kept) {
    Reader reader;
    return outcome_of(reader.Parse<flags>(input, handler), input);
  }
  // Kept per thread: the reader's stack is a heap block that would otherwise be taken and freed for every event.
  thread_local Reader reader;
  return outcome_of(reader.Parse<flags>(input, handler), input);
}

/// Foreign text for a message: as a JSON string, or its length where it is long or not UTF-8.
[[nodiscard]] std::string quoted(std::string_view text);

/// True if `number`, a JSON number of at most json_number_chars_max characters, is finite as a double.
[[nodiscard]] bool finite(std::string_view number) noexcept;

} // namespace weir::json::detail
