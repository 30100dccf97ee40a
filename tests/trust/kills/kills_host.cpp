// The program that the stage kills: an engine under load which tells its parent what it does (speech.hpp), as long as
// it lives (orders.hpp).
#include "trust/kills/hit_board.hpp"
#include "trust/kills/orders.hpp"
#include "trust/kills/speech.hpp"

#include <weir/engine.hpp>

#include <atomic>
#include <deque>
#include <exception>
#include <map>
#include <optional>
#include <semaphore>
#include <thread>
#include <utility>

using namespace weir;
using namespace weir::trust;

namespace {

constexpr std::uint32_t writers = 4;
constexpr std::size_t early_calls = 4; // acknowledged ahead of their store

HostOrders orders;
HitBoard* board = nullptr;
std::atomic<std::uint64_t> acks{0};
std::atomic<bool> stopping{false};

#ifdef WEIR_TEST_POINTS
void at_kill_point(std::size_t point) noexcept {
  if (board->count(point) != orders.hit || orders.point != point)
    return;
  board->died_at(point);
  die();
}
#endif

// Everything small, so that logs change over and are recycled, memtables are flushed and contexts forgotten all the
// time.
EngineOptions small_options() {
  EngineOptions options;
  options.shards = 3;
  options.wal_file_bytes = 64 * KiB;
  options.unsealed_bytes_max = 512 * KiB;
  options.block_cache_bytes = 256 * KiB;
  options.context_cache_entries = 8;
  options.disk_reserve_bytes = 1 * MiB;
  options.zone_rows = 64;
  options.sync_interval_ms = std::chrono::milliseconds(5);
  return options;
}

/// Calls `each` with the events of a context from `from` on.
template <class Each> void replay(const Engine& engine, const std::string& context, Sequence from, Each each) {
  ReplayOptions options;
  options.from = from;
  auto stream = engine.replay(context, options);
  if (!stream)
    give_up("replay of " + context + ": " + to_string(stream.error()));
  while (true) {
    const auto batch = stream->next();
    if (!batch)
      give_up("replay of " + context + ": " + to_string(batch.error()));
    if (batch->empty())
      return;
    for (const EventView& event : *batch)
      each(event);
  }
}

void show(const Engine& engine, const std::vector<Sequence>& from) {
  std::string out;
  for (std::uint32_t context = 0; context < from.size(); ++context)
    replay(engine, kill_context_name(context), from[context], [&out](const EventView& event) {
      out += format("event {} {} {} {}\n", event.context_id, event.sequence, event.position,
                    caller_fields(event.event_type, event.timestamp, event.event_id, event.metadata, event.payload));
    });
  const auto counted = engine.query("QUERY * COUNT");
  if (!counted)
    give_up("count: " + to_string(counted.error()));
  say(out + format("count {}", counted->rows.at(0).at(0).as_uint64().value_or(UINT64_MAX)));
}

void acknowledge(const CallId& id, std::uint32_t context, const Result<Receipt>& receipt) {
  if (!receipt)
    give_up("store: " + to_string(receipt.error()));
  say_acknowledged(id, context, *receipt);
  const std::uint64_t count = acks.fetch_add(1) + 1;
  if (count == orders.acks_until_kill)
    die(); // before the thread that said it can take another step: from outside nobody hits this moment
  if (count == orders.acks_until_close)
    stopping.store(true);
}

StoreOptions with(Durability durability) {
  StoreOptions options;
  options.durability = durability;
  return options;
}

/// Stores until it is told to stop; writer 0 waits for each answer, the others run ahead.
void write(Engine& engine, std::uint32_t writer) {
  Dice dice(Dice(orders.seed ^ orders.life).next() + writer);
  const std::ptrdiff_t ahead = 1 + 15 * static_cast<std::ptrdiff_t>(writer);
  std::counting_semaphore<> room(ahead);
  for (std::uint32_t number = 1; !stopping.load(); ++number) {
    const CallId id{orders.life, writer, number};
    Call call = make_call(orders.seed, id);
    room.acquire();
    engine.store_async(
        kill_context_name(call.context), std::move(call.events),
        [&room, id, context = call.context](Result<Receipt> receipt) {
          acknowledge(id, context, receipt);
          room.release();
        },
        with(call.durability));
    if (dice.below(orders.calls_per_flush) == 0)
      if (const Status flushed = engine.flush(); !flushed)
        give_up("flush: " + to_string(flushed.error()));
  }
  for (std::ptrdiff_t i = 0; i < ahead; ++i)
    room.acquire();
}

/// The wrong host: says what the receipts will be, and stores later.
[[noreturn]] void write_early(Engine& engine) {
  struct Promised {
    Call call;
    Receipt receipt;
  };
  std::deque<Promised> promised;
  std::vector<Sequence> last(kill_contexts, 0);
  for (std::uint32_t context = 0; context < kill_contexts; ++context)
    replay(engine, kill_context_name(context), 1, [&](const EventView& event) { last[context] = event.sequence; });
  std::optional<Position> next_position; // known after the first store, for nobody else draws any
  for (std::uint32_t number = 1;; ++number) {
    const CallId id{orders.life, 0, number};
    Promised next{make_call(orders.seed, id), {}};
    next.receipt.events = static_cast<std::uint32_t>(next.call.events.size());
    Sequence& sequence = last[next.call.context];
    next.receipt.sequence = sequence + 1;
    sequence += next.receipt.events;
    if (next_position) {
      next.receipt.position = *next_position;
      *next_position += next.receipt.events;
      acknowledge(id, next.call.context, next.receipt);
    }
    promised.push_back(std::move(next));
    if (next_position && promised.size() <= early_calls)
      continue;
    Promised& oldest = promised.front();
    const auto receipt =
        engine.store(kill_context_name(oldest.call.context), oldest.call.events, with(oldest.call.durability));
    if (!receipt)
      give_up("store: " + to_string(receipt.error()));
    if (!next_position) {
      next_position = receipt->last_position() + 1;
      acknowledge(id, oldest.call.context, receipt);
    }
    promised.pop_front();
  }
}

/// Stores again what earlier lives have stored with an event id: each call must be known, at its place.
void retry(Engine& engine) {
  constexpr std::size_t contexts = 10, calls = 20;
  Dice dice(orders.seed - orders.life);
  std::map<CallId, std::pair<Sequence, Position>> known;
  for (std::size_t i = 0; i < contexts; ++i)
    replay(engine, kill_context_name(static_cast<std::uint32_t>(dice.below(kill_contexts))), 1,
           [&](const EventView& event) {
             const EventOrigin origin = origin_of(event.payload);
             if (!event.event_id.empty() && known.size() < calls)
               known[origin.call] = {event.sequence - origin.index, event.position - origin.index};
           });
  for (const auto& [id, place] : known) {
    Call call = make_call(orders.seed, id);
    const auto receipt = engine.store(kill_context_name(call.context), std::move(call.events), with(call.durability));
    if (!receipt)
      give_up("a retry: " + to_string(receipt.error()));
    if (!receipt->duplicate || receipt->sequence != place.first || receipt->position != place.second)
      give_up(format("a retry of call {}-{}-{} was stored as sequence {} at position {}, and before as {} at {}",
                     id.life, id.writer, id.number, receipt->sequence, receipt->position, place.first, place.second));
  }
}

/// Replays while others store: what is there is dense, in order, and whole calls.
void read(const Engine& engine) {
  Dice dice(orders.seed + orders.life);
  while (!stopping.load()) {
    const std::string context = kill_context_name(static_cast<std::uint32_t>(dice.below(kill_contexts)));
    const Sequence from = 1 + dice.below(8);
    Sequence next = from;
    Position position = 0;
    replay(engine, context, from, [&](const EventView& event) {
      if (event.sequence != next || event.position <= position || event.context_id != context ||
          origin_of(event.payload).call.life == 0)
        give_up(format("a replay of {} found sequence {} at position {} behind sequence {} at position {}: {}", context,
                       event.sequence, event.position, next - 1, position, event.payload));
      ++next;
      position = event.position;
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(1)); // the writers need the processors more
  }
}

void run() {
  HitBoard own_board(orders.board);
  board = &own_board;
#ifdef WEIR_TEST_POINTS
  kill_hook.store(&at_kill_point);
#endif
  say("opening");
  auto engine = Engine::open(orders.directory, small_options());
  if (!engine)
    give_up("open: " + to_string(engine.error()));
  say("opened");
  std::string placed = "placed";
  for (std::uint32_t context = 0; context < kill_contexts; ++context)
    placed += format(" {}", engine->shard_of(kill_context_name(context)));
  say(placed);
  if (!orders.show.empty())
    show(*engine, orders.show);
  say("writing");
  while (orders.idle)
    ::pause();
  if (orders.early)
    write_early(*engine);
  retry(*engine);
  std::vector<std::thread> threads;
  for (std::uint32_t writer = 0; writer < writers; ++writer)
    threads.emplace_back([&, writer] { write(*engine, writer); });
  threads.emplace_back([&] { read(*engine); });
  for (std::thread& thread : threads)
    thread.join();
  say("closing");
  if (const Status closed = engine->close(); !closed)
    give_up("close: " + to_string(closed.error()));
  say("closed");
}

} // namespace

int main(int argc, char** argv) {
  try {
    orders = orders_of(argc, argv);
    run();
  } catch (const std::exception& e) {
    give_up(e.what());
  }
}
