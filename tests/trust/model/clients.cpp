// Clients that work at once, and write down when they did what.
#include "trust/model/history.hpp"

#include "engine/text.hpp"
#include "tests/api/simulated_engine.hpp"
#include "trust/model/operation.hpp"

#include <weir/engine.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>

namespace weir::trust {

namespace {

using test::pick;
using test::Random;

constexpr std::size_t clients = 8;
constexpr std::size_t contexts = 5;
constexpr std::size_t operations = 400; ///< Of each client.

std::string name_of(std::size_t context) {
  return "context-" + std::to_string(context);
}

Event event_of(std::size_t context, EventId id) {
  return test::numbered_event(name_of(context), id.call, id.index);
}

Result<std::vector<EventId>> read(const Engine& engine, std::size_t context, bool by_query) {
  std::vector<EventId> seen;
  const auto take = [&](std::string_view payload) {
    const auto [call, index] = test::sender_number(payload);
    seen.push_back({call, static_cast<std::uint32_t>(index)});
  };
  if (by_query) {
    auto answer = engine.query("QUERY * FOR " + name_of(context) + " RETURN payload ORDER BY sequence");
    if (!answer)
      return std::move(answer).error();
    for (const auto& row : answer->rows)
      take(*row[0].as_json());
    return seen;
  }
  auto stream = engine.replay(name_of(context), {.batch_events_max = 16});
  if (!stream)
    return std::move(stream).error();
  while (true) {
    auto batch = stream->next();
    if (!batch)
      return std::move(batch).error();
    if (batch->empty())
      return seen;
    for (const EventView& event : *batch)
      take(event.payload);
  }
}

/// What all clients of a history share.
struct Stage {
  Engine& engine;
  std::atomic<std::uint64_t> moment{0};
  std::atomic<std::uint64_t> done{0}; ///< Operations.
  [[nodiscard]] std::uint64_t now() { return moment.fetch_add(1) + 1; }

  std::array<std::atomic<Sequence>, contexts> known{}; ///< Last sequences that somebody was told of, about.

  /// A call whose events have ids: anybody may make it again, at any time.
  void offer(std::size_t context, const StoreCall& call) {
    const std::lock_guard lock(mutex);
    repeatable[context].push_back({.id = call.id, .events = call.events, .expected = call.expected});
  }
  /// Mostly one of the latest.
  std::optional<StoreCall> some_call(std::size_t context, Random& random) {
    const std::lock_guard lock(mutex);
    const auto& calls = repeatable[context];
    if (calls.empty())
      return std::nullopt;
    const std::size_t back = pick(random, pick(random, 4) == 0 ? calls.size() : std::min<std::size_t>(calls.size(), 8));
    return calls[calls.size() - 1 - back];
  }

  std::mutex mutex{};
  std::array<std::vector<StoreCall>, contexts> repeatable{};
};

class Client {
public:
  Client(Stage& stage, std::size_t number, std::uint64_t seed)
      : stage_(stage), number_(number), random_(seed), stores_(contexts), reads_(contexts) {}

  void work() {
    for (std::size_t i = 0; i < operations; ++i) {
      const std::size_t context = pick(random_, contexts);
      const std::size_t kind = pick(random_, 10);
      if (kind < 4)
        store(context);
      else if (kind < 7)
        send(context);
      else
        look(context, kind == 9);
      while (under_way_.size() > 16)
        settle_oldest();
      ++stage_.done;
    }
    while (!under_way_.empty())
      settle_oldest();
  }
  void move_into(std::vector<ContextHistory>& histories, Tally& tally) {
    tally.retries += duplicates_;
    tally.checks += conflicts_;
    for (std::size_t context = 0; context < contexts; ++context) {
      ContextHistory& history = histories[context];
      history.stores.insert(history.stores.end(), stores_[context].begin(), stores_[context].end());
      history.reads.insert(history.reads.end(), reads_[context].begin(), reads_[context].end());
    }
    if (failure_)
      throw Mismatch("a client got: " + to_string(*failure_));
  }

private:
  struct UnderWay {
    std::size_t context = 0, at = 0;
    Ticket ticket;
  };

  /// Mostly new events, some of them with ids, or for who has not been overtaken; at times a call that was made before.
  std::vector<Event> next_call(std::size_t context, StoreOptions& options) {
    std::optional<StoreCall> again;
    if (pick(random_, 6) == 0)
      again = stage_.some_call(context, random_);
    StoreCall& call = stores_[context].emplace_back(again.value_or(StoreCall{}));
    bool ids = again.has_value();
    if (!again) {
      ids = pick(random_, 3) == 0;
      call.id = (++calls_ * clients + number_) * 2 + (ids ? 1 : 0);
      call.events = static_cast<std::uint32_t>(1 + pick(random_, 6) / 4);
      if (pick(random_, 4) == 0)
        call.expected = stage_.known[context].load() - pick(random_, 8) / 7;
      if (call.expected == sequence_max) // below the first
        call.expected = 0;
      if (ids)
        stage_.offer(context, call);
    }
    if (call.expected)
      options.expect = Expectation::exactly(*call.expected);
    std::vector<Event> events;
    for (std::uint32_t i = 0; i < call.events; ++i) {
      events.push_back(event_of(context, {call.id, i}));
      if (ids)
        events.back().event_id = format("{}-{}", call.id, i);
    }
    call.made = stage_.now();
    return events;
  }
  void answer(std::size_t context, StoreCall& call, const Result<Receipt>& receipt) {
    if (receipt.ok()) {
      call.sequence = receipt->sequence;
      call.position = receipt->position;
      call.synced = receipt->durability == Durability::synced;
      call.duplicate = receipt->duplicate;
      duplicates_ += call.duplicate ? 1 : 0;
      stage_.known[context].store(receipt->last_sequence());
    } else if (receipt.code() == Errc::sequence_conflict && receipt.error().conflicts.size() == 1) {
      const Conflict& told = receipt.error().conflicts.front();
      const bool its_own = told.receipt && told.receipt->sequence == told.current && told.receipt->events == 1;
      call.told = ToldSequence{told.current, its_own ? told.receipt->position : 0};
      ++conflicts_;
      stage_.known[context].store(told.current);
    } else if (receipt.code() == Errc::overloaded || receipt.code() == Errc::closing) {
      call.refused = true;
    } else if (receipt.code() != Errc::deadline_exceeded) {
      failure_ = receipt.error();
    }
    call.answered = stage_.now();
  }
  StoreOptions random_options() {
    StoreOptions options;
    if (const std::size_t durability = pick(random_, 4); durability < 3)
      options.durability = static_cast<Durability>(durability);
    if (pick(random_, 10) == 0)
      options.timeout_ms = std::chrono::milliseconds(pick(random_, 2));
    return options;
  }

  void store(std::size_t context) {
    StoreOptions options = random_options();
    std::vector<Event> events = next_call(context, options);
    const auto receipt = stage_.engine.store(name_of(context), std::move(events), options);
    answer(context, stores_[context].back(), receipt);
  }
  void send(std::size_t context) {
    StoreOptions options = random_options();
    std::vector<Event> events = next_call(context, options);
    under_way_.push_back({context, stores_[context].size() - 1,
                          pick(random_, 3) == 0
                              ? stage_.engine.try_store(name_of(context), std::move(events), options)
                              : stage_.engine.store_async(name_of(context), std::move(events), options)});
  }
  void settle_oldest() {
    const UnderWay oldest = std::move(under_way_.front());
    under_way_.pop_front();
    answer(oldest.context, stores_[oldest.context][oldest.at], oldest.ticket.wait());
  }
  void look(std::size_t context, bool by_query) {
    ReadCall call;
    call.made = stage_.now();
    auto seen = read(stage_.engine, context, by_query);
    call.answered = stage_.now();
    if (seen) {
      call.seen = std::move(*seen);
      reads_[context].push_back(std::move(call));
    } else if (seen.code() != Errc::closing) {
      failure_ = seen.error();
    }
  }

  Stage& stage_;
  const std::uint64_t number_;
  Random random_;
  std::uint64_t calls_ = 0, duplicates_ = 0, conflicts_ = 0;
  std::deque<UnderWay> under_way_;
  std::vector<std::vector<StoreCall>> stores_;
  std::vector<std::vector<ReadCall>> reads_;
  std::optional<Error> failure_;
};

std::vector<EventId> must_read(const Engine& engine, std::size_t context) {
  auto seen = read(engine, context, false);
  if (!seen)
    throw Mismatch(name_of(context) + ": " + to_string(seen.error()));
  return std::move(*seen);
}

Engine must_open(test::SimulatedDisk& disk, const EngineOptions& options) {
  auto engine = disk.open(options);
  if (!engine)
    throw Mismatch("open: " + to_string(engine.error()), engine.code() == Errc::corruption);
  return std::move(*engine);
}

Tally play_history(std::uint64_t seed, std::uint64_t& at) {
  Random random(seed);
  EngineOptions options = random_options(random);
  options.shards = static_cast<std::uint32_t>(1 + pick(random, 3));
  test::SimulatedDisk disk;
  Engine engine = must_open(disk, options);
  Stage stage{engine};
  std::vector<ContextHistory> histories(contexts);
  std::vector<Client> all;
  for (std::size_t i = 0; i < clients; ++i)
    all.emplace_back(stage, i, random());
  std::vector<std::thread> threads;
  for (Client& client : all)
    threads.emplace_back([&client] { client.work(); });

  // Beside them: flushes, a power cut (of which the running engine knows nothing), and perhaps an early close.
  const std::uint64_t total = clients * operations;
  const std::uint64_t cut_at = pick(random, total), close_at = pick(random, 2 * total),
                      flush_every = 100 + pick(random, 400);
  std::uint64_t cut_began = 0, cut_ended = 0, flushed_at = 0, flushes = 0;
  std::optional<test::SimulatedDisk> image;
  while (stage.done.load() < total) {
    at = stage.done.load();
    if (!image && at >= cut_at) {
      cut_began = stage.now();
      image = disk.crash_image(pick(random, 2) == 0 ? io::CrashPolicy::lose_unsynced()
                                                    : io::CrashPolicy::random_subset(random()));
      cut_ended = stage.now();
    }
    if (at >= flushed_at + flush_every) {
      flushed_at = at;
      ++flushes;
      if (const Status flushed = engine.flush(); !flushed && flushed.code() != Errc::closing)
        throw Mismatch("flush: " + to_string(flushed.error()));
    }
    if (at >= close_at)
      if (const Status closed = engine.close(); !closed)
        throw Mismatch("close: " + to_string(closed.error()));
    std::this_thread::yield();
  }
  for (std::thread& thread : threads)
    thread.join();
  if (const Status closed = engine.close(); !closed)
    throw Mismatch("close: " + to_string(closed.error()));

  Tally tally;
  for (Client& client : all)
    client.move_into(histories, tally);
  tally.operations = total;
  tally.flushes = flushes;
  const Engine again = must_open(disk, options);
  std::optional<Engine> after_cut;
  if (image)
    after_cut.emplace(must_open(*image, options));
  for (std::size_t context = 0; context < contexts; ++context) {
    ContextHistory& history = histories[context];
    history.context = name_of(context);
    history.content = must_read(again, context);
    if (after_cut) {
      history.after_cut = must_read(*after_cut, context);
      history.cut_began = cut_began;
      history.cut_ended = cut_ended;
    }
    tally.events += history.content.size();
    judge(history);
  }
  return tally;
}

} // namespace

Work history_work(std::uint64_t seed) {
  return [seed](std::uint64_t& at) { return play_history(seed, at); };
}

} // namespace weir::trust
