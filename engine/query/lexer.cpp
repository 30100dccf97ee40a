#include "engine/query/lexer.hpp"

#include "engine/query/field.hpp"
#include "engine/query/text_position.hpp"
#include "engine/text.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace weir::query {
namespace {

bool is_space(char c) noexcept {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool is_quote(char c) noexcept {
  return c == '"' || c == '\'';
}

/// What fields and numbers are made of; `-` and `/` are operators between them.
bool is_operand_char(char c) noexcept {
  return is_segment_char(c) || c == '.';
}

/// True if `word` is the start of a number up to its exponent, so that a sign belongs to it.
bool awaits_exponent(std::string_view word) noexcept {
  if (word.size() < 2 || (word.back() != 'e' && word.back() != 'E'))
    return false;
  word.remove_suffix(1);
  return std::all_of(word.begin(), word.end(), [](char c) { return (c >= '0' && c <= '9') || c == '.' || c == '-'; });
}

bool is_ascii(char c) noexcept {
  return static_cast<unsigned char>(c) < 0x80;
}

/// What is at byte `at` starts nothing.
Error unexpected(std::string_view text, std::size_t at) {
  std::size_t end = at + 1;
  while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0u) == 0x80u)
    ++end;
  std::string message = format("expected a name, a value or an operator, found '{}'", text.substr(at, end - at));
  if (!is_ascii(text[at]))
    message += "; what is not ASCII stands in quotes: 'größe', payload.\"größe\"";
  return parse_failure(text, at, std::move(message));
}

constexpr std::array<std::string_view, 18> statement_symbols = {"!=", "<=", "<>", ">=", "=", "<", ">", "*", "(",
                                                                ")",  "[",  "]",  ",",  "+", "-", "/", "%", ";"};

} // namespace

bool Token::is_keyword(std::string_view keyword) const noexcept {
  return kind == Kind::word && std::equal(text.begin(), text.end(), keyword.begin(), keyword.end(), [](char a, char b) {
           return (a >= 'a' && a <= 'z' ? static_cast<char>(a - 'a' + 'A') : a) == b;
         });
}

std::string describe(const Token& token) {
  if (token.kind == Token::Kind::end)
    return "the end of the query";
  // What is quoted already needs no quotes around it.
  return token.kind == Token::Kind::string ? shortened(token.text) : format("'{}'", shortened(token.text));
}

Lexer::Lexer(std::string_view text) : Lexer(text, statement_symbols) {
  statement_ = true;
}

Result<Token> Lexer::next() {
  while (at_ < text_.size() && is_space(text_[at_]))
    ++at_;
  Token token;
  token.offset = at_;
  if (at_ == text_.size())
    return token;
  const std::string_view rest = text_.substr(at_);
  if (is_word_char(rest.front()) && (mode_ == Mode::names || is_operand_char(rest.front()))) {
    WEIR_TRY(read_word());
    token.kind = Token::Kind::word;
  } else if (statement_ && rest.front() == '{') {
    WEIR_TRY(read_json());
    token.kind = Token::Kind::json;
  } else if (statement_ && (rest.front() == '?' || (rest.size() > 1 && rest[0] == ':' && is_segment_char(rest[1])))) {
    read_parameter();
    token.kind = Token::Kind::parameter;
  } else if (is_quote(rest.front())) {
    const auto length = read_quoted(rest, token.string);
    if (!length)
      return parse_failure(text_, at_, format("expected a closing {} for this quote", rest.front()));
    at_ += *length;
    token.kind = Token::Kind::string;
  } else {
    const auto symbol =
        std::find_if(symbols_.begin(), symbols_.end(), [&](std::string_view s) { return rest.starts_with(s); });
    if (symbol == symbols_.end())
      return unexpected(text_, at_);
    at_ += symbol->size();
    token.kind = Token::Kind::symbol;
  }
  token.text = text_.substr(token.offset, at_ - token.offset);
  return token;
}

Status Lexer::read_word() {
  const std::size_t start = at_;
  while (at_ < text_.size()) {
    const char c = text_[at_];
    const bool belongs = mode_ == Mode::names ? is_word_char(c) : is_operand_char(c);
    if (belongs || ((c == '+' || c == '-') && awaits_exponent(text_.substr(start, at_ - start)))) {
      ++at_;
    } else if (is_quote(c) && at_ > start && text_[at_ - 1] == '.') {
      std::string segment;
      const auto length = read_quoted(text_.substr(at_), segment);
      if (!length)
        return parse_failure(text_, at_, format("expected a closing {} for this quote", c));
      at_ += *length;
    } else if (!is_ascii(c)) {
      return unexpected(text_, at_); // here, where the beginning of the name is not judged without the rest
    } else {
      break;
    }
  }
  return {};
}

/// Only braces and strings are looked at: whether it is JSON is judged by who takes it.
Status Lexer::read_json() {
  const std::size_t start = at_;
  std::size_t open = 0;
  bool in_string = false;
  for (; at_ < text_.size(); ++at_) {
    const char c = text_[at_];
    if (in_string) {
      if (c == '\\' && at_ + 1 < text_.size())
        ++at_;
      else if (c == '"')
        in_string = false;
      continue;
    }
    if (c == '"')
      in_string = true;
    else if (c == '{')
      ++open;
    else if (c == '}' && --open == 0) {
      ++at_;
      return {};
    }
  }
  return parse_failure(text_, start, "expected a closing } for this {");
}

void Lexer::read_parameter() {
  const bool named = text_[at_] == ':';
  ++at_;
  while (named && at_ < text_.size() && is_segment_char(text_[at_]))
    ++at_;
}

} // namespace weir::query
