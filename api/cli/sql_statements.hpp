// SQL as people type it, a line at a time, cut into statements.
//
// Threading: one thread at a time. Invariants: a semicolon in a text, a quoted name or a comment ends nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir::cli {

class SqlStatements {
public:
  /// Whole lines.
  void add(std::string_view text) { text_ += text; }
  /// The next statement that a semicolon has ended, without it; one of white space and comments alone is passed over.
  std::optional<std::string> next();
  /// Whether a statement has begun whose end is not there yet. Precondition: next() had nothing.
  [[nodiscard]] bool begun() const noexcept { return begun_; }
  /// What is left. Nothing is, afterwards.
  std::string take_rest();

private:
  enum class Inside : std::uint8_t { nothing, quotes, line_comment, block_comment };

  std::string text_;
  std::size_t scanned_ = 0; // No end of a statement in [0, scanned_).
  Inside inside_ = Inside::nothing;
  char closing_ = 0;   // Of the quotes.
  bool begun_ = false; // There is more than white space and comments before scanned_.
};

} // namespace weir::cli
