// What may come next in a statement that is being typed.
//
// Purpose: the Tab key of `weir shell`. Threading: a pure function.
// Invariants: a proposal is a help and nothing else: which words a statement may have is the parser's business alone.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace weir::cli {

/// Names that are in the data. Sorted, without doubles, spelled as a statement needs them.
struct CompletionNames {
  std::vector<std::string> types;
  std::vector<std::string> fields; ///< Core fields and paths: "payload.total".
  std::vector<std::string> views;
};

struct Completions {
  std::size_t begin = 0;          ///< Where the word starts that they would stand in place of.
  std::vector<std::string> words; ///< Sorted.
};

/// Characters that no word of the language holds outside of quotes.
inline constexpr const char* completion_breaks = " \t\n,()[]{}=<>!;+*%";

/// The words that fit behind `text`, the statement up to the cursor. Keywords are proposed in small letters if the word
/// begins with one, otherwise in capitals. Nothing inside of quotes and braces.
[[nodiscard]] Completions complete(std::string_view text, const CompletionNames& names);

} // namespace weir::cli
