#include "api/cli/shell_statements.hpp"

#include <algorithm>
#include <utility>

namespace weir::cli {
namespace {

bool is_space(char c) noexcept {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

} // namespace

std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && is_space(text.front()))
    text.remove_prefix(1);
  while (!text.empty() && is_space(text.back()))
    text.remove_suffix(1);
  return text;
}

void ShellStatements::add(std::string_view line) {
  if (missing() == ' ' && trimmed(line).starts_with("--"))
    return;
  text_ += line;
  text_ += '\n';
}

std::optional<std::string> ShellStatements::next() {
  while (scanned_ < text_.size()) {
    const bool line_ends = text_[scanned_] == '\n';
    const bool ends = scan(text_[scanned_]);
    ++scanned_;
    if (line_ends) {
      line_begin_ = scanned_;
      line_empty_ = true;
    }
    if (!ends)
      continue;
    const bool had_one = begun_;
    std::string statement = take(scanned_ - 1, scanned_);
    if (had_one)
      return statement;
  }
  if (!begun_ && quote_ == 0 && depth_ == 0)
    take(0, text_.size()); // white space in front of a statement is of no use
  return std::nullopt;
}

bool ShellStatements::scan(char c) {
  const bool line_was_empty = line_empty_;
  line_empty_ = line_empty_ && is_space(c);
  if (quote_ != 0) {
    // A doubled quote ends the quotes and begins them again. Only texts of JSON know backslashes.
    if (escaped_)
      escaped_ = false;
    else if (c == '\\' && depth_ > 0 && quote_ == '"')
      escaped_ = true;
    else if (c == quote_)
      quote_ = 0;
    return false;
  }
  if (c == '\n')
    return line_was_empty && begun_ && depth_ == 0;
  if (is_space(c))
    return false;
  if (c == ';' && depth_ == 0)
    return true;
  begun_ = true;
  if (c == '\'' || c == '"')
    quote_ = c;
  else if (c == '{')
    ++depth_;
  else if (c == '}' && depth_ > 0)
    --depth_;
  return false;
}

char ShellStatements::missing() const noexcept {
  return quote_ != 0 ? quote_ : depth_ > 0 ? '}' : ' ';
}

std::string ShellStatements::take(std::size_t end, std::size_t next_begin) {
  std::string statement(trimmed(std::string_view(text_).substr(0, end)));
  text_.erase(0, next_begin);
  scanned_ -= std::min(scanned_, next_begin);
  line_begin_ -= std::min(line_begin_, next_begin);
  begun_ = false;
  quote_ = 0;
  depth_ = 0;
  escaped_ = false;
  return statement;
}

std::string ShellStatements::take_rest() {
  std::string rest = take(text_.size(), text_.size());
  line_empty_ = true;
  return rest;
}

} // namespace weir::cli
