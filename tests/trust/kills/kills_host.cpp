// The program that the stage kills: an engine under load which tells its parent what it does (speech.hpp), as long as
// it lives (orders.hpp).
#include "trust/kills/askers_host.hpp"
#include "trust/kills/backups_host.hpp"
#include "trust/kills/handler_host.hpp"
#include "trust/kills/hit_board.hpp"
#include "trust/kills/host_main.hpp"
#include "trust/kills/orders.hpp"
#include "trust/kills/readers_host.hpp"
#include "trust/kills/removers_host.hpp"
#include "trust/kills/replay_host.hpp"
#include "trust/kills/schemas_host.hpp"
#include "trust/kills/snapshots_host.hpp"
#include "trust/kills/speech.hpp"

#include <weir/engine.hpp>

#include <algorithm>
#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <semaphore>
#include <thread>
#include <utility>

using namespace weir;
using namespace weir::trust;

namespace {

constexpr std::size_t early_calls = 4;        // acknowledged ahead of their store
constexpr std::uint64_t acks_of_a_replay = 4; // the writers need the processors more than who replays

HostOrders orders;
HitBoard* board = nullptr;
std::atomic<std::uint64_t> acks{0};
std::atomic<bool> stopping{false};
std::atomic<std::uint64_t> done_acks{0}; // of them, those of which `stopping` knows: who waits for it sees that, too
std::atomic<Sequence> last_known[kill_contexts]; // by context, as answers told

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

/// Queries of fields give what the payloads say.
void check_fields(const Engine& engine, std::uint64_t later, std::uint64_t calls) {
  const auto found = engine.query("QUERY * WHERE payload.index >= 1 COUNT");
  const auto summed = engine.query("QUERY * TOTAL payload.call");
  if (!found || !summed)
    give_up("a query of fields: " + to_string((found ? summed : found).error()));
  const Value& count = found->rows.at(0).at(0);
  const Value& sum = summed->rows.at(0).at(0);
  if (count.as_uint64() != later || (calls != 0 && sum.as_uint64() != calls))
    give_up(format("queries of fields give {} and {} where payloads say {} and {}", to_json(count), to_json(sum), later,
                   calls));
}

void show(const Engine& engine, const Removers& removers, const std::vector<Sequence>& from) {
  std::string out;
  std::uint64_t later = 0, calls = 0;
  for (std::uint32_t context = 0; context < from.size(); ++context)
    replay(engine, kill_context_name(context), from[context], [&](const EventView& event) {
      const EventOrigin origin = origin_of(event.payload);
      later += origin.index >= 1 ? 1 : 0;
      calls += origin.call.number;
      out += format("event {} {} {} {}\n", event.context_id, event.sequence, event.position,
                    caller_fields(event.event_type, event.timestamp, event.event_id, event.metadata, event.payload));
    });
  if (*std::max_element(from.begin(), from.end()) == 1)
    check_fields(engine, later, calls);
  removers.show();
  const auto counted = engine.query("QUERY * COUNT");
  if (!counted)
    give_up("count: " + to_string(counted.error()));
  say(out + format("count {}", counted->rows.at(0).at(0).as_uint64().value_or(UINT64_MAX)));
}

using Receipts = std::vector<Receipt>;

void acknowledge(const CallId& id, const std::vector<std::uint32_t>& contexts, const Receipts& receipts) {
  say_acknowledged(id, contexts, receipts);
  const std::uint64_t count = acks.fetch_add(1) + 1;
  if (count == orders.acks_until_kill)
    die(); // before the thread that said it can take another step: from outside nobody hits this moment
  if (count == orders.acks_until_close)
    stopping.store(true);
  done_acks.fetch_add(1);
  done_acks.notify_all();
}

/// A call on its way: what it is about, and what it expects.
struct Sent {
  CallId id;
  std::vector<std::uint32_t> contexts;
  std::vector<Sequence> expected; ///< Last sequence of each context; empty: it expects nothing.
  bool claims = false;
};

void answered(const Sent& sent, const Result<Receipts>& answer) {
  if (answer) {
    for (std::size_t i = 0; i < answer->size(); ++i) {
      const Receipt& receipt = (*answer)[i];
      if (!sent.expected.empty() && receipt.sequence != sent.expected[i] + 1)
        give_up(format("a call that expected sequence {} was stored as {}", sent.expected[i], receipt.sequence));
      last_known[sent.contexts[i]].store(receipt.last_sequence());
    }
    return acknowledge(sent.id, sent.contexts, *answer);
  }
  const Error& error = answer.error();
  if (error.code == Errc::sequence_conflict && !sent.expected.empty()) {
    bool fits = true;
    for (const Conflict& conflict : error.conflicts)
      for (std::size_t i = 0; i < sent.contexts.size(); ++i)
        if (!conflict.in_the_way && conflict.context_id == kill_context_name(sent.contexts[i])) {
          fits = fits && conflict.current != sent.expected[i];
          last_known[sent.contexts[i]].store(conflict.current);
        }
    if (!fits || error.conflicts.empty())
      give_up("refused for what it expected: " + to_string(error));
  } else if (error.code != Errc::condition_failed || !sent.claims) {
    give_up("store: " + to_string(error));
  }
  say(format("refused {} {}", sent.id.writer, sent.id.number));
}

/// The call as it is, for a host that expects nothing.
std::vector<ContextEvents> contexts_of(const Call& call) {
  std::vector<ContextEvents> contexts;
  for (const Call::Part& part : call.parts)
    contexts.push_back({kill_context_name(part.context), part.events, {}});
  return contexts;
}

StoreOptions with(Durability durability) {
  StoreOptions options;
  options.durability = durability;
  return options;
}

Result<Receipts> store(Engine& engine, const Call& call, const Expectation& expect = {}) {
  std::vector<ContextEvents> contexts = contexts_of(call);
  for (ContextEvents& each : contexts)
    each.expect = expect;
  return engine.store(std::move(contexts), with(call.durability));
}

/// `done` is called once the call is answered.
void send(Engine& engine, const CallId& id, std::function<void()> done) {
  const Call call = make_call(orders.seed, id);
  Sent sent{id, call.contexts(), {}, !call.claim.empty()};
  StoreOptions options = with(call.durability);
  if (sent.claims)
    options.fail_if = FailIf{kill_group(call.parts[0].context), {}, {call.claim}, 0};
  std::vector<ContextEvents> contexts = contexts_of(call);
  for (std::size_t i = 0; call.expects && i < contexts.size(); ++i) {
    sent.expected.push_back(last_known[sent.contexts[i]].load());
    contexts[i].expect = Expectation::exactly(sent.expected[i]);
  }
  if (contexts.size() > 1)
    return engine.store_async(
        std::move(contexts),
        [sent = std::move(sent), done = std::move(done)](const Result<Receipts>& answer) {
          answered(sent, answer);
          done();
        },
        options);
  options.expect = contexts[0].expect;
  engine.store_async(
      contexts[0].context_id, std::move(contexts[0].events),
      [sent = std::move(sent), done = std::move(done)](const Result<Receipt>& answer) {
        answered(sent, answer ? Result<Receipts>(Receipts{*answer}) : Result<Receipts>(answer.error()));
        done();
      },
      options);
}

/// Stores until it is told to stop; writer 0 waits for each answer, the others run ahead.
void write(Engine& engine, std::uint32_t writer) {
  Dice dice(Dice(orders.seed ^ orders.life).next() + writer);
  const std::ptrdiff_t ahead = 1 + 15 * static_cast<std::ptrdiff_t>(writer);
  std::counting_semaphore<> room(ahead);
  for (std::uint32_t number = 1; !stopping.load(); ++number) {
    room.acquire();
    send(engine, {orders.life, writer, number}, [&room] { room.release(); });
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
    Receipts receipts;
  };
  std::deque<Promised> promised;
  std::vector<Sequence> last(kill_contexts, 0);
  for (std::uint32_t context = 0; context < kill_contexts; ++context)
    replay(engine, kill_context_name(context), 1, [&](const EventView& event) { last[context] = event.sequence; });
  std::optional<Position> next_position; // known after the first store, for nobody else draws any
  for (std::uint32_t number = 1;; ++number) {
    const CallId id{orders.life, 0, number};
    Promised next{make_call(orders.seed, id), {}};
    for (const Call::Part& part : next.call.parts) {
      Receipt& receipt = next.receipts.emplace_back();
      receipt.events = Call::events_of(part);
      receipt.sequence = last[part.context] + 1;
      last[part.context] += receipt.events;
      if (next_position) {
        receipt.position = *next_position;
        *next_position += receipt.events;
      }
    }
    if (next_position)
      acknowledge(id, next.call.contexts(), next.receipts);
    promised.push_back(std::move(next));
    if (next_position && promised.size() <= early_calls)
      continue;
    const Promised& oldest = promised.front();
    const auto receipts = store(engine, oldest.call);
    if (!receipts)
      give_up("store: " + to_string(receipts.error()));
    if (!next_position) {
      next_position = receipts->back().last_position() + 1;
      acknowledge(id, oldest.call.contexts(), *receipts);
    }
    promised.pop_front();
  }
}

/// Stores again what earlier lives have stored with an event id: each call must be known, at its place, whatever it
/// expects.
void retry(Engine& engine) {
  constexpr std::size_t contexts = 10, calls = 20;
  Dice dice(orders.seed - orders.life);
  std::map<CallId, std::map<std::size_t, Receipt>> known; // by part
  for (std::size_t i = 0; i < contexts; ++i)
    replay(engine, kill_context_name(static_cast<std::uint32_t>(dice.below(kill_contexts))), 1,
           [&](const EventView& event) {
             const EventOrigin origin = origin_of(event.payload);
             if (event.event_id.empty() || known.size() >= calls)
               return;
             const Call call = make_call(orders.seed, origin.call);
             const std::size_t part = call.part_of(origin.index);
             const std::uint32_t before = origin.index - call.parts[part].first;
             known[origin.call][part] = {event.sequence - before, event.position - before, 0};
           });
  for (const auto& [id, parts] : known) {
    const auto receipts = store(engine, make_call(orders.seed, id), Expectation::no_context());
    if (!receipts)
      give_up("a retry: " + to_string(receipts.error()));
    for (const auto& [part, place] : parts) {
      const Receipt& receipt = (*receipts)[part];
      if (!receipt.duplicate || receipt.sequence != place.sequence || receipt.position != place.position)
        give_up(format("a retry of call {}-{}-{} was stored as sequence {} at position {}, and before as {} at {}",
                       id.life, id.writer, id.number, receipt.sequence, receipt.position, place.sequence,
                       place.position));
    }
  }
}

/// Replays while others store: what is there is dense, in order, and whole calls.
void read(Engine& engine) {
  Dice dice(orders.seed + orders.life);
  for (std::uint64_t next_at = 0; !stopping.load(); next_at = done_acks.load() + acks_of_a_replay) {
    for (std::uint64_t seen = done_acks.load(); seen < next_at && !stopping.load(); seen = done_acks.load())
      done_acks.wait(seen);
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
  }
}

void run() {
  HitBoard own_board(orders.board);
  board = &own_board;
#ifdef WEIR_TEST_POINTS
  kill_hook.store(&at_kill_point);
#endif
  if (!orders.restore.empty())
    return restore(orders);
  say("opening");
  auto engine = Engine::open(orders.directory, small_options());
  if (!engine)
    give_up("open: " + to_string(engine.error()));
  say("opened");
  std::string placed = "placed";
  for (std::uint32_t context = 0; context < kill_contexts; ++context)
    placed += format(" {}", engine->shard_of(kill_context_name(context)));
  say(placed);
  Askers askers(*engine, orders, done_acks, stopping);
  askers.check(!orders.show.empty());
  Removers removers(*engine, orders, done_acks, stopping);
  removers.introduce();
  if (!orders.show.empty())
    show(*engine, removers, orders.show);
  SnapshotKeeper keeper(*engine, orders, done_acks, stopping);
  if (!orders.show.empty())
    keeper.show();
  Definer definer(*engine, orders, done_acks, stopping);
  definer.show();
  Readers readers(*engine, orders, done_acks, stopping);
  if (orders.idle && !orders.read.empty())
    readers.catch_up();
  Handler handler(*engine, orders, stopping);
  if (orders.idle && !orders.handler.empty())
    handler.catch_up();
  say("writing");
  while (orders.idle)
    ::pause();
  if (orders.early)
    write_early(*engine);
  retry(*engine);
  if (!orders.read.empty())
    readers.begin();
  if (!orders.handler.empty())
    handler.begin();
  std::vector<std::thread> threads;
  for (std::uint32_t writer = 0; writer < orders.writers; ++writer)
    threads.emplace_back([&, writer] { write(*engine, writer); });
  threads.emplace_back([&] { read(*engine); });
  askers.begin();
  removers.begin();
  keeper.begin();
  definer.begin();
  Backups backups(*engine, orders, done_acks, stopping);
  if (!orders.backups.empty())
    backups.begin();
  for (std::thread& thread : threads)
    thread.join();
  readers.join();
  handler.join();
  askers.join();
  keeper.join();
  definer.join();
  backups.join();
  removers.join();
  say("closing");
  if (const Status closed = engine->close(); !closed)
    give_up("close: " + to_string(closed.error()));
  say("closed");
}

} // namespace

int main(int argc, char** argv) {
  return host_main([&] {
    orders = orders_of(argc, argv);
    run();
  });
}
