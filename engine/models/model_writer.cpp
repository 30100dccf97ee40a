#include "engine/models/model_writer.hpp"

#include "engine/json/json.hpp"
#include "engine/models/column_call.hpp"
#include "engine/text.hpp"
#include "engine/validate.hpp"

#include <weir/limits.hpp>
#include <weir/model_database.hpp>

#include <utility>

namespace weir {

namespace {

/// What could be stored and not be read again.
Status check_limits(const Json& value, std::size_t depth, std::size_t& members) {
  if (!value.is_array() && !value.is_object())
    return {};
  if (depth == limits::json_depth_max)
    return fail(Errc::too_large, format("nested deeper than {} levels", limits::json_depth_max));
  members += value.size();
  if (members > limits::json_members_max)
    return fail(Errc::too_large, format("more than {} members and elements", limits::json_members_max));
  for (const Json& item : value.items())
    WEIR_TRY(check_limits(item, depth + 1, members));
  for (const auto& [key, member] : value.members())
    WEIR_TRY(check_limits(member, depth + 1, members));
  return {};
}

bool erase_path(Json& object, std::span<const std::string> path) {
  Json* at = &object;
  for (const std::string& segment : path.first(path.size() - 1))
    if (at = at->find(segment); at == nullptr)
      return false;
  return at->erase(path.back());
}

/// Of what a slug is made; empty: of nothing.
std::string slug_text(const Json& from) {
  if (from.is_string())
    return std::string(from.string());
  if (from.is_number())
    return from.to_text();
  for (const auto& [key, value] : from.members())
    if (!value.string().empty())
      return std::string(value.string());
  return {};
}

const Json nothing;

} // namespace

ModelWriter::ModelWriter(const ModelTable& table, const JsonModelOptions& options)
    : table_(table), options_(options), ids_(io::make_system_clock(), io::make_system_random()) {
  std::string names, parameters, replaced;
  std::size_t count = 0;
  const auto add = [&](const std::string& name, bool is_id) {
    names += format("{}{}", count == 0 ? "" : ",", name);
    parameters += format("{}?{}", count == 0 ? "" : ",", count + 1);
    if (is_id)
      id_place_ = count;
    else
      replaced += format("{}{}=excluded.{}", replaced.empty() ? "" : ",", name, name);
    ++count;
  };
  const auto& columns = table_.columns();
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const TableColumn& column = columns[i];
    const Column& spec = column.spec;
    if (spec.value || spec.slug_value ||
        (!column.stored && spec.sql.empty() && (spec.default_value || spec.falsy_bool || spec.required)))
      computed_.push_back(i);
    if (column.stored)
      add(column.bare, &column == &table_.id());
    // An expression's value comes back with the object that a caller read, and is computed anew when it is read again.
    if (!column.given || (!column.stored && spec.sql.empty()))
      continue;
    Place* place = &root_;
    for (const std::string& segment : column.path) {
      if (find(*place, segment) == nullptr)
        place->inside.push_back({segment, false, {}});
      place = const_cast<Place*>(find(*place, segment));
    }
    place->taken_out = true;
  }
  add("\"json\"", false);
  insert_ = format("INSERT INTO {}({}) VALUES({})", table_.quoted(), names, parameters);
  upsert_ = format("{} ON CONFLICT({}) DO UPDATE SET {}", insert_, table_.id().bare, replaced);
}

const ModelWriter::Place* ModelWriter::find(const Place& place, std::string_view key) noexcept {
  for (const Place& inside : place.inside)
    if (inside.key == key)
      return &inside;
  return nullptr;
}

void ModelWriter::append_rest(std::string& out, const Json& value, const Place& place) {
  if (place.inside.empty() || !value.is_object())
    return value.append_text(out);
  char before = '{';
  for (const auto& [key, member] : value.members()) {
    const Place* const inside = find(place, key);
    if (inside != nullptr && inside->taken_out)
      continue;
    out += std::exchange(before, ',');
    json::append_string(out, key);
    out += ':';
    if (inside != nullptr)
      append_rest(out, member, *inside);
    else
      member.append_text(out);
  }
  out += before == '{' ? "{}" : "}";
}

Result<std::string> ModelWriter::rest(const Json& value, const Place& place) const {
  std::string text;
  if (value.is_object())
    text.reserve(256);
  append_rest(text, value, place);
  if (!valid_utf8(text))
    return fail(Errc::invalid_argument, format("{}: not valid UTF-8", table_.name()));
  return text;
}

Error ModelWriter::wrong(const TableColumn& column, std::string_view what) const {
  return fail(Errc::invalid_argument, format("{}.{}: {}", table_.name(), column.spec.name, what));
}

const Json& ModelWriter::value(const Draft& draft, std::size_t column) const {
  if (!draft.computed_.empty() && draft.computed_[column])
    return *draft.computed_[column];
  const Json* const there = find_path(draft.object(), table_.columns()[column].path);
  return there != nullptr ? *there : nothing;
}

Status ModelWriter::assign(Draft& draft, std::size_t place, Json value) const {
  const TableColumn& column = table_.columns()[place];
  if (column.stored) {
    draft.computed_.resize(table_.columns().size());
    draft.computed_[place] = std::move(value);
    return {};
  }
  if (!draft.changed_)
    draft.changed_ = *draft.given_;
  if (value.is_null())
    erase_path(*draft.changed_, column.path);
  else if (!put_path(*draft.changed_, column.path, std::move(value)))
    return wrong(column, "something that is no object is in the way of its place");
  return {};
}

Status ModelWriter::compute(Draft& draft, std::size_t place, const JsonModel& model) const {
  const TableColumn& column = table_.columns()[place];
  const Column& spec = column.spec;
  if (spec.value || spec.slug_value) {
    // Every function sees the object as it came, whatever the others have computed of it.
    const Json* const given = find_path(*draft.given_, column.path);
    const bool empty = given == nullptr || given->is_null();
    if (spec.value && (empty || &column != &table_.id())) {
      auto computed = column_call(table_.name(), spec.name, [&] { return spec.value(*draft.given_, model); });
      if (!computed)
        return std::move(computed).error();
      std::size_t members = 0;
      if (auto fits = check_limits(*computed, 1, members); !fits)
        return fail(fits.code(), format("{}.{}: {}", table_.name(), spec.name, fits.error().message));
      WEIR_TRY(assign(draft, place, std::move(*computed)));
    }
    if (spec.slug_value && empty) {
      auto text = column_call(table_.name(), spec.name, [&] { return spec.slug_value(*draft.given_, model); });
      if (!text)
        return std::move(text).error();
      draft.slugs_.emplace_back(place, slugify(slug_text(*text)));
    }
  }
  if (column.stored || spec.slug_value)
    return {};
  const Json& now = value(draft, place);
  if (now.is_null() && spec.default_value)
    return assign(draft, place, *spec.default_value);
  if (now.is_null())
    return spec.required ? Status(wrong(column, "value is required")) : Status();
  if (spec.falsy_bool && !(now.is_boolean() && now.boolean()))
    return assign(draft, place, now.truthy() ? Json(true) : Json());
  return {};
}

Result<ModelWriter::Draft> ModelWriter::draft(const Json& object, const JsonModel& model) const {
  if (!object.is_object())
    return fail(Errc::invalid_argument, format("{}: an object is wanted", table_.name()));
  std::size_t members = 0;
  if (auto fits = check_limits(object, 0, members); !fits)
    return fail(fits.code(), format("{}: {}", table_.name(), fits.error().message));
  Draft draft;
  draft.given_ = &object;
  for (const std::size_t column : computed_)
    WEIR_TRY(compute(draft, column, model));
  return draft;
}

Result<SqlValue> ModelWriter::stored_value(const TableColumn& column, const Json& value) const {
  if (column.spec.type != ColumnType::json || value.is_null())
    return table_.to_sql(column, value);
  const Place* place = &root_;
  for (const std::string& segment : column.path)
    place = place == nullptr ? nullptr : find(*place, segment);
  // A column that reads do not give has what is below it, too.
  static const Place none;
  auto text = rest(value, place != nullptr && column.given ? *place : none);
  if (!text)
    return std::move(text).error();
  return column.spec.always_object && *text == "{}" ? SqlValue() : SqlValue(std::move(*text));
}

Result<std::vector<SqlValue>> ModelWriter::row(const Draft& draft) {
  const auto& columns = table_.columns();
  std::vector<SqlValue> row;
  row.reserve(columns.size() + 1);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const TableColumn& column = columns[i];
    if (!column.stored)
      continue;
    const Json* now = &value(draft, i);
    if (now->is_null() && column.spec.default_value)
      now = &*column.spec.default_value;
    if (now->is_null() && column.spec.required)
      return wrong(column, "value is required");
    if (now->is_null() && &column == &table_.id() && column.spec.type == ColumnType::text) {
      auto id = make_id();
      if (!id)
        return std::move(id).error();
      row.emplace_back(std::move(*id));
      continue;
    }
    auto stored = stored_value(column, *now);
    if (!stored)
      return std::move(stored).error();
    row.push_back(std::move(*stored));
  }
  auto text = rest(draft.object(), root_);
  if (!text)
    return std::move(text).error();
  if (*text == "{}")
    row.emplace_back();
  else
    row.emplace_back(std::move(*text));
  return row;
}

void ModelWriter::take_out(Json& value, const Place& place) {
  for (const Place& inside : place.inside)
    if (inside.taken_out)
      value.erase(inside.key);
    else if (Json* const member = value.find(inside.key))
      take_out(*member, inside);
}

Json ModelWriter::rest_of(Draft&& draft, Json&& given) const {
  Json rest = draft.changed_ ? std::move(*draft.changed_) : std::move(given);
  take_out(rest, root_);
  return rest;
}

Result<std::string> ModelWriter::make_id() {
  if (!options_.make_id)
    return ids_.next();
  auto id = column_call(table_.name(), options_.id_column, [&] { return Result<std::string>(options_.make_id()); });
  if (!id)
    return id;
  auto stored = table_.to_sql(table_.id(), Json(std::move(*id)));
  if (!stored)
    return std::move(stored).error();
  return std::get<std::string>(std::move(*stored));
}

Result<std::string> ModelWriter::random_slug() {
  return options_.make_id ? make_id() : Result<std::string>(ids_.letters(12));
}

} // namespace weir
