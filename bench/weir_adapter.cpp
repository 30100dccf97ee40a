// weir, through the interface that every embedding service has.
#include "bench/adapter.hpp"
#include "bench/must.hpp"

#include <weir/engine.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <deque>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>

namespace weir::bench {

namespace {

using Clock = std::chrono::steady_clock;

Event event_of(const Row& row) {
  return {.context_id = std::string(row.context_id),
          .event_type = std::string(row.event_type),
          .payload = std::string(row.payload),
          .timestamp = Timestamp{std::chrono::microseconds{row.timestamp_us}},
          .event_id = std::string(row.event_id)};
}

StoreOptions options_of(const Row& row) {
  return {.expect = row.expected_last ? Expectation::exactly(*row.expected_last) : Expectation::any()};
}

Row row_of(const EventView& event) {
  return {event.context_id, event.event_type, event.payload, event.timestamp.time_since_epoch().count()};
}

std::string query_of(const Question& question) {
  const std::string type(question.event_type);
  switch (question.topic) {
  case Topic::count:
    return "QUERY " + type + " SINCE " + std::to_string(question.from_us / 1'000) + " UNTIL " +
           std::to_string(question.until_us / 1'000) +
           " WHERE payload.amount >= " + std::to_string(question.amount_min) + " COUNT";
  case Topic::by_type: return "QUERY * COUNT BY event_type";
  case Topic::top_sums:
    return "QUERY " + type + " TOTAL payload.amount AS sum BY context_id ORDER BY sum DESC, context_id LIMIT " +
           std::to_string(top_rows);
  case Topic::three_steps:
    return "QUERY order_placed FOLLOWED BY payment_captured FOLLOWED BY parcel_delivered LINKED BY "
           "payload.customer_id COUNT";
  }
  return {};
}

/// Asynchronous stores on their way, counted so that no more than a window's worth are.
class Window {
public:
  Window(std::size_t calls_max, const Acknowledge& acknowledge)
      : calls_max_(static_cast<int>(calls_max)), resume_at_(calls_max_ / 2), acknowledge_(acknowledge) {}

  /// Takes a place; waits, when all are taken, until half of them are free again: a wake-up costs more than a store.
  void enter() {
    if (calls_.load(std::memory_order_relaxed) >= calls_max_)
      wait_until(resume_at_);
    calls_.fetch_add(1, std::memory_order_relaxed);
  }

  void leave(const Result<Receipt>& receipt, Clock::time_point start) {
    if (receipt) {
      acknowledge_(static_cast<std::uint64_t>(std::chrono::nanoseconds(Clock::now() - start).count()));
    } else {
      const std::lock_guard lock(mutex_);
      if (!error_)
        error_ = receipt.error();
    }
    const int left = calls_.fetch_sub(1, std::memory_order_acq_rel) - 1;
    if (left == resume_at_ || left == 0)
      calls_.notify_one();
  }

  /// Returns when every call is answered. Errors: the first that a call got.
  void finish() {
    wait_until(0);
    const std::lock_guard lock(mutex_);
    if (error_)
      throw std::runtime_error("weir: " + to_string(*error_));
  }

private:
  void wait_until(int calls) {
    for (int now = calls_.load(std::memory_order_acquire); now > calls; now = calls_.load(std::memory_order_acquire))
      calls_.wait(now, std::memory_order_acquire);
  }

  const int calls_max_;
  const int resume_at_;
  const Acknowledge& acknowledge_;
  std::atomic<int> calls_{0};
  std::mutex mutex_; ///< Guards error_.
  std::optional<Error> error_;
};

class WeirAdapter final : public Adapter {
public:
  void open(const Settings& settings) override {
    EngineOptions options;
    options.shards = settings.shards;
    options.durability = settings.durable ? Durability::synced : Durability::buffered;
    if (settings.unsealed_bytes != 0)
      options.unsealed_bytes_max = settings.unsealed_bytes;
    engine_.emplace(must(Engine::open(settings.directory, options)));
  }

  void append(const Row& row) override { must(engine_->store(event_of(row), options_of(row))); }

  void append_stream(const RowSource& source, std::size_t in_flight, const Acknowledge& acknowledge) override {
    Window& window = new_window(in_flight, acknowledge);
    for (Row row; source(row);) {
      window.enter();
      engine_->store_async(
          event_of(row),
          [&window, start = Clock::now()](const Result<Receipt>& receipt) { window.leave(receipt, start); },
          options_of(row));
    }
    window.finish();
  }

  [[nodiscard]] unsigned shard_of(std::string_view context_id) const override { return engine_->shard_of(context_id); }

  void flush() override { must(engine_->flush()); }

  void settle() override {
    using namespace std::chrono_literals;
    const auto busy = [](const EngineStats& stats) {
      return stats.compactions_pending != 0 ||
             std::ranges::any_of(stats.shards, [](const ShardStats& shard) { return shard.flush_queue != 0; });
    };
    while (busy(engine_->stats()))
      std::this_thread::sleep_for(1ms);
  }

  void replay(std::string_view context_id, const Visit& visit) override {
    auto stream = must(engine_->replay(context_id));
    while (true) {
      const auto batch = stream.next();
      if (batch.code() == Errc::overloaded) { // others hold what may be pinned; they let go soon
        std::this_thread::yield();
        continue;
      }
      if (!batch)
        throw std::runtime_error("weir: " + to_string(batch.error()));
      if (batch->empty())
        return;
      for (const auto& event : *batch)
        visit(row_of(event));
    }
  }

  [[nodiscard]] bool scans() const override { return true; }

  void scan(const Visit& visit) override {
    auto events = must(engine_->subscribe({.follow = false}));
    while (true) {
      const auto batch = events.next();
      if (!batch)
        throw std::runtime_error("weir: " + to_string(batch.error()));
      for (const auto& event : batch->events)
        visit(row_of(event));
      if (batch->ended)
        return;
    }
  }

  std::size_t follow(const RowSource& source, unsigned per_second, const Acknowledge& heard) override {
    using namespace std::chrono;
    struct Times {
      Clock::time_point answered{}, heard{};
    };
    std::vector<Times> times; // by place in the source, which the metadata carries
    std::vector<Row> rows;
    for (Row row; source(row);)
      rows.push_back(row);
    times.resize(rows.size());
    std::size_t seen = 0;
    auto events = must(engine_->subscribe({.from = QueueStart::now()}));
    std::thread subscriber([&] {
      while (seen < rows.size()) {
        const auto batch = events.next();
        if (!batch)
          return;
        const auto now = Clock::now();
        for (const auto& event : batch->events)
          times[std::stoull(std::string(event.event_id))].heard = now;
        seen += batch->events.size();
      }
    });
    const auto started = Clock::now();
    const Acknowledge nothing = [](std::uint64_t) {};
    Window& window = new_window(4'096, nothing);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      std::this_thread::sleep_until(started + nanoseconds(i * 1'000'000'000 / per_second));
      Event event = event_of(rows[i]);
      event.event_id = std::to_string(i);
      window.enter();
      engine_->store_async(std::move(event), [&times, &window, i](const Result<Receipt>& receipt) {
        const auto now = Clock::now();
        times[i].answered = now;
        window.leave(receipt, now);
      });
    }
    window.finish();
    subscriber.join();
    for (const Times& time : times)
      heard(static_cast<std::uint64_t>(std::max(nanoseconds(0), nanoseconds(time.heard - time.answered)).count()));
    return seen;
  }

  Tally tally() override {
    const auto contexts = must(engine_->query("QUERY * COUNT BY context_id"));
    Tally tally;
    std::uint64_t counted = 0;
    for (const auto& row : contexts.rows) {
      counted += row.at(1).as_uint64().value();
      replay(row.at(0).as_string().value(), [&tally](const Row& event) { tally.add(event); });
    }
    if (counted != tally.events)
      throw std::runtime_error("weir: a query counts " + std::to_string(counted) + " events, replays give " +
                               std::to_string(tally.events));
    return tally;
  }

  [[nodiscard]] Answer ask(const Question& question) override {
    const QueryResult result = must(engine_->query(query_of(question)));
    Answer answer;
    for (const auto& row : result.rows) {
      const Value& number = row.back();
      const auto whole = number.as_int64();
      answer.emplace_back(row.size() > 1 ? row.front().as_string().value() : "",
                          whole && question.topic != Topic::top_sums ? *whole
                                                                     : std::llround(number.as_double().value() * 100));
    }
    return in_order(question.topic, std::move(answer));
  }

  void close() override {
    must(engine_->close());
    engine_.reset();
  }

  /// Segments and the catalog; the rest are log files, which are used again.
  [[nodiscard]] std::uint64_t bytes_at_rest(const std::string& directory) const override {
    return Adapter::bytes_at_rest(directory) - Adapter::bytes_at_rest(directory + "/wal");
  }

private:
  Window& new_window(std::size_t calls_max, const Acknowledge& acknowledge) {
    const std::lock_guard lock(windows_mutex_);
    return windows_.emplace_back(calls_max, acknowledge);
  }

  std::mutex windows_mutex_; ///< Guards windows_.
  /// They live as long as the engine: the last answer still wakes the sender when the sender may have left already.
  std::deque<Window> windows_;
  std::optional<Engine> engine_;
};

} // namespace

std::vector<Peer> weir_peers() {
  return {{"weir", "synced: in the log and fdatasynced", "buffered: in memory, synced within 100 ms",
           [] { return std::make_unique<WeirAdapter>(); }}};
}

} // namespace weir::bench
