#include "trust/models/log_fold.hpp"

#include "engine/text.hpp"

#include <stdexcept>

namespace weir::trust {

void LogFold::read(const Engine& engine) {
  SubscribeOptions options;
  options.from = QueueStart::at(next_);
  options.follow = false;
  auto events = engine.subscribe(options);
  if (!events)
    throw std::runtime_error("the log: " + to_string(events.error()));
  for (;;) {
    const auto batch = events->next();
    if (!batch)
      throw std::runtime_error("the log: " + to_string(batch.error()));
    for (const EventView& event : batch->events)
      take(event);
    if (batch->ended)
      return;
  }
}

void LogFold::take(const EventView& event) {
  ++events_;
  last_ = event.position;
  next_ = event.position + 1;
  const auto parsed = Json::parse(event.payload);
  if (!parsed)
    throw std::runtime_error(format("the log: position {}: {}", event.position, to_string(parsed.error())));
  const Json& payload = *parsed;
  const std::string type(event.event_type), action(payload["action"].string());
  const Json &id = payload["id"], &data = payload["data"];
  if (type != "es/items" && type != "es/notes")
    throw std::runtime_error(format("the log: position {}: nobody stored a {}", event.position, type));

  std::string outcome;
  if (type == "es/items") {
    outcome = write("items", action, id, data);
    count("events:es/items", "count", event.position);
    count("item:" + id.to_text(), "count", event.position);
  } else {
    outcome = write("notes", action, id, data);
    count("events:es/notes", "count", event.position);
    if (data["item"].is_integer()) {
      const Json& item = data["item"];
      (void)write("items", "update", item, Json::object({{"noted", event.position}}));
      count("events:es/items", "count", event.position);
      count("item:" + item.to_text(), "count", event.position);
    }
  }
  const Json& meta = payload["meta"];
  count("writer:" + meta["writer"].to_text(), "writes", event.position);
  if (!writes_.try_emplace(write_id_of(meta), outcome).second)
    ++repeated_;
}

std::string LogFold::write(const std::string& model, const std::string& action, const Json& id, const Json& data) {
  Rows& rows = models_[model];
  const std::string key = id.to_text();
  const auto found = rows.find(key);
  const bool there = found != rows.end();
  if (action == "remove") {
    rows.erase(key);
    return "done";
  }
  if (action == "insert" && there)
    return "EEXIST";
  if (action == "update" && !there)
    return "ENOENT";
  Json object = Json::object({{"id", id}});
  if ((action == "update" || action == "save") && there)
    object = found->second;
  for (const auto& [name, value] : data.members())
    if (value.is_null())
      object.erase(name);
    else
      object.set(name, value);
  rows[key] = object;
  return "done";
}

void LogFold::count(const std::string& id, const char* member, Position position) {
  Json& row = models_["tallies"][Json(id).to_text()];
  if (row.is_null())
    row = Json::object({{"id", id}});
  row.set(member, row[member].integer() + 1);
  row.set("last", position);
}

} // namespace weir::trust
