// Patterns of LIKE.
//
// Threading: a LikePattern is immutable.
// Invariants: a match takes at most pattern length times text length steps, whatever the pattern.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace weir::query {

class LikePattern {
public:
  /// `pattern`: % stands for any characters, _ for one, \ takes the next as it is.
  explicit LikePattern(std::string_view pattern);

  /// Bytes compare; a character of `text` is one of UTF-8.
  [[nodiscard]] bool matches(std::string_view text) const noexcept;
  /// What every text that matches begins with.
  [[nodiscard]] std::string_view prefix() const noexcept { return prefix_; }

private:
  struct Token {
    enum class Kind : unsigned char { byte, one, any } kind;
    char byte = 0;
  };
  [[nodiscard]] bool has_runs(std::string_view text) const noexcept;

  std::vector<Token> tokens_;
  bool bytes_only_ = false;       ///< No `_`.
  std::vector<std::string> runs_; ///< Then: what stands before, between and behind the `%`.
  std::string prefix_;
};

} // namespace weir::query
