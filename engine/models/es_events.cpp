#include "engine/models/es_events.hpp"

#include "engine/hash.hpp"
#include "engine/models/model_access.hpp"
#include "engine/text.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace weir {

namespace {

constexpr std::array<std::string_view, 5> action_names{"remove", "set", "insert", "update", "save"};

std::optional<EsAction> action_of(std::string_view name) {
  const auto found = std::find(action_names.begin(), action_names.end(), name);
  if (found == action_names.end())
    return std::nullopt;
  return static_cast<EsAction>(found - action_names.begin());
}

Error wrong(std::string message) {
  return fail(Errc::invalid_argument, std::move(message));
}

/// The id of a new object whose write is applied: a UUID that every rebuild makes again.
std::string derived_id(std::string_view model, const EsPlace& place) {
  const Hash128 hash = hash128(format("{}/{}/{}", place.position, place.ordinal, model), 0);
  // Version 8, the one for ids of one's own making, and the variant of RFC 9562.
  const std::uint64_t high = (hash.high & ~0xF000ULL) | 0x8000ULL;
  const std::uint64_t low = (hash.low & ~(3ULL << 62U)) | (2ULL << 62U);
  return format("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", high >> 32U, (high >> 16U) & 0xFFFFU, high & 0xFFFFU, low >> 48U,
                low & 0xFFFF'FFFF'FFFFULL);
}

} // namespace

std::string_view to_string(EsAction action) noexcept {
  return action_names[static_cast<std::size_t>(action)];
}

std::string es_type(std::string_view model) {
  return format("es/{}", model);
}

std::string es_init_type(std::string_view model) {
  return format("es/INIT:{}", model);
}

ModelEvent es_event(std::string_view model, EsAction action, Json id, Json object, Json meta) {
  ModelEvent event;
  event.type = es_type(model);
  event.data.set("action", to_string(action)).set("id", std::move(id));
  if (action != EsAction::remove)
    event.data.set("data", std::move(object));
  if (!meta.is_null())
    event.data.set("meta", std::move(meta));
  return event;
}

Result<EsWrite> read_es_event(const Json& data) {
  if (!data.is_object())
    return wrong("the data of a write is no object");
  EsWrite write;
  std::optional<EsAction> action;
  for (const auto& [key, value] : data.members()) {
    if (key == "action")
      action = action_of(value.string());
    else if (key == "id")
      write.id = &value;
    else if (key == "data")
      write.data = &value;
    else if (key == "meta")
      write.meta = &value;
    else
      return wrong(format("unknown member '{}'", key));
  }
  if (!action)
    return wrong("'action' is none of remove, set, insert, update, save");
  write.action = *action;
  if (write.action == EsAction::remove ? write.data != nullptr : write.data == nullptr || !write.data->is_object())
    return wrong(write.action == EsAction::remove ? "'data' has no place in a removal" : "'data' is no object");
  return write;
}

Error es_failure(std::string_view model, std::string_view operation, const Json& id, std::string_view es_fail) {
  return fail(
      es_fail == "ENOENT" ? Errc::not_found : Errc::condition_failed,
      format("{}.{} {}: {}", model, operation, id.is_string() ? std::string(id.string()) : id.to_text(), es_fail));
}

std::string id_key(const JsonModelOptions& options) {
  for (const Column& column : options.columns)
    if (column.name == options.id_column && !column.path.empty())
      return column.path;
  return options.id_column;
}

EsRules::EsRules(const JsonModel& model)
    : model_(&model), type_(es_type(model.name())), id_key_(id_key(model.options())) {
  for (const Column& column : model.options().columns) {
    if (column.name == model.id_column()) {
      id_ = &column;
      integer_id_ = column.type == ColumnType::integer;
    } else if (column.value || column.slug_value || column.default_value || column.always_object ||
               !column.sql.empty()) {
      filled_in_.push_back(&column);
    }
  }
}

Status EsRules::normalise(Json& id) const {
  if (integer_id_ ? id.is_integer() : id.is_string())
    return {};
  const bool whole = id.is_number() && Json(id.integer()) == id;
  if (!whole)
    return wrong(
        format("the id is {}: {}", integer_id_ ? "no integer" : "neither a text nor an integer", id.to_text()));
  id = integer_id_ ? Json(id.integer()) : Json(format("{}", id.integer()));
  return {};
}

Result<Json> EsRules::new_id(const Json& object, const std::optional<EsPlace>& place) const {
  if (integer_id_) {
    const auto next = model_->next_id();
    if (!next)
      return next.error();
    return Json(*next);
  }
  if (id_ != nullptr && id_->slug_value) {
    auto slug = ModelAccess::id_slug(*model_, object);
    if (!slug)
      return std::move(slug).error();
    if (!slug->empty())
      return Json(*std::move(slug));
  }
  if (place)
    return Json(derived_id(model_->name(), *place));
  auto made = ModelAccess::make_id(*model_);
  if (!made)
    return std::move(made).error();
  return Json(*std::move(made));
}

Status EsRules::settle_id(Json& data, EsAction action, const std::optional<EsPlace>& place) const {
  Json& id = data.member("id");
  if (!id.is_null())
    return normalise(id);
  if (action == EsAction::remove || action == EsAction::update)
    return wrong(format("{}.{}: there is no id", model_->name(), to_string(action)));
  const Json& object = data["data"];
  if (id_ != nullptr && id_->value) {
    auto computed = id_->value(object, *model_);
    if (!computed)
      return std::move(computed).error();
    if (!computed->is_null()) {
      id = *std::move(computed);
      return normalise(id);
    }
  }
  auto made = new_id(object, place);
  if (!made)
    return std::move(made).error();
  id = *std::move(made);
  // An object that gets a new id is new: should somebody else take the id meanwhile, theirs must not be replaced.
  data.set("action", to_string(EsAction::insert));
  return normalise(id);
}

Status EsRules::preprocess(Json& data, const std::optional<EsPlace>& place) const {
  const auto write = read_es_event(data);
  if (!write)
    return write.error();
  const EsAction action = write->action;
  Json* const object = data.find("data");
  if (Json* const own = object == nullptr ? nullptr : object->find(id_key_)) {
    if (write->id == nullptr || write->id->is_null()) {
      data.set("id", std::move(*own));
    } else {
      Json given = *write->id;
      if (!own->is_null()) {
        WEIR_TRY(normalise(given));
        WEIR_TRY(normalise(*own));
        if (given != *own)
          return wrong(format("the id is {}, but that of the object {}", given.to_text(), own->to_text()));
      }
    }
    data.find("data")->erase(id_key_);
  }
  return settle_id(data, action, place);
}

EsRules::Without EsRules::without(const Json::Member& old) const {
  const auto found = std::find_if(filled_in_.begin(), filled_in_.end(), [&](const Column* each) {
    return (each->path.empty() ? each->name : each->path) == old.first;
  });
  if (found == filled_in_.end())
    return Without::differs;
  const Column& column = **found;
  if (!column.sql.empty())
    return Without::impossible;
  if (column.default_value ? old.second != *column.default_value : column.always_object && old.second.size() != 0)
    return Without::differs;
  return Without::same;
}

/// What a set or an update makes of the object that is there; nothing where it is so already.
EsChange EsRules::change_of(const EsWrite& write, Json object) const {
  Json changes = Json::object();
  bool differs = false;
  for (const auto& [key, value] : write.data->members())
    if (const Json* const was = object.find(key); was == nullptr || *was != value) {
      changes.set(key, value);
      differs = true;
    }
  if (write.action == EsAction::set)
    for (const Json::Member& member : object.members())
      if (member.first != id_key_ && !write.data->contains(member.first)) {
        const Without what = without(member);
        if (what != Without::impossible)
          changes.set(member.first, nullptr);
        differs = differs || what == Without::differs;
      }
  EsChange result;
  if (!differs)
    return result;
  Json& named = result.change.upd.emplace_back();
  named.set(id_key_, *write.id);
  for (auto& [key, value] : changes.members()) {
    named.set(key, value);
    if (value.is_null())
      object.erase(key);
    else
      object.set(key, value);
  }
  result.whole = std::move(object);
  return result;
}

Result<EsChange> EsRules::reduce(const Json& data) const {
  const auto write = read_es_event(data);
  if (!write)
    return write.error();
  if (write->id == nullptr || write->id->is_null())
    return wrong("there is no id");
  const Json& id = *write->id;
  auto old = model_->get(id);
  if (!old)
    return std::move(old).error();

  EsChange result;
  Change& change = result.change;
  if (write->action == EsAction::remove) {
    if (*old)
      change.rm.push_back(id);
    return result;
  }
  if (!*old) {
    if (write->action == EsAction::update) {
      change.es_fail = "ENOENT";
      return result;
    }
    Json object;
    object.set(id_key_, id);
    for (const auto& [key, value] : write->data->members())
      object.set(key, value);
    change.ins.push_back(std::move(object));
    return result;
  }
  if (write->action == EsAction::insert) {
    change.es_fail = "EEXIST";
    return result;
  }
  return change_of(*write, **std::move(old));
}

} // namespace weir
