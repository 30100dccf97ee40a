#include <weir/exactly_once.hpp>

#include "engine/guarded_call.hpp"
#include "engine/sabotage.hpp"
#include "engine/sqlite/position_table.hpp"
#include "engine/text.hpp"
#include "engine/validate.hpp"

#include <weir/consumer_types.hpp>

#include <utility>

namespace weir {

Result<ExactlyOnce> ExactlyOnce::open(sqlite3* connection, std::string consumer) {
  WEIR_TRY(validate_name("consumer", consumer, consumer_name_bytes_max));
  WEIR_TRY(sqlite::create_position_table(connection));
  const auto position = sqlite::read_position(connection, consumer);
  if (!position)
    return position.error();
  return ExactlyOnce(connection, std::move(consumer), *position);
}

ExactlyOnce::ExactlyOnce(sqlite3* connection, std::string consumer, Position position)
    : connection_(connection), consumer_(std::move(consumer)), position_(position) {
}

Status ExactlyOnce::write(Position next) {
  const auto stored = sqlite::read_position(connection_, consumer_);
  if (!stored)
    return stored.error();
  if (*stored != position_)
    return fail(Errc::locked,
                format("consumer {} was moved from {} to {} by somebody else", consumer_, position_, *stored),
                consumer_);
  return sqlite::write_position(connection_, consumer_, next);
}

Status ExactlyOnce::apply(const QueueBatch& batch, const Handle& handle) {
  if (batch.next <= position_)
    return {};
  const auto work = [&]() -> Status {
    WEIR_TRY(write(batch.next)); // first: it tells whether the rest is anybody else's
    if (sabotaged(Sabotage::checkpoint_before_effect)) {
      WEIR_TRY(sqlite::run(connection_, "COMMIT"));
      WEIR_TRY(sqlite::run(connection_, "BEGIN IMMEDIATE"));
    }
    for (const EventView& event : batch.events)
      if (event.position >= position_)
        WEIR_TRY(handle(event));
    return sqlite::run(connection_, "COMMIT");
  };
  WEIR_TRY(sqlite::run(connection_, "BEGIN IMMEDIATE"));
  if (Status done = guarded_call("the handler", work); !done) {
    (void)sqlite::run(connection_, "ROLLBACK").ok(); // SQLite has done so by itself after some errors
    return done;
  }
  position_ = batch.next;
  return {};
}

} // namespace weir
