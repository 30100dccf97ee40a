#include <weir/json_model.hpp>

#include "engine/models/json_model_state.hpp"
#include "engine/models/model_access.hpp"
#include "engine/models/slug_search.hpp"
#include "engine/sqlite/connections.hpp"
#include "engine/text.hpp"

#include <weir/model_database.hpp>

#include <limits>
#include <utility>

namespace weir {

namespace {

Error about_id(const ModelTable& table, Errc code, std::string_view what) {
  return fail(code, format("{}.{}: {}", table.name(), table.id().spec.name, what));
}

/// The column whose value is taken, as SQLite's message names it: items.count, or the index 'items_count'.
const TableColumn* taken_column(const ModelTable& table, std::string_view message) {
  const auto names = [&](const std::string& what) {
    return message.find(format("failed: {} (code", what)) != std::string_view::npos;
  };
  for (const TableColumn& column : table.columns())
    if (names(table.name() + '.' + column.spec.name) ||
        names("index " + sql_literal(table.name() + '_' + column.spec.name)))
      return &column;
  return nullptr;
}

/// `error` of a statement that wrote, for people who know columns and no statements.
Error told(const ModelTable& table, Error error) {
  if (error.code != Errc::condition_failed)
    return error;
  if (const TableColumn* const column = taken_column(table, error.message))
    error.message = format("{}.{}: the value is taken", table.name(), column->spec.name);
  else
    error.message = format("{}: {}", table.name(), error.message);
  return error;
}

/// Runs `work` in the transaction that this thread is in, or in one of its own.
Status in_transaction(ModelDatabase& database, const std::function<Status()>& work) {
  return database.in_transaction() ? work() : database.transaction(work);
}

} // namespace

Status JsonModel::State::write(const JsonModel& model, const Json& object, bool insert_only, Json* stored) {
  auto draft = writer.draft(object, model);
  if (!draft)
    return std::move(draft).error();
  if (draft->slugs().empty())
    return write(*draft, insert_only, stored);
  // Between looking for a slug and taking it nobody else may write.
  return in_transaction(*database, [&]() -> Status {
    WEIR_TRY(settle_slugs(*database, table, writer, *draft));
    return write(*draft, insert_only, stored);
  });
}

Result<std::int64_t> JsonModel::State::write_row(sqlite::Lease& lease, std::span<const SqlValue> row,
                                                 bool insert_only) {
  auto statement = lease.prepare(insert_only ? writer.insert() : writer.upsert());
  if (!statement)
    return std::move(statement).error();
  int parameter = 0;
  for (const SqlValue& value : row)
    bind_value(**statement, ++parameter, value);
  if (auto run = (*statement)->run(); !run)
    return told(table, std::move(run).error());
  return lease.last_insert_rowid();
}

Result<JsonModel::Found> JsonModel::State::put(const JsonModel& model, Json object, bool insert_only) {
  auto draft = writer.draft(object, model);
  if (!draft)
    return std::move(draft).error();
  if (!draft->slugs().empty()) {
    WEIR_TRY(write(model, object, insert_only, nullptr));
    return Found();
  }
  const auto row = writer.row(*draft);
  if (!row)
    return row.error();
  auto lease = database->connections().write();
  if (!lease)
    return std::move(lease).error();
  if (const auto written = write_row(*lease, *row, insert_only); !written)
    return written.error();
  return table.object_of(writer.rest_of(std::move(*draft), std::move(object)), *row);
}

Result<JsonModel::Found> ModelAccess::put(JsonModel& model, Json object, bool insert_only) {
  return model.state_->put(model, std::move(object), insert_only);
}

Status JsonModel::State::write(const ModelWriter::Draft& draft, bool insert_only, Json* stored) {
  const auto row = writer.row(draft);
  if (!row)
    return row.error();
  auto lease = database->connections().write();
  if (!lease)
    return std::move(lease).error();
  const auto row_id = write_row(*lease, *row, insert_only);
  if (!row_id)
    return row_id.error();
  if (stored == nullptr)
    return {};
  // RETURNING would do the same in one statement, and take twice as long: it keeps its rows in a temporary table.
  auto statement = lease->prepare(select_by_id);
  if (!statement)
    return std::move(statement).error();
  const SqlValue& id = (*row)[writer.id_place()];
  bind_value(**statement, 1, std::holds_alternative<std::monostate>(id) ? SqlValue(*row_id) : id);
  auto there = (*statement)->step();
  if (!there)
    return std::move(there).error();
  if (!*there)
    return about_id(table, Errc::not_found, "another process has removed the object at once");
  auto object = table.read_object(**statement);
  if (!object)
    return std::move(object).error();
  *stored = std::move(*object);
  return {};
}

Result<JsonModel::Found> JsonModel::State::stored(const Json& id) const {
  auto value = table.to_sql(table.id(), id);
  if (!value)
    return std::move(value).error();
  auto lease = database->connections().write();
  if (!lease)
    return std::move(lease).error();
  auto statement = lease->prepare(select_by_id);
  if (!statement)
    return std::move(statement).error();
  bind_value(**statement, 1, *value);
  auto row = (*statement)->step();
  if (!row)
    return std::move(row).error();
  if (!*row)
    return Found();
  auto object = table.read_stored(**statement);
  return object ? Result<Found>(std::move(*object)) : std::move(object).error();
}

Result<Json> JsonModel::set(const Json& object, bool insert_only) {
  Json stored;
  WEIR_TRY(state_->write(*this, object, insert_only, &stored));
  return stored;
}

Status JsonModel::put(const Json& object, bool insert_only) {
  return state_->write(*this, object, insert_only, nullptr);
}

Status JsonModel::State::merge(const JsonModel& model, const Json& changes, bool upsert, Json* merged_object) {
  if (!changes.is_object())
    return fail(Errc::invalid_argument, format("{}: an object is wanted", table.name()));
  const Json* const id = find_path(changes, table.id().path);
  const bool has_id = id != nullptr && !id->is_null();
  if (!has_id && !upsert)
    return about_id(table, Errc::invalid_argument, "an id is needed to tell what to update");
  return in_transaction(*database, [&]() -> Status {
    Json merged = Json::object();
    if (has_id) {
      auto there = stored(*id);
      if (!there)
        return std::move(there).error();
      if (*there)
        merged = std::move(**there);
      else if (!upsert)
        return about_id(table, Errc::not_found, format("there is no {}", id->to_text()));
    }
    for (const auto& [key, value] : changes.members())
      if (value.is_null())
        merged.erase(key);
      else
        merged.set(key, value);
    return write(model, merged, false, merged_object);
  });
}

Result<Json> JsonModel::update(const Json& changes, bool upsert) {
  Json merged;
  WEIR_TRY(state_->merge(*this, changes, upsert, &merged));
  return merged;
}

Status JsonModel::merge(const Json& changes, bool upsert) {
  return state_->merge(*this, changes, upsert, nullptr);
}

Result<bool> JsonModel::remove(const Json& id) {
  const ModelTable& table = state_->table;
  const Json* const wanted = id.is_object() ? find_path(id, table.id().path) : &id;
  if (wanted == nullptr || wanted->is_null())
    return about_id(table, Errc::invalid_argument, "null is no id");
  auto value = table.to_sql(table.id(), *wanted);
  if (!value)
    return std::move(value).error();
  auto lease = state_->database->connections().write();
  if (!lease)
    return std::move(lease).error();
  auto statement = lease->prepare(state_->remove_by_id);
  if (!statement)
    return std::move(statement).error();
  bind_value(**statement, 1, *value);
  if (auto run = (*statement)->run(); !run)
    return told(table, std::move(run).error());
  return lease->changes() != 0;
}

Status JsonModel::change_id(const Json& old_id, const Json& new_id) {
  const ModelTable& table = state_->table;
  if (old_id.is_null() || new_id.is_null())
    return about_id(table, Errc::invalid_argument, "null is no id");
  const auto from = table.to_sql(table.id(), old_id), to = table.to_sql(table.id(), new_id);
  if (!from || !to)
    return (from ? to : from).error();
  auto lease = state_->database->connections().write();
  if (!lease)
    return std::move(lease).error();
  auto statement =
      lease->prepare(format("UPDATE {} SET {}=?2 WHERE {}=?1", table.quoted(), table.id().bare, table.id().expression));
  if (!statement)
    return std::move(statement).error();
  bind_value(**statement, 1, *from);
  bind_value(**statement, 2, *to);
  if (auto run = (*statement)->run(); !run)
    return told(table, std::move(run).error());
  if (lease->changes() == 0)
    return about_id(table, Errc::not_found, format("there is no {}", old_id.to_text()));
  return {};
}

Result<std::int64_t> JsonModel::next_id() const {
  const ModelTable& table = state_->table;
  if (table.id().spec.type != ColumnType::integer)
    return about_id(table, Errc::invalid_argument, "only integers have a next one");
  auto lease = state_->database->connections().read();
  if (!lease)
    return std::move(lease).error();
  // Of an id that counts on by itself those of removed rows do not come again.
  std::string sql = format("SELECT max({}) AS \"last\" FROM {}", table.id().expression, table.quoted());
  if (table.id().spec.auto_increment)
    sql = format("SELECT max(\"last\") FROM ({} UNION ALL SELECT seq FROM sqlite_sequence WHERE name=?1)", sql);
  auto statement = lease->prepare(sql);
  if (!statement)
    return std::move(statement).error();
  if (table.id().spec.auto_increment)
    (*statement)->bind(1, std::string_view(table.name()));
  auto row = (*statement)->step();
  if (!row)
    return std::move(row).error();
  if (!*row || (*statement)->is_null(0))
    return 1;
  const std::int64_t last = (*statement)->integer(0);
  if (last == std::numeric_limits<std::int64_t>::max())
    return about_id(table, Errc::too_large, "there is no higher integer");
  return last + 1;
}

} // namespace weir
