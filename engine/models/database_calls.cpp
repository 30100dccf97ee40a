#include "engine/guarded_call.hpp"
#include "engine/models/database_state.hpp"
#include "engine/models/model_table.hpp"
#include "engine/text.hpp"

#include <utility>

namespace weir {

namespace {

using sqlite::CachedStatement;
using sqlite::Lease;
using sqlite::SqlFrom;
using sqlite::Statement;

Status bind_all(Statement& statement, std::span<const SqlValue> values) {
  if (static_cast<std::size_t>(statement.parameter_count()) != values.size())
    return fail(Errc::invalid_argument,
                format("{} values for {} parameters", values.size(), statement.parameter_count()),
                std::string(statement.sql()));
  int parameter = 0;
  for (const SqlValue& value : values)
    bind_value(statement, ++parameter, value);
  return {};
}

Result<CachedStatement> prepare(Lease& lease, std::string_view sql, SqlFrom from, std::span<const SqlValue> values) {
  auto statement = lease.prepare(sql, from);
  if (statement)
    WEIR_TRY(bind_all(**statement, values));
  return statement;
}

using Names = std::shared_ptr<const std::vector<std::string>>;

/// Calls `visit` for each row until it says false.
template <class Visit>
Status each_row(Lease& lease, std::string_view sql, std::span<const SqlValue> values, Visit visit) {
  auto statement = prepare(lease, sql, SqlFrom::caller_reads, values);
  if (!statement)
    return std::move(statement).error();
  Statement& rows = **statement;
  Names names; // after the first step, which compiles anew if the schema has changed
  for (;;) {
    const auto there = rows.step();
    if (!there)
      return there.error();
    if (!*there)
      return {};
    const int columns = rows.column_count();
    if (!names) {
      std::vector<std::string> all;
      for (int column = 0; column < columns; ++column)
        all.emplace_back(rows.column_name(column));
      names = std::make_shared<const std::vector<std::string>>(std::move(all));
    }
    std::vector<SqlValue> row;
    row.reserve(static_cast<std::size_t>(columns));
    for (int column = 0; column < columns; ++column)
      row.push_back(column_value(rows, column));
    const Result<bool> more = visit(SqlRow(names, std::move(row)));
    if (!more)
      return more.error();
    if (!*more)
      return {};
  }
}

Result<std::int64_t> pragma(Lease& lease, std::string_view sql) {
  auto statement = lease.prepare(sql);
  if (!statement)
    return std::move(statement).error();
  const auto row = (*statement)->step();
  if (!row)
    return row.error();
  return *row ? (*statement)->integer(0) : 0;
}

} // namespace

// --- a service's own SQL ---

Result<std::uint64_t> ModelDatabase::each(std::string_view sql, std::span<const SqlValue> values,
                                          const std::function<Result<bool>(const SqlRow&, std::uint64_t)>& row) const {
  auto lease = state_->read();
  if (!lease)
    return std::move(lease).error();
  std::uint64_t count = 0;
  const Status done = each_row(*lease, sql, values, [&](const SqlRow& found) {
    return guarded_call("the function given to each", [&] { return row(found, count++); });
  });
  return done ? Result<std::uint64_t>(count) : state_->named(done.error());
}

Result<std::vector<SqlRow>> ModelDatabase::all(std::string_view sql, std::span<const SqlValue> values) const {
  auto lease = state_->read();
  if (!lease)
    return std::move(lease).error();
  std::vector<SqlRow> rows;
  const Status done = each_row(*lease, sql, values, [&](SqlRow&& found) -> Result<bool> {
    rows.push_back(std::move(found));
    return true;
  });
  if (!done)
    return state_->named(done.error());
  return rows;
}

Result<std::optional<SqlRow>> ModelDatabase::get(std::string_view sql, std::span<const SqlValue> values) const {
  auto lease = state_->read();
  if (!lease)
    return std::move(lease).error();
  std::optional<SqlRow> first;
  const Status done = each_row(*lease, sql, values, [&](SqlRow&& found) -> Result<bool> {
    first = std::move(found);
    return false;
  });
  if (!done)
    return state_->named(done.error());
  return first;
}

Result<ModelDatabase::Ran> ModelDatabase::run(std::string_view sql, std::span<const SqlValue> values) {
  auto lease = state_->write();
  if (!lease)
    return std::move(lease).error();
  auto statement = prepare(*lease, sql, SqlFrom::caller_writes, values);
  if (!statement)
    return state_->named(std::move(statement).error());
  const std::int64_t before = lease->total_changes();
  lease->forget_last_insert();
  if (Status done = (*statement)->run(); !done)
    return state_->named(std::move(done).error());
  return Ran{lease->last_insert_rowid(), lease->total_changes() == before ? 0 : lease->changes()};
}

Status ModelDatabase::execute(std::string_view sql) {
  auto lease = state_->write();
  if (!lease)
    return std::move(lease).error();
  Status done = lease->execute(sql, SqlFrom::caller_writes);
  return done ? Status() : Status(state_->named(std::move(done).error()));
}

// --- transactions ---

Status ModelDatabase::transaction(const std::function<Status()>& work) {
  if (!work)
    return state_->named(fail(Errc::invalid_argument, "a transaction needs a function"));
  if (in_transaction())
    return state_->named(fail(Errc::invalid_argument, "a transaction inside another one of this thread"));
  auto lease = state_->write();
  if (!lease)
    return std::move(lease).error();
  if (Status begun = lease->execute("BEGIN IMMEDIATE"); !begun)
    return state_->named(std::move(begun).error());
  state_->fire(TransactionEvent::begin);
  Status done = guarded_call("the transaction's function", work);
  if (done && !lease->in_transaction()) // some errors make SQLite roll back by itself; `work` may have swallowed one
    done = fail(Errc::invalid_argument, "the transaction ended before its function did");
  if (done)
    done = lease->execute("COMMIT");
  if (!done && lease->in_transaction())
    (void)lease->execute("ROLLBACK").ok(); // the lease sees to it otherwise
  state_->fire(done ? TransactionEvent::end : TransactionEvent::rollback);
  state_->fire(TransactionEvent::finally);
  return done ? Status() : Status(state_->named(std::move(done).error()));
}

bool ModelDatabase::in_transaction() const {
  return state_->in_own_transaction();
}

void ModelDatabase::on_transaction(std::function<void(TransactionEvent)> listener) {
  if (!listener)
    return;
  const std::lock_guard lock(state_->mutex);
  state_->listeners.push_back(std::make_shared<const std::function<void(TransactionEvent)>>(std::move(listener)));
}

// --- the file ---

Result<std::int64_t> ModelDatabase::data_version() const {
  auto lease = state_->own(); // each connection has its own number; this one's leaves our writes out
  if (!lease)
    return std::move(lease).error();
  auto version = pragma(*lease, "PRAGMA data_version");
  return version ? version : Result<std::int64_t>(state_->named(std::move(version).error()));
}

Result<std::int32_t> ModelDatabase::user_version() const {
  auto lease = state_->read();
  if (!lease)
    return std::move(lease).error();
  const auto version = pragma(*lease, "PRAGMA user_version");
  return version ? Result<std::int32_t>(static_cast<std::int32_t>(*version)) : state_->named(version.error());
}

Status ModelDatabase::set_user_version(std::int32_t version) {
  return execute(format("PRAGMA user_version={}", version));
}

Result<bool> ModelDatabase::vacuum_step() {
  auto lease = state_->write();
  if (!lease)
    return std::move(lease).error();
  auto stepped = state_->pool.vacuum_step();
  return stepped ? stepped : Result<bool>(state_->named(std::move(stepped).error()));
}

Status ModelDatabase::check() const {
  const auto found = get("PRAGMA quick_check(1)");
  if (!found)
    return found.error();
  const auto* const said = *found ? std::get_if<std::string>(&(**found)[std::size_t{0}]) : nullptr;
  if (said == nullptr || *said != "ok")
    return state_->named(
        fail(Errc::corruption, said == nullptr ? "SQLite: no answer" : "SQLite: " + *said, state_->options.file));
  return {};
}

Status ModelDatabase::replace_content_with(ModelDatabase& other) {
  auto target = state_->write();
  if (!target)
    return std::move(target).error();
  if (target->in_transaction())
    return state_->named(fail(Errc::invalid_argument, "the content cannot be replaced inside a transaction"));
  auto source = other.state_->own();
  if (!source)
    return std::move(source).error();
  if (source->in_transaction())
    return state_->named(fail(Errc::invalid_argument, "the content of a transaction under way cannot be copied"));
  Status done = state_->pool.replace_with(other.state_->pool);
  return done ? Status() : Status(state_->named(std::move(done).error()));
}

} // namespace weir
