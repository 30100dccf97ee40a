// Reads of a scenario, and what has to be refused.
#include "trust/model/runner.hpp"

#include "engine/text.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>

namespace weir::trust {

using test::pick;

ReplayOptions Runner::random_replay(const std::string& context) {
  const Sequence length = reference_->length(context);
  ReplayOptions options;
  if (pick(random_, 2) == 0)
    options.from = pick(random_, length + 3);
  if (pick(random_, 4) == 0)
    options.to = pick(random_, length + 3);
  options.backward = pick(random_, 4) == 0;
  if (pick(random_, 2) == 0)
    options.limit = pick(random_, 30);
  // Reading all of a long context each time would leave time for nothing else.
  if (length > 100 && pick(random_, 64) != 0) {
    options.limit = 1 + pick(random_, 60);
    if (pick(random_, 2) == 0)
      options.from = options.backward ? options.from : length - pick(random_, 60);
  }
  for (std::size_t types = pick(random_, 8) == 0 ? 1 + pick(random_, 3) : 0; types != 0; --types)
    options.types.push_back("type-" + std::to_string(pick(random_, 6)));
  if (pick(random_, 3) == 0)
    options.batch_events_max = 1 + pick(random_, 20);
  if (pick(random_, 5) == 0)
    options.batch_bytes_max = 1 + pick(random_, 5'000);
  return options;
}

namespace {

/// Compares events as they come with those expected.
class Comparison {
public:
  Comparison(std::string what, const ReplayOptions& options, const std::vector<const test::StoredEvent*>& expected)
      : what_(std::move(what)), options_(options), expected_(expected) {}

  void take(const EventBatch& batch) {
    if (batch.size() > options_.batch_events_max)
      throw Mismatch(format("{}: a batch of {} events", what_, batch.size()));
    for (const EventView& event : batch) {
      if (at_ == expected_.size())
        throw Mismatch(format("{}: {} events expected, and there is {}", what_, at_, describe(event)));
      const EventView wanted = expected_[at_++]->view();
      if (!same(event, wanted))
        throw Mismatch(format("{}: {}, expected {}", what_, describe(event), describe(wanted)));
    }
  }
  void end() const {
    if (at_ != expected_.size())
      throw Mismatch(format("{}: {} events, expected {}", what_, at_, expected_.size()));
  }

private:
  std::string what_;
  const ReplayOptions& options_;
  const std::vector<const test::StoredEvent*>& expected_;
  std::size_t at_ = 0;
};

} // namespace

void Runner::check_replay(const std::string& context, const ReplayOptions& options,
                          const std::vector<const test::StoredEvent*>& expected) {
  ++tally_.replays;
  Comparison comparison("replay of " + context, options, expected);
  std::optional<SequenceGap> removed;
  auto stream = engine_->replay(context, options);
  if (!stream)
    throw Mismatch(format("replay of {}: {}", context, to_string(stream.error())));
  while (true) {
    const auto batch = stream->next();
    if (!batch)
      throw Mismatch(format("replay of {}: {}", context, to_string(batch.error())));
    if (batch->removed())
      removed = batch->removed();
    if (batch->empty())
      break;
    comparison.take(*batch);
  }
  comparison.end();
  const SequenceGap gap{std::max<Sequence>(options.from, 1), std::min(options.to, reference_->first_live(context) - 1)};
  if (options.limit == 0)
    expect(removed == (gap.first <= gap.last ? std::optional(gap) : std::nullopt),
           format("replay of {}: what is removed is hidden, or what is not is said to be", context));
  const auto again = stream->next();
  expect(again.ok() && again->empty(), "a replay goes on behind its end");
}

void Runner::replay() {
  const std::string context = random_context();
  if (calls_.empty()) {
    const ReplayOptions options = random_replay(context);
    note(format("replay {} from {} to {} limit {}{}", context, options.from, options.to, options.limit,
                options.backward ? " backward" : ""));
    check_replay(context, options, reference_->replay(context, options));
    return;
  }
  note("replay while stores are under way: " + context);
  ++tally_.replays;
  const Sequence length = reference_->length(context);
  const Sequence from = std::max(reference_->first_live(context), length > 50 ? length - 50 : Sequence{1});
  Glimpse glimpse{context, from, std::max(calls_.acknowledged(context), length), {}};
  auto stream = engine_->replay(context, {.from = glimpse.from});
  expect(stream.ok(), "no replay");
  while (true) {
    const auto batch = stream->next();
    if (!batch)
      throw Mismatch(format("replay of {}: {}", context, to_string(batch.error())));
    if (batch->empty())
      break;
    for (const EventView& event : *batch) {
      expect(event.sequence == glimpse.from + glimpse.payloads.size(), context + ": a replay is not dense");
      glimpse.payloads.emplace_back(event.payload);
    }
  }
  glimpses_.push_back(std::move(glimpse));
}

void Runner::push() {
  settle();
  const std::string context = random_context();
  const ReplayOptions options = random_replay(context);
  note("pushed replay of " + context);
  ++tally_.replays;
  struct Pushed {
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<EventBatch> batches;
    std::optional<Status> end;
  };
  const auto pushed = std::make_shared<Pushed>();
  std::uint64_t credit = pick(random_, 3);
  auto subscription = engine_->replay(
      context, options,
      [pushed](const EventBatch& batch) {
        const std::lock_guard lock(pushed->mutex);
        pushed->batches.push_back(batch);
        pushed->changed.notify_all();
      },
      [pushed](Status end) {
        const std::lock_guard lock(pushed->mutex);
        pushed->end = std::move(end);
        pushed->changed.notify_all();
      },
      credit);
  expect(subscription.ok(), "no pushed replay");
  const auto expected = reference_->replay(context, options);
  Comparison comparison("pushed replay of " + context, options, expected);
  std::unique_lock lock(pushed->mutex);
  for (std::size_t taken = 0;;) {
    const bool woken = pushed->changed.wait_for(lock, std::chrono::minutes(2),
                                                [&] { return pushed->end || pushed->batches.size() >= credit; });
    expect(woken, "a pushed replay stands still");
    expect(pushed->batches.size() <= credit, "a pushed replay went beyond its credit");
    for (; taken < pushed->batches.size(); ++taken) {
      comparison.take(pushed->batches[taken]);
      pushed->batches[taken].clear(); // or it would count as pinned
    }
    if (pushed->end)
      break;
    const std::uint64_t more = 1 + pick(random_, 3);
    credit += more;
    lock.unlock();
    subscription->request(more);
    lock.lock();
  }
  expect(pushed->end->ok(), "a pushed replay ended with an error");
  comparison.end();
}

Query Runner::random_plan() {
  Query plan = test::random_query(random_);
  // The reference finds groups one by one, and few questions are about all there is.
  std::uint64_t events = 0;
  for (const auto& [context, stored] : reference_->contexts())
    events += stored.size();
  if (plan.context_ids.empty() && events > 400 && (!plan.group_by.empty() || pick(random_, 1 + events / 400) != 0)) {
    plan.context_prefix.reset();
    plan.for_context(random_context());
  }
  std::uint64_t longest = 0;
  for (const std::string& context : plan.context_ids)
    longest = std::max<std::uint64_t>(longest, reference_->length(context));
  if (longest > 400)
    plan.where(field("sequence") > longest - 300);
  return plan;
}

void Runner::check_answer(const std::string& text, const Result<QueryResult>& answer, const Query& plan) {
  if (!answer)
    throw Mismatch(format("{}: {}", text, to_string(answer.error())));
  const auto expected = reference_->query(plan);
  tally_.rows += expected.size();
  expect(answer->rows.size() == expected.size(),
         format("{}: {} rows, expected {}", text, answer->rows.size(), expected.size()));
  for (std::size_t i = 0; i < expected.size(); ++i)
    for (std::size_t j = 0; j < expected[i].size(); ++j)
      expect(answer->rows[i].at(j) == expected[i][j], format("{}: row {} column {} is {}, expected {}", text, i, j,
                                                             to_json(answer->rows[i][j]), to_json(expected[i][j])));
}

void Runner::query() {
  settle();
  const Query plan = random_plan();
  const std::string text = to_text(plan);
  note(text);
  ++tally_.queries;
  check_answer(text, pick(random_, 2) == 0 ? engine_->query(text) : engine_->query(plan), plan);
}

void Runner::stats() {
  settle();
  const EngineStats stats = engine_->stats();
  note("stats");
  for (const ShardStats& shard : stats.shards) {
    const std::uint64_t events = reference_->events_of(shard.shard);
    const std::uint64_t removed = reference_->removed_of(shard.shard);
    const std::uint64_t held = shard.memtable_events + shard.segment_events;
    expect(held <= events && held + removed >= events,
           format("shard {}: {} events in memory and {} in segments, expected {}, of which {} are removed", shard.shard,
                  shard.memtable_events, shard.segment_events, events, removed));
    expect(shard.events_stored == events - events_at_open_[shard.shard],
           format("shard {}: {} events stored since open, expected {}", shard.shard, shard.events_stored,
                  events - events_at_open_[shard.shard]));
    expect(!shard.failed, format("shard {} has failed", shard.shard));
  }
  expect(stats.next_position > reference_->position_max(), "the next position has been given");
  const Health health = engine_->health();
  expect(health.ok, "health: " + (health.warnings.empty() ? "not ok" : health.warnings.back()));
}

void Runner::bad_input() {
  ++tally_.bad_inputs;
  const std::string context = random_context();
  Event good = test::numbered_event(context, 1, 1);
  const auto refused = [&](const Status& status, std::string_view what) {
    expect(status.code() == Errc::invalid_argument || status.code() == Errc::too_large ||
               status.code() == Errc::parse_error,
           format("bad input was taken: {} ({})", what, weir::to_string(status.code())));
  };
  const auto stored = [&](Event event, std::string_view what) {
    auto receipt =
        pick(random_, 2) == 0 ? engine_->store(std::move(event)) : engine_->try_store(std::move(event)).wait();
    refused(receipt ? Status{} : Status(receipt.error()), what);
  };
  const auto with = [&](std::string Event::*field, std::string value) {
    Event event = good;
    event.*field = std::move(value);
    return event;
  };
  const std::size_t kind = pick(random_, 18);
  note(format("bad input {}", kind));
  const std::size_t payload_max = engine_->options().payload_bytes_max;
  switch (kind) {
  case 0: stored(with(&Event::context_id, ""), "no context"); break;
  case 1: stored(with(&Event::context_id, std::string(513, 'c')), "long context"); break;
  case 2: stored(with(&Event::context_id, "a\nb"), "control character"); break;
  case 3: stored(with(&Event::context_id, "\xFF"), "no UTF-8"); break;
  case 4: stored(with(&Event::event_type, ""), "no type"); break;
  case 5: stored(with(&Event::payload, "[1]"), "no object"); break;
  case 6: stored(with(&Event::payload, R"({"a":1,"a":2})"), "duplicate key"); break;
  case 7: stored(with(&Event::payload, R"({"a":"\ud800"})"), "lone surrogate"); break;
  case 8: stored(with(&Event::payload, "{\"a\":\"" + std::string(payload_max, 'x') + "\"}"), "long payload"); break;
  case 9: stored(with(&Event::payload, R"({"a":1} x)"), "text behind"); break;
  case 10: stored(with(&Event::metadata, "null"), "metadata"); break;
  case 11: stored(with(&Event::event_id, std::string(129, 'i')), "long id"); break;
  case 12:
    good.timestamp = Timestamp::max();
    stored(std::move(good), "year");
    break;
  case 13: {
    // One bad event among good ones: none is stored.
    std::vector<Event> events(1 + pick(random_, 5), good);
    events[pick(random_, events.size())].payload = "{";
    auto receipt = engine_->store(context, std::move(events));
    refused(receipt ? Status{} : Status(receipt.error()), "one bad event of a call");
    break;
  }
  case 14: {
    auto receipt =
        engine_->store(context, std::vector<Event>(pick(random_, 2) == 0 ? 0 : limits::call_events_max + 1, good));
    refused(receipt ? Status{} : Status(receipt.error()), "number of events");
    break;
  }
  case 15: {
    auto receipt = engine_->store("another " + context, std::vector<Event>{good});
    refused(receipt ? Status{} : Status(receipt.error()), "another context's event");
    break;
  }
  case 16: {
    const auto stream = engine_->replay(context, {.batch_events_max = 0});
    refused(stream ? Status{} : Status(stream.error()), "empty batches");
    break;
  }
  default: {
    const auto answer = engine_->query("QUERY * WHERE payload.a >");
    refused(answer ? Status{} : Status(answer.error()), "half a query");
    break;
  }
  }
}

} // namespace weir::trust
