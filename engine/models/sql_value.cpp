#include <weir/sql_value.hpp>

#include "engine/text.hpp"

#include <weir/model_database.hpp>

#include <cmath>

namespace weir {

namespace {

const SqlValue null_value;

std::string hex(std::string_view bytes) {
  std::string text = "X'";
  for (const char byte : bytes)
    text += format("{:02X}", static_cast<unsigned char>(byte));
  return text + "'";
}

std::string quoted(std::string_view text, char quote) {
  std::string out(1, quote);
  for (const char byte : text) {
    out += byte;
    if (byte == quote)
      out += quote;
  }
  return out + quote;
}

std::string real_literal(double value) {
  if (std::isnan(value))
    return "NULL"; // as SQLite stores it
  if (std::isinf(value))
    return value > 0 ? "9e999" : "-9e999";
  std::string text = format("{}", value);
  if (text.find_first_of(".e") == std::string::npos)
    text += ".0"; // or it would be an integer
  return text;
}

} // namespace

const SqlValue& SqlRow::operator[](std::size_t column) const noexcept {
  return column < values_.size() ? values_[column] : null_value;
}

const SqlValue& SqlRow::operator[](std::string_view name) const noexcept {
  const std::vector<std::string>& all = names();
  for (std::size_t column = 0; column < all.size(); ++column)
    if (all[column] == name)
      return (*this)[column];
  return null_value;
}

const std::vector<std::string>& SqlRow::names() const noexcept {
  static const std::vector<std::string> none;
  return names_ ? *names_ : none;
}

std::string sql_identifier(std::string_view name) {
  return quoted(name, '"');
}

std::string sql_literal(const SqlValue& value) {
  struct Literal {
    std::string operator()(std::monostate) const { return "NULL"; }
    std::string operator()(std::int64_t integer) const { return format("{}", integer); }
    std::string operator()(double real) const { return real_literal(real); }
    std::string operator()(const std::string& text) const {
      if (text.find('\0') != std::string::npos) // would end the statement
        return "CAST(" + hex(text) + " AS TEXT)";
      return quoted(text, '\'');
    }
    std::string operator()(const SqlBlob& blob) const { return hex(blob.bytes); }
  };
  return std::visit(Literal{}, value);
}

} // namespace weir
