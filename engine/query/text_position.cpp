#include "engine/query/text_position.hpp"

#include "engine/text.hpp"
#include <weir/query.hpp>

#include <algorithm>
#include <charconv>
#include <optional>

namespace weir {
namespace query {
namespace {

bool starts_character(char c) noexcept {
  return (static_cast<unsigned char>(c) & 0xC0u) != 0x80u;
}

/// Byte offset of character `number` (from 0) of `line`, at most its size.
std::size_t offset_of(std::string_view line, std::size_t number) noexcept {
  std::size_t at = 0;
  while (at < line.size()) {
    if (starts_character(line[at]) && number-- == 0)
      break;
    ++at;
  }
  return at;
}

std::size_t characters(std::string_view line) noexcept {
  return static_cast<std::size_t>(std::count_if(line.begin(), line.end(), starts_character));
}

std::optional<std::size_t> number_after(std::string_view& text, std::string_view label) {
  if (!text.starts_with(label))
    return std::nullopt;
  text.remove_prefix(label.size());
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || number == 0)
    return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number - 1;
}

} // namespace

std::string describe_place(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const std::size_t line_start = before.rfind('\n') + 1; // npos + 1 is 0: the first line.
  return format("line {}, column {}", 1 + std::count(before.begin(), before.end(), '\n'),
                1 + characters(before.substr(line_start)));
}

Error parse_failure(std::string_view text, std::size_t offset, std::string message) {
  return fail(Errc::parse_error, std::move(message), describe_place(text, offset));
}

std::string shortened(std::string_view text) {
  constexpr std::size_t shown_max = 40;
  if (text.size() <= shown_max)
    return std::string(text);
  std::size_t shown = shown_max;
  while (shown > 0 && !starts_character(text[shown]))
    --shown;
  return std::string(text.substr(0, shown)) + "...";
}

} // namespace query

std::string caret(std::string_view text, const Error& error) {
  std::string_view where = error.where;
  const auto line_number = query::number_after(where, "line ");
  const auto column = line_number ? query::number_after(where, ", column ") : std::nullopt;
  if (!column || !where.empty())
    return {};
  std::string_view line = text;
  for (std::size_t i = 0; i < *line_number; ++i) {
    const std::size_t end = line.find('\n');
    if (end == std::string_view::npos)
      return {};
    line.remove_prefix(end + 1);
  }
  line = line.substr(0, line.find('\n'));
  if (*column > query::characters(line))
    return {};
  // Long lines are cut around the place, so that the caret stays below it on a terminal.
  constexpr std::size_t shown_before = 60;
  constexpr std::size_t shown_after = 20;
  const std::size_t skipped = *column > shown_before ? *column - shown_before : 0;
  std::string shown(line.substr(query::offset_of(line, skipped)));
  shown.resize(query::offset_of(shown, shown_before + shown_after));
  std::replace_if(
      shown.begin(), shown.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  return shown + "\n" + std::string(*column - skipped, ' ') + "^\n";
}

} // namespace weir
