// Models beside the same JSON rows in plain SQLite; and how fast a projection takes in a log, and is made anew.
#include "bench/crew.hpp"
#include "bench/histogram.hpp"
#include "bench/meter.hpp"
#include "bench/must.hpp"
#include "bench/objects.hpp"
#include "bench/process.hpp"
#include "bench/random.hpp"
#include "bench/scenario.hpp"
#include "bench/usage.hpp"

#include "engine/text.hpp"

#include <weir/engine.hpp>
#include <weir/event_sourcing_db.hpp>

#include <algorithm>
#include <atomic>
#include <memory>
#include <semaphore>
#include <stdexcept>
#include <utility>

namespace weir::bench {

namespace {

constexpr std::size_t calls_in_flight = 256;

bool weir_alone(const Peer& peer) {
  return peer.name == "weir";
}
/// Rows are no events: the layouts that SQLite has for those do not differ here, and one of them stands for all.
bool weir_or_sqlite(const Peer& peer) {
  return weir_alone(peer) || peer.name == "sqlite-rowid";
}

Line line_of(const std::string& shape, const std::string& durability, const std::string& unit,
             const std::string& says) {
  return {"models", shape, durability, unit, false, says};
}

// --- writes ---

struct WriteShape {
  std::string name;
  std::string says;
  std::size_t threads = 1;
  bool stream = false; ///< One thread, with calls_in_flight on their way.
  bool (*takes)(const Peer&) = weir_or_sqlite;
};

std::unique_ptr<WrittenObjects> written_objects(const Peer& peer) {
  return weir_alone(peer) ? weir_written_objects() : sqlite_written_objects();
}

Figures write_objects(const Job& job, const WriteShape& shape) {
  // SQLite takes one thread; what waits in 256 callers of a service becomes one transaction.
  const bool stream = shape.stream || (shape.threads > 1 && !weir_alone(job.peer));
  const std::size_t writers = stream ? 1 : shape.threads;
  Meter meter(job.workload);
  WrittenObjects* const objects = written_objects(job.peer).release(); // stays open until the process is killed
  objects->open(job.directory);

  Clock::time_point deadline;
  std::vector<std::uint64_t> writes(writers, 0);
  meter.watch_device(job.directory);
  const auto start = [&] {
    meter.start();
    deadline = Clock::now() + std::chrono::microseconds(static_cast<std::int64_t>(job.plan.seconds * 1e6));
  };
  const auto took = [&meter](Clock::time_point since) {
    meter.latency(static_cast<std::uint64_t>(std::chrono::nanoseconds(Clock::now() - since).count()));
  };
  if (stream) {
    start();
    objects->write_stream(
        [&](ObjectWrite& write) {
          const Clock::time_point now = Clock::now();
          if (now >= deadline)
            return false;
          const std::uint64_t number = ++writes[0];
          write = {id_of_write(number, 0, 1), number, [&took, now] { took(now); }};
          return true;
        },
        calls_in_flight);
  } else {
    run_crew(writers, start, [&](std::size_t writer) {
      for (Clock::time_point now = Clock::now(); now < deadline; now = Clock::now()) {
        const std::uint64_t number = ++writes[writer];
        objects->write(id_of_write(number, writer, writers), number);
        took(now);
      }
    });
  }
  meter.stop();

  std::uint64_t all = 0;
  for (const std::uint64_t each : writes)
    all += each;
  Figures figures = meter.figures(all);
  figures.set("acknowledged", objects_left_by(writes));
  return figures;
}

Scenario writing(const WriteShape& shape) {
  const Line line = line_of(shape.name, "synced", "writes/s", shape.says);
  return {{line},
          shape.takes,
          [line, shape](const Job& job) {
            const Figures written = in_child([&] { return write_objects(job, shape); }, Ending::killed);
            add_metered(job, line, written);
            const Figures found = in_child([&] {
              const auto objects = written_objects(job.peer);
              objects->open(job.directory);
              Figures figures;
              figures.set("found", objects->tally());
              return figures;
            });
            job.results.check(line, job.peer.name, {written.tally("acknowledged"), found.tally("found")});
          },
          &Plan::repetitions};
}

// --- reads ---

const Line& get_line() {
  static const Line line = line_of("get", "flushed", "objects/s", "JsonModel.get by id, 10,000 objects, one thread");
  return line;
}
const Line& search_line() {
  static const Line line = line_of("search-20", "flushed", "searches/s",
                                   "the first 20 of 100 objects by an indexed column, sorted, with total and cursor");
  return line;
}

/// Calls `read` with one random number after the other, for the plan's time; "rate", latencies and processor time.
template <class Read> Figures timed(const Job& job, const Read& read) {
  Random random(job.plan.workload.seed);
  for (int warm = 0; warm < 100; ++warm)
    read(random.next());
  Histogram latencies;
  std::uint64_t calls = 0;
  const double cpu_before = cpu_us();
  const auto started = Clock::now();
  const auto until = started + std::chrono::microseconds(static_cast<std::int64_t>(job.plan.mixed_seconds * 1e6));
  auto now = started;
  for (; now < until; ++calls) {
    read(random.next());
    const auto before = std::exchange(now, Clock::now());
    latencies.record(static_cast<std::uint64_t>(std::chrono::nanoseconds(now - before).count()));
  }
  Figures figures;
  figures.set("rate", static_cast<double>(calls) / std::chrono::duration<double>(now - started).count());
  figures.set("cpu", (cpu_us() - cpu_before) / static_cast<double>(calls));
  figures.set("p50", static_cast<double>(latencies.percentile(0.5)) / 1'000);
  figures.set("p99", static_cast<double>(latencies.percentile(0.99)) / 1'000);
  figures.set("p999", static_cast<double>(latencies.percentile(0.999)) / 1'000);
  return figures;
}

std::unique_ptr<ReadObjects> read_objects(const Peer& peer) {
  return weir_alone(peer) ? weir_read_objects() : sqlite_read_objects();
}

Figures get_objects(const Job& job) {
  const auto objects = read_objects(job.peer);
  objects->open(job.directory);
  return timed(job, [&](std::uint64_t random) {
    const std::uint64_t id = 1 + random % object_count;
    if (objects->get(id) != static_cast<std::int64_t>(id))
      throw std::runtime_error("a get gave another object");
  });
}

Figures search_objects(const Job& job) {
  const auto objects = read_objects(job.peer);
  objects->open(job.directory);
  return timed(job, [&](std::uint64_t random) {
    const ReadObjects::Page page = objects->search(random % object_groups);
    if (page.rows != page_rows || page.total != object_count / object_groups || !page.more)
      throw std::runtime_error("a search gave another page");
  });
}

Scenario reading() {
  return {{get_line(), search_line()}, weir_or_sqlite, [](const Job& job) {
            (void)in_child([&] {
              read_objects(job.peer)->fill(job.directory);
              return Figures();
            });
            add_metered(job, get_line(), in_child([&] { return get_objects(job); }));
            add_metered(job, search_line(), in_child([&] { return search_objects(job); }));
          }};
}

// --- projections ---

constexpr std::uint64_t customers = 10'000;

const Line& catch_up_line() {
  static const Line line =
      line_of("catch-up", "flushed", "events/s", "a new projection takes in a log: each event sets a row of one model");
  return line;
}
const Line& es_catch_up_line() {
  static const Line line =
      line_of("catch-up-es", "flushed", "events/s", "the same of events es/customers into an ESModel");
  return line;
}
const Line& rebuild_line() {
  static const Line line =
      line_of("rebuild", "flushed", "events/s", "the first projection is made anew beside itself and swapped in");
  return line;
}

struct Projected {
  const char* type;
  std::string (*payload)(std::uint64_t customer, std::uint64_t number);
  ModelDefinition (*model)();
};

std::string placed_payload(std::uint64_t customer, std::uint64_t number) {
  return format(R"({{"customer":"c-{}","cents":{},"number":{}}})", customer, mixed(number) % 100'000, number);
}
ModelDefinition placed_model() {
  ModelDefinition definition;
  definition.model.name = "customers";
  definition.event_sourced = false;
  definition.types = {"order_placed"};
  definition.reduce = [](const ModelEvent& event, ReduceContext&) -> Result<Change> {
    Change change;
    change.set.push_back(Json::object(
        {{"id", event.data["customer"]}, {"cents", event.data["cents"]}, {"number", event.data["number"]}}));
    return change;
  };
  return definition;
}

std::string es_payload(std::uint64_t customer, std::uint64_t number) {
  return format(R"({{"action":"set","id":"c-{}","data":{{"cents":{},"number":{}}}}})", customer,
                mixed(number) % 100'000, number);
}
ModelDefinition es_model() {
  ModelDefinition definition;
  definition.model.name = "customers";
  return definition;
}

constexpr Projected placed{"order_placed", placed_payload, placed_model};
constexpr Projected es{"es/customers", es_payload, es_model};

std::uint64_t customer_of(std::uint64_t number) {
  return number % customers;
}

EngineOptions log_options() {
  EngineOptions options;
  options.shards = 1;
  options.durability = Durability::buffered;
  return options;
}

Figures fill_log(const Job& job, const Projected& projected) {
  Engine engine = must(Engine::open(job.directory, log_options()));
  constexpr std::ptrdiff_t in_flight = 1'024;
  std::counting_semaphore<in_flight> room(in_flight);
  std::atomic<std::uint64_t> failed{0};
  for (std::uint64_t number = 1; number <= job.plan.events; ++number) {
    room.acquire();
    const std::uint64_t customer = customer_of(number);
    Event event;
    event.context_id = format("customer-{}", customer);
    event.event_type = projected.type;
    event.payload = projected.payload(customer, number);
    engine.store_async(std::move(event), [&](const Result<Receipt>& receipt) {
      failed.fetch_add(receipt ? 0 : 1);
      room.release();
    });
  }
  for (std::ptrdiff_t i = 0; i < in_flight; ++i)
    room.acquire();
  if (failed != 0)
    throw std::runtime_error("weir: a store failed");
  must(engine.flush());
  must(engine.close());
  return {};
}

void check_rows(const Job& job, EventSourcingDB& db) {
  Tally expected, found;
  const std::uint64_t events = job.plan.events;
  for (std::uint64_t number = events - std::min(events, customers) + 1; number <= events; ++number)
    add_object(expected, static_cast<std::int64_t>(customer_of(number)), static_cast<std::int64_t>(number));
  for (const Json& row : must(db.rows("customers")->all()))
    add_object(found, std::stoll(std::string(row["id"].string().substr(2))), row["number"].integer());
  if (found != expected || must(db.health()).events_applied != events)
    throw std::runtime_error("the projection has other rows than it was to have");
}

double rate_since(Clock::time_point since, std::uint64_t events) {
  return static_cast<double>(events) / std::chrono::duration<double>(Clock::now() - since).count();
}

Figures project(const Job& job, const Projected& projected, bool rebuilds) {
  const MemoryPeak memory;
  const Engine engine = must(Engine::open(job.directory, log_options()));
  EventSourcingOptions options;
  options.models = {projected.model()};
  Figures figures;
  const double cpu_before = cpu_us();
  const auto started = Clock::now();
  const auto db = must(EventSourcingDB::open(engine, std::move(options)));
  must(db->wait_for_queue());
  figures.set("rate", rate_since(started, job.plan.events));
  figures.set("cpu", (cpu_us() - cpu_before) / static_cast<double>(job.plan.events));
  figures.set("memory", memory.mib());
  check_rows(job, *db);
  if (!rebuilds)
    return figures;
  const auto again = Clock::now();
  const RebuildReport report = must(db->rebuild());
  figures.set("rebuild", rate_since(again, report.events));
  check_rows(job, *db);
  return figures;
}

Scenario projecting() {
  return {{catch_up_line(), rebuild_line()}, weir_alone, [](const Job& job) {
            (void)in_child([&] { return fill_log(job, placed); });
            const Figures figures = in_child([&] { return project(job, placed, true); });
            add_metered(job, catch_up_line(), figures);
            job.add(rebuild_line(), figures.number("rebuild"));
          }};
}

Scenario projecting_es() {
  return {{es_catch_up_line()}, weir_alone, [](const Job& job) {
            (void)in_child([&] { return fill_log(job, es); });
            add_metered(job, es_catch_up_line(), in_child([&] { return project(job, es, false); }));
          }};
}

} // namespace

std::vector<Scenario> models() {
  return {writing({"set-1-caller", "ESModel.set, durable and visible, one caller; SQLite: a transaction for each"}),
          writing({"set-256-callers",
                   "the same from 256 threads; SQLite: one transaction for 256 calls, which all of them wait for",
                   calls_in_flight}),
          writing({"set-async-256", "ESModel.set_async, one thread with 256 on their way", 1, true, weir_alone}),
          reading(),
          projecting(),
          projecting_es()};
}

} // namespace weir::bench
