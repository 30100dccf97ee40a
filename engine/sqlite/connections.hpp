// The connections of one model database: one that writes, a few that read.
//
// Purpose: models in any thread share one SQLite file under the rules that keep it whole: a single owning connection
// writes and makes checkpoints, readers are query_only and never do. Where there can be no second connection (in
// memory, a simulated disk) reads take their turn on the owning one.
// Owner: ModelDatabase. Threading: thread-safe; a Lease and what came from it belong to one thread. Invariants: who
// holds a lease on the owning connection is the only one who writes; waiting threads get it in the order they came; a
// thread inside its own transaction reads and writes through that transaction's connection.
#pragma once

#include "engine/sqlite/database.hpp"
#include "engine/sqlite/sql_rights.hpp"

#include <weir/result.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace weir::sqlite {

class ConnectionPool;
class Connection; // a Database, opened at its first use, with its cache of compiled statements
struct CachedEntry;

/// A compiled statement out of a connection's cache, in use; the destructor gives it back, reset and without values.
class CachedStatement {
public:
  CachedStatement(CachedStatement&& other) noexcept;
  CachedStatement& operator=(CachedStatement&&) = delete;
  ~CachedStatement();
  [[nodiscard]] Statement& operator*() const noexcept { return *statement_; }
  [[nodiscard]] Statement* operator->() const noexcept { return statement_; }

private:
  friend class Connection;
  CachedStatement(Statement* statement, CachedEntry* entry) : statement_(statement), entry_(entry) {}
  Statement* statement_;
  CachedEntry* entry_;
};

/// A connection for this thread alone, until the lease goes. Drop statements first.
class Lease {
public:
  Lease(Lease&& other) noexcept;
  Lease& operator=(Lease&&) = delete;
  ~Lease();
  /// From the connection's cache, compiled at its first use; one statement may be in use twice at a time. Errors: as
  /// Database::prepare_text, `where` naming the file and the statement; `unsupported` for what `from` may not do.
  Result<CachedStatement> prepare(std::string_view sql, SqlFrom from = SqlFrom::weir);
  /// One or more statements without parameters.
  Status execute(std::string_view sql, SqlFrom from = SqlFrom::weir);
  /// Rows changed by the last statement that wrote, and the rowid of the last insert.
  [[nodiscard]] std::int64_t changes() const;
  [[nodiscard]] std::int64_t last_insert_rowid() const;
  /// Rows changed since the connection was opened.
  [[nodiscard]] std::int64_t total_changes() const;
  /// From now on last_insert_rowid() is 0, until something is inserted.
  void forget_last_insert();
  /// Whether a transaction is open on the connection.
  [[nodiscard]] bool in_transaction() const;

private:
  friend class ConnectionPool;
  enum class Kind : std::uint8_t { owner, reader };
  Lease(ConnectionPool& pool, Connection& connection, Kind kind)
      : pool_(&pool), connection_(&connection), kind_(kind) {}
  ConnectionPool* pool_; // null: moved away
  Connection* connection_;
  Kind kind_;
};

/// The seam between models and their database.
class Connections {
public:
  virtual ~Connections() = default;
  /// A connection to read with: the running transaction's if this thread is inside it. Errors: those of opening.
  virtual Result<Lease> read() = 0;
  /// The owning connection. Waits for its turn; a thread that has it gets it again. Errors: those of opening;
  /// `unsupported` for a database that is read-only.
  virtual Result<Lease> write() = 0;
  /// Whether this thread is inside a transaction on the owning connection.
  [[nodiscard]] virtual bool in_own_transaction() const = 0;

  /// How an addition that fails is taken back.
  enum class Undo : std::uint8_t {
    savepoint,
    statement, ///< It writes once, with its last statement, which takes itself back: cheaper. Should it fail after it
               ///< has written, all that was left open is lost.
  };

  // For a writer who can make his changes again, and for whom a commit for each costs too much.

  /// Runs `work` in a transaction that stays open if it succeeds: then nothing is written yet, and another process does
  /// not see it. The next call adds to it (`joined`), leaving nothing of its own if it fails; anything else that this
  /// process does with the database commits it first. `before_commit` runs in it then, in whatever thread that is; that
  /// of the last call counts. Errors: as ModelDatabase::transaction().
  virtual Status leave_open(const std::function<Status(bool joined)>& work, std::function<Status()> before_commit,
                            Undo undo = Undo::savepoint) = 0;
  /// The owning connection, where a transaction is left open on it and nobody else has it or waits for it; does not
  /// wait. Until the lease goes nobody commits the transaction, so that what this thread adds to it may still come to
  /// nothing, together with all that was left open.
  [[nodiscard]] virtual std::optional<Lease> hold_left_open() = 0;
  /// By who holds it: it is lost, as if it could not have been committed.
  virtual void lose_left_open(const Error& why) = 0;
  /// What was left open cannot be lost from now on. Where it is lost already, and whenever it cannot be committed, the
  /// error; then every write fails with it until the database is closed and opened again, and every read until
  /// caught_up(), so that nobody sees less than he has seen.
  virtual Status commit_left_open() = 0;
  /// What was lost is there again.
  virtual void caught_up() = 0;
  [[nodiscard]] virtual bool is_behind() const = 0;
  /// Leads error messages.
  [[nodiscard]] virtual const std::string& name() const = 0;
};

} // namespace weir::sqlite
