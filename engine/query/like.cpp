#include "engine/query/like.hpp"

#include <algorithm>
#include <cstring>

namespace weir::query {
namespace {

/// The bytes of the character that begins at `at`; stray bytes are characters of their own.
std::size_t character_end(std::string_view text, std::size_t at) noexcept {
  ++at;
  while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0u) == 0x80u)
    ++at;
  return at;
}

} // namespace

LikePattern::LikePattern(std::string_view pattern) {
  using Kind = Token::Kind;
  bool literal = true;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const bool escaped = pattern[i] == '\\' && i + 1 < pattern.size();
    const char c = escaped ? pattern[++i] : pattern[i];
    const Kind kind = escaped || (c != '%' && c != '_') ? Kind::byte : c == '%' ? Kind::any : Kind::one;
    literal = literal && kind == Kind::byte;
    if (literal)
      prefix_ += c;
    if (kind != Kind::any || tokens_.empty() || tokens_.back().kind != Kind::any)
      tokens_.push_back({kind, c});
  }
  bytes_only_ = std::none_of(tokens_.begin(), tokens_.end(), [](const Token& t) { return t.kind == Kind::one; });
  if (!bytes_only_)
    return;
  runs_.emplace_back();
  for (const Token& token : tokens_) {
    if (token.kind == Kind::any)
      runs_.emplace_back();
    else
      runs_.back() += token.byte;
  }
}

/// The first run begins the text, the last ends it, and those between follow one another: each as early as it can.
bool LikePattern::has_runs(std::string_view text) const noexcept {
  if (runs_.size() == 1)
    return text == runs_.front();
  const std::string& last = runs_.back();
  if (text.size() < runs_.front().size() + last.size() || !text.starts_with(runs_.front()) || !text.ends_with(last))
    return false;
  text.remove_prefix(runs_.front().size());
  text.remove_suffix(last.size());
  for (std::size_t i = 1; i + 1 < runs_.size(); ++i) {
    // Linear however often the text nearly fits, which string_view::find() is not.
    const void* const found = memmem(text.data(), text.size(), runs_[i].data(), runs_[i].size());
    if (found == nullptr)
      return false;
    text.remove_prefix(static_cast<std::size_t>(static_cast<const char*>(found) - text.data()) + runs_[i].size());
  }
  return true;
}

/// Where a match fails behind a %, that one takes a character more. Only the last % needs to: what an earlier one took
/// was the least, and leaves the most to those behind it.
bool LikePattern::matches(std::string_view text) const noexcept {
  using Kind = Token::Kind;
  if (bytes_only_)
    return has_runs(text);
  std::size_t at = 0;
  std::size_t token = 0;
  std::size_t any_token = tokens_.size(); // Behind the last % passed; none: beyond all.
  std::size_t any_at = 0;                 // What it took ends here.
  bool any = false;
  while (at < text.size()) {
    if (token < tokens_.size() && tokens_[token].kind == Kind::any) {
      any = true;
      any_token = ++token;
      any_at = at;
    } else if (token < tokens_.size() && tokens_[token].kind == Kind::one) {
      at = character_end(text, at);
      ++token;
    } else if (token < tokens_.size() && tokens_[token].byte == text[at]) {
      ++at;
      ++token;
    } else if (any) {
      any_at = character_end(text, any_at);
      at = any_at;
      token = any_token;
    } else {
      return false;
    }
  }
  while (token < tokens_.size() && tokens_[token].kind == Kind::any)
    ++token;
  return token == tokens_.size();
}

} // namespace weir::query
