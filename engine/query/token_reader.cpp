#include "engine/query/token_reader.hpp"

#include "engine/json/json.hpp"
#include "engine/query/check_expression.hpp"
#include "engine/query/check_plan.hpp"
#include "engine/query/field.hpp"
#include "engine/query/number_text.hpp"
#include "engine/query/text_position.hpp"
#include "engine/text.hpp"

#include <algorithm>

namespace weir::query {

Status TokenReader::advance() {
  if (token_.kind == Token::Kind::parameter && token_.text == "?")
    ++positional_used_;
  auto token = lexer_.next();
  if (!token)
    return std::move(token).error();
  token_ = *std::move(token);
  return {};
}

Token TokenReader::peek() const {
  Lexer ahead = lexer_;
  auto token = ahead.next();
  return token ? *std::move(token) : Token{};
}

Status TokenReader::set_mode(Lexer::Mode mode) {
  lexer_.set_mode(mode);
  lexer_.go_to(token_.offset);
  auto token = lexer_.next();
  if (!token)
    return std::move(token).error();
  token_ = *std::move(token);
  return {};
}

bool TokenReader::hide_last_as() {
  Lexer ahead = lexer_;
  Token as;
  Token last = token_;
  while (true) {
    auto token = ahead.next();
    if (!token)
      return false;
    if (token->kind == Token::Kind::end || token->is_symbol(";"))
      break;
    as = std::move(last);
    last = *std::move(token);
  }
  if (!as.is_keyword("AS"))
    return false;
  lexer_.set_end(text_, as.offset);
  return true;
}

Status TokenReader::reveal() {
  lexer_.set_end(text_, text_.size());
  return advance();
}

Status TokenReader::keyword(std::string_view word) {
  return token_.is_keyword(word) ? advance() : expected(word);
}

Status TokenReader::symbol(std::string_view symbol) {
  return token_.is_symbol(symbol) ? advance() : expected(format("'{}'", symbol));
}

Result<bool> TokenReader::take_keyword(std::string_view word) {
  if (!token_.is_keyword(word))
    return false;
  WEIR_TRY(advance());
  return true;
}

Result<bool> TokenReader::take_symbol(std::string_view symbol) {
  if (!token_.is_symbol(symbol))
    return false;
  WEIR_TRY(advance());
  return true;
}

Result<std::string> TokenReader::name(std::string_view what) {
  std::string text;
  if (token_.kind == Token::Kind::word) {
    text = token_.text;
    if (!std::all_of(text.begin(), text.end(), is_word_char))
      return at_token(format("{} with a quote in it is quoted as a whole", what));
  } else if (token_.kind == Token::Kind::string) {
    text = token_.string;
  } else if (token_.kind == Token::Kind::parameter) {
    Value value;
    WEIR_TRY(parameter_value(value));
    if (!value.as_string())
      return at_token(format("{} is a string", what));
    text = *value.as_string();
  } else {
    return expected(what);
  }
  if (auto status = check_name(text, what); !status)
    return at_token(status.error().message);
  WEIR_TRY(advance());
  return text;
}

Status TokenReader::parameter_value(Value& out) {
  if (token_.text == "?") {
    if (positional_used_ >= parameters_.positional.size())
      return at_token(format("the parameter ? number {} has no value", positional_used_ + 1));
    out = parameters_.positional[positional_used_];
    return {};
  }
  const std::string_view name = token_.text.substr(1);
  for (std::size_t i = 0; i < parameters_.named.size(); ++i) {
    if (parameters_.named[i].first == name) {
      named_used_[i] = true;
      out = parameters_.named[i].second;
      return {};
    }
  }
  return at_token(format("the parameter :{} has no value", shortened(name)));
}

Result<bool> TokenReader::value(Value& out) {
  if (token_.kind == Token::Kind::parameter) {
    WEIR_TRY(parameter_value(out));
    return true;
  }
  if (token_.kind == Token::Kind::string) {
    out = token_.string;
    return true;
  }
  if (token_.is_keyword("TRUE") || token_.is_keyword("FALSE")) {
    out = token_.is_keyword("TRUE");
    return true;
  }
  if (token_.is_keyword("NULL")) {
    out = nullptr;
    return true;
  }
  auto number = token_.kind == Token::Kind::word ? parse_number(token_.text) : std::nullopt;
  if (number)
    out = *std::move(number);
  return number.has_value();
}

Result<Value> TokenReader::literal() {
  Value found;
  const auto is_value = value(found);
  if (!is_value)
    return is_value.error();
  if (!*is_value)
    return expected("a value (a number, true, false, null or a string in quotes)");
  if (auto status = check_literal(found); !status)
    return at_token(status.error().message);
  WEIR_TRY(advance());
  return found;
}

Result<Timestamp> TokenReader::time() {
  Value found;
  const auto is_value = value(found);
  if (!is_value)
    return is_value.error();
  if (!*is_value)
    return expected("a time (quoted RFC 3339, or an integer of milliseconds)");
  const auto time = time_literal(found);
  if (!time)
    return at_token(time.error().message);
  WEIR_TRY(advance());
  return *time;
}

Result<std::uint64_t> TokenReader::number(std::string_view what) {
  Value found;
  const auto is_value = value(found);
  if (!is_value)
    return is_value.error();
  const auto number = found.as_uint64();
  if (!number && token_.kind == Token::Kind::parameter)
    return at_token(format("{} is an integer of 0 or more", what));
  if (!number)
    return expected(what);
  WEIR_TRY(advance());
  return *number;
}

Result<std::string> TokenReader::json_object(std::string_view what) {
  std::string text(token_.text);
  if (token_.kind != Token::Kind::json) {
    Value found;
    const auto is_value = value(found);
    if (!is_value)
      return is_value.error();
    const auto string = found.as_string();
    const auto json = found.as_json();
    if (!string && !json)
      return expected(format("the {} (a JSON object)", what));
    text = json::trim(string ? *string : *json);
  }
  if (auto status = json::validate_object(text, what); !status) {
    Error error = at_token(status.error().message);
    if (status.error().code == Errc::too_large)
      error.code = Errc::too_large;
    return error;
  }
  WEIR_TRY(advance());
  return text;
}

Status TokenReader::check_parameters() const {
  if (positional_used_ < parameters_.positional.size())
    return fail(Errc::invalid_argument, format("{} values for parameters ? are given, the text takes {}",
                                               parameters_.positional.size(), positional_used_));
  const auto& named = parameters_.named;
  for (std::size_t i = 0; i < named_used_.size(); ++i) {
    if (named_used_[i])
      continue;
    const std::string& name = named[i].first;
    const bool twice = std::any_of(named.begin(), named.begin() + static_cast<std::ptrdiff_t>(i),
                                   [&name](const auto& before) { return before.first == name; });
    return fail(Errc::invalid_argument,
                twice
                    ? format("two values are given for the parameter :{}", shortened(name))
                    : format("a value is given for the parameter :{}, which the text does not take", shortened(name)));
  }
  return {};
}

Error TokenReader::at(Place place, std::string message) const {
  Error error = parse_failure(text_, place.offset, std::move(message));
  if (place.parameter)
    error.code = Errc::invalid_argument;
  return error;
}

Error TokenReader::expected(std::string_view what) const {
  return at({token_.offset, false}, format("expected {}, found {}", what, describe(token_)));
}

} // namespace weir::query
