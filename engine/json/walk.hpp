// One pass over a JSON document for those who judge it value by value.
//
// Purpose: what lies outside of engine/json sees the parts of a document in their order and needs no JSON library for
// that. Nothing is allocated for a document without escapes. Threading: pure function.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir::json {

/// What a walk comes past. Every call may end the walk by answering false. Texts are valid during the call; those
/// without escapes lie in the document.
class Visitor {
public:
  virtual ~Visitor() = default;
  virtual bool null() = 0;
  virtual bool boolean(bool value) = 0;
  virtual bool number(std::string_view text) = 0; ///< As it is written.
  virtual bool string(std::string_view text) = 0; ///< Unescaped.
  virtual bool key(std::string_view name) = 0;    ///< Unescaped; the member's value follows.
  virtual bool begin_object() = 0;
  virtual bool end_object() = 0;
  virtual bool begin_array() = 0;
  virtual bool end_array() = 0;
};

enum class Walked : std::uint8_t {
  whole,
  stopped,   ///< By the visitor.
  malformed, ///< No JSON, or nested deeper than json_depth_max.
};

/// Precondition for the whole: `document` passed validate_object. Any other text is safe to walk.
[[nodiscard]] Walked walk(std::string_view document, Visitor& visitor);

} // namespace weir::json
