// What one document looked like: the text between its scalars, and what these were.
//
// Purpose: documents of a kind differ in their scalars alone, so a reader that knows one of them compares the text
// between them, keys and all, in a few steps and finds each scalar where it has to be, for a path that is known.
// Owner: FieldReader; one thread. Invariants: a document that fits has exactly the values that reading it key by key
// would give.
#pragma once

#include "engine/json/field_value.hpp"
#include "engine/json/unescaped_texts.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace weir::json {

class FieldShape {
public:
  /// Documents with more of either are read key by key.
  static constexpr std::size_t scalars_max = 64, literal_bytes_max = 2'048;
  static constexpr std::uint32_t nothing = UINT32_MAX;

  /// How a part that differs from document to document is taken.
  enum class Take : std::uint8_t {
    string, ///< What is between the quotes.
    number,
    word,   ///< true, false, null.
    object, ///< Passed over, as an array is.
    array,
  };
  struct Part {
    const char* begin = nullptr;
    const char* end = nullptr;
    Take take = Take::string;
    std::uint32_t value = nothing; ///< Its place among the values; nothing: it has none.
  };

  /// Learns the document from `begin` to `end`, which has these parts and values. False: it has too many.
  bool learn(const char* begin, const char* end, std::span<const Part> parts, std::span<const FieldValue> values);
  [[nodiscard]] bool empty() const noexcept { return literals_.empty(); }
  /// Reads a document that is followed by zeros. False: it does not fit, and values() mean nothing.
  [[nodiscard]] bool read(const char* begin, const char* end, UnescapedTexts& unescaped);
  [[nodiscard]] std::span<const FieldValue> values() const noexcept { return std::span(values_).first(count_); }

private:
  struct Step {
    std::uint32_t literal = 0; ///< In literals_, before the part.
    std::uint16_t literal_bytes = 0;
    Take take = Take::string;
    std::uint32_t value = 0;
  };
  void add_literal(Step& step, const char* begin, const char* end);
  [[nodiscard]] const char* pass(const char* p, const Step& step) const noexcept;

  std::vector<Step> steps_;
  Step last_; ///< What follows the last part.
  std::string literals_;
  std::vector<FieldValue> values_; ///< One more than there are, for parts that have none.
  std::size_t count_ = 0;
};

namespace detail {
/// The object or array that begins at `p`, unread: where it ends, or null.
const char* skip_nested(const char* p) noexcept;
} // namespace detail

} // namespace weir::json
