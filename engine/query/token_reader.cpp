#include "engine/query/token_reader.hpp"

#include "engine/query/check_plan.hpp"
#include "engine/query/field.hpp"
#include "engine/query/number_text.hpp"
#include "engine/query/text_position.hpp"
#include "engine/text.hpp"

#include <algorithm>

namespace weir::query {

Status TokenReader::advance() {
  auto token = lexer_.next();
  if (!token)
    return std::move(token).error();
  token_ = *std::move(token);
  return {};
}

Status TokenReader::keyword(std::string_view word) {
  return token_.is_keyword(word) ? advance() : expected(word);
}

Status TokenReader::symbol(std::string_view symbol) {
  return token_.is_symbol(symbol) ? advance() : expected(format("'{}'", symbol));
}

Result<std::string> TokenReader::name(std::string_view what) {
  std::string text = token_.string;
  if (token_.kind == Token::Kind::word) {
    text = token_.text;
    if (!std::all_of(text.begin(), text.end(), is_word_char))
      return at_token(format("{} with a quote in it is quoted as a whole", what));
  } else if (token_.kind != Token::Kind::string) {
    return expected(what);
  }
  if (auto status = check_name(text, what); !status)
    return at_token(status.error().message);
  WEIR_TRY(advance());
  return text;
}

Result<std::string> TokenReader::field_name(bool scalar) {
  if (token_.kind != Token::Kind::word)
    return expected("a field");
  const auto field = scalar ? parse_scalar_field(token_.text) : parse_field(token_.text);
  if (!field)
    return at_token(field.error().message);
  WEIR_TRY(advance());
  return to_text(*field);
}

Result<Value> TokenReader::literal() const {
  Value value;
  if (token_.kind == Token::Kind::string) {
    value = token_.string;
  } else if (token_.is_keyword("TRUE") || token_.is_keyword("FALSE")) {
    value = token_.is_keyword("TRUE");
  } else if (!token_.is_keyword("NULL")) {
    const auto number = token_.kind == Token::Kind::word ? parse_number(token_.text) : std::nullopt;
    if (!number)
      return expected("a value (a number, true, false, null or a string in quotes)");
    value = *number;
  }
  return value;
}

Result<Timestamp> TokenReader::time() {
  const auto value = literal();
  if (!value)
    return expected("a time (quoted RFC 3339, or an integer of milliseconds)");
  const auto time = time_literal(*value);
  if (!time)
    return at_token(time.error().message);
  WEIR_TRY(advance());
  return *time;
}

Result<std::uint64_t> TokenReader::row_count() {
  const auto number = token_.kind == Token::Kind::word ? parse_number(token_.text) : std::nullopt;
  const auto rows = number ? number->as_uint64() : std::nullopt;
  if (!rows)
    return expected("a number of rows");
  WEIR_TRY(advance());
  return *rows;
}

Result<Value> TokenReader::literal_for_field(std::string_view field) {
  auto value = literal();
  if (!value)
    return value;
  // The field was parsed a moment ago, so only the literal can be wrong.
  value = literal_for(*parse_field(field), *std::move(value));
  if (!value)
    return at_token(value.error().message);
  WEIR_TRY(advance());
  return value;
}

Error TokenReader::at_token(std::string message) const {
  return parse_failure(text_, token_.offset, std::move(message));
}

Error TokenReader::expected(std::string_view what) const {
  return at_token(format("expected {}, found {}", what, describe(token_)));
}

} // namespace weir::query
