// Fields of an event as a query names them.
//
// Purpose: the one place that knows the names of the core fields, the spelling of paths and the column each needs.
// Threading: plain values and pure functions.
#pragma once

#include <weir/result.hpp>

#include "engine/json/json.hpp"
#include "engine/ports.hpp"

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace weir::query {

/// In the order of a result without RETURN.
enum class Core : std::uint8_t {
  context_id,
  event_type,
  sequence,
  position,
  timestamp,
  recorded_at,
  event_id,
  metadata,
  payload
};
inline constexpr std::array<std::string_view, 9> core_names = {
    "context_id", "event_type", "sequence", "position", "timestamp", "recorded_at", "event_id", "metadata", "payload"};

struct FieldRef {
  Core core = Core::payload;
  json::Path path; ///< Into payload or metadata; empty: the field itself.

  [[nodiscard]] bool is_document() const noexcept { return core == Core::metadata || core == Core::payload; }
  /// A payload or metadata as a whole, which can only be returned.
  [[nodiscard]] bool is_whole_document() const noexcept { return is_document() && path.empty(); }
  [[nodiscard]] bool is_time() const noexcept { return core == Core::timestamp || core == Core::recorded_at; }
  [[nodiscard]] ColumnSet column() const noexcept;

  friend bool operator==(const FieldRef&, const FieldRef&) = default;
};

/// Parses `name`: a core field, or payload/metadata and a path of bare (`[A-Za-z0-9_]+`) or quoted segments. Errors:
/// `invalid_argument` saying what is wrong with the name.
Result<FieldRef> parse_field(std::string_view name);

/// A field of a sequence's step: "order_placed.payload.total".
struct StepField {
  std::string step;
  FieldRef field;
  friend bool operator==(const StepField&, const StepField&) = default;
};
/// Parses the name of a step (a letter or `_`, then letters, digits and `_`; none of a core field), a dot and a field.
/// Errors as parse_field().
Result<StepField> parse_step_field(std::string_view name);

/// The canonical spelling: quotes only where they are needed.
[[nodiscard]] std::string to_text(const FieldRef& field);
[[nodiscard]] std::string to_text(const StepField& field);
/// The canonical spelling of `name`, or `name` itself if it is none of a field.
[[nodiscard]] std::string canonical_name(std::string_view name);

/// `text` in `quote`s, those inside doubled.
void append_quoted(std::string& out, std::string_view text, char quote);
/// Reads a quoted text at the start of `text`: its length with the quotes, and the characters. Nothing if it does not
/// end.
[[nodiscard]] std::optional<std::size_t> read_quoted(std::string_view text, std::string& out);

/// Letters, digits and `_`: what the parts of a path are made of where they need no quotes.
[[nodiscard]] bool is_segment_char(char c) noexcept;
/// Letters, digits, `_ . / -`: what names are made of where they need no quotes.
[[nodiscard]] bool is_word_char(char c) noexcept;

} // namespace weir::query
