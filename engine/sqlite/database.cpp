#include "engine/sqlite/database.hpp"

#include "engine/check.hpp"
#include "engine/io/file_system.hpp"
#include "engine/io/path.hpp"
#include "engine/sabotage.hpp"
#include "engine/sqlite/error.hpp"
#include "engine/sqlite/file_system_vfs.hpp"
#include "engine/sqlite/sql_rights.hpp"
#include "engine/text.hpp"

#include <charconv>
#include <climits>
#include <cstdio>
#include <filesystem>
#include <utility>

namespace weir::sqlite {

namespace {

/// Creates an empty file with mode 0600 before SQLite would do so with the process's umask. Whoever else created it
/// meanwhile has done the work.
void create_private(const std::string& path) {
  if (std::FILE* const file = std::fopen(path.c_str(), "wx"); file != nullptr) {
    std::fclose(file);
    std::error_code ignored; // SQLite's own open reports what is wrong with the path.
    std::filesystem::permissions(path, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write,
                                 ignored);
  }
}

/// The URI of a path, with what it could mean in a URI escaped.
std::string immutable_uri(const std::string& path) {
  std::string uri = "file:";
  for (const char byte : path)
    if (byte == '%' || byte == '?' || byte == '#')
      uri += format("%{:02X}", static_cast<unsigned>(byte));
    else
      uri += byte;
  return uri + "?immutable=1";
}

/// Whether what PRAGMA quick_check found is a page that could not be read, which says nothing of its bytes. SQLite
/// tells that by a result code in the text alone.
bool is_failed_read(std::string_view finding) {
  constexpr std::string_view before = "error code=";
  const std::size_t at = finding.find(before);
  if (at == std::string_view::npos)
    return false;
  int code = 0;
  finding.remove_prefix(at + before.size());
  std::from_chars(finding.data(), finding.data() + finding.size(), code);
  return (code & 0xFF) == SQLITE_IOERR;
}

} // namespace

void Database::Closer::operator()(sqlite3* connection) const noexcept {
  sqlite3_close_v2(connection);
}

Database::Database(std::string path) : path_(std::move(path)) {
}

Database::Database(Database&&) noexcept = default;

Database::~Database() = default;

Result<Database> Database::open(const std::string& path, const OpenOptions& options) {
  std::error_code ignored;
  if (options.create)
    create_private(path);
  else if (!std::filesystem::exists(path, ignored))
    return fail(Errc::not_found, "the database file does not exist", path);
  Database database(path);
  // A relative path could begin with "file:", which SQLite would read as a URI with options.
  const std::string name = path.starts_with('/') ? path : "./" + path;
  if (options.immutable)
    WEIR_TRY(database.connect(immutable_uri(name), options, SQLITE_OPEN_URI));
  else
    WEIR_TRY(database.connect(name, options));
  WEIR_TRY(database.configure(options));
  return database;
}

Result<Database> Database::open(io::FileSystem& fs, const std::string& path, const OpenOptions& options) {
  if (const auto native = fs.native_path(path)) {
    auto database = open(*native, options);
    if (database)
      database->name_ = {&fs, path};
    return database;
  }
  const auto there = fs.stat(path);
  if (!there && (there.code() != Errc::not_found || !options.create))
    return there.error();
  Database database(path);
  database.name_ = {&fs, path};
  database.vfs_ = std::make_unique<FileSystemVfs>(fs);
  WEIR_TRY(database.connect(path, options));
  WEIR_TRY(database.configure(options));
  return database;
}

Result<Database> Database::open_in_memory(const OpenOptions& options) {
  Database database(":memory:");
  WEIR_TRY(database.connect(":memory:", {.create = true}, SQLITE_OPEN_MEMORY));
  WEIR_TRY(database.configure(options));
  return database;
}

Status Database::connect(const std::string& name, const OpenOptions& options, int flags) {
  // No mutex: a connection belongs to one thread at a time.
  flags |= SQLITE_OPEN_NOMUTEX;
  if (options.read_only || options.immutable)
    flags |= SQLITE_OPEN_READONLY;
  else
    flags |= SQLITE_OPEN_READWRITE | (options.create ? SQLITE_OPEN_CREATE : 0);
  sqlite3* connection = nullptr;
  const int code = sqlite3_open_v2(name.c_str(), &connection, flags, vfs_ ? vfs_->name().c_str() : nullptr);
  connection_.reset(connection); // Set even on failure, to carry the message.
  if (code != SQLITE_OK)
    return error_of(connection, code, path_);
  if (options.busy) {
    busy_ = std::make_unique<std::function<bool(int)>>(options.busy);
    const auto ask = [](void* busy, int asked_before) {
      return (*static_cast<std::function<bool(int)>*>(busy))(asked_before) ? 1 : 0;
    };
    sqlite3_busy_handler(connection, ask, busy_.get());
  }
  return {};
}

Status Database::configure(const OpenOptions& options) {
  sqlite3* const connection = connection_.get();
  for (const auto& [option, value] :
       {std::pair{SQLITE_DBCONFIG_DEFENSIVE, 1}, {SQLITE_DBCONFIG_TRUSTED_SCHEMA, options.trust_schema ? 1 : 0}})
    if (const int code = sqlite3_db_config(connection, option, value, nullptr); code != SQLITE_OK)
      return error_of(connection, code, path_);
  // Exclusive before anything is read: only then does a write-ahead journal do without shared memory.
  Status set = execute(format("PRAGMA locking_mode={}; PRAGMA synchronous=FULL; PRAGMA cell_size_check=ON",
                              options.exclusive ? "EXCLUSIVE" : "NORMAL"));
  if (set && sabotaged(Sabotage::skip_catalog_sync))
    return execute("PRAGMA synchronous=OFF");
  if (set)
    return {};
  Error error = std::move(set).error();
  error.where = path_;                             // The first look into the file: the statement would tell nothing.
  if (sqlite3_errcode(connection) == SQLITE_ERROR) // "unsupported file format": not that of any file we wrote
    error.code = Errc::corruption;
  return error;
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v2(connection_.get(), sql.data(), static_cast<int>(sql.size()), &statement, nullptr);
  if (code != SQLITE_OK)
    return error_of(connection_.get(), code, format("{}: {}", path_, sql));
  WEIR_CHECK(statement != nullptr); // Only a blank text compiles to nothing.
  return Statement(statement, false);
}

Result<Statement> Database::prepare_text(std::string_view sql) {
  std::string_view rest = sql;
  auto statement = compile_next(rest, SQLITE_PREPARE_PERSISTENT);
  if (!statement)
    return std::move(statement).error();
  if (!*statement)
    return fail(Errc::invalid_argument, "no statement in the text", format("{}: {}", path_, sql));
  if (const auto second = compile_next(rest, 0); !second || *second)
    return fail(Errc::invalid_argument, "more than one statement in the text", format("{}: {}", path_, sql));
  return std::move(**statement);
}

Result<std::optional<Statement>> Database::prepare_next(std::string_view& sql) {
  return compile_next(sql, 0);
}

Result<std::optional<Statement>> Database::compile_next(std::string_view& sql, unsigned flags) {
  const std::string_view all = sql;
  if (all.size() > INT_MAX)
    return fail(Errc::too_large, "the text is too long for a statement", path_);
  while (!sql.empty()) {
    const char* rest = nullptr;
    sqlite3_stmt* compiled = nullptr;
    const int code =
        sqlite3_prepare_v3(connection_.get(), sql.data(), static_cast<int>(sql.size()), flags, &compiled, &rest);
    if (code != SQLITE_OK)
      return error_of_text(connection_.get(), code, format("{}: {}", path_, all));
    const auto taken = static_cast<std::size_t>(rest - sql.data());
    if (taken == 0 && compiled == nullptr) // SQLite takes a zero byte for the end
      return fail(Errc::invalid_argument, "a zero byte in the text of a statement", path_);
    sql.remove_prefix(taken);
    if (compiled != nullptr)
      return std::optional<Statement>(Statement(compiled, true));
  }
  return std::optional<Statement>();
}

Status Database::execute(const std::string& sql) {
  const int code = sqlite3_exec(connection_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK)
    return error_of(connection_.get(), code, format("{}: {}", path_, sql));
  return {};
}

Result<std::int64_t> Database::query_integer(std::string_view sql) {
  auto statement = prepare(sql);
  if (!statement)
    return std::move(statement).error();
  auto row = statement->step();
  if (!row)
    return std::move(row).error();
  if (!*row)
    return fail(Errc::corruption, "a row is missing", format("{}: {}", path_, sql));
  return statement->integer(0);
}

Result<std::int32_t> Database::user_version() {
  auto value = query_integer("PRAGMA user_version");
  return value ? Result<std::int32_t>(static_cast<std::int32_t>(*value)) : std::move(value).error();
}

Status Database::set_user_version(std::int32_t version) {
  return execute(format("PRAGMA user_version={}", version));
}

Result<std::int32_t> Database::application_id() {
  auto value = query_integer("PRAGMA application_id");
  return value ? Result<std::int32_t>(static_cast<std::int32_t>(*value)) : std::move(value).error();
}

Status Database::set_application_id(std::int32_t id) {
  return execute(format("PRAGMA application_id={}", id));
}

Status Database::use_wal() {
  auto statement = prepare("PRAGMA journal_mode=WAL");
  if (!statement)
    return std::move(statement).error();
  auto row = statement->step();
  if (!row)
    return std::move(row).error();
  if (!*row || statement->text(0) != "wal") // Refused without an error code.
    return fail(Errc::io_error, "SQLite cannot keep a write-ahead journal for this file", path_);
  row = statement->step(); // to its end: the switch is a commit of its own, which may fail behind the answer
  if (!row)
    return std::move(row).error();
  if (name_.fs == nullptr)
    return {};
  // The journal is made by the first read, and SQLite syncs its name along with its first bytes. But it says nothing if
  // that fails, and then a power cut would take all commits until the next checkpoint.
  if (auto read = query_integer("SELECT count(*) FROM sqlite_schema"); !read)
    return std::move(read).error();
  return name_.fs->sync_directory(io::directory_of(name_.path));
}

Status Database::checkpoint() {
  const int code = sqlite3_wal_checkpoint_v2(connection_.get(), nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
  if (code != SQLITE_OK)
    return error_of(connection_.get(), code, path_);
  return {};
}

bool Database::writable() const {
  return sqlite3_db_readonly(connection_.get(), "main") == 0;
}

void Database::checkpoint_on_close(bool allowed) {
  const int code = sqlite3_db_config(connection_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, allowed ? 0 : 1, nullptr);
  WEIR_CHECK(code == SQLITE_OK); // fails only where SQLite is older than the setting
}

Status Database::quick_check() {
  auto statement = prepare("PRAGMA quick_check(1)");
  if (!statement)
    return std::move(statement).error();
  auto row = statement->step();
  if (!row)
    return std::move(row).error();
  const std::string_view finding = *row ? statement->text(0) : "no answer";
  if (finding == "ok")
    return {};
  return fail(is_failed_read(finding) ? Errc::io_error : Errc::corruption, format("SQLite: {}", finding), path_);
}

std::int64_t Database::changes() const {
  return sqlite3_changes64(connection_.get());
}

std::int64_t Database::last_insert_rowid() const {
  return sqlite3_last_insert_rowid(connection_.get());
}

std::int64_t Database::total_changes() const {
  return sqlite3_total_changes64(connection_.get());
}

void Database::forget_last_insert() {
  sqlite3_set_last_insert_rowid(connection_.get(), 0);
}

bool Database::in_transaction() const {
  return sqlite3_get_autocommit(connection_.get()) == 0;
}

void Database::set_rights(SqlRights& rights) {
  sqlite3_set_authorizer(connection_.get(), SqlRights::ask, &rights);
}

void Database::close() {
  const int code = sqlite3_close(connection_.release());
  WEIR_CHECK(code == SQLITE_OK); // Else a statement is still alive.
}

Result<Transaction> Transaction::begin(Database& database) {
  WEIR_TRY(database.execute("BEGIN IMMEDIATE"));
  return Transaction(database);
}

Transaction::~Transaction() {
  if (database_ == nullptr)
    return;
  // SQLite has rolled back by itself after some errors; then there is nothing left to do.
  if (database_->in_transaction())
    (void)database_->execute("ROLLBACK").ok();
}

Status Transaction::commit() {
  WEIR_CHECK(database_ != nullptr);
  WEIR_TRY(database_->execute("COMMIT"));
  database_ = nullptr;
  return {};
}

} // namespace weir::sqlite
