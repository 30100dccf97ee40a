// A SQLite database that holds models: opened at its first use, migrated, shared by threads.
//
// Purpose: what JsonModels live in, and the door for a service's own SQL beside them. Owner: the service, or an
// EventSourcingDB; models belong to it and must not outlive it. Threading: thread-safe; writes take turns in the order
// they come, reads of a file go on beside them. Errors: every message begins with the database's name; `where` has the
// file and the statement. An exception that leaves a function given to it becomes `invalid_argument` with its text.
#pragma once

#include <weir/json_model.hpp>
#include <weir/result.hpp>
#include <weir/sql_value.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

namespace io {
class FileSystem;
}
namespace sqlite {
class Connections;
}

class ModelDatabase;

/// One statement that was run, for ModelDatabaseOptions::on_call.
struct SqlCall {
  std::string_view database{};
  std::string_view sql{};
  std::chrono::microseconds duration_us{0};
  const Error* error = nullptr; ///< Null: it worked.
};

struct ModelDatabaseOptions {
  std::string file{}; ///< Empty: in memory, gone when it is closed. (":memory:" is refused.)
  std::string name{}; ///< Leads messages, with a number that tells databases of the process apart; default "db".
  /// The file must exist; migrations are left out; every write is `unsupported`. Where the file has no journal and none
  /// can be made, in a directory that may not be written, it is opened as `unchanging`.
  bool read_only = false;
  /// With read_only: nobody writes to the file while it is open, and it has no journal. Then nothing is locked, and no
  /// file is made beside it.
  bool unchanging = false;
  /// Whether a commit waits for the disk. Without it a power cut may take back the last commits, never half of one, and
  /// the journal grows to 16 MiB instead of 4 before it is moved into the file.
  bool synced = true;
  std::size_t readers_max = 4;                      ///< Connections for reading at a time, 1-64; a file's only.
  std::chrono::milliseconds busy_timeout_ms{1'250}; ///< Patience with other processes, for each of up to 10 attempts.
  std::size_t statements_max = 256;                 ///< Compiled statements kept by each connection.
  bool auto_vacuum = false; ///< Give free pages back now and then: see ModelDatabase::vacuum_step().
  std::chrono::milliseconds vacuum_interval_ms{30'000};
  std::size_t vacuum_pages = 256;
  bool reverse_unordered = false;        ///< Turns the order of selects without ORDER BY round, for tests of a service.
  std::function<Status()> before_open{}; ///< An error fails the open.
  std::function<Status(ModelDatabase&)> after_open{}; ///< After migrations; an error closes again and fails the open.
  std::function<Status(ModelDatabase&)> before_migrations{}; ///< At each open that is not read-only.
  /// After each statement of callers and models, in the thread that ran it. What it does with a database itself is not
  /// told, what it throws is dropped.
  std::function<void(const SqlCall&)> on_call{};
};

class ModelDatabase {
public:
  /// Nothing is opened yet. Errors: `invalid_argument` naming the option.
  static Result<std::unique_ptr<ModelDatabase>> create(ModelDatabaseOptions options);
  /// The same on a file system of weir's own, which outlives it; `file` is a path there.
  static Result<std::unique_ptr<ModelDatabase>> create(io::FileSystem& fs, ModelDatabaseOptions options);
  ~ModelDatabase();
  ModelDatabase(const ModelDatabase&) = delete;
  ModelDatabase& operator=(const ModelDatabase&) = delete;

  [[nodiscard]] const std::string& name() const noexcept;
  [[nodiscard]] const ModelDatabaseOptions& options() const noexcept;

  /// Opens and migrates; every other call does so by itself. Many at the same time open once. Errors: those of hooks
  /// and migrations, `not_found`, `locked`, `corruption`, `io_error`, `disk_full`; a later call tries again.
  Status open();
  /// Waits for calls under way and for an open in progress, then closes all connections; the next use opens again (a
  /// database in memory is then empty). From inside a transaction, or any function that the database calls:
  /// `invalid_argument`.
  Status close();
  [[nodiscard]] bool is_open() const;
  /// Runs `run` now if the database is open, else once after the next open; an error then fails that open, with
  /// `registered_at` in its message.
  Status run_once_on_open(std::function<Status(ModelDatabase&)> run, std::string registered_at = {});

  /// Adds a model; its table, columns and indexes are migrations of the group with its name. Errors: `invalid_argument`
  /// naming model and column for every wrong combination, for a name that is taken, and once migrations have run.
  Result<JsonModel*> add_model(JsonModelOptions options);
  /// Null if there is none.
  [[nodiscard]] JsonModel* model(std::string_view name) noexcept;
  [[nodiscard]] const JsonModel* model(std::string_view name) const noexcept;
  [[nodiscard]] std::vector<JsonModel*> models();
  /// Errors: `invalid_argument` for an entry without `up`, a key twice in its group, and once migrations have run.
  Status register_migrations(std::string group, std::vector<Migration> migrations);

  /// The service's own SQL, for reading: always on a connection that cannot write (outside of a transaction). One
  /// statement, with a value for each parameter. Errors: `unsupported` for a statement that writes, or changes the
  /// connection (ATTACH, BEGIN, most PRAGMAs); `invalid_argument` for what SQLite does not understand.
  Result<std::vector<SqlRow>> all(std::string_view sql, std::span<const SqlValue> values = {}) const;
  Result<std::optional<SqlRow>> get(std::string_view sql, std::span<const SqlValue> values = {}) const;
  /// Calls `row` for each row until it says false or fails; returns how many there were. Of a file, and outside
  /// of a transaction, `row` itself reads what was there when the first row was read, even where it has written since.
  Result<std::uint64_t> each(std::string_view sql, std::span<const SqlValue> values,
                             const std::function<Result<bool>(const SqlRow&, std::uint64_t index)>& row) const;
  struct Ran {
    std::int64_t last_id = 0; ///< Of the row inserted last; 0: none was.
    std::int64_t changes = 0;
  };
  /// One statement that writes. Errors: `condition_failed` for a broken constraint, which the message names;
  /// `unsupported` for ATTACH, BEGIN and its like, and PRAGMAs other than user_version, application_id and optimize.
  Result<Ran> run(std::string_view sql, std::span<const SqlValue> values = {});
  /// Several statements without parameters.
  Status execute(std::string_view sql);

  /// Runs `work` in a transaction (BEGIN IMMEDIATE), after those that came before: everything this thread does with the
  /// database and its models inside belongs to it. Committed if it succeeds; rolled back with its error otherwise, and
  /// if it throws (`invalid_argument` with what it said). Errors: also `locked` when another process keeps the file
  /// busy through all attempts; `unsupported` for a read-only database; `invalid_argument` inside another one of this
  /// thread.
  Status transaction(const std::function<Status()>& work);
  /// Whether this thread is inside one.
  [[nodiscard]] bool in_transaction() const;
  enum class TransactionEvent : std::uint8_t { begin, end, rollback, finally };
  /// Called in the transaction's thread at each event, after it has happened; what it throws is dropped. Several may be
  /// given.
  void on_transaction(std::function<void(TransactionEvent)> listener);

  /// Changes only when another database or process has written to the file. Waits for a transaction under way.
  Result<std::int64_t> data_version() const;
  Result<std::int32_t> user_version() const;
  Status set_user_version(std::int32_t version);
  /// Gives up to vacuum_pages free pages back if there are 20 times as many, and says whether there were.
  Result<bool> vacuum_step();

  /// Checks the structure of every page. Error: `corruption` with the first finding.
  Status check() const;

  /// For weir's own parts.
  [[nodiscard]] sqlite::Connections& connections() const noexcept;
  /// Puts the content of `other`, which nobody else writes to meanwhile, in the place of this database's, in one
  /// transaction: readers here and in other processes see the old or the new content, a crash leaves one of both.
  /// Errors: those of transaction(); `invalid_argument` inside a transaction of one of both, or if this thread reads
  /// through the connection that writes.
  Status replace_content_with(ModelDatabase& other);

private:
  struct State;
  explicit ModelDatabase(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// An identifier in double quotes, for a service's own SQL.
[[nodiscard]] std::string sql_identifier(std::string_view name);
/// A value as an SQL literal: NULL, numbers as they are, texts in single quotes, blobs as X'..'.
[[nodiscard]] std::string sql_literal(const SqlValue& value);

} // namespace weir
