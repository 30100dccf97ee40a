#include "trust/models/shop.hpp"

#include "engine/text.hpp"

#include <utility>

namespace weir::trust {

namespace {

/// Adds one to `member` of the row `id` of the tallies.
Result<Json> counted(const JsonModel& tallies, const std::string& id, const char* member, Position last) {
  const auto row = tallies.get(id);
  if (!row)
    return row.error();
  const std::int64_t before = *row ? (**row)[member].integer() : 0;
  return Json::object({{"id", id}, {member, before + 1}, {"last", last}});
}

Result<Change> reduce_tallies(const ModelEvent& event, ReduceContext& context) {
  std::string id;
  if (event.type == "es/items" || event.type == "es/notes")
    id = "events:" + event.type;
  else if (event.type == "item/touched")
    id = format("item:{}", event.data["item"].integer());
  Change change;
  if (id.empty())
    return change;
  auto row = counted(context.model("tallies"), id, "count", event.position);
  if (!row)
    return std::move(row).error();
  change.sav.push_back(*std::move(row));
  return change;
}

Status derive_tallies(const ModelEvent& event, DeriveContext& context) {
  if (context.depth() != 0 || !event.type.starts_with("es/"))
    return {};
  JsonModel& tallies = context.model("tallies");
  const auto row =
      counted(tallies, format("writer:{}", event.data["meta"]["writer"].integer()), "writes", event.position);
  if (!row)
    return row.error();
  const auto written = tallies.update(*row, true);
  return written ? Status() : Status(written.error());
}

ModelDefinition items() {
  ModelDefinition definition;
  definition.model.name = "items";
  definition.model.columns = {{.name = "id", .type = ColumnType::integer},
                              {.name = "name", .type = ColumnType::text, .index = ColumnIndex::sparse},
                              {.name = "price", .type = ColumnType::real},
                              {.name = "count", .index = ColumnIndex::all}};
  definition.derive = [](const ModelEvent& event, DeriveContext& context) -> Status {
    if (event.type == "es/items")
      context.add_event("item/touched", Json::object({{"item", event.data["id"]}}));
    return {};
  };
  return definition;
}

ModelDefinition notes() {
  ModelDefinition definition;
  definition.model.name = "notes";
  definition.model.columns = {{.name = "author", .index = ColumnIndex::sparse}, {.name = "stars"}};
  definition.transact = [](const ModelEvent& event, TransactContext& context) -> Status {
    const Json& item = event.data["data"]["item"];
    if (event.type != "es/notes" || !item.is_integer())
      return {};
    const auto noted = context.update("items", Json::object({{"id", item}, {"noted", event.position}}));
    return noted || noted.code() == Errc::not_found ? Status() : Status(noted.error());
  };
  return definition;
}

ModelDefinition tallies() {
  ModelDefinition definition;
  definition.model.name = "tallies";
  definition.event_sourced = false;
  definition.reduce = reduce_tallies;
  definition.derive = derive_tallies;
  return definition;
}

} // namespace

EngineOptions shop_engine_options() {
  EngineOptions options;
  options.shards = 2;
  options.wal_file_bytes = 64 * KiB;
  options.unsealed_bytes_max = 512 * KiB;
  options.block_cache_bytes = 1 * MiB;
  options.disk_reserve_bytes = 1 * MiB;
  options.sync_interval_ms = std::chrono::milliseconds(5);
  return options;
}

EventSourcingOptions shop_options() {
  EventSourcingOptions options;
  options.name = "shop";
  options.models = {items(), notes(), tallies()};
  return options;
}

EventSourcingOptions copy_options() {
  EventSourcingOptions options;
  options.name = "copy";
  options.models = {notes()};
  options.models.front().transact = {};
  return options;
}

std::string shop_file(const std::string& directory) {
  return directory + "/models/shop.db";
}

std::string copy_file(const std::string& directory) {
  return directory + "/models/copy.db";
}

Json to_json(const WriteId& id) {
  return Json::object({{"life", id.life}, {"writer", id.writer}, {"number", id.number}});
}

WriteId write_id_of(const Json& meta) {
  const auto part = [&meta](const char* name) { return static_cast<std::uint32_t>(meta[name].integer()); };
  return {part("life"), part("writer"), part("number")};
}

Write draw_write(Dice& dice, std::uint32_t writer, std::int64_t items, bool needs_ids) {
  using Kind = Write::Kind;
  const auto below = [&dice](std::uint64_t bound) { return static_cast<std::int64_t>(dice.below(bound)); };
  const auto known_item = [&] { return Json(1 + below(static_cast<std::uint64_t>(items) + 3)); };
  const auto own_note = [&] { return Json(format("of-{}/{}", writer, below(40))); };
  const auto shared_note = [&] { return Json(format("shared-{}", below(30))); };
  const auto item = [&](const Json& id) {
    Json object = Json::object({{"name", format("thing {}", below(100))}, {"price", 0.25 * double(below(400))}});
    if (!id.is_null())
      object.set("id", id);
    object.set("count", below(10));
    if (below(3) == 0)
      object.set("size", Json::object({{"wide", below(9)}, {"tags", Json::array({"a", below(5)})}}));
    return object;
  };
  const auto note = [&](Json id) {
    Json object = Json::object({{"id", std::move(id)}, {"author", format("writer {}", below(5))}});
    object.set("text", std::string(static_cast<std::size_t>(below(120)), static_cast<char>('a' + below(26))));
    if (below(2) == 0)
      object.set("stars", below(6));
    if (below(4) == 0)
      object.set("item", known_item());
    return object;
  };
  const std::uint64_t which = dice.below(100);
  if (which < 15)
    return {"items", Kind::set, item(needs_ids ? known_item() : Json())};
  if (which < 30)
    return {"items", Kind::update,
            Json::object({{"id", known_item()}, {"count", below(10)}, {"name", below(4) == 0 ? Json() : Json("new")}})};
  if (which < 35)
    return {"items", Kind::insert, item(known_item())};
  if (which < 40)
    return {"items", Kind::set, item(known_item())};
  if (which < 50)
    return {"items", Kind::remove, known_item()};
  if (which < 70)
    return {"notes", Kind::set, note(own_note()), true};
  if (which < 80)
    return {"notes", Kind::save, note(shared_note())};
  if (which < 90)
    return {"notes", Kind::update, Json::object({{"id", shared_note()}, {"stars", below(6)}, {"text", nullptr}})};
  if (which < 95)
    return {"notes", Kind::insert, note(shared_note())};
  return {"notes", Kind::remove, below(2) == 0 ? own_note() : shared_note()};
}

std::string outcome_of(const Status& written) {
  if (written)
    return "done";
  const std::string& message = written.error().message;
  for (const char* const failure : {"EEXIST", "ENOENT"})
    if (message.ends_with(failure))
      return failure;
  return {};
}

Status perform(ESModel& model, const Write& write, const WriteId& id, Json& object) {
  using Kind = Write::Kind;
  WriteOptions options;
  options.metadata = to_json(id);
  if (write.kind == Kind::remove)
    return model.remove(write.object, options);
  auto written = write.kind == Kind::set || write.kind == Kind::insert
                     ? model.set(write.object, write.kind == Kind::insert, options)
                     : model.update(write.object, write.kind == Kind::save, options);
  if (!written)
    return std::move(written).error();
  object = *std::move(written);
  return {};
}

} // namespace weir::trust
