#include "trust/kills/handler_host.hpp"

#include "trust/kills/seen_host.hpp"
#include "trust/kills/speech.hpp"

#include <algorithm>
#include <chrono>
#include <sqlite3.h>
#include <stdexcept>
#include <string>

namespace weir::trust {

namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t batch_events_most = 64;
constexpr std::uint64_t positions_again = 300; // how far behind its place it may subscribe
constexpr auto handler_round = 20ms;           // how long it waits at a time before it looks whether it is over

void must_be_ok(sqlite3* database, int code) {
  if (code != SQLITE_OK)
    throw std::runtime_error(std::string("the handler's database: ") + sqlite3_errmsg(database));
}

} // namespace

Handler::~Handler() {
  sqlite3_finalize(insert_);
  sqlite3_close(database_);
}

void Handler::come_by(HandlerMoment moment) {
  if (orders_.handler_dies == moment && ++hits_ == orders_.handler_hit)
    die();
}

int Handler::before_commit(void* handler) {
  static_cast<Handler*>(handler)->come_by(HandlerMoment::before_commit);
  return 0;
}

/// Half of them keep a rollback journal, which the next one to open the database must find and play back.
void Handler::open_database() {
  must_be_ok(database_, sqlite3_open(orders_.handler.c_str(), &database_));
  const auto run = [this](const char* sql) {
    must_be_ok(database_, sqlite3_exec(database_, sql, nullptr, nullptr, nullptr));
  };
  run(orders_.seed % 2 == 0 ? "PRAGMA journal_mode=WAL" : "PRAGMA journal_mode=DELETE");
  run("CREATE TABLE IF NOT EXISTS handled(number INTEGER PRIMARY KEY, position INTEGER, context INTEGER, "
      "sequence INTEGER, mark INTEGER)");
  must_be_ok(database_,
             sqlite3_prepare_v2(database_, "INSERT INTO handled(position, context, sequence, mark) VALUES(?,?,?,?)", -1,
                                &insert_, nullptr));
  sqlite3_commit_hook(database_, before_commit, this);
}

Status Handler::handle(const EventView& event) {
  if (may_be_removed(event))
    return {};
  must_be_ok(database_, sqlite3_bind_int64(insert_, 1, static_cast<sqlite3_int64>(event.position)));
  must_be_ok(database_, sqlite3_bind_int64(insert_, 2, context_of(event)));
  must_be_ok(database_, sqlite3_bind_int64(insert_, 3, static_cast<sqlite3_int64>(event.sequence)));
  must_be_ok(database_, sqlite3_bind_int64(insert_, 4, static_cast<sqlite3_int64>(mark_of(event))));
  const int code = sqlite3_step(insert_);
  must_be_ok(database_, sqlite3_reset(insert_));
  if (code != SQLITE_DONE)
    throw std::runtime_error("the handler's database takes no row");
  come_by(HandlerMoment::in_event);
  return {};
}

/// Sometimes the last event of a batch cannot be handled, and nothing of the batch may be there.
void Handler::apply(ExactlyOnce& once, const QueueBatch& batch, std::uint64_t way) {
  const Position before = once.position();
  if (way < 2 && !batch.events.empty() && batch.events[batch.events.size() - 1].position >= before) {
    const Position last = batch.events[batch.events.size() - 1].position;
    say(format("undoes {}", batch.next));
    const Status undone = once.apply(batch, [&](const EventView& event) -> Status {
      if (const Status handled = handle(event); !handled || event.position != last)
        return handled;
      if (way == 0)
        throw std::runtime_error("not now");
      return fail(Errc::overloaded, "not now");
    });
    const Errc expected = way == 0 ? Errc::invalid_argument : Errc::overloaded;
    if (undone.code() != expected || once.position() != before)
      give_up(format("a handler failed, and apply says {}, at {} where it was at {}",
                     undone ? "nothing" : to_string(undone.error()), once.position(), before));
  }
  say(format("applies {}", batch.next));
  if (const Status applied = once.apply(batch, [this](const EventView& event) { return handle(event); }); !applied)
    give_up("apply: " + to_string(applied.error()));
  come_by(HandlerMoment::after_commit);
  if (once.position() != batch.next)
    give_up(format("the handler applied a batch up to {}, and is at {}", batch.next, once.position()));
  say(format("applied {}", batch.next));
}

void Handler::handle_events(bool to_the_end) {
  Dice dice(orders_.seed * 41 + orders_.life);
  open_database();
  auto once = ExactlyOnce::open(database_, "handler");
  if (!once)
    give_up("the handler's place: " + to_string(once.error()));
  say(format("handles {}", once->position()));
  SubscribeOptions options;
  // Batches that were applied before do nothing when they come again, nor do parts of them.
  const Position again = dice.below(2) == 0 ? 0 : dice.below(positions_again);
  options.from = QueueStart::at(once->position() - std::min(once->position(), again));
  options.batch_events_max = 1 + dice.below(batch_events_most);
  auto subscription = engine_.subscribe(options);
  const auto ends = [this](const Error& error) {
    return stopping_.load() && (error.code == Errc::closing || error.code == Errc::cancelled);
  };
  if (!subscription)
    return ends(subscription.error()) ? void()
                                      : give_up("the handler's subscription: " + to_string(subscription.error()));
  while (!stopping_.load()) {
    const auto batch = subscription->next(handler_round);
    if (!batch)
      return ends(batch.error()) ? void() : give_up("the handler's next batch: " + to_string(batch.error()));
    if (batch->next > once->position())
      apply(*once, *batch, dice.below(16));
    if (to_the_end && batch->caught_up)
      return say("handled_all");
  }
}

void Handler::catch_up() {
  handle_events(true);
}

void Handler::begin() {
  thread_ = std::thread([this] {
    try {
      handle_events(false);
    } catch (const std::exception& e) {
      give_up(e.what());
    }
  });
}

void Handler::join() {
  if (thread_.joinable())
    thread_.join();
}

} // namespace weir::trust
