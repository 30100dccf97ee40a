// Schemas: what the payloads of one event type look like, as a value and as text.
//
// Purpose: a schema is defined for a type with Engine::define_schema; from then on every store of that type is checked
// against it. Types without one take any JSON object. How schemas change: docs/guides/evolving-events.md.
// Threading: plain values.
#pragma once

#include <weir/result.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

enum class FieldKind : std::uint8_t {
  string,
  int64,     ///< A number written without fraction and exponent, -2^63 to 2^63-1.
  uint64,    ///< The same, 0 to 2^64-1.
  double_,   ///< Any number.
  bool_,     ///< true or false.
  timestamp, ///< RFC 3339 text, or an integer of milliseconds since 1970; years 1-9999.
  date,      ///< "2024-03-01"; years 1-9999.
  enum_,     ///< One of a list of strings.
  object,
  array,
};

/// "int64", "enum" ...
[[nodiscard]] std::string_view to_string(FieldKind kind) noexcept;

struct SchemaField;

/// What one value may be.
struct FieldType {
  FieldKind kind = FieldKind::string;
  std::vector<std::string> variants; ///< Of an enum; at least one.
  std::vector<SchemaField> fields;   ///< Of an object.
  bool open = false;                 ///< Of an object: it may hold other fields, too.
  std::vector<FieldType> element;    ///< Of an array: one, the kind of all its elements.

  static FieldType of(FieldKind kind); ///< Any but enum, object and array.
  static FieldType one_of(std::vector<std::string> variants);
  static FieldType object(std::vector<SchemaField> fields, bool open = false);
  static FieldType array_of(FieldType element);
};

struct SchemaField {
  std::string name;
  FieldType type;
  bool optional = false; ///< May be left out, or be null.

  SchemaField(std::string name_, FieldType type_, bool optional_ = false)
      : name(std::move(name_)), type(std::move(type_)), optional(optional_) {}
  SchemaField(std::string name_, FieldKind kind, bool optional_ = false)
      : SchemaField(std::move(name_), FieldType::of(kind), optional_) {}
};

struct Schema {
  std::string event_type;
  std::vector<SchemaField> fields;
  bool open = false; ///< Payloads may hold other fields, too.

  /// `invalid_argument` or `too_large` (limits.hpp) with the path of what is wrong.
  [[nodiscard]] Status validate() const;
};

/// A schema in force, or one that was.
struct SchemaVersion {
  Schema schema;
  std::uint32_t version = 0; ///< 1, 2, 3 ... for each type.
};

/// Makes a payload of one version of a type's schema one of the next version. Called by whoever reads, from any thread,
/// by several at a time; must not call the engine. An error refuses the read; so does an exception.
using Upcast = std::function<Result<std::string>(std::string_view payload)>;

struct Upcaster {
  std::uint32_t from = 0; ///< Leads from this version to the next; 0: from events that are older than any schema.
  Upcast apply;
};

/// Reads `DEFINE <type> FIELDS {...}`; the form is in docs/guides/evolving-events.md. Errors: `parse_error` with line
/// and column, `too_large`.
[[nodiscard]] Result<Schema> parse_schema(std::string_view text);
/// The canonical text, a field a line; parse_schema reads it back. Precondition: a valid schema.
[[nodiscard]] std::string to_text(const Schema& schema);

} // namespace weir
