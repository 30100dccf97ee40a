// Reads the pieces a query is made of: names, fields, values, times.
//
// Purpose: one token ahead, and every refusal with what was expected, what was found and where.
// Threading: one owner.
#pragma once

#include <weir/query_result.hpp>
#include <weir/result.hpp>

#include "engine/query/lexer.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace weir::query {

class TokenReader {
public:
  explicit TokenReader(std::string_view text) : text_(text), lexer_(text) {}

  /// The token to be read next; the first one once advance() was called.
  [[nodiscard]] const Token& token() const noexcept { return token_; }
  [[nodiscard]] std::string_view text() const noexcept { return text_; }
  Status advance();

  /// Each reads one piece and advances, or is a `parse_error` at the current token.
  Status keyword(std::string_view word);
  Status symbol(std::string_view symbol);
  Result<std::string> name(std::string_view what);
  Result<Timestamp> time();
  Result<std::uint64_t> row_count();
  /// The canonical name of a field; `scalar`: not a payload or metadata as a whole.
  Result<std::string> field_name(bool scalar);
  /// A literal that fits a comparison with `field`, which is a valid name.
  Result<Value> literal_for_field(std::string_view field);

  /// Errors at the current token: what a check said, and "expected ..., found ...".
  [[nodiscard]] Error at_token(std::string message) const;
  [[nodiscard]] Error expected(std::string_view what) const;

private:
  /// The literal at the current token, without advancing: its field may still refuse it.
  Result<Value> literal() const;

  std::string_view text_;
  Lexer lexer_;
  Token token_;
};

} // namespace weir::query
