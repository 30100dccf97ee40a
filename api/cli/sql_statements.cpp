#include "api/cli/sql_statements.hpp"

#include <utility>

namespace weir::cli {
std::optional<std::string> SqlStatements::next() {
  while (scanned_ < text_.size()) {
    const char c = text_[scanned_];
    const char after = scanned_ + 1 < text_.size() ? text_[scanned_ + 1] : '\0';
    // A doubled quote ends the quotes and begins them again.
    switch (inside_) {
    case Inside::quotes:
      if (c == closing_)
        inside_ = Inside::nothing;
      break;
    case Inside::line_comment:
      if (c == '\n')
        inside_ = Inside::nothing;
      break;
    case Inside::block_comment:
      if (c == '*' && after == '/') {
        inside_ = Inside::nothing;
        ++scanned_;
      }
      break;
    case Inside::nothing:
      if (c == '\'' || c == '"' || c == '`' || c == '[') {
        inside_ = Inside::quotes;
        begun_ = true;
        closing_ = c == '[' ? ']' : c;
      } else if (c == '-' && after == '-') {
        inside_ = Inside::line_comment;
      } else if (c == '/' && after == '*') {
        inside_ = Inside::block_comment;
        ++scanned_;
      } else if (c == ';') {
        std::string statement = text_.substr(0, scanned_);
        text_.erase(0, scanned_ + 1);
        scanned_ = 0;
        if (std::exchange(begun_, false))
          return statement;
        continue;
      } else if (c != ' ' && c != '\t' && c != '\r' && c != '\n' && c != '\f') {
        begun_ = true;
      }
      break;
    }
    ++scanned_;
  }
  return std::nullopt;
}

std::string SqlStatements::take_rest() {
  scanned_ = 0;
  inside_ = Inside::nothing;
  begun_ = false;
  return std::exchange(text_, {});
}

} // namespace weir::cli
