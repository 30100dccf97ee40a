// What a schema must fulfil, and its canonical text.
#include "engine/query/field.hpp"
#include "engine/schema/path.hpp"
#include "engine/text.hpp"
#include "engine/validate.hpp"

#include <weir/limits.hpp>
#include <weir/schema.hpp>

#include <algorithm>
#include <utility>

namespace weir {

namespace schema {

void append_field_name(std::string& out, std::string_view name) {
  if (!name.empty() && std::all_of(name.begin(), name.end(), query::is_segment_char))
    out += name;
  else
    query::append_quoted(out, name, '"');
}

void append_member(std::string& path, std::string_view name) {
  path += '.';
  append_field_name(path, name);
}

namespace {

Status check_fields(const std::vector<SchemaField>& fields, const std::string& path, std::size_t depth);

/// A text that may stand in a definition; `what` it is.
Status check_text(std::string_view text, std::string_view what, const std::string& path) {
  if (text.size() > limits::schema_name_bytes_max)
    return fail(Errc::too_large,
                format("{} has {} bytes, at most {} are allowed", what, text.size(), limits::schema_name_bytes_max),
                path);
  if (!valid_utf8(text))
    return fail(Errc::invalid_argument, format("{} is not valid UTF-8", what), path);
  if (std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }))
    return fail(Errc::invalid_argument, format("{} holds a control character", what), path);
  return {};
}

/// Appends the first text that occurs twice, if any does.
bool find_twice(std::vector<std::string_view> texts, std::string_view& twice) {
  std::sort(texts.begin(), texts.end());
  const auto found = std::adjacent_find(texts.begin(), texts.end());
  if (found == texts.end())
    return false;
  twice = *found;
  return true;
}

Status check_variants(const FieldType& type, const std::string& path) {
  if (type.variants.empty() || type.variants.size() > limits::schema_variants_max)
    return fail(
        type.variants.empty() ? Errc::invalid_argument : Errc::too_large,
        format("an enum of {} variants; allowed are 1 to {}", type.variants.size(), limits::schema_variants_max), path);
  for (const std::string& variant : type.variants)
    WEIR_TRY(check_text(variant, "a variant", path));
  if (std::string_view twice; find_twice({type.variants.begin(), type.variants.end()}, twice))
    return fail(Errc::invalid_argument, format("the variant '{}' is there twice", twice), path);
  return {};
}

Status check_type(const FieldType& type, const std::string& path, std::size_t depth) {
  if (type.kind > FieldKind::array)
    return fail(Errc::invalid_argument, format("unknown kind {}", static_cast<unsigned>(type.kind)), path);
  const bool is_enum = type.kind == FieldKind::enum_, is_object = type.kind == FieldKind::object,
             is_array = type.kind == FieldKind::array;
  if ((!is_enum && !type.variants.empty()) || (!is_object && (!type.fields.empty() || type.open)) ||
      (!is_array && !type.element.empty()))
    return fail(Errc::invalid_argument, format("a kind {} cannot have such parts", to_string(type.kind)), path);
  if (is_enum)
    return check_variants(type, path);
  if (!is_object && !is_array)
    return {};
  if (depth == limits::schema_depth_max)
    return fail(Errc::too_large, format("nested deeper than {} levels", limits::schema_depth_max), path);
  if (is_object)
    return check_fields(type.fields, path, depth + 1);
  if (type.element.size() != 1)
    return fail(Errc::invalid_argument, "an array has one kind of elements", path);
  return check_type(type.element.front(), path + "[]", depth + 1);
}

Status check_fields(const std::vector<SchemaField>& fields, const std::string& path, std::size_t depth) {
  if (fields.size() > limits::schema_fields_max)
    return fail(Errc::too_large,
                format("an object of {} fields, at most {} are allowed", fields.size(), limits::schema_fields_max),
                path);
  std::vector<std::string_view> names;
  for (const SchemaField& field : fields) {
    if (field.name.empty())
      return fail(Errc::invalid_argument, "a field has no name", path);
    WEIR_TRY(check_text(field.name, "a field's name", path));
    std::string place = path;
    append_member(place, field.name);
    WEIR_TRY(check_type(field.type, place, depth));
    names.push_back(field.name);
  }
  if (std::string_view twice; find_twice(std::move(names), twice))
    return fail(Errc::invalid_argument, format("the field '{}' is there twice", twice), path);
  return {};
}

void append_fields(std::string& out, const std::vector<SchemaField>& fields, bool open, std::size_t depth);

void append_type(std::string& out, const FieldType& type, std::size_t depth) {
  out += to_string(type.kind);
  if (type.kind == FieldKind::enum_) {
    for (std::size_t i = 0; i < type.variants.size(); ++i) {
      out += i == 0 ? "(" : ", ";
      query::append_quoted(out, type.variants[i], '\'');
    }
    out += ')';
  } else if (type.kind == FieldKind::array) {
    out += '(';
    append_type(out, type.element.front(), depth);
    out += ')';
  } else if (type.kind == FieldKind::object) {
    append_fields(out, type.fields, type.open, depth);
  }
}

void append_fields(std::string& out, const std::vector<SchemaField>& fields, bool open, std::size_t depth) {
  out += open ? " OPEN {" : " {";
  for (const SchemaField& field : fields) {
    out += &field == fields.data() ? "\n" : ",\n";
    out.append(2 * (depth + 1), ' ');
    append_field_name(out, field.name);
    out += ": ";
    append_type(out, field.type, depth + 1);
    if (field.optional)
      out += " OPTIONAL";
  }
  if (!fields.empty())
    out.append("\n").append(2 * depth, ' ');
  out += '}';
}

} // namespace
} // namespace schema

std::string_view to_string(FieldKind kind) noexcept {
  switch (kind) {
  case FieldKind::string: return "string";
  case FieldKind::int64: return "int64";
  case FieldKind::uint64: return "uint64";
  case FieldKind::double_: return "double";
  case FieldKind::bool_: return "bool";
  case FieldKind::timestamp: return "timestamp";
  case FieldKind::date: return "date";
  case FieldKind::enum_: return "enum";
  case FieldKind::object: return "object";
  case FieldKind::array: return "array";
  }
  return "unknown";
}

FieldType FieldType::of(FieldKind kind) {
  FieldType type;
  type.kind = kind;
  return type;
}

FieldType FieldType::one_of(std::vector<std::string> variants) {
  FieldType type = of(FieldKind::enum_);
  type.variants = std::move(variants);
  return type;
}

FieldType FieldType::object(std::vector<SchemaField> fields, bool open) {
  FieldType type = of(FieldKind::object);
  type.fields = std::move(fields);
  type.open = open;
  return type;
}

FieldType FieldType::array_of(FieldType element) {
  FieldType type = of(FieldKind::array);
  type.element.push_back(std::move(element));
  return type;
}

Status Schema::validate() const {
  WEIR_TRY(validate_event_type(event_type));
  WEIR_TRY(schema::check_fields(fields, "payload", 1));
  if (const std::size_t bytes = to_text(*this).size(); bytes > limits::schema_text_bytes_max)
    return fail(Errc::too_large,
                format("a definition of {} bytes, at most {} are allowed", bytes, limits::schema_text_bytes_max));
  return {};
}

std::string to_text(const Schema& schema) {
  std::string out = "DEFINE ";
  if (std::all_of(schema.event_type.begin(), schema.event_type.end(), query::is_word_char))
    out += schema.event_type;
  else
    query::append_quoted(out, schema.event_type, '\'');
  out += " FIELDS";
  schema::append_fields(out, schema.fields, schema.open, 0);
  return out;
}

} // namespace weir
