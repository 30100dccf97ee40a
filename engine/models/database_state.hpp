// What a ModelDatabase is made of.
//
// Purpose: opening and closing, which everything else waits for, and the leases that open by themselves. Owner: the
// ModelDatabase. Threading: thread-safe. Invariants: one thread opens or closes at a time; while it opens, it alone
// gets connections, for its hooks and migrations; a thread that has a lease gets more even while another one waits to
// close.
#pragma once

#include "engine/sqlite/connection_pool.hpp"
#include "engine/sqlite/connections.hpp"

#include <weir/model_database.hpp>

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace weir {

struct ModelDatabase::State final : sqlite::Connections {
  State(ModelDatabaseOptions its_options, io::FileSystem* fs);

  // --- sqlite::Connections ---
  Result<sqlite::Lease> read() override;
  Result<sqlite::Lease> write() override;
  [[nodiscard]] bool in_own_transaction() const override { return pool.in_own_transaction(); }
  Status leave_open(const std::function<Status(bool)>& work, std::function<Status()> before_commit, Undo undo) override;
  std::optional<sqlite::Lease> hold_left_open() override;
  void lose_left_open(const Error& why) override { pool.lose_left_open(why); }
  Status commit_left_open() override;
  void caught_up() override;
  [[nodiscard]] bool is_behind() const override { return pool.is_behind(); }
  [[nodiscard]] const std::string& name() const override { return full_name; }
  /// As write(), and of a read-only database its first connection.
  Result<sqlite::Lease> own(sqlite::ConnectionPool::Takes takes = sqlite::ConnectionPool::Takes::turn);

  // --- opening and closing: model_database.cpp ---
  enum class Phase : std::uint8_t { closed, opening, open, closing };
  struct Attempt { // to open; for those who wait for it
    bool over = false;
    Status result;
  };
  struct OnceOpen {
    std::function<Status(ModelDatabase&)> run;
    std::string registered_at;
  };
  Status ensure_open();
  Status close();
  Status run_once(OnceOpen once);
  Status run_now(const OnceOpen& once);
  Status open_now();
  Status after_connecting();
  Status finish_opening();
  /// `error` with the database's name before its message.
  [[nodiscard]] Error named(Error error) const;
  template <class Take> Result<sqlite::Lease> lease(Take take);

  // --- migrations: database_migrations.cpp ---
  [[nodiscard]] JsonModel* model_called(std::string_view name) const;
  struct Due { // a migration by its place in the order
    std::string run_key;
    std::function<Status(ModelDatabase&)> up;
  };
  Status add_migrations(const std::string& group, const std::vector<Migration>& migrations);
  Status check_not_migrated(std::string_view what) const;
  Status migrate();
  Result<std::vector<Due>> due(sqlite::Lease& connection);

  void tell(std::string_view sql, std::chrono::microseconds duration_us, const Error* error) const;
  void fire(TransactionEvent event) const;

  ModelDatabase* self = nullptr;
  const ModelDatabaseOptions options;
  const std::string full_name;
  sqlite::ConnectionPool pool;

  mutable std::mutex mutex; // of all below
  std::condition_variable changed;
  Phase phase = Phase::closed;
  std::thread::id changer;   // who opens or closes
  std::uint64_t opening = 0; // the pool's
  std::shared_ptr<Attempt> attempt;
  std::deque<OnceOpen> once;
  bool migrated = false; // the first time is over
  std::vector<std::unique_ptr<JsonModel>> models;
  std::vector<Due> migrations; // all of them, by run key
  std::vector<std::shared_ptr<const std::function<void(TransactionEvent)>>> listeners;
};

} // namespace weir
