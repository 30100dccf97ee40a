// Strings of a document without their escapes.
//
// Owner: FieldReader; one thread. Invariants: texts of one document stay where they are.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

namespace weir::json {

class UnescapedTexts {
public:
  /// So many bytes behind the end of a text are readable.
  static constexpr std::size_t padding_bytes = 32;

  /// Begins a document of so many bytes; texts of the one before are gone.
  void begin(std::size_t document_bytes) noexcept;
  /// The string whose content begins at `begin`, with the first escape at `p`; where it ends, or null: it is no JSON.
  const char* take(const char* begin, const char* p, std::string_view& text);

private:
  std::unique_ptr<char[]> bytes_; ///< One text after the other.
  std::size_t capacity_ = 0, used_ = 0;
  std::size_t document_bytes_ = 0;
};

} // namespace weir::json
