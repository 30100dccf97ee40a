// One pass over a JSON text: RapidJSON's reader behind the few things engine/json/ needs of it.
//
// Purpose: the only file that includes RapidJSON. Parsing is iterative, so nesting costs heap, never stack, unless the
// handler bounds the depth. Numbers are handed over as text: each caller wants something else of them. Strings are
// unescaped but their encoding is not checked here. Threading: pure functions over per-thread scratch.
#pragma once

// RapidJSON's empty stack adds an offset to a null pointer before it compares: harmless, and told by the sanitizer.
#ifdef __clang__
#pragma clang attribute push(__attribute__((no_sanitize("pointer-overflow"))), apply_to = function)
#endif
#include <rapidjson/reader.h>
#ifdef __clang__
#pragma clang attribute pop
#endif

#include "engine/json/scan.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace weir::json::detail {

/// Room for a string of up to `bytes` bytes, valid until the thread's next one.
[[nodiscard]] char* escaped_string(std::size_t bytes);

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
  [[nodiscard]] std::size_t plain_bytes() const { return detail::plain_bytes(at_, end_); }
  void copy(void* out, std::size_t bytes) {
    std::memcpy(out, at_, bytes);
    at_ += bytes;
  }

  // RapidJSON's in-situ parsing would write strings over its input. Here nothing is written: a string without escapes
  // is handed over where it is, one with escapes is put together beside the input.
  char* PutBegin() {
    out_ = nullptr;
    put_ = 0;
    if (at_ == begin_ || at_[-1] != '"') // a number
      return const_cast<char*>(at_);
    run_ = plain_bytes();
    if (run_ != static_cast<std::size_t>(end_ - at_) && at_[run_] == '\\')
      out_ = escaped_string(static_cast<std::size_t>(end_ - at_)); // unescaping and a NUL for the quote: never longer
    return out_ != nullptr ? out_ : const_cast<char*>(at_);
  }
  void Put(char c) {
    if (out_ != nullptr)
      out_[put_] = c;
    ++put_;
  }
  void put_run() {
    const std::size_t bytes = run_ != 0 ? run_ : plain_bytes();
    run_ = 0;
    if (out_ != nullptr)
      std::memcpy(out_ + put_, at_, bytes);
    put_ += bytes;
    at_ += bytes;
  }
  std::size_t PutEnd(char*) { return put_; }
  // Demanded by RapidJSON's stream concept, not used.
  void* Push(std::size_t) { return nullptr; }
  void Flush() {}

private:
  const char* begin_;
  const char* at_;
  const char* end_;
  std::size_t run_ = 0; ///< Plain bytes from here on, where the string began; 0: not known.
  std::size_t put_ = 0;
  char* out_ = nullptr; ///< Null: the string is in the input as it is.
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
    if constexpr (std::is_same_v<Out, weir::json::detail::Input>) {
      in.put_run();
    } else {
      const std::size_t bytes = in.plain_bytes();
      in.copy(out.Push(static_cast<SizeType>(bytes)), bytes);
    }
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

/// Gives back scratch that one huge document made large.
void release_scratch() noexcept;

/// How a pass goes through nested values.
enum class Descent : unsigned {
  iterative = rapidjson::kParseIterativeFlag,
  recursive = 0, ///< Faster. Only for a handler that refuses to go deeper than json_depth_max.
};

/// Reads `input`, `document_bytes` long, to its end or until `handler` stops it. Strings it hands over are valid during
/// the call, those that lie in the document as long as that.
template <Descent descent = Descent::iterative, class H>
Outcome parse(Input& input, std::size_t document_bytes, H& handler) {
  constexpr unsigned flags =
      static_cast<unsigned>(descent) | rapidjson::kParseNumbersAsStringsFlag | rapidjson::kParseInsituFlag;
  if (document_bytes > scratch_bytes_kept) {
    Reader reader;
    const Outcome outcome = outcome_of(reader.Parse<flags>(input, handler), input);
    release_scratch();
    return outcome;
  }
  // Kept per thread: the reader's stack is a heap block that would otherwise be taken and freed for every event.
  thread_local Reader reader;
  return outcome_of(reader.Parse<flags>(input, handler), input);
}

/// Foreign text for a message: as a JSON string, or its length where it is long or not UTF-8.
[[nodiscard]] std::string quoted(std::string_view text);

/// Offset of an escape \uDC00-\uDFFF without its first half, or npos. RapidJSON finds a first half without a second,
/// but lets this one pass and turns it into bytes that are no UTF-8. Backslashes occur only inside strings.
[[nodiscard]] std::size_t find_lone_surrogate(std::string_view text);

/// True if `number`, a JSON number of at most json_number_chars_max characters, is finite as a double.
[[nodiscard]] bool finite(std::string_view number) noexcept;

} // namespace weir::json::detail
