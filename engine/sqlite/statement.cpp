#include "engine/sqlite/database.hpp"
#include "engine/sqlite/error.hpp"
#include "engine/text.hpp"

#include <utility>

namespace weir::sqlite {

namespace {

std::string place_of(sqlite3_stmt* statement) {
  const char* const file = sqlite3_db_filename(sqlite3_db_handle(statement), "main");
  const bool in_memory = file == nullptr || *file == '\0';
  return format("{}: {}", in_memory ? ":memory:" : file, sqlite3_sql(statement));
}

} // namespace

Statement::Statement(Statement&& other) noexcept
    : statement_(std::exchange(other.statement_, nullptr)), anybodys_(other.anybodys_), bind_error_(other.bind_error_),
      failure_(std::move(other.failure_)) {
}

Statement::~Statement() {
  sqlite3_finalize(statement_);
}

void Statement::note(int code) {
  if (bind_error_ == SQLITE_OK)
    bind_error_ = code;
}

Statement& Statement::bind(int parameter, std::int64_t value) {
  note(sqlite3_bind_int64(statement_, parameter, value));
  return *this;
}

Statement& Statement::bind(int parameter, double value) {
  note(sqlite3_bind_double(statement_, parameter, value));
  return *this;
}

Statement& Statement::bind(int parameter, std::string_view text) {
  // A null pointer would bind NULL, and an empty view may have one.
  note(sqlite3_bind_text64(statement_, parameter, text.empty() ? "" : text.data(), text.size(), SQLITE_TRANSIENT,
                           SQLITE_UTF8));
  return *this;
}

Statement& Statement::bind(int parameter, std::span<const std::byte> blob) {
  const void* const data = blob.empty() ? static_cast<const void*>("") : blob.data();
  note(sqlite3_bind_blob64(statement_, parameter, data, blob.size(), SQLITE_TRANSIENT));
  return *this;
}

Statement& Statement::bind_null(int parameter) {
  note(sqlite3_bind_null(statement_, parameter));
  return *this;
}

Result<bool> Statement::step() {
  const int code = bind_error_ != SQLITE_OK ? bind_error_ : sqlite3_step(statement_);
  if (code == SQLITE_ROW)
    return true;
  if (code == SQLITE_DONE)
    return false;
  sqlite3* const connection = sqlite3_db_handle(statement_);
  Error error = (anybodys_ ? error_of_text : error_of)(connection, code, place_of(statement_));
  reset(); // An unfinished statement would hold its locks.
  failure_ = std::make_unique<Error>(error);
  return error;
}

Status Statement::run() {
  for (;;) {
    auto row = step();
    if (!row)
      return std::move(row).error();
    if (!*row)
      break;
  }
  reset();
  return {};
}

void Statement::reset() {
  sqlite3_reset(statement_); // Repeats the error of the last step, which has been reported.
  bind_error_ = SQLITE_OK;
}

void Statement::clear_bindings() {
  sqlite3_clear_bindings(statement_);
  failure_.reset();
}

int Statement::parameter_count() const {
  return sqlite3_bind_parameter_count(statement_);
}

int Statement::column_count() const {
  return sqlite3_column_count(statement_);
}

std::string_view Statement::column_name(int column) const {
  const char* const name = sqlite3_column_name(statement_, column);
  return name == nullptr ? std::string_view() : name; // null: out of memory, or out of range
}

bool Statement::is_read_only() const {
  return sqlite3_stmt_readonly(statement_) != 0;
}

std::string_view Statement::sql() const {
  return sqlite3_sql(statement_);
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}

double Statement::real(int column) const {
  return sqlite3_column_double(statement_, column);
}

std::string_view Statement::text(int column) const {
  const auto* const data = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  return {data, data == nullptr ? 0 : static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

std::span<const std::byte> Statement::blob(int column) const {
  const auto* const data = static_cast<const std::byte*>(sqlite3_column_blob(statement_, column));
  return {data, data == nullptr ? 0 : static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

ValueType Statement::type(int column) const {
  switch (sqlite3_column_type(statement_, column)) {
  case SQLITE_INTEGER: return ValueType::integer;
  case SQLITE_FLOAT: return ValueType::real;
  case SQLITE_TEXT: return ValueType::text;
  case SQLITE_BLOB: return ValueType::blob;
  default: return ValueType::null;
  }
}

} // namespace weir::sqlite
