// Splits the text of a statement, or of a schema's definition, into tokens.
//
// Purpose: knows characters and quotes, not the grammar: whether a word is a name, a number, a path or a keyword is the
// parser's to say.
// Threading: one owner.
#pragma once

#include <weir/result.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace weir::query {

struct Token {
  enum class Kind {
    word,      ///< A run of word characters; behind a dot it may hold quoted segments: payload."odd key".a
    string,    ///< Quoted; `string` holds the characters.
    symbol,    ///< One of the language's; a statement's are * ( ) [ ] , ; = != <> < <= > >= + - / %
    parameter, ///< ? or :name
    json,      ///< { ... } up to the brace that closes it
    end,
  };
  Kind kind = Kind::end;
  std::size_t offset = 0;
  std::string_view text; ///< As written.
  std::string string;

  [[nodiscard]] bool is_symbol(std::string_view symbol) const noexcept {
    return kind == Kind::symbol && text == symbol;
  }
  /// A bare word equal to `keyword` (given in capitals), whatever its case.
  [[nodiscard]] bool is_keyword(std::string_view keyword) const noexcept;
};

/// "'RETRUN'", shortened if long; "the end of the query".
[[nodiscard]] std::string describe(const Token& token);

class Lexer {
public:
  /// What `-` and `/` are: part of a name such as order-42, or signs to compute with.
  enum class Mode { names, expressions };

  explicit Lexer(std::string_view text); ///< Of a statement.
  /// Of a language with these `symbols`, which outlive the lexer; where one begins with another, the longer comes
  /// first. It has no parameters, and JSON is nothing to it.
  Lexer(std::string_view text, std::span<const std::string_view> symbols) : text_(text), symbols_(symbols) {}
  /// The next token; Kind::end for ever at the end. `parse_error` on a character or quote that starts nothing.
  Result<Token> next();

  /// From here on tokens are read so.
  void set_mode(Mode mode) noexcept { mode_ = mode; }
  /// Goes (back) to byte `offset`.
  void go_to(std::size_t offset) noexcept { at_ = offset; }
  /// Ends the text at byte `offset` of `text`, the whole.
  void set_end(std::string_view text, std::size_t offset) noexcept { text_ = text.substr(0, offset); }

private:
  Status read_word();
  Status read_json();
  void read_parameter();

  std::string_view text_;
  std::span<const std::string_view> symbols_;
  std::size_t at_ = 0;
  Mode mode_ = Mode::names;
  bool statement_ = false; ///< Knows parameters and JSON.
};

} // namespace weir::query
