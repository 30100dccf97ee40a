#include "engine/guarded_call.hpp"
#include "engine/models/database_state.hpp"
#include "engine/models/model_access.hpp"
#include "engine/text.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace weir {

namespace {

constexpr const char* make_table =
    R"(CREATE TABLE IF NOT EXISTS "{weir} migrations"()"
    "id INTEGER PRIMARY KEY, run_key TEXT NOT NULL, ran_at_s INTEGER NOT NULL, up INTEGER NOT NULL)";
constexpr const char* note_run = R"(INSERT INTO "{weir} migrations"(run_key, ran_at_s, up) VALUES(?, unixepoch(), 1))";

} // namespace

// --- registering ---

Status ModelDatabase::State::check_not_migrated(std::string_view what) const {
  if (migrated || phase == Phase::opening)
    return fail(Errc::invalid_argument, format("{}: too late, migrations have run", what));
  return {};
}

Status ModelDatabase::State::add_migrations(const std::string& group, const std::vector<Migration>& added) {
  std::vector<Due> all = migrations;
  for (const Migration& each : added) {
    const auto wrong = [&](std::string_view what) {
      return fail(Errc::invalid_argument, format("migration {} of {} {}", each.key, group, what));
    };
    if (each.key.empty())
      return wrong("has no key");
    if (!each.up)
      return wrong("has no function up");
    Due due{format("{} {}", each.key, group), each.up};
    const auto place =
        std::lower_bound(all.begin(), all.end(), due, [](const Due& a, const Due& b) { return a.run_key < b.run_key; });
    if (place != all.end() && place->run_key == due.run_key)
      return wrong("is there already");
    all.insert(place, std::move(due));
  }
  migrations = std::move(all);
  return {};
}

Status ModelDatabase::register_migrations(std::string group, std::vector<Migration> migrations) {
  const std::lock_guard lock(state_->mutex);
  Status added = state_->check_not_migrated(group);
  if (added)
    added = group.empty() ? fail(Errc::invalid_argument, "a group of migrations needs a name")
                          : state_->add_migrations(group, migrations);
  return added ? Status() : Status(state_->named(std::move(added).error()));
}

Result<JsonModel*> ModelDatabase::add_model(JsonModelOptions options) {
  const std::lock_guard lock(state_->mutex);
  const auto add = [&]() -> Result<JsonModel*> {
    WEIR_TRY(state_->check_not_migrated(options.name));
    for (const auto& model : state_->models)
      if (model->name() == options.name)
        return fail(Errc::invalid_argument, format("{}: there is a model of this name already", options.name));
    auto made = ModelAccess::make(*this, std::move(options));
    if (!made)
      return std::move(made).error();
    WEIR_TRY(state_->add_migrations((*made)->name(), ModelAccess::migrations(**made)));
    state_->models.push_back(std::move(*made));
    return state_->models.back().get();
  };
  auto added = add();
  return added ? added : Result<JsonModel*>(state_->named(std::move(added).error()));
}

JsonModel* ModelDatabase::State::model_called(std::string_view name) const {
  const std::lock_guard lock(mutex);
  for (const auto& model : models)
    if (model->name() == name)
      return model.get();
  return nullptr;
}

JsonModel* ModelDatabase::model(std::string_view name) noexcept {
  return state_->model_called(name);
}

const JsonModel* ModelDatabase::model(std::string_view name) const noexcept {
  return state_->model_called(name);
}

std::vector<JsonModel*> ModelDatabase::models() {
  const std::lock_guard lock(state_->mutex);
  std::vector<JsonModel*> all;
  for (const auto& model : state_->models)
    all.push_back(model.get());
  return all;
}

// --- running ---

Result<std::vector<ModelDatabase::State::Due>> ModelDatabase::State::due(sqlite::Lease& connection) {
  std::set<std::string> done; // a key by its last run
  auto table = connection.prepare(R"(SELECT 1 FROM sqlite_schema WHERE type='table' AND name='{weir} migrations')");
  if (!table)
    return std::move(table).error();
  const auto there = (*table)->step();
  if (!there)
    return there.error();
  if (*there) {
    auto runs = connection.prepare(R"(SELECT run_key, up FROM "{weir} migrations" ORDER BY id)");
    if (!runs)
      return std::move(runs).error();
    for (;;) {
      const auto row = (*runs)->step();
      if (!row)
        return row.error();
      if (!*row)
        break;
      if ((*runs)->integer(1) == 1)
        done.emplace((*runs)->text(0));
      else
        done.erase(std::string((*runs)->text(0)));
    }
  }
  std::vector<Due> left;
  for (const Due& each : migrations) // nobody registers any while the database is opened
    if (!done.contains(each.run_key))
      left.push_back(each);
  return left;
}

Status ModelDatabase::State::migrate() {
  {
    auto connection = own();
    if (!connection)
      return std::move(connection).error();
    const auto left = due(*connection);
    if (!left)
      return left.error();
    if (left->empty()) // the usual case takes no lock
      return {};
  }
  return self->transaction([&]() -> Status {
    auto connection = own();
    if (!connection)
      return std::move(connection).error();
    auto left = due(*connection); // another process may have been faster
    if (!left)
      return std::move(left).error();
    WEIR_TRY(connection->execute(make_table));
    for (const Due& each : *left) {
      if (Status done = guarded_call("it", [&] { return each.up(*self); }); !done) {
        Error error = std::move(done).error();
        error.message = format("migration {}: {}", each.run_key, error.message);
        return error;
      }
      auto note = connection->prepare(note_run);
      if (!note)
        return std::move(note).error();
      WEIR_TRY((*note)->bind(1, std::string_view(each.run_key)).run());
    }
    return {};
  });
}

} // namespace weir
