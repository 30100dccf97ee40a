// Events into a service's own SQLite database, each exactly once.
//
// Purpose: a handler that writes into SQLite can keep its position in the same transaction as its rows: both are there
// after a crash, or neither. Then nothing is lost and nothing is done twice, whatever dies when; weir's own
// checkpoints, which are written apart from the rows, cannot give that. Owner: the service; the connection outlives the
// object. Threading: one thread at a time, the connection's. No header of SQLite is needed to include this.
//
//   auto once = weir::ExactlyOnce::open(connection, "totals");
//   auto events = engine.subscribe({.from = weir::QueueStart::at(once->position())});
//   while (auto batch = events->next())
//     if (auto applied = once->apply(*batch, add_to_totals); !applied) break;
#pragma once

#include <weir/event.hpp>
#include <weir/result.hpp>
#include <weir/subscribe_options.hpp>

#include <functional>
#include <string>

struct sqlite3;

namespace weir {

class ExactlyOnce {
public:
  /// What is to be done with an event, on the same connection, inside the transaction that apply() has begun. An error
  /// undoes the whole batch.
  using Handle = std::function<Status(const EventView&)>;

  /// Finds where `consumer` goes on in the database behind `connection`, which gets a table `weir_positions` if it has
  /// none. Errors: `invalid_argument` (the name has 1-128 bytes), `io_error`, `disk_full`, `locked`, `corruption`, as
  /// SQLite has it.
  static Result<ExactlyOnce> open(sqlite3* connection, std::string consumer);

  /// Where a subscription is to begin: QueueStart::at(position()).
  [[nodiscard]] Position position() const noexcept { return position_; }

  /// Calls `handle` for each event that was not applied before, and moves the position behind the batch, in one
  /// transaction (BEGIN IMMEDIATE). Events before position() are left out, so a batch that comes again does nothing.
  /// Errors: what `handle` said; `invalid_argument` with what it threw; `locked` if somebody else has moved the
  /// position meanwhile (open again); as open(). Then nothing of the batch is in the database.
  Status apply(const QueueBatch& batch, const Handle& handle);

private:
  ExactlyOnce(sqlite3* connection, std::string consumer, Position position);
  Status write(Position next);

  sqlite3* connection_;
  std::string consumer_;
  Position position_;
};

} // namespace weir
