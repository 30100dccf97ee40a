// Patterns of LIKE.
//
// Threading: a LikePattern is immutable.
// Invariants: a match takes about as many steps as the text has bytes, except that a run of more than 64 bytes with `_`
// between two `%` may take its length times as many; a Watch ends those.
#pragma once

#include "engine/query/control.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::query {

class LikePattern {
public:
  /// `pattern`, valid UTF-8: % stands for any characters, _ for one, \ takes the next as it is.
  explicit LikePattern(std::string_view pattern);

  /// Bytes compare; a character of `text`, which is valid UTF-8, is one of Unicode. `watch`, if there is one, is told
  /// how many steps it took; once that is over the outcome means nothing.
  [[nodiscard]] bool matches(std::string_view text, Watch* watch = nullptr) const;
  /// What every text that matches begins with.
  [[nodiscard]] std::string_view prefix() const noexcept { return prefix_; }

private:
  /// What stands before, between and behind the `%`.
  struct Run {
    std::string bytes;      ///< One for each token; of `_` any.
    std::vector<bool> ones; ///< Which of them are `_`; empty: none.
  };

  std::vector<Run> runs_; ///< At least one.
  std::string prefix_;
};

} // namespace weir::query
