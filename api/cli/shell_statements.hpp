// Statements as people type them, a line at a time.
//
// Purpose: `weir shell` reads on until a statement is whole: up to a semicolon, or to an empty line.
// Threading: one thread at a time.
// Invariants: a semicolon or an empty line inside of quotes or braces ends nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir::cli {

/// `text` without white space at both ends.
[[nodiscard]] std::string_view trimmed(std::string_view text) noexcept;

class ShellStatements {
public:
  /// A line without its end; one that begins with -- is a comment. Precondition: next() had nothing.
  void add(std::string_view line);
  /// The next whole statement, without its semicolon and the white space around it.
  std::optional<std::string> next();
  /// Whether a statement has begun whose end is not there yet. Precondition: next() had nothing.
  [[nodiscard]] bool begun() const noexcept { return begun_; }
  /// What has begun, as it was typed.
  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  /// What the end is waiting for: a quote or a closing brace, or a space where only the end itself is missing.
  [[nodiscard]] char missing() const noexcept;
  /// What is left. Nothing is, afterwards.
  std::string take_rest();

private:
  /// Scans a character; true if it ends the statement.
  bool scan(char c);
  std::string take(std::size_t end, std::size_t next_begin);

  std::string text_;
  std::size_t scanned_ = 0;    ///< No end of a statement in [0, scanned_).
  std::size_t line_begin_ = 0; ///< Of the line that scanned_ is in.
  bool begun_ = false;         ///< There is more than white space before scanned_.
  bool line_empty_ = true;     ///< There is nothing but white space between line_begin_ and scanned_.
  char quote_ = 0;
  bool escaped_ = false;  ///< The character before was a backslash in a text of JSON.
  std::size_t depth_ = 0; ///< Of braces.
};

} // namespace weir::cli
