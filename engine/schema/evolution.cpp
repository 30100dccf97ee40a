#include "engine/schema/evolution.hpp"

#include "engine/schema/path.hpp"
#include "engine/text.hpp"

#include <algorithm>
#include <string>

namespace weir::schema {

namespace {

Error refused(std::string reason, const std::string& path) {
  return fail(Errc::incompatible, std::move(reason), path);
}

const SchemaField* find(const std::vector<SchemaField>& fields, std::string_view name) {
  const auto found =
      std::find_if(fields.begin(), fields.end(), [&](const SchemaField& field) { return field.name == name; });
  return found == fields.end() ? nullptr : &*found;
}

/// What speaks against a change of kind, or nullptr.
const char* kind_fault(FieldKind from, FieldKind to) {
  const bool to_string = to == FieldKind::string;
  if (from == to || (to_string && (from == FieldKind::enum_ || from == FieldKind::date)))
    return nullptr;
  if (to == FieldKind::double_ && (from == FieldKind::int64 || from == FieldKind::uint64))
    return ": as a double an integer beyond 2^53 reads as one of its neighbours";
  if (from == FieldKind::int64 && to == FieldKind::uint64)
    return ": events may hold negative numbers";
  if (from == FieldKind::uint64 && to == FieldKind::int64)
    return ": events may hold numbers of 2^63 and more";
  if (to_string && from == FieldKind::timestamp)
    return ": events may hold timestamps that are numbers";
  return "";
}

Status check_fields(const std::vector<SchemaField>& from, bool from_open, const std::vector<SchemaField>& to,
                    bool to_open, const std::string& path);

Status check_type(const FieldType& from, const FieldType& to, const std::string& path) {
  if (const char* fault = kind_fault(from.kind, to.kind))
    return refused(format("{} cannot become {}{}", to_string(from.kind), to_string(to.kind), fault), path);
  if (from.kind != to.kind)
    return {};
  if (from.kind == FieldKind::enum_)
    for (const std::string& variant : from.variants)
      if (std::find(to.variants.begin(), to.variants.end(), variant) == to.variants.end())
        return refused(format("the variant '{}' is gone: events may hold it", variant), path);
  if (from.kind == FieldKind::object)
    return check_fields(from.fields, from.open, to.fields, to.open, path);
  if (from.kind == FieldKind::array)
    return check_type(from.element.front(), to.element.front(), path + "[]");
  return {};
}

Status check_fields(const std::vector<SchemaField>& from, bool from_open, const std::vector<SchemaField>& to,
                    bool to_open, const std::string& path) {
  if (from_open && !to_open)
    return refused("an open object cannot become strict: events may hold other fields", path);
  for (const SchemaField& field : from) {
    std::string place = path;
    append_member(place, field.name);
    const SchemaField* const now = find(to, field.name);
    if (now == nullptr)
      return refused("the field is gone: events may hold it, and it would be checked no more", place);
    if (field.optional && !now->optional)
      return refused("an optional field cannot become required: events may lack it", place);
    WEIR_TRY(check_type(field.type, now->type, place));
  }
  for (const SchemaField& field : to) {
    if (find(from, field.name) != nullptr)
      continue;
    std::string place = path;
    append_member(place, field.name);
    if (!field.optional)
      return refused("a new field must be optional: events lack it", place);
    if (from_open)
      return refused("an open object takes no new fields: events may hold anything under this name", place);
  }
  return {};
}

} // namespace

Status check_evolution(const Schema& current, const Schema& next) {
  return check_fields(current.fields, current.open, next.fields, next.open, "payload");
}

bool same_meaning(const Schema& a, const Schema& b) {
  // Each takes what the other takes.
  return check_evolution(a, b).ok() && check_evolution(b, a).ok();
}

} // namespace weir::schema
