// The service that the stage "models" kills: several threads write to its models, and tell the parent of each write
// that came back, as long as it lives (orders.hpp).
#include "engine/text.hpp"
#include "trust/kills/host_main.hpp"
#include "trust/kills/speech.hpp"
#include "trust/models/orders.hpp"
#include "trust/models/shop.hpp"

#include <weir/engine.hpp>

#include <atomic>
#include <chrono>
#include <future>
#include <optional>
#include <semaphore>
#include <thread>
#include <utility>
#include <vector>

using namespace weir;
using namespace weir::trust;

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint32_t writers_that_wait = 5; // the next ones run ahead

ModelsOrders orders;
std::atomic<std::uint64_t> acks{0};
std::atomic<std::int64_t> items{0}; // the highest id of an item that anybody has heard of
std::atomic<bool> stopping{false};

void acknowledge(const WriteId& id, const Status& written) {
  const std::string outcome = outcome_of(written);
  if (outcome.empty())
    give_up(format("write {}-{}-{}: {}", id.life, id.writer, id.number, to_string(written.error())));
  say(format("ack {} {} {}", id.writer, id.number, outcome));
  const std::uint64_t count = acks.fetch_add(1) + 1;
  if (count == orders.acks_until_kill)
    die(); // before the thread that said it can take another step: from outside nobody hits this moment
  if (count == orders.acks_until_close)
    stopping.store(true);
}

void heard_of_item(std::int64_t id) {
  for (std::int64_t known = items.load(); known < id && !items.compare_exchange_weak(known, id);) {
  }
}

ESModel& model_of(EventSourcingDB& db, const Write& write) {
  ESModel* const model = db.model(write.model);
  if (model == nullptr)
    give_up("there is no model " + write.model);
  return *model;
}

/// Whoever reads the copy sees what is applied, committed or not.
void read_copy(const EventSourcingDB& copy, const Json& note) {
  if (const auto applied = copy.wait_for_queue(); !applied)
    give_up("the copy: " + to_string(applied.error()));
  const auto found = copy.rows("notes")->get(note["id"]);
  if (!found)
    give_up("the copy: " + to_string(found.error()));
  if (*found != note)
    give_up(format("{} was written and is {} in the copy", note.to_text(), *found ? (**found).to_text() : "missing"));
}

/// Waits for each of its writes, and sees what it has written.
void write(EventSourcingDB& db, const EventSourcingDB& copy, std::uint32_t writer) {
  Dice dice(Dice(orders.seed ^ orders.life).next() + writer);
  for (std::uint32_t number = 1; !stopping.load(); ++number) {
    const WriteId id{static_cast<std::uint32_t>(orders.life), writer, number};
    const Write next = draw_write(dice, writer, items.load());
    Json object;
    const Status written = perform(model_of(db, next), next, id, object);
    if (written && next.own && object != next.object)
      give_up(format("{} was written and is {}", next.object.to_text(), object.to_text()));
    if (written && next.own && number % 4 == 0) // in between steps share a commit
      read_copy(copy, object);
    if (written && next.model == "items")
      heard_of_item(object["id"].integer());
    acknowledge(id, written);
  }
}

/// Has many writes on their way.
void write_ahead(EventSourcingDB& db, std::uint32_t writer) {
  constexpr std::ptrdiff_t ahead = 64;
  std::counting_semaphore<> room(ahead);
  Dice dice(Dice(orders.seed ^ orders.life).next() + writer);
  for (std::uint32_t number = 1; !stopping.load(); ++number) {
    room.acquire();
    const WriteId id{static_cast<std::uint32_t>(orders.life), writer, number};
    const Write next = draw_write(dice, writer, items.load(), true);
    ESModel& model = model_of(db, next);
    WriteOptions options;
    options.metadata = to_json(id);
    const auto done = [id, &room](const Result<Json>& written) {
      acknowledge(id, written ? Status() : Status(written.error()));
      room.release();
    };
    using Kind = Write::Kind;
    if (next.kind == Kind::remove)
      model.remove_async(next.object, done, options);
    else if (next.kind == Kind::set || next.kind == Kind::insert)
      model.set_async(next.object, done, next.kind == Kind::insert, options);
    else
      model.update_async(next.object, done, next.kind == Kind::save, options);
  }
  for (std::ptrdiff_t i = 0; i < ahead; ++i)
    room.acquire();
}

/// From the moment when a rebuild had nothing left but to be put in the place of the live models: how long that took.
Clock::duration rebuild(EventSourcingDB& db, const std::function<void(std::uint64_t left)>& applied) {
  std::optional<Clock::time_point> complete;
  RebuildOptions options;
  options.progress = [&](const RebuildProgress& progress) {
    if (progress.events_left == 0 && !complete)
      complete = Clock::now();
    applied(progress.events_left);
  };
  if (const auto report = db.rebuild(options); !report)
    give_up("rebuild: " + to_string(report.error()));
  return Clock::now() - complete.value_or(Clock::now());
}

[[noreturn]] void rebuild_and_die(EventSourcingDB& db) {
  say("rebuilding");
  std::uint64_t transactions = 0;
  (void)rebuild(db, [&](std::uint64_t) {
    if (++transactions == orders.transactions_until_kill)
      die();
  });
  die(); // it was through sooner
  std::abort();
}

[[noreturn]] void swap_and_die(EventSourcingDB& db) {
  const Clock::duration took = rebuild(db, [](std::uint64_t) {});
  say("swapping");
  std::promise<void> through;
  std::optional<std::thread> killer;
  (void)rebuild(db, [&](std::uint64_t left) {
    if (left == 0 && !killer)
      killer.emplace([took, swapped = through.get_future()] { // at some moment of the swap, at the latest behind it
        (void)swapped.wait_for(took * orders.swap_kill_permille / 1'000);
        die();
      });
  });
  through.set_value();
  die();
  std::abort();
}

void run() {
  say("opening");
  auto engine = Engine::open(orders.directory, shop_engine_options());
  if (!engine)
    give_up("open: " + to_string(engine.error()));
  auto db = EventSourcingDB::open(*engine, shop_options());
  if (!db)
    give_up("open the models: " + to_string(db.error()));
  auto copy = EventSourcingDB::open(*engine, copy_options());
  if (!copy)
    give_up("open the copy: " + to_string(copy.error()));
  say("opened");
  const auto next = (*db)->rows("items")->next_id();
  if (!next)
    give_up("items: " + to_string(next.error()));
  heard_of_item(*next - 1);
  say("writing");
  std::vector<std::thread> threads;
  for (std::uint32_t writer = 0; writer < orders.writers; ++writer)
    threads.emplace_back([&, writer] {
      if (writer < writers_that_wait)
        write(**db, **copy, writer);
      else
        write_ahead(**db, writer);
    });
  if (orders.transactions_until_kill != 0)
    rebuild_and_die(**db);
  if (orders.swap_kill_permille != 0)
    swap_and_die(**db);
  for (std::thread& thread : threads)
    thread.join();
  (*db)->close();
  (*copy)->close();
  if (const Status closed = engine->close(); !closed)
    give_up("close: " + to_string(closed.error()));
  say("closed");
}

} // namespace

int main(int argc, char** argv) {
  return host_main([&] {
    orders = models_orders_of(argc, argv);
    run();
  });
}
