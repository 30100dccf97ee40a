// The one door to SQLite3: a connection, its statements and its write transactions.
//
// Purpose: what weir keeps in SQLite (catalog, consumers, models) goes through these three classes, so that every
// connection has the same safety settings and every error the same shape. Owner: whoever opens the database; statements
// and transactions must not outlive it. Threading: one thread at a time. Invariants: foreign schema code never gets
// more rights than plain SQL (DEFENSIVE, trusted_schema off); files are created with mode 0600.
// Errors: `corruption` (SQLITE_CORRUPT, NOTADB), `disk_full` (FULL, or the system says so), `locked` (BUSY, LOCKED),
// else `io_error`; the message holds SQLite's text and extended code, `where` the path and the statement.
#pragma once

#include <weir/result.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
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

struct OpenOptions {
  bool create = false;    ///< Make the file if it is missing; without it a missing file is `not_found`.
  bool exclusive = false; ///< Keep every other connection out from the first read until this one is closed.
};

/// A compiled statement. Parameters count from 1, columns from 0.
class Statement {
public:
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&&) = delete;
  ~Statement();

  /// Values are copied. A failure to bind is reported by the next step().
  Statement& bind(int parameter, std::int64_t value);
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

  /// Of the row step() has reached; views are valid until the next call of step(), run() or reset().
  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] std::uint64_t u64(int column) const { return static_cast<std::uint64_t>(integer(column)); }
  [[nodiscard]] std::string_view text(int column) const;
  [[nodiscard]] std::span<const std::byte> blob(int column) const;
  [[nodiscard]] bool is_null(int column) const;

private:
  friend class Database;
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}
  void note(int code);

  sqlite3_stmt* statement_;
  int bind_error_ = 0; // The first one; 0 is SQLITE_OK.
};

class Database {
public:
  /// Opens `path` with synchronous=FULL and waits for no lock. The journal mode stays as the file has it. A file that
  /// is no database, or locked by another connection, is found here.
  static Result<Database> open(const std::string& path, const OpenOptions& options);
  /// The same for the file `path` of `fs`, which outlives the database: through the operating system where it knows the
  /// file, else through `fs` itself.
  static Result<Database> open(io::FileSystem& fs, const std::string& path, const OpenOptions& options);
  /// A database that lives and dies with the object.
  static Result<Database> open_in_memory();
  Database(Database&&) noexcept;
  Database& operator=(Database&&) = delete;
  ~Database();

  Result<Statement> prepare(std::string_view sql);
  /// Runs one or more statements that need no parameters; rows are ignored.
  Status execute(const std::string& sql);
  /// First column of the first row of `sql`; `corruption` if there is none.
  Result<std::int64_t> query_integer(std::string_view sql);

  Result<std::int32_t> user_version();
  Status set_user_version(std::int32_t version);
  Result<std::int32_t> application_id();
  Status set_application_id(std::int32_t id);

  /// Switches the file to a write-ahead journal. Error: `io_error` where the file cannot have one.
  Status use_wal();
  /// Moves the whole journal into the main file and empties it.
  Status checkpoint();
  /// Whether SQLite would write to the file: its header or its mode may forbid it. Meaningful after the first read.
  [[nodiscard]] bool writable() const;
  /// Whether closing may move the journal into the main file (it may, unless said otherwise).
  void checkpoint_on_close(bool allowed);
  /// Checks the structure of every page. Error: `corruption` with the first finding.
  Status quick_check();
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
  Status connect(const std::string& name, int flags);
  Status configure(bool exclusive);

  std::string path_;                   // For messages; ":memory:" has none on disk.
  std::unique_ptr<FileSystemVfs> vfs_; // None: the operating system's. Outlives the connection.
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
