#include "engine/query/column_names.hpp"

#include "engine/query/field.hpp"

#include <algorithm>

namespace weir {
namespace query {
namespace {

char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool equal_words(std::string_view a, std::string_view b) noexcept {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

bool keeps_times(Aggregate::Kind kind) noexcept {
  using Kind = Aggregate::Kind;
  return kind == Kind::minimum || kind == Kind::maximum || kind == Kind::first || kind == Kind::last;
}

} // namespace

std::string lowered(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), lower);
  return out;
}

bool is_identifier(std::string_view text) noexcept {
  return !text.empty() && !(text.front() >= '0' && text.front() <= '9') &&
         std::all_of(text.begin(), text.end(), is_segment_char);
}

std::string unit_name(TimeUnit unit) {
  return lowered(unit_keywords[static_cast<std::size_t>(unit)]);
}

std::optional<TimeUnit> unit_of(std::string_view name) noexcept {
  for (std::size_t i = 0; i < unit_keywords.size(); ++i) {
    const std::string_view keyword = unit_keywords[i];
    if (std::equal(name.begin(), name.end(), keyword.begin(), keyword.end(),
                   [](char a, char b) { return a == lower(b); }))
      return static_cast<TimeUnit>(i);
  }
  return std::nullopt;
}

std::optional<Aggregate> parse_aggregate_name(std::string_view name) {
  if (equal_words(name, aggregate_keywords.front()))
    return Aggregate{};
  for (std::size_t i = 1; i < aggregate_keywords.size(); ++i) {
    const std::string_view keyword = aggregate_keywords[i];
    if (name.size() <= keyword.size() || name[keyword.size()] != ' ' ||
        !equal_words(name.substr(0, keyword.size()), keyword))
      continue;
    const auto field = parse_field(name.substr(keyword.size() + 1));
    if (!field)
      return std::nullopt;
    return Aggregate{static_cast<Aggregate::Kind>(i), to_text(*field), {}};
  }
  return std::nullopt;
}

std::string canonical_column(std::string_view name) {
  if (const auto field = parse_field(name))
    return to_text(*field);
  if (const auto field = parse_step_field(name))
    return to_text(*field);
  // A lone word is kept: it may be a column of that very name (AS Count).
  if (name.find(' ') == std::string_view::npos)
    return std::string(name);
  const auto aggregate = parse_aggregate_name(name);
  return aggregate ? default_name(*aggregate) : std::string(name);
}

bool names_time(std::string_view name) {
  if (const auto field = parse_field(name))
    return field->is_time();
  if (const auto field = parse_step_field(name))
    return field->field.is_time();
  if (unit_of(name))
    return true;
  const auto aggregate = parse_aggregate_name(name);
  return aggregate && keeps_times(aggregate->kind) && names_time(aggregate->field);
}

} // namespace query

std::string default_name(const Aggregate& aggregate) {
  std::string name = query::lowered(query::aggregate_keywords[static_cast<std::size_t>(aggregate.kind)]);
  if (!aggregate.field.empty()) {
    name += ' ';
    name += aggregate.field;
  }
  return name;
}

std::string column_name(const Aggregate& aggregate) {
  return aggregate.name.empty() ? default_name(aggregate) : aggregate.name;
}

} // namespace weir
