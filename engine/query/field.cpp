#include "engine/query/field.hpp"

#include "engine/query/text_position.hpp"
#include "engine/text.hpp"
#include <weir/limits.hpp>

#include <algorithm>

namespace weir::query {
namespace {

Error unknown_field(std::string_view name) {
  return fail(Errc::invalid_argument,
              format("'{}' is no field: one of context_id, event_type, sequence, position, timestamp, recorded_at, "
                     "event_id, or a path such as payload.total or metadata.user",
                     shortened(name)));
}

/// Reads the path behind the first name: ".a.b", ".\"odd key\"".
Result<json::Path> parse_path(std::string_view name, std::string_view rest) {
  json::Path path;
  while (!rest.empty()) {
    if (rest.front() != '.')
      return fail(Errc::invalid_argument,
                  format("in '{}' a segment with other characters than letters, digits and _ needs quotes: "
                         "payload.\"odd-key\"",
                         shortened(name)));
    rest.remove_prefix(1);
    std::string segment;
    if (!rest.empty() && (rest.front() == '"' || rest.front() == '\'')) {
      const auto length = read_quoted(rest, segment);
      if (!length)
        return fail(Errc::invalid_argument, format("a quote in '{}' is never closed", shortened(name)));
      rest.remove_prefix(*length);
    } else {
      const auto* end = std::find_if_not(rest.begin(), rest.end(), is_segment_char);
      segment.assign(rest.begin(), end);
      if (segment.empty())
        return fail(Errc::invalid_argument, format("'{}' has an empty segment", shortened(name)));
      rest.remove_prefix(segment.size());
    }
    path.push_back(std::move(segment));
    if (path.size() > limits::json_depth_max)
      return fail(Errc::invalid_argument, format("a path has at most {} segments", limits::json_depth_max));
  }
  return path;
}

} // namespace

ColumnSet FieldRef::column() const noexcept {
  switch (core) {
  case Core::context_id: return column_context;
  case Core::event_type: return column_type;
  case Core::sequence: return column_sequence;
  case Core::position: return column_position;
  case Core::timestamp: return column_timestamp;
  case Core::recorded_at: return column_recorded_at;
  case Core::event_id: return column_event_id;
  case Core::metadata: return column_metadata;
  case Core::payload: return column_payload;
  }
  return columns_all;
}

Result<FieldRef> parse_field(std::string_view name) {
  const std::string_view first = name.substr(0, name.find('.'));
  const auto* const found = std::find(core_names.begin(), core_names.end(), first);
  if (found == core_names.end())
    return unknown_field(name);
  FieldRef field;
  field.core = static_cast<Core>(found - core_names.begin());
  if (first.size() == name.size())
    return field;
  if (!field.is_document())
    return fail(Errc::invalid_argument, format("'{}' has no members, only payload and metadata have", first));
  auto path = parse_path(name, name.substr(first.size()));
  if (!path)
    return std::move(path).error();
  field.path = *std::move(path);
  return field;
}

Result<StepField> parse_step_field(std::string_view name) {
  const std::size_t dot = name.find('.');
  const std::string_view step = name.substr(0, dot);
  const bool bare = !step.empty() && !(step.front() >= '0' && step.front() <= '9') &&
                    std::all_of(step.begin(), step.end(), is_segment_char);
  if (dot == std::string_view::npos || !bare ||
      std::find(core_names.begin(), core_names.end(), step) != core_names.end())
    return fail(
        Errc::invalid_argument,
        format("'{}' names no step: in a sequence a field is <step>.<field>, such as order_placed.payload.total",
               shortened(name)));
  auto field = parse_field(name.substr(dot + 1));
  if (!field)
    return std::move(field).error();
  return StepField{std::string(step), *std::move(field)};
}

std::string to_text(const FieldRef& field) {
  std::string text(core_names[static_cast<std::size_t>(field.core)]);
  for (const std::string& segment : field.path) {
    text += '.';
    if (!segment.empty() && std::all_of(segment.begin(), segment.end(), is_segment_char))
      text += segment;
    else
      append_quoted(text, segment, '"');
  }
  return text;
}

std::string to_text(const StepField& field) {
  return field.step + "." + to_text(field.field);
}

std::string canonical_name(std::string_view name) {
  const auto field = parse_field(name);
  return field ? to_text(*field) : std::string(name);
}

void append_quoted(std::string& out, std::string_view text, char quote) {
  out += quote;
  for (const char c : text) {
    if (c == quote)
      out += quote;
    out += c;
  }
  out += quote;
}

std::optional<std::size_t> read_quoted(std::string_view text, std::string& out) {
  const char quote = text.front();
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == quote) {
      if (i + 1 == text.size() || text[i + 1] != quote)
        return i + 1;
      ++i;
    }
    out += text[i];
  }
  return std::nullopt;
}

bool is_segment_char(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool is_word_char(char c) noexcept {
  return is_segment_char(c) || c == '.' || c == '/' || c == '-';
}

} // namespace weir::query
