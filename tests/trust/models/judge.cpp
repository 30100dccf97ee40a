#include "trust/models/judge.hpp"

#include "engine/text.hpp"

#include <weir/model_database.hpp>

#include <set>
#include <stdexcept>
#include <utility>

namespace weir::trust {

namespace {

/// Far beyond what a loaded machine with sanitizers needs to apply what is left of a log.
constexpr std::chrono::milliseconds patience{300'000};

template <class T> T must(Result<T> result, const char* what) {
  if (!result)
    throw std::runtime_error(std::string(what) + ": " + to_string(result.error()));
  return *std::move(result);
}

std::string name_of(const WriteId& id) {
  return format("write {}-{}-{}", id.life, id.writer, id.number);
}

struct Asked {
  const char* model;
  Json attributes;
  SearchOptions options;
};

std::vector<Asked> asked() {
  std::vector<Asked> all;
  const auto ask = [&all](const char* model, Json attributes, std::vector<SortKey> sort, std::uint64_t limit) {
    SearchOptions options;
    options.sort = std::move(sort);
    options.limit = limit;
    all.push_back({model, std::move(attributes), std::move(options)});
  };
  ask("items", {}, {}, 7);
  ask("items", {}, {{"name"}}, 20);
  ask("items", {}, {{"count", true}, {"price"}}, 20);
  ask("items", Json::object({{"count", 3}}), {{"name", true}}, 3);
  ask("items", Json::object({{"name", "new"}}), {{"price", true}}, 5);
  ask("notes", {}, {{"stars"}}, 9);
  ask("notes", {}, {{"author", true}, {"stars", true}}, 20);
  ask("notes", Json::object({{"author", "writer 2"}}), {}, 4);
  ask("tallies", {}, {}, 50);
  return all;
}

} // namespace

OpenShop::OpenShop(const std::string& directory)
    : engine(must(Engine::open(directory, shop_engine_options()), "open the engine")),
      db(must(EventSourcingDB::open(*engine, shop_options()), "open the models")),
      copy(must(EventSourcingDB::open(*engine, copy_options()), "open the copy")) {
}

OpenShop::~OpenShop() = default;

void ModelsJudge::judge(const OpenShop& shop, bool whole) {
  for (const auto* const db : {shop.db.get(), shop.copy.get()})
    if (const auto queue = db->wait_for_queue(patience); !queue)
      return complain("the projection does not go on: " + to_string(queue.error()));
  if (whole)
    fold_ = {};
  fold_.read(*shop.engine);
  for (const auto& [name, expected] : fold_.models())
    compare_rows(*shop.db->rows(name), expected);
  compare_position(*shop.db);
  compare_rows(*shop.copy->rows("notes"), fold_.models().at("notes"));
  compare_position(*shop.copy);
  compare_writes();
}

void ModelsJudge::compare_rows(const JsonModel& model, const LogFold::Rows& expected) {
  const std::string& name = model.name();
  std::set<std::string> seen;
  const auto rows = must(model.all(), "all rows");
  for (const Json& row : rows) {
    const std::string id = row[model.id_column()].to_text();
    const auto found = expected.find(id);
    if (!seen.insert(id).second)
      complain(format("{} {} is there twice", name, id));
    else if (found == expected.end())
      complain(format("{} {} is there, and should not be: {}", name, id, row.to_text()));
    else if (found->second != row)
      complain(format("{} {} is {}, and should be {}", name, id, row.to_text(), found->second.to_text()));
  }
  for (const auto& [id, row] : expected)
    if (!seen.contains(id))
      complain(format("{} {} is missing: {}", name, id, row.to_text()));
}

void ModelsJudge::compare_position(const EventSourcingDB& db) {
  const ProjectionHealth health = must(db.health(), "health");
  if (health.state != ProjectionState::running || health.lag_events != 0)
    complain(format("the projection is {}, {} events behind", to_string(health.state), health.lag_events));
  if (health.events_applied != fold_.events())
    complain(format("{} events were applied, and the log has {}", health.events_applied, fold_.events()));
  if (health.position <= fold_.last_position() && fold_.events() != 0)
    complain(format("the position is {}, and the last event is at {}", health.position, fold_.last_position()));
}

void ModelsJudge::compare_writes() {
  for (; compared_ < told_.size(); ++compared_) {
    const auto& [id, outcome] = told_[compared_];
    const auto stored = fold_.writes().find(id);
    if (stored == fold_.writes().end()) {
      ++lost_;
      complain(name_of(id) + " was acknowledged and is lost");
    } else if (stored->second != outcome) {
      complain(format("{} is {} by the log, and its caller was told {}", name_of(id), stored->second, outcome));
    }
  }
  if (fold_.repeated() != 0)
    complain(format("{} writes were stored more than once", fold_.repeated()));
}

std::string answers_of(const OpenShop& shop) {
  std::string text;
  for (const Asked& each : asked()) {
    const JsonModel& model = *shop.db->rows(each.model);
    SearchOptions options = each.options;
    text += format("{} {}\n", each.model, each.attributes.to_text());
    for (int page = 0; page < 4; ++page) {
      const SearchResult result = must(model.search(each.attributes, options), "search");
      for (const Json& item : result.items)
        text += item.to_text() + '\n';
      text += format("of {}, next {}, previous {}\n", result.total.value_or(UINT64_MAX), result.cursor,
                     result.previous_cursor);
      if (result.cursor.empty())
        break;
      options.cursor = result.cursor;
    }
  }
  const JsonModel &items = *shop.db->rows("items"), &notes = *shop.db->rows("notes");
  for (const int id : {1, 2, 3, 10, 30})
    if (const auto item = must(items.get(id), "get"))
      text += item->to_text() + '\n';
  text += format("sum {}, average {}, of {} and {}\n", must(items.sum("price"), "sum").value_or(-1),
                 must(items.average("count"), "average").value_or(-1), must(items.count(), "count"),
                 must(notes.count(), "count"));
  const auto rows = must(shop.db->database().all("SELECT * FROM \"notes\" ORDER BY \"id\" LIMIT 50"), "SQL");
  for (const SqlRow& row : rows)
    for (const SqlValue& value : row.values())
      text += sql_literal(value) + '\n';
  return text;
}

} // namespace weir::trust
