// The one door to SQLite3: a connection, its statements and its write transactions.
//
// Purpose: what weir keeps in SQLite (catalog, consumers, models) goes through these three classes, so that every
// connection has the same safety settings and every error the same shape. Owner: whoever opens the database; statements
// and transactions must not outlive it. Threading: one thread at a time. Invariants: foreign schema code never gets
// more rights than plain SQL (DEFENSIVE, trusted_schema off; on for models alone); files are created with mode 0600.
// Errors: `corruption` (SQLITE_CORRUPT, NOTADB), `disk_full` (FULL, or the system says so), `locked` (BUSY, LOCKED,
// PROTOCOL), else `io_error`; of statements whose text is anybody's also `condition_failed` (CONSTRAINT), `too_large`
// (TOOBIG), `invalid_argument` (ERROR: what SQLite says is wrong; RANGE, MISMATCH) and `unsupported` (AUTH). The
// message holds SQLite's text and extended code, `where` the path and the statement.
#pragma once

#include <weir/result.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

struct sqlite3;
struct sqlite3_stmt;

namespace weir::io {
class FileSystem;
}

namespace weir::sqlite {

class FileSystemVfs;
class SqlRights;

struct OpenOptions {
  bool create = false;    ///< Make the file if it is missing; without it a missing file is `not_found`.
  bool exclusive = false; ///< Keep every other connection out from the first read until this one is closed.
  bool read_only = false; ///< SQLite never writes to the file; it must exist.
  bool immutable = false; ///< Read-only, and nobody else writes either: no locks, no journal is looked for.
  /// Whether expressions in the schema may call functions that SQLite does not hold for harmless: 3.40 counts its JSON
  /// functions among the others, by mistake. What is really dangerous stays refused.
  bool trust_schema = false;
  /// Asked when a lock is in the way, with how often in the same call before: true tries again. Without: `locked`.
  std::function<bool(int asked_before)> busy{};
};

/// What a column of a row holds.
enum class ValueType : std::uint8_t { null, integer, real, text, blob };

/// A compiled statement. Parameters count from 1, columns from 0.
class Statement {
public:
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&&) = delete;
  ~Statement();

  /// Values are copied. A failure to bind is reported by the next step().
  Statement& bind(int parameter, std::int64_t value);
  /// Not a number is NULL.
  Statement& bind(int parameter, double value);
  Statement& bind(int parameter, std::string_view text);
  Statement& bind(int parameter, std::span<const std::byte> blob);
  Statement& bind_null(int parameter);
  /// Stored as the 64 bit integer of the same bits.
  Statement& bind_u64(int parameter, std::uint64_t value) { return bind(parameter, static_cast<std::int64_t>(value)); }

  /// True: a row is there to be read. False: the statement is done.
  Result<bool> step();
  /// Runs a statement of which no row is wanted and makes it ready for the next use.
  Status run();
  /// Ready for the next use; bound values stay.
  void reset();
  /// All values NULL again, and no failure().
  void clear_bindings();

  [[nodiscard]] int parameter_count() const;
  /// 0 for a statement that gives no rows.
  [[nodiscard]] int column_count() const;
  /// Valid until the statement is compiled anew, by a step() after a change of the schema at the earliest.
  [[nodiscard]] std::string_view column_name(int column) const;
  /// Whether it leaves the file as it is (it may still change the connection: ATTACH, BEGIN, some PRAGMAs).
  [[nodiscard]] bool is_read_only() const;
  [[nodiscard]] std::string_view sql() const;
  /// The last error of a step() since clear_bindings(); null: none.
  [[nodiscard]] const Error* failure() const noexcept { return failure_.get(); }

  /// Of the row step() has reached; views are valid until the next call of step(), run() or reset().
  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] std::uint64_t u64(int column) const { return static_cast<std::uint64_t>(integer(column)); }
  [[nodiscard]] double real(int column) const;
  [[nodiscard]] std::string_view text(int column) const;
  [[nodiscard]] std::span<const std::byte> blob(int column) const;
  [[nodiscard]] bool is_null(int column) const;
  /// Of the value as it is stored: ask before integer(), real() or text(), which convert.
  [[nodiscard]] ValueType type(int column) const;

private:
  friend class Database;
  Statement(sqlite3_stmt* statement, bool anybodys) : statement_(statement), anybodys_(anybodys) {}
  void note(int code);

  sqlite3_stmt* statement_;
  bool anybodys_;      // its text
  int bind_error_ = 0; // The first one; 0 is SQLITE_OK.
  std::unique_ptr<Error> failure_;
};

class Database {
public:
  /// Opens `path` with synchronous=FULL and waits for no lock. The journal mode stays as the file has it. A file that
  /// is no database, or locked by another connection, is found here.
  static Result<Database> open(const std::string& path, const OpenOptions& options);
  /// The same for the file `path` of `fs`, which outlives the database: through the operating system where it knows the
  /// file, else through `fs` itself.
  static Result<Database> open(io::FileSystem& fs, const std::string& path, const OpenOptions& options);
  /// A database that lives and dies with the object; of the options it takes `trust_schema`.
  static Result<Database> open_in_memory(const OpenOptions& options = {});
  Database(Database&&) noexcept;
  Database& operator=(Database&&) = delete;
  ~Database();

  /// `sql` is one statement of ours.
  Result<Statement> prepare(std::string_view sql);
  /// `sql` is anybody's text, compiled to be kept. Error: also `invalid_argument` if it is not exactly one statement.
  Result<Statement> prepare_text(std::string_view sql);
  /// Compiles the first statement of `sql`, anybody's text, and takes it off its front; nothing: only white space and
  /// comments were left.
  Result<std::optional<Statement>> prepare_next(std::string_view& sql);
  /// Runs one or more statements that need no parameters; rows are ignored.
  Status execute(const std::string& sql);
  /// First column of the first row of `sql`; `corruption` if there is none.
  Result<std::int64_t> query_integer(std::string_view sql);

  Result<std::int32_t> user_version();
  Status set_user_version(std::int32_t version);
  Result<std::int32_t> application_id();
  Status set_application_id(std::int32_t id);

  /// Switches the file to a write-ahead journal. If it was opened in a file system of ours, its name and the journal's
  /// are durable then. Error: `io_error` where the file cannot have one.
  Status use_wal();
  /// Moves the whole journal into the main file and empties it.
  Status checkpoint();
  /// Whether SQLite would write to the file: its header or its mode may forbid it. Meaningful after the first read.
  [[nodiscard]] bool writable() const;
  /// Whether closing may move the journal into the main file (it may, unless said otherwise).
  void checkpoint_on_close(bool allowed);
  /// Checks the structure of every page. Errors: `corruption` with the first finding, `io_error` if it
  /// is a page that could not be read.
  Status quick_check();
  /// Rows changed by the last statement that wrote, and the rowid of the last insert.
  [[nodiscard]] std::int64_t changes() const;
  [[nodiscard]] std::int64_t last_insert_rowid() const;
  /// Rows changed since the connection was opened.
  [[nodiscard]] std::int64_t total_changes() const;
  /// From now on last_insert_rowid() is 0, until something is inserted.
  void forget_last_insert();
  [[nodiscard]] bool in_transaction() const;
  /// From now on `rights`, which outlives the connection, is asked about everything a statement would do.
  void set_rights(SqlRights& rights);

  /// Releases the file. Precondition: no statement and no transaction is alive. No call may follow.
  void close();

  [[nodiscard]] const std::string& path() const noexcept { return path_; }

private:
  friend class Transaction;
  friend class Copy;
  struct Closer {
    void operator()(sqlite3* connection) const noexcept;
  };
  explicit Database(std::string path);
  Status connect(const std::string& name, const OpenOptions& options, int flags = 0);
  Status configure(const OpenOptions& options);
  Result<std::optional<Statement>> compile_next(std::string_view& sql, unsigned flags);

  /// Where the file is, if one of our file systems knows.
  struct Name {
    io::FileSystem* fs = nullptr;
    std::string path;
  };

  Name name_;
  std::string path_;                               // For messages; ":memory:" has none on disk.
  std::unique_ptr<FileSystemVfs> vfs_;             // None: the operating system's. Outlives the connection.
  std::unique_ptr<std::function<bool(int)>> busy_; // At an address that stays.
  std::unique_ptr<sqlite3, Closer> connection_;
};

/// A write transaction, begun IMMEDIATE: it fails at its beginning, not half-way, if it cannot have the lock. Rolled
/// back by the destructor unless commit() succeeded. After a failed commit() nothing of it is visible to this
/// connection, but if the failure was a sync, a crash may still bring it back: the outcome is known after the next
/// open.
class Transaction {
public:
  static Result<Transaction> begin(Database& database);
  Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();

  Status commit();

private:
  explicit Transaction(Database& database) : database_(&database) {}
  Database* database_;
};

} // namespace weir::sqlite
