#include "trust/model/runner.hpp"

#include "engine/text.hpp"

#include <algorithm>
#include <array>

namespace weir::trust {

using test::pick;

namespace {

using namespace std::chrono_literals;
const Timestamp epoch = Timestamp(1'700'000'000'000'000us);

/// The engine owns its clock; this one's time goes on from engine to engine.
class SharedClock final : public io::Clock {
public:
  explicit SharedClock(std::shared_ptr<io::ManualClock> clock) : clock_(std::move(clock)) {}
  [[nodiscard]] Timestamp now() const override { return clock_->now(); }
  [[nodiscard]] std::chrono::steady_clock::time_point steady_now() const override { return clock_->steady_now(); }

private:
  std::shared_ptr<io::ManualClock> clock_;
};

} // namespace

Runner::Runner(std::uint64_t seed, Mistake mistake, std::vector<std::string>* trace)
    : mistake_(mistake), trace_(trace), random_(seed), clock_(std::make_shared<io::ManualClock>(epoch)) {
  contexts_ = std::array<std::size_t, 4>{1, 5, 13, 60}[pick(random_, 4)];
  payload_bytes_max_ = std::array<std::size_t, 4>{16, 200, 2'000, 20'000}[pick(random_, 4)];
  EngineOptions options = random_options(random_);
  if (pick(random_, 4) == 0)
    disk_ = test::SimulatedDisk(test::SimulatedDisk::CatalogKind::sqlite);
  options.shards = std::array<std::uint32_t, 3>{1, 2, 4}[pick(random_, 3)];
  open(options);
  reference_.emplace(engine_->options().shards, mistake);
}

void Runner::note(const std::string& line) {
  if (trace_ != nullptr)
    trace_->push_back(line);
}

void Runner::expect(bool holds, const std::string& what) const {
  if (!holds)
    throw Mismatch(what);
}

void Runner::open(EngineOptions options) {
  note(format("open: unsealed {} wal {} segment {} cache {} contexts {} inbox {}/{} parked {} zone {} threads {}, {}",
              options.unsealed_bytes_max, options.wal_file_bytes, options.segment_bytes_max, options.block_cache_bytes,
              options.context_cache_entries, options.inbox_commands_max, options.inbox_bytes_max,
              options.inbox_parked_max, options.zone_rows, options.read_threads, weir::to_string(options.durability)));
  auto opened = disk_.open(options, std::make_unique<SharedClock>(clock_));
  if (!opened)
    throw Mismatch("open: " + to_string(opened.error()), opened.code() == Errc::corruption);
  engine_.emplace(std::move(*opened));
  if (known_.upcast_version != 0)
    register_upcasters();
  check_schema();
  check_views();
  events_at_open_.clear();
  for (ShardId shard = 0; reference_ && shard < engine_->options().shards; ++shard)
    events_at_open_.push_back(reference_->events_of(shard));
  if (!reference_)
    events_at_open_.assign(engine_->options().shards, 0);
  position_floor_ = reference_ ? reference_->position_max() : 0;
  expect(engine_->stats().next_position > position_floor_,
         format("open: the next position is {}, {} was given before", engine_->stats().next_position, position_floor_));
}

void Runner::play(const Operation& operation) {
  random_.seed(operation.seed);
  ++tally_.operations;
  switch (operation.kind) {
  case Kind::store: store(1, Manner::waiting); break;
  case Kind::store_batch: store(1 + pick(random_, pick(random_, 20) == 0 ? 100 : 8), Manner::waiting); break;
  case Kind::burst:
    for (std::size_t calls = 1 + pick(random_, pick(random_, 10) == 0 ? 40 : 6); calls != 0; --calls)
      store(1 + pick(random_, 10) / 8, pick(random_, 2) == 0 ? Manner::ticket : Manner::callback);
    break;
  case Kind::try_store: store(1, Manner::refusable); break;
  case Kind::retry: retry(); break;
  case Kind::check: check(); break;
  case Kind::together: together(); break;
  case Kind::define: define(); break;
  case Kind::remove: remove(); break;
  case Kind::consume: consume(); break;
  case Kind::group: work_in_group(); break;
  case Kind::snapshot: snapshot(); break;
  case Kind::retain: retain(); break;
  case Kind::wait: settle(); break;
  case Kind::replay: replay(); break;
  case Kind::push: push(); break;
  case Kind::query: query(); break;
  case Kind::flush: flush(); break;
  case Kind::clock: move_clock(); break;
  case Kind::bad_input: bad_input(); break;
  case Kind::stats: stats(); break;
  case Kind::reopen: reopen(); break;
  case Kind::restore: restore(); break;
  case Kind::power_cut: crash(Crash::power_cut); break;
  case Kind::kill: crash(Crash::kill); break;
  case Kind::condition: conditions(); break;
  case Kind::upcast: upcast(); break;
  case Kind::view: view(); break;
  case Kind::look_after: look_after(); break;
  case Kind::back_up: back_up(); break;
  case Kind::compact: compact(); break;
  }
}

void Runner::settle(bool closing) {
  tally_.refused += calls_.settle(*reference_, closing);
  for (const Glimpse& glimpse : glimpses_) {
    const auto found = reference_->contexts().find(glimpse.context);
    const std::size_t length = found == reference_->contexts().end() ? 0 : found->second.size();
    const Sequence seen = glimpse.from - 1 + glimpse.payloads.size();
    expect(seen >= glimpse.at_least,
           format("{}: a replay saw {} events, {} had been acknowledged", glimpse.context, seen, glimpse.at_least));
    expect(seen <= length || glimpse.payloads.empty(),
           format("{}: a replay saw {} events of {}", glimpse.context, seen, length));
    for (std::size_t i = 0; i < glimpse.payloads.size(); ++i)
      expect(glimpse.payloads[i] == found->second[glimpse.from - 1 + i].event.payload,
             format("{} sequence {}: a replay saw another event", glimpse.context, glimpse.from + i));
  }
  glimpses_.clear();
}

std::string Runner::random_context() {
  // Half of all go to a few contexts, so that some are long.
  const std::size_t number = pick(random_, pick(random_, 2) == 0 ? std::min<std::size_t>(contexts_, 3) : contexts_);
  if (number < 20)
    return "context-" + std::to_string(number);
  return number % 2 == 0 ? format("kunde/\u00e4-{}", number) : format("{{tenant-{}}}order {}", number % 3, number);
}

Reference::Events Runner::random_call(std::size_t count) {
  const std::string context = random_context();
  Reference::Events events;
  for (std::size_t i = 0; i < count; ++i) {
    test::KnownEvent& known = events.emplace_back(test::random_event(random_));
    known.event.context_id = context;
    // Mostly a new id; at times one that may be taken, by an event with other content.
    if (!known.event.event_id.empty() && pick(random_, 20) != 0)
      known.event.event_id = "new-" + std::to_string(++ids_);
    for (std::size_t before = 0; before < i; ++before)
      if (events[before].event.event_id == known.event.event_id)
        known.event.event_id.clear(); // twice in one call is bad input
    if (pick(random_, 4) == 0)
      known.event.timestamp = Reference::no_timestamp;
    std::string pad(pick(random_, pick(random_, 10) == 0 ? payload_bytes_max_ : 16), ' ');
    for (char& c : pad)
      c = "0123456789abcdef"[random_() % 16];
    known.event.payload.insert(1, R"("pad":")" + pad + "\",");
  }
  return events;
}

std::optional<Durability> Runner::random_durability() {
  const std::size_t kind = pick(random_, 4);
  return kind == 3 ? std::nullopt : std::optional(static_cast<Durability>(kind));
}

Expectation Runner::random_expectation(const std::string& context) {
  switch (pick(random_, 4)) {
  case 0: return Expectation::no_context();
  case 1: return Expectation::exists();
  default: return Expectation::exactly(reference_->length(context) + pick(random_, 4) / 2);
  }
}

void Runner::make_call(const std::string& context, Reference::Events events, CallsUnderWay::Wish wish) {
  wish.durability = random_durability();
  note(format("{}: {} events of {}, {}, expects {}",
              wish.manner == Manner::waiting     ? "store"
              : wish.manner == Manner::refusable ? "try_store"
                                                 : "store_async",
              events.size(), context, wish.durability ? weir::to_string(*wish.durability) : "default durability",
              to_string(wish.expect)));
  tally_.events += events.size();
  ++tally_.calls;
  const bool alone = calls_.empty();
  calls_.make(*engine_, context, std::move(events), wish, clock_->now(), reference_->length(context), random_());
  if (alone && wish.manner == Manner::waiting)
    settle();
}

void Runner::store(std::size_t count, Manner manner) {
  Reference::Events events = random_call(count);
  const std::string context = events.front().event.context_id;
  const Expectation expect = pick(random_, 8) == 0 ? random_expectation(context) : Expectation::any();
  make_call(context, std::move(events), {.manner = manner, .expect = expect});
}

void Runner::retry() {
  Reference::Events events = reference_->some_call(random_);
  if (events.empty())
    return;
  ++tally_.retries;
  for (test::KnownEvent& known : events)
    if (pick(random_, 2) == 0)
      known.event.timestamp = Reference::no_timestamp;
  if (pick(random_, 5) == 0) { // another event under the same id
    test::KnownEvent& changed = events[pick(random_, events.size())];
    changed.event.payload.insert(1, format("\"changed-{}\":0,", ++ids_));
  }
  if (events.size() > 1 && pick(random_, 4) == 0)
    events.resize(1 + pick(random_, events.size() - 1));
  const Manner manner = pick(random_, 3) == 0 ? Manner::ticket : Manner::waiting;
  const std::string context = events.front().event.context_id;
  const Expectation expect = pick(random_, 4) == 0 ? random_expectation(context) : Expectation::any();
  make_call(context, std::move(events), {.manner = manner, .expect = expect});
}

void Runner::check() {
  ++tally_.checks;
  const std::string context = random_context();
  const Expectation expect = random_expectation(context);
  make_call(context, {}, {.manner = pick(random_, 2) == 0 ? Manner::ticket : Manner::waiting, .expect = expect});
}

void Runner::remove() {
  settle(); // the reference is told of removals in their order
  ++tally_.removals;
  const bool of_group = pick(random_, 4) == 0; // of one that conditions speak of
  const std::string context =
      of_group ? format("{{both-{}}} {}", pick(random_, 2), pick(random_, 3)) : random_context();
  const Sequence length = reference_->length(context);
  // For good only where many are left, and at times one that never was.
  const bool closes = contexts_ >= 13 && !of_group && pick(random_, 8) == 0;
  const bool all = closes || pick(random_, 4) == 0;
  const Sequence before = all ? sequence_max : pick(random_, length + 2);
  note(format("{} {} before {}", closes ? "delete" : "truncate", context, before));
  const auto removal = closes ? engine_->delete_context(context, Deletion::hard)
                       : all  ? engine_->delete_context(context)
                              : engine_->truncate_context(context, before);
  if (!removal)
    throw Mismatch(format("removing from {}: {}", context, to_string(removal.error())));
  reference_->removed(engine_->shard_of(context), context, before, closes, *removal, clock_->now());
}

void Runner::flush() {
  settle();
  note("flush");
  ++tally_.flushes;
  const Status flushed = engine_->flush();
  expect(flushed.ok(), "flush: " + (flushed.ok() ? "" : to_string(flushed.error())));
  reference_->all_safe();
}

void Runner::move_clock() {
  settle();
  if (pick(random_, 10) == 0) {
    clock_->set_now(clock_->now() - std::chrono::milliseconds(pick(random_, 100)));
    note("clock: back");
  } else {
    clock_->advance(std::chrono::microseconds(pick(random_, 3'000)));
  }
}

void Runner::count_background() {
  for (const ShardStats& shard : engine_->stats().shards) {
    tally_.segments_flushed += shard.flushes;
    tally_.segments_merged += shard.compactions;
  }
}

void Runner::reopen() {
  const bool under_way = pick(random_, 2) == 0;
  note(format("reopen, {} answers", under_way ? "without waiting for" : "after all"));
  if (!under_way)
    settle();
  count_background();
  const Status closed = engine_->close();
  expect(closed.ok(), "close: " + (closed.ok() ? "" : to_string(closed.error())));
  expect(engine_->flush().code() == Errc::closing, "a closed engine flushes");
  expect(engine_->replay("context-0").code() == Errc::closing, "a closed engine replays");
  expect(engine_->store(test::numbered_event("context-0", 1, 1)).code() == Errc::closing, "a closed engine stores");
  settle(true);
  reference_->all_safe();
  engine_.reset();
  open(random_options(random_));
  ++tally_.reopens;
  if (pick(random_, 4) == 0)
    check_everything();
}

void Runner::crash(Crash kind) {
  const io::CrashPolicy policy = kind == Crash::kill     ? io::CrashPolicy::keep_everything()
                                 : pick(random_, 2) == 0 ? io::CrashPolicy::lose_unsynced()
                                                         : io::CrashPolicy::random_subset(random_());
  note(kind == Crash::kill ? "kill" : "power cut");
  Position checkpoint = 0;
  const auto seen = read_queue(checkpoint); // by a subscriber that outlives the engine
  calls_.mark_crash();
  test::SimulatedDisk image = disk_.crash_image(policy);
  count_background();
  // The old engine goes on undisturbed, on its own disk: its later answers tell the order of what was under way.
  const Status closed = engine_->close();
  expect(closed.ok(), "close: " + (closed.ok() ? "" : to_string(closed.error())));
  settle(true);
  engine_.reset();
  disk_ = std::move(image);
  ++(kind == Crash::kill ? tally_.kills : tally_.power_cuts);
  open(random_options(random_));

  std::map<std::string, Sequence> lengths;
  for (const auto& [context, events] : reference_->contexts()) {
    auto stream = engine_->replay(context);
    expect(stream.ok(), context + ": no replay after a crash");
    // What was removed was safe by then.
    Sequence& length = lengths[context];
    length = reference_->first_live(context) - 1;
    while (true) {
      const auto batch = stream->next();
      if (!batch)
        throw Mismatch(format("{}: replay after a crash: {}", context, to_string(batch.error())));
      if (batch->empty())
        break;
      for (const EventView& event : *batch) {
        expect(length < events.size(), format("{}: an event that was never stored: {}", context, describe(event)));
        expect(same(event, events[length].event.view()),
               format("after a crash: {}, expected {}", describe(event), describe(events[length].event.view())));
        ++length;
      }
    }
  }
  reference_->crashed(kind, lengths);
  Position later = 0;
  auto queued = read_queue(later);
  queued.erase(queued.lower_bound(checkpoint), queued.end());
  expect(queued == expected_queue(0, checkpoint, queued) && seen == expected_queue(0, checkpoint, seen),
         "below its checkpoint the event queue is not what a subscriber had seen before the crash");
  for (ShardId shard = 0; shard < events_at_open_.size(); ++shard)
    events_at_open_[shard] = reference_->events_of(shard);
}

void Runner::check_everything() {
  settle();
  for (const auto& [context, events] : reference_->contexts())
    check_replay(context, {}, reference_->replay(context, {}));
  check_queue();
}

void Runner::finish() {
  check_everything();
  stats();
  flush();
  check_everything();
  drain_group();
  random_.seed(1);
  for (int i = 0; i < 5; ++i)
    query();
  count_background();
  const Status closed = engine_->close();
  expect(closed.ok(), "close: " + (closed.ok() ? "" : to_string(closed.error())));
  engine_.reset();
}

} // namespace weir::trust
