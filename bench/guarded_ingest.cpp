// Stores with event ids and with expectations, beside the same without: what exactness costs.
#include "bench/meter.hpp"
#include "bench/process.hpp"
#include "bench/scenario.hpp"

#include <array>
#include <charconv>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace weir::bench {

namespace {

constexpr std::size_t in_flight = 1'024;
constexpr double frame_bytes = 360;

enum class Guard { none, ids, expectations };

bool weir_alone(const Peer& peer) {
  return family_of(peer.name) == "weir";
}

Line line_of(const std::string& shape, const std::string& durability, const std::string& says) {
  return {"ingest", shape, durability, "events/s", false, says};
}

/// Rows with what their guard adds. All that costs is done here, before the clock starts.
class GuardedRows {
public:
  GuardedRows(const Workload& workload, std::size_t events, Guard guard) : feed_(workload, 0), guard_(guard) {
    feed_.at_most(events);
    if (guard != Guard::expectations)
      return;
    std::unordered_map<std::string_view, std::uint64_t> last;
    last_.reserve(events);
    for (std::size_t i = 0; i < events; ++i)
      last_.push_back(last[workload.row(i % workload.size()).context_id]++);
  }

  RowFeed& feed() { return feed_; }
  RowSource source() {
    return [this](Row& row) {
      const std::size_t number = feed_.given();
      if (!feed_.next(row))
        return false;
      if (guard_ == Guard::ids)
        row.event_id = id_of(number);
      else if (guard_ == Guard::expectations)
        row.expected_last = last_.at(number);
      return true;
    };
  }

private:
  /// Such as a client makes them: a prefix of its own and a number.
  std::string_view id_of(std::size_t number) {
    constexpr std::string_view prefix = "import-2026-07-";
    prefix.copy(id_.data(), prefix.size());
    const auto end = std::to_chars(id_.data() + prefix.size(), id_.data() + id_.size(), number).ptr;
    return {id_.data(), static_cast<std::size_t>(end - id_.data())};
  }

  RowFeed feed_;
  const Guard guard_;
  std::vector<std::uint64_t> last_;
  std::array<char, 40> id_{};
};

/// All rows of the plan from one thread, flush included, into a new store or into what an earlier call left.
Figures import(const Job& job, Guard guard) {
  GuardedRows rows(job.workload, job.plan.events, guard);
  Meter meter(job.workload);
  const auto adapter = job.peer.make();
  adapter->open({.directory = job.directory,
                 .durable = false,
                 .expected_bytes = static_cast<std::uint64_t>(static_cast<double>(job.plan.events) * frame_bytes)});
  adapter->settle();
  meter.start();
  adapter->append_stream(rows.source(), in_flight, meter.acknowledge());
  adapter->flush();
  meter.stop();
  Figures figures = meter.figures(job.plan.events);
  figures.set("acknowledged", rows.feed().tally());
  adapter->close();
  return figures;
}

Scenario repeated_import() {
  const Line first = line_of("with-ids", "buffered", "one thread, each event with an id, flush included");
  const Line second =
      line_of("second-import", "buffered", "the same again, by a new process: all are duplicates, nothing is stored");
  return {{first, second}, weir_alone, [=](const Job& job) {
            for (const Line& line : {first, second}) {
              const Figures imported = in_child([&] { return import(job, Guard::ids); });
              add_metered(job, line, imported);
              job.results.check(line, job.peer.name, {imported.tally("acknowledged"), found_after_reopen(job, 1)});
            }
          }};
}

Scenario expecting() {
  const Line line = line_of("exactly", "buffered", "one thread, each event expects exactly(n), flush included");
  return {{line}, weir_alone, [=](const Job& job) {
            const Figures imported = in_child([&] { return import(job, Guard::expectations); });
            add_metered(job, line, imported);
            job.results.check(line, job.peer.name, {imported.tally("acknowledged"), found_after_reopen(job, 1)});
          }};
}

/// Time-boxed and durable, killed at the end.
Scenario durable(const Line& line, Guard guard) {
  return {{line},
          weir_alone,
          [=](const Job& job) {
            const Figures stored = in_child(
                [&] {
                  const std::size_t rows_max = job.workload.size();
                  GuardedRows rows(job.workload, rows_max, guard);
                  Meter meter(job.workload);
                  Adapter* const adapter = job.peer.make().release(); // stays open until the process is killed
                  adapter->open(
                      {.directory = job.directory,
                       .expected_bytes = static_cast<std::uint64_t>(frame_bytes * static_cast<double>(rows_max))});
                  Clock::time_point deadline;
                  rows.feed().until(&deadline, 32);
                  meter.start();
                  deadline =
                      Clock::now() + std::chrono::microseconds(static_cast<std::int64_t>(job.plan.seconds * 1e6));
                  adapter->append_stream(rows.source(), 256, meter.acknowledge());
                  meter.stop();
                  Figures figures = meter.figures(rows.feed().given());
                  figures.set("acknowledged", rows.feed().tally());
                  return figures;
                },
                Ending::killed);
            add_metered(job, line, stored);
            job.results.check(line, job.peer.name, {stored.tally("acknowledged"), found_after_reopen(job, 1)});
          },
          &Plan::repetitions};
}

} // namespace

std::vector<Scenario> guarded_ingest() {
  return {
      repeated_import(), expecting(),
      durable(line_of("async-256-with-ids", "synced", "one thread with 256 events in flight, each with an id"),
              Guard::ids),
      durable(line_of("async-256-exactly", "synced", "one thread with 256 events in flight, each expects exactly(n)"),
              Guard::expectations)};
}

} // namespace weir::bench
