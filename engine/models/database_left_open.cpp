// A transaction that stays open for the next call: see sqlite::Connections. Its listeners are not told: only weir's own
// projections use it, on databases that nobody else can write to.
#include "engine/guarded_call.hpp"
#include "engine/models/database_state.hpp"
#include "engine/sabotage.hpp"

#include <cstdint>
#include <string_view>
#include <utility>

namespace weir {

namespace {

Status run_cached(sqlite::Lease& lease, std::string_view sql) {
  auto statement = lease.prepare(sql);
  return statement ? (*statement)->run() : Status(std::move(statement).error());
}

/// The savepoint of an addition is over: it stays, or leaves nothing.
Status end_savepoint(sqlite::Lease& lease, bool keep) {
  if (!keep && !sabotaged(Sabotage::keep_failed_addition))
    WEIR_TRY(run_cached(lease, "ROLLBACK TO weir_joined"));
  return run_cached(lease, "RELEASE weir_joined");
}

} // namespace

Status ModelDatabase::State::leave_open(const std::function<Status(bool)>& work, std::function<Status()> before_commit,
                                        Undo undo) {
  auto lease = own(sqlite::ConnectionPool::Takes::turn_and_opened);
  if (!lease)
    return std::move(lease).error();
  const bool joined = pool.is_left_open();
  const bool savepoint = joined && undo == Undo::savepoint;
  if (savepoint || !joined)
    if (Status begun = run_cached(*lease, savepoint ? "SAVEPOINT weir_joined" : "BEGIN IMMEDIATE"); !begun)
      return named(std::move(begun).error());
  const std::int64_t changes_before = lease->total_changes();
  Status done = guarded_call("the transaction's function", [&] { return work(joined); });
  if (done && !lease->in_transaction()) // some errors make SQLite roll back by itself; `work` may have swallowed one
    done = fail(Errc::io_error, "the transaction ended before its function did");
  if (joined) {
    Status kept = lease->in_transaction() ? Status() : done;
    if (kept && savepoint)
      kept = end_savepoint(*lease, done.ok());
    else if (kept && !done && lease->total_changes() != changes_before && !sabotaged(Sabotage::keep_failed_addition))
      kept = done;
    if (!kept) {
      pool.lose_left_open(kept.error());
      done = done ? kept : done;
    }
  }
  if (!done)
    return named(std::move(done).error()); // the lease rolls back what nobody has joined
  pool.leave_open(std::move(before_commit));
  return {};
}

std::optional<sqlite::Lease> ModelDatabase::State::hold_left_open() {
  std::uint64_t present = 0;
  {
    const std::lock_guard lock(mutex);
    if (phase != Phase::open)
      return std::nullopt;
    present = opening;
  }
  return pool.hold_left_open(present);
}

Status ModelDatabase::State::commit_left_open() {
  if (!pool.is_left_open() && !pool.is_behind())
    return {};
  const auto lease = own(); // whoever takes it commits
  return lease ? Status() : Status(lease.error());
}

void ModelDatabase::State::caught_up() {
  if (const auto lease = own(sqlite::ConnectionPool::Takes::turn_and_opened)) // it has not been lost again meanwhile
    pool.caught_up();
}

} // namespace weir
