#include "engine/sqlite/connection.hpp"

#include "engine/check.hpp"
#include "engine/text.hpp"

#include <iterator>
#include <utility>

namespace weir::sqlite {

struct CachedEntry {
  CachedEntry(Connection& its_connection, std::string_view text, Statement compiled, const SqlRights& rights)
      : connection(&its_connection), sql(text), statement(std::move(compiled)),
        not_for_readers(rights.not_for_readers()), not_for_writers(rights.not_for_writers()) {}

  Connection* connection;
  std::string sql;
  Statement statement;
  std::string not_for_readers, not_for_writers; // see SqlRights
  bool in_use = false;
  bool kept = false;
  Connection::Time since{};
  Connection::Entries::iterator place{};
};

namespace {

Status allowed(SqlFrom from, bool reads_only, const std::string& not_for_readers, const std::string& not_for_writers,
               const std::string& where) {
  const std::string& refused = from == SqlFrom::caller_reads ? not_for_readers : not_for_writers;
  if (from != SqlFrom::weir && !refused.empty())
    return fail(Errc::unsupported, format("{} is not for statements of callers", refused), where);
  if (from == SqlFrom::caller_reads && !reads_only)
    return fail(Errc::unsupported, "the statement writes, where statements only read", where);
  return {};
}

} // namespace

CachedStatement::CachedStatement(CachedStatement&& other) noexcept
    : statement_(other.statement_), entry_(std::exchange(other.entry_, nullptr)) {
}

CachedStatement::~CachedStatement() {
  if (entry_ != nullptr)
    entry_->connection->give_back(*entry_);
}

Connection::Connection(Database database, std::size_t statements_max, const Report& report)
    : database_(std::move(database)), statements_max_(statements_max), report_(report) {
  database_.set_rights(rights_);
}

Connection::~Connection() {
  forget_statements();
  WEIR_CHECK(entries_.empty()); // else somebody still uses one
}

Connection::Time Connection::now() const {
  return report_ ? std::chrono::steady_clock::now() : Time{};
}

void Connection::told(std::string_view sql, Time since, const Error* error) const {
  if (report_)
    report_(sql, std::chrono::duration_cast<std::chrono::microseconds>(now() - since), error);
}

Result<CachedStatement> Connection::prepare(std::string_view sql, SqlFrom from) {
  const Time since = now();
  const auto failed = [&](Error error) {
    told(sql, since, &error);
    return error;
  };
  auto place = entries_.end();
  if (const auto found = kept_.find(sql); found != kept_.end() && !found->second->in_use) {
    place = found->second;
    entries_.splice(entries_.begin(), entries_, place);
  } else {
    auto compiled = compile(sql, from);
    if (!compiled)
      return failed(std::move(compiled).error());
    place = *compiled;
  }
  CachedEntry& entry = *place;
  const Status may = allowed(from, entry.statement.is_read_only(), entry.not_for_readers, entry.not_for_writers,
                             format("{}: {}", database_.path(), sql));
  if (!may) {
    if (!entry.kept)
      entries_.erase(place);
    return failed(may.error());
  }
  entry.in_use = true;
  entry.since = since;
  return CachedStatement(&entry.statement, &entry);
}

Result<Connection::Entries::iterator> Connection::compile(std::string_view sql, SqlFrom from) {
  rights_.clear();
  rights_.set(from);
  auto statement = database_.prepare_text(sql);
  rights_.set(SqlFrom::weir);
  if (!statement) {
    WEIR_TRY(allowed(from, true, rights_.not_for_readers(), rights_.not_for_writers(),
                     format("{}: {}", database_.path(), sql)));
    return std::move(statement).error();
  }
  const auto place = entries_.emplace(entries_.begin(), *this, sql, std::move(*statement), rights_);
  place->place = place;
  if (place->kept = kept_.try_emplace(place->sql, place).second; place->kept && kept_.size() > statements_max_)
    drop_oldest();
  return place;
}

void Connection::drop_oldest() {
  for (auto place = std::prev(entries_.end()); place != entries_.begin(); --place)
    if (place->kept && !place->in_use) {
      kept_.erase(place->sql);
      entries_.erase(place);
      return;
    }
}

void Connection::give_back(CachedEntry& entry) {
  entry.statement.reset();
  told(entry.sql, entry.since, entry.statement.failure());
  entry.statement.clear_bindings();
  entry.in_use = false;
  if (!entry.kept)
    entries_.erase(entry.place);
}

void Connection::forget_statements() {
  for (auto place = entries_.begin(); place != entries_.end();)
    if (place->in_use) {
      ++place;
    } else {
      kept_.erase(place->sql);
      place = entries_.erase(place);
    }
}

Status Connection::execute(std::string_view sql, SqlFrom from) {
  const Time since = now();
  Status done = execute_all(sql, from);
  told(sql, since, done ? nullptr : &done.error());
  return done;
}

Status Connection::execute_all(std::string_view sql, SqlFrom from) {
  const std::string where = format("{}: {}", database_.path(), sql);
  for (std::string_view rest = sql; !rest.empty();) {
    rights_.clear();
    rights_.set(from); // not while it runs: VACUUM attaches a file of its own
    auto statement = database_.prepare_next(rest);
    rights_.set(SqlFrom::weir);
    const bool reads_only = statement && *statement && (*statement)->is_read_only();
    WEIR_TRY(allowed(from, reads_only || !statement, rights_.not_for_readers(), rights_.not_for_writers(), where));
    if (!statement)
      return std::move(statement).error();
    if (*statement)
      WEIR_TRY((*statement)->run());
  }
  return {};
}

} // namespace weir::sqlite
