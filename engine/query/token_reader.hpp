// Reads the pieces a statement is made of: names, fields, values, times.
//
// Purpose: one token ahead, and every refusal with what was expected, what was found and where. Parameters stand for
// values and names; their values are never read as text.
// Threading: one owner.
#pragma once

#include <weir/query.hpp>
#include <weir/query_result.hpp>
#include <weir/result.hpp>

#include "engine/query/lexer.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::query {

/// Where something stands in the text. What came from a parameter is the caller's mistake, not the text's.
struct Place {
  std::size_t offset = 0;
  bool parameter = false;
};

class TokenReader {
public:
  /// Both outlive the reader.
  TokenReader(std::string_view text, const QueryParameters& parameters)
      : text_(text), lexer_(text), parameters_(parameters), named_used_(parameters.named.size()) {}

  /// The token to be read next; the first one once advance() was called.
  [[nodiscard]] const Token& token() const noexcept { return token_; }
  [[nodiscard]] Place place() const noexcept { return {token_.offset, token_.kind == Token::Kind::parameter}; }
  Status advance();
  /// The token behind the one to be read next; the end if there is none.
  [[nodiscard]] Token peek() const;
  /// Reads the current token and those that follow in this way.
  Status set_mode(Lexer::Mode mode);
  /// The last `AS` that only a name follows becomes the end of the text, for now. False if there is none.
  bool hide_last_as();
  /// Reads on behind the end that hide_last_as() made.
  Status reveal();

  /// Each reads one piece and advances, or is an error at the current token.
  Status keyword(std::string_view word);
  Status symbol(std::string_view symbol);
  Result<std::string> name(std::string_view what);
  Result<Timestamp> time();
  Result<std::uint64_t> number(std::string_view what);
  Result<Value> literal();
  /// A JSON object, `{...}` or a string that holds one. `what` leads the message ("payload").
  Result<std::string> json_object(std::string_view what);
  /// If the current token is `word`, reads it.
  Result<bool> take_keyword(std::string_view word);
  Result<bool> take_symbol(std::string_view symbol);
  /// Reads a list: `item()` reads one, a Status, and is called again behind every comma.
  template <class Item> Status list(Item item) {
    while (true) {
      WEIR_TRY(item());
      const auto more = take_symbol(",");
      if (!more)
        return more.error();
      if (!*more)
        return {};
    }
  }

  /// `invalid_argument` if a value was given that no parameter took.
  [[nodiscard]] Status check_parameters() const;

  /// Errors at the current token, or at `place`: what a check said, and "expected ..., found ...".
  [[nodiscard]] Error at_token(std::string message) const { return at(place(), std::move(message)); }
  [[nodiscard]] Error at(Place place, std::string message) const;
  [[nodiscard]] Error expected(std::string_view what) const;

private:
  /// Puts the value at the current token into `out` without advancing: its place may still refuse it. False if it is
  /// none.
  Result<bool> value(Value& out);
  Status parameter_value(Value& out);

  std::string_view text_;
  Lexer lexer_;
  Token token_;
  const QueryParameters& parameters_;
  std::size_t positional_used_ = 0;
  std::vector<bool> named_used_;
};

} // namespace weir::query
