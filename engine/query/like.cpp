#include "engine/query/like.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace weir::query {
namespace {

/// Longer runs with `_` do not fit the bits of a word.
constexpr std::size_t word_tokens_max = 64;

/// Of a character of UTF-8, not its first byte.
bool continues(char byte) noexcept {
  return (static_cast<unsigned char>(byte) & 0xC0u) == 0x80u;
}

std::size_t character_end(std::string_view text, std::size_t at) noexcept {
  ++at;
  while (at < text.size() && continues(text[at]))
    ++at;
  return at;
}

} // namespace

LikePattern::LikePattern(std::string_view pattern) {
  bool literal = true;
  runs_.emplace_back();
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const bool escaped = pattern[i] == '\\' && i + 1 < pattern.size();
    const char c = escaped ? pattern[++i] : pattern[i];
    const bool any = !escaped && c == '%';
    const bool one = !escaped && c == '_';
    literal = literal && !any && !one;
    if (literal)
      prefix_ += c;
    if (any) {
      if (runs_.size() == 1 || !runs_.back().bytes.empty()) // %% is %
        runs_.emplace_back();
      continue;
    }
    Run& run = runs_.back();
    if (one || !run.ones.empty()) {
      run.ones.resize(run.bytes.size());
      run.ones.push_back(one);
    }
    run.bytes += c;
  }
}

namespace {

/// Where the run ends if it begins at `at`.
template <class Run> std::optional<std::size_t> end_of(const Run& run, std::string_view text, std::size_t at) {
  if (run.ones.empty())
    return text.substr(at).starts_with(run.bytes) ? std::optional(at + run.bytes.size()) : std::nullopt;
  for (std::size_t token = 0; token < run.bytes.size(); ++token) {
    if (at >= text.size() || (!run.ones[token] && run.bytes[token] != text[at]))
      return std::nullopt;
    at = run.ones[token] ? character_end(text, at) : at + 1;
  }
  return at;
}

/// Where the run begins if it ends with the text.
template <class Run> std::optional<std::size_t> begin_of(const Run& run, std::string_view text) {
  if (run.ones.empty())
    return text.ends_with(run.bytes) ? std::optional(text.size() - run.bytes.size()) : std::nullopt;
  std::size_t at = text.size();
  for (std::size_t token = run.bytes.size(); token-- > 0;) {
    if (at == 0 || (!run.ones[token] && run.bytes[token] != text[at - 1]))
      return std::nullopt;
    --at;
    while (run.ones[token] && at > 0 && continues(text[at]))
      --at;
  }
  return at;
}

/// Searches runs one behind the other, each as early as it can end: that leaves the most to those behind it.
class Search {
public:
  Search(std::string_view text, Watch* watch) : text_(text), watch_(watch) {}

  /// Moves behind the next place that fits. False: there is none, or the watch is over.
  template <class Run> bool pass(const Run& run) {
    const std::size_t before = text_.size();
    if (run.ones.empty())
      return pass_bytes(run.bytes) && spend(before - text_.size());
    if (run.bytes.size() <= word_tokens_max)
      return pass_word(run) && spend(before - text_.size());
    return pass_long(run);
  }

private:
  bool spend(std::uint64_t steps) { return watch_ == nullptr || watch_->spend_bytes(steps); }
  bool move_to(std::size_t end) {
    text_.remove_prefix(end);
    return true;
  }
  bool fail() {
    spend(text_.size());
    return false;
  }

  bool pass_bytes(const std::string& bytes) {
    // Linear however often the text nearly fits, which string_view::find() is not.
    const void* const found = memmem(text_.data(), text_.size(), bytes.data(), bytes.size());
    if (found == nullptr)
      return fail();
    return move_to(static_cast<std::size_t>(static_cast<const char*>(found) - text_.data()) + bytes.size());
  }

  /// All beginnings at once: bit n of a word says that the tokens up to n fit the bytes up to here.
  template <class Run> bool pass_word(const Run& run) {
    const std::size_t tokens = run.bytes.size();
    std::uint64_t bits[256] = {}; // By byte: the tokens it fits.
    const auto bits_of = [&bits](char byte) -> std::uint64_t& { return bits[static_cast<unsigned char>(byte)]; };
    std::uint64_t ones = 0;
    for (std::size_t token = 0; token < tokens; ++token)
      (run.ones[token] ? ones : bits_of(run.bytes[token])) |= std::uint64_t{1} << token;
    std::uint64_t fitting = 0;
    std::size_t end = text_.size() + 1;
    for (std::size_t at = 0; at < text_.size() && end > text_.size(); ++at) {
      // A character begins here, and with it perhaps the run, or goes on, and with it what _ stands for.
      fitting = continues(text_[at]) ? ((fitting << 1) & bits_of(text_[at])) | (fitting & ones)
                                     : ((fitting << 1) | 1) & (bits_of(text_[at]) | ones);
      if ((fitting >> (tokens - 1)) != 0)
        end = run.ones.back() ? character_end(text_, at) : at + 1;
    }
    return end <= text_.size() ? move_to(end) : fail();
  }

  /// One beginning after the other, with a look at the watch after so many steps.
  template <class Run> bool pass_long(const Run& run) {
    std::uint64_t steps = 0;
    for (std::size_t begin = 0; text_.size() - begin >= run.bytes.size(); begin = character_end(text_, begin)) {
      if (const auto end = end_of(run, text_, begin))
        return move_to(*end) && spend(steps);
      steps += run.bytes.size();
      if (steps >= steps_between_looks && !spend(std::exchange(steps, 0)))
        return false;
    }
    spend(steps);
    return false;
  }
  static constexpr std::uint64_t steps_between_looks = 65'536;

  std::string_view text_;
  Watch* watch_;
};

} // namespace

bool LikePattern::matches(std::string_view text, Watch* watch) const {
  const auto first = end_of(runs_.front(), text, 0);
  if (!first)
    return false;
  if (runs_.size() == 1)
    return *first == text.size();
  text.remove_prefix(*first);
  const auto last = begin_of(runs_.back(), text);
  if (!last)
    return false;
  if (runs_.size() == 2)
    return true;
  Search search(text.substr(0, *last), watch);
  return std::all_of(runs_.begin() + 1, runs_.end() - 1, [&](const Run& run) { return search.pass(run); });
}

} // namespace weir::query
