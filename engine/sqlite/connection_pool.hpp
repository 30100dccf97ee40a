// The connections of one database, while it is open.
//
// Purpose: who may use which connection when; see connections.hpp. Owner: the ModelDatabase. Threading: thread-safe;
// open() and close() one at a time. Invariants: only the holder of the turn touches the owning connection; a thread
// that has the turn reads through it too, and one that reads has one connection, so that nobody waits for himself; the
// owning connection is opened first and closed last. A transaction that is still open when the turn is given back is
// rolled back, unless its owner has left it open: then it is committed before anybody reads, or uses the owning
// connection for anything else. If that fails nobody writes until the database is opened again, and nobody reads until
// its owner says that what was lost is there again.
#pragma once

#include "engine/io/random.hpp"
#include "engine/sqlite/connection.hpp"
#include "engine/sqlite/connections.hpp"
#include "engine/sqlite/fair_semaphore.hpp"

#include <weir/result.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

namespace weir::io {
class FileSystem;
}

namespace weir::sqlite {

struct PoolOptions {
  io::FileSystem* fs = nullptr; ///< Null: the operating system's.
  std::string file{};           ///< Empty: in memory.
  bool read_only = false;
  bool unchanging = false; ///< Nobody else writes, and there is no journal.
  bool synced = true;
  bool auto_vacuum = false;
  bool reverse_unordered = false;
  std::size_t readers_max = 4;
  std::size_t statements_max = 256;
  std::chrono::milliseconds busy_timeout_ms{1'250}; ///< For each of 10 attempts.
  std::chrono::milliseconds vacuum_interval_ms{30'000};
  std::size_t vacuum_pages = 256;
  /// Waits for other processes; empty: sleeps.
  std::function<void(std::chrono::milliseconds)> wait{};
  Report report{};
};

class ConnectionPool {
public:
  static constexpr int attempts_max = 10;

  /// Nothing is opened yet.
  explicit ConnectionPool(PoolOptions options);
  ~ConnectionPool(); ///< Closes. Precondition: no lease is alive.
  ConnectionPool(const ConnectionPool&) = delete;
  ConnectionPool& operator=(const ConnectionPool&) = delete;

  /// Opens the owning connection; a file is made if there is none. Returns the number of this opening, by which leases
  /// are asked for. Precondition: closed. Errors: those of Database.
  Result<std::uint64_t> open();
  /// Waits until no thread uses a connection, letting none begin, and closes. Precondition: not in_use_here().
  void close();
  /// Whether this thread has a lease.
  [[nodiscard]] bool in_use_here() const;

  /// A connection to read with. A thread that has a lease gets another one of the same opening; else `opening` must be
  /// the present one. Errors: `closing` if it is not; those of opening a connection.
  Result<Lease> read(std::uint64_t opening);
  /// The owning connection, in turn; `opening` and errors as for read().
  enum class Takes : std::uint8_t {
    turn,            ///< A transaction that was left open is committed first.
    turn_and_opened, ///< The lease may begin in the middle of it.
  };
  Result<Lease> own(std::uint64_t opening, Takes takes = Takes::turn);
  /// As own() with turn_and_opened, where that need not wait and a transaction is left open; else nothing.
  [[nodiscard]] std::optional<Lease> hold_left_open(std::uint64_t opening);
  [[nodiscard]] bool in_own_transaction() const;
  /// Threads that wait for the owning connection.
  [[nodiscard]] std::size_t waiting_for_turn() const { return turn_.waiting(); }

  /// Whether a transaction was left open, as far as this thread can see.
  [[nodiscard]] bool is_left_open() const noexcept { return left_open_.load(std::memory_order_acquire); }
  /// Whether the database lacks what was left open and could not be committed; reads answer why.
  [[nodiscard]] bool is_behind() const noexcept { return behind_.load(std::memory_order_acquire); }

  // Of a thread that has the turn:

  /// Lets the transaction on the owning connection stay open when the turn is given back. `before_commit` runs in it,
  /// in the thread that commits it. Precondition: there is one.
  void leave_open(std::function<Status()> before_commit);
  /// Notes that SQLite has undone a transaction that was left open.
  void lose_left_open(const Error& why);
  /// From now on is_behind() is false.
  void caught_up();
  /// Puts the content of `other`, of which it has the turn as well, in the place of this database's, in one
  /// transaction, and moves the journal into the file unless readers are in the way. Errors: those of Database;
  /// `invalid_argument` if a statement is in use, or a transaction is open.
  Status replace_with(ConnectionPool& other);
  /// Gives up to vacuum_pages free pages back if there are 20 times as many, and says whether there were.
  Result<bool> vacuum_step();

private:
  friend class Lease;
  struct Use { // of one thread
    std::size_t owner = 0;
    std::size_t reader = 0;
    Connection* reading = nullptr;
  };

  [[nodiscard]] bool in_memory() const { return options_.file.empty(); }
  Result<std::unique_ptr<Connection>> connect(bool owner);
  Result<Database> open_database(bool owner);
  Status configure(Database& database, bool owner);
  Status configure_for_writing(Database& database);
  [[nodiscard]] bool journal_has_content() const;
  [[nodiscard]] bool wait_busy(int asked_before, std::chrono::milliseconds& waited);

  Use* enter(std::uint64_t opening);    // null: another one, or none
  void leave();                         // at the end of each use
  Status settle(std::uint64_t opening); // before a read
  Status commit_left_open();            // by who has the turn
  void vacuum_now_and_then();
  Result<Connection*> take_reader();
  void give_back(Connection& connection, Lease::Kind kind);

  const PoolOptions options_;
  const bool shared_; // readers share the owning connection
  std::mutex random_mutex_;
  const std::unique_ptr<io::Random> random_;

  bool immutable_ = false; // nobody can write, and SQLite has to be told; set by open()
  FairSemaphore turn_{1};
  bool impatient_ = false;                              // the turn's holder does not wait for others
  std::chrono::steady_clock::time_point vacuumed_at_{}; // of whoever has the turn
  std::function<Status()> before_commit_;               // of whoever has the turn
  std::optional<Error> lost_;                           // of whoever has the turn; until the next open()
  std::atomic<bool> left_open_{false};                  // written by whoever has the turn
  std::atomic<bool> behind_{false};
  FairSemaphore readers_;

  mutable std::mutex mutex_; // of all below; never held while SQLite works
  std::condition_variable unused_;
  bool open_ = false;
  std::uint64_t openings_ = 0;
  std::optional<Error> why_behind_;
  std::unordered_map<std::thread::id, Use> uses_;
  std::unique_ptr<Connection> owner_;
  std::vector<std::unique_ptr<Connection>> readers_idle_, readers_busy_;
};

} // namespace weir::sqlite
