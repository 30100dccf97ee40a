#include "trust/damage/fixture.hpp"

#include "actors/engine_core.hpp"
#include "engine/io/manual_clock.hpp"

#include <weir/engine.hpp>

#include <algorithm>
#include <chrono>
#include <numeric>
#include <random>
#include <stdexcept>
#include <thread>

namespace weir::trust {

namespace {

constexpr std::size_t merged_flushes = 16;    ///< The compactor merges that many at once.
constexpr std::uint32_t field_zone_rows = 90; ///< Of fewer strings that are all different there is no filter.

void check(const Status& status) {
  if (!status)
    throw std::runtime_error("the fixture could not be built: " + to_string(status.error()));
}

/// What the engine does by itself and tells nobody about.
template <class Condition> void wait_until(const char* what, Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(2);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline)
      throw std::runtime_error(std::string("the fixture waits for ") + what);
    std::this_thread::yield();
  }
}

class ClockCopy final : public io::Clock {
public:
  explicit ClockCopy(std::shared_ptr<io::ManualClock> clock) : clock_(std::move(clock)) {}
  [[nodiscard]] Timestamp now() const override { return clock_->now(); }
  [[nodiscard]] std::chrono::steady_clock::time_point steady_now() const override { return clock_->steady_now(); }

private:
  std::shared_ptr<io::ManualClock> clock_;
};

/// Fields follow from `number`; every shape occurs: with and without id, metadata, time of its own, text that packs
/// well and text that does not.
Event make_event(std::uint64_t number) {
  std::mt19937_64 random(number);
  Event event;
  event.event_type = "type-" + std::to_string(number % 5);
  event.payload = R"({"n":)" + std::to_string(number);
  if (number % 2 == 0) {
    event.payload += R"(,"hex":")";
    for (std::uint64_t i = 0; i < 2 + number * 7 % 12; ++i) {
      char digits[17];
      std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(random()));
      event.payload += digits;
    }
    event.payload += '"';
  } else {
    event.payload += R"(,"text":")";
    for (std::uint64_t i = 0; i < 20 + number * 13 % 160; ++i)
      event.payload += static_cast<char>('a' + random() % 26);
    event.payload += '"';
  }
  event.payload += '}';
  if (number % 3 == 0)
    event.event_id = "id-" + std::to_string(number);
  if (number % 4 == 0)
    event.metadata = R"({"by":"user )" + std::to_string(number % 7) + "\"}";
  if (number % 5 == 0)
    event.timestamp = Timestamp(std::chrono::microseconds(1'600'000'000'000'000 + static_cast<std::int64_t>(number)));
  return event;
}

/// Fields of every type, with nulls and without, and ids, of which a zone keeps only a filter.
Event make_field_event(std::uint64_t number) {
  std::mt19937_64 random(number);
  char id[17];
  std::snprintf(id, sizeof id, "%016llx", static_cast<unsigned long long>(random()));
  Event event;
  event.event_type = "type-" + std::to_string(number % 2);
  event.payload = R"({"n":)" + std::to_string(number) + R"(,"id":")" + id + '"';
  if (number % 3 != 0)
    event.payload += R"(,"price":)" + std::to_string(number * 7 % 50) + ".25";
  event.payload += number % 5 == 0 ? R"(,"kind":null)" : R"(,"kind":"kind-)" + std::to_string(number % 4) + '"';
  if (number % 2 == 0)
    event.payload += R"(,"paid":)" + std::string(number % 8 == 0 ? "true" : "false");
  event.payload += '}';
  return event;
}

class Builder {
public:
  explicit Builder(std::uint32_t zone_rows = 16, Event (*make)(std::uint64_t number) = make_event)
      : make_(make), disk_(std::make_shared<io::MemoryFileSystem>()), clock_(std::make_shared<io::ManualClock>(start)) {
    options_.shards = fixture_shards;
    options_.wal_file_bytes = 8 * KiB;
    options_.zone_rows = zone_rows;
    options_.unsealed_bytes_max = 4 * MiB;
    open();
    for (int number = 0; contexts_[0].size() < 5 || contexts_[1].size() < 4; ++number) {
      const std::string name = number % 3 == 0 ? "k\xC3\xA4ufer {" + std::to_string(number) + "} bestellt"
                                               : "order-" + std::to_string(number * number);
      auto& in_shard = contexts_[engine_->shard_of(name)];
      if (in_shard.size() < 5)
        in_shard.push_back(name);
    }
  }

  std::vector<Fixture> build() {
    for (std::size_t round = 0; round < merged_flushes; ++round) {
      for (std::size_t i = 0; i < 3; ++i)
        store(0, round + i, 1 + i % 2);
      if (round % 6 == 2)
        store(1, round, 3);
      check(engine_->flush());
      if (round == merged_flushes / 2)
        remember();
    }
    wait_until("the merge", [&] { return engine_->stats().shards[0].compactions == 1 && segment_files() == 4; });
    remember();
    flush_round(0);
    // Once more from the beginning, for the catalog's journal has grown.
    check(engine_->close());
    engine_.reset();
    open();
    store(0, 1, 24); // more rows than a zone holds
    flush_round(1);
    for (std::size_t i = 0; i < 9; ++i)
      store(0, i, 1 + i % 4);
    burst(0, 8);
    store(1, 1, 2);
    remember();
    for (std::size_t i = 0; i < 3; ++i) {
      store(0, i, 2);
      store(1, i, 1);
    }
    store(0, 4, 3);
    store(1, 2, 3);
    wait_until_still();
    std::vector<Fixture> made;
    made.push_back(fixture("open"));
    const Image open = made[0].files;
    check(engine_->close());
    engine_.reset();
    made.push_back(fixture("closed"));
    // The seal is one more write to the last file.
    for (FixtureShard& shard : made[1].shards) {
      const std::string& path = shard.last_writes.back().path;
      shard.last_writes.push_back(
          {path, difference(open.at(path), made[1].files.at(path)), shard.last_writes.back().calls_before + 1});
    }
    return made;
  }

  /// A segment with the columns and filters of fields in two zones, and a log behind it.
  std::vector<Fixture> build_fields() {
    for (std::size_t i = 0; i < 5; ++i)
      store(0, i, 20); // more rows than a zone holds
    store(1, 0, 3);
    check(engine_->flush());
    remember();
    store(0, 1, 2);
    store(1, 0, 2);
    store(0, 2, 1);
    store(1, 1, 1);
    wait_until_still();
    std::vector<Fixture> made;
    made.push_back(fixture("fields"));
    return made;
  }

private:
  void flush_round(std::size_t round) {
    for (std::size_t i = 0; i < 6; ++i)
      store(i % 2, round + i, 2);
    check(engine_->flush());
  }

  static constexpr Timestamp start{std::chrono::microseconds(1'700'000'000'000'000)};

  void open() {
    EngineSeams seams;
    seams.fs = disk_->share();
    seams.clock = std::make_unique<ClockCopy>(clock_);
    seams.random = io::make_seeded_random(42);
    seams.open_catalog = open_sqlite_catalog;
    auto core = EngineCore::open(std::move(seams), options_);
    if (!core)
      throw std::runtime_error("the fixture could not be opened: " + to_string(core.error()));
    engine_.emplace(Engine::adopt(std::move(*core)));
  }

  void store(ShardId shard, std::size_t context, std::uint32_t events) {
    const std::string& id = contexts_[shard][context % contexts_[shard].size()];
    std::vector<Event> call;
    for (std::uint32_t i = 0; i < events; ++i)
      call.push_back(make_(next_event_++));
    clock_->advance(std::chrono::milliseconds(1));
    const Image before = log_files(shard);
    const auto receipt = engine_->store(id, std::move(call));
    if (!receipt)
      check(receipt.error());
    note_write(shard, before);
    shards_[shard].calls.emplace_back(id, events);
  }

  /// Calls that the log may write as one group or as several.
  void burst(ShardId shard, std::size_t calls) {
    const Image before = log_files(shard);
    std::vector<Ticket> tickets;
    std::vector<std::pair<std::string, std::uint32_t>> sent;
    for (std::size_t i = 0; i < calls; ++i) {
      sent.emplace_back(contexts_[shard][i % contexts_[shard].size()], 1);
      tickets.push_back(engine_->store_async(sent.back().first, {make_(next_event_++)}));
    }
    Position last = 0;
    for (Ticket& ticket : tickets) {
      const auto receipt = ticket.wait();
      if (!receipt)
        check(receipt.error());
      if (receipt->position <= last)
        throw std::runtime_error("the fixture's burst was stored out of order");
      last = receipt->position;
    }
    note_write(shard, before);
    shards_[shard].calls.insert(shards_[shard].calls.end(), sent.begin(), sent.end());
  }

  Image log_files(ShardId shard) {
    Image image = read_image(*disk_);
    std::erase_if(image, [shard](const auto& file) {
      return shard_of_path(file.first) != static_cast<int>(shard) || !file.first.starts_with("wal/") ||
             file.first.find("spare") != std::string::npos;
    });
    return image;
  }

  /// Where the write before this moment went: the highest file that has changed.
  void note_write(ShardId shard, const Image& before) {
    const Image after = log_files(shard);
    auto& writes = shards_[shard].last_writes;
    const std::size_t calls = shards_[shard].calls.size();
    const auto last = std::prev(after.end());
    const auto old = before.find(last->first);
    if (writes.empty() || writes.back().path != last->first)
      writes.clear(); // the log went on to another file
    // A new file differs everywhere; its first group is behind the header's block.
    const bool fresh = old == before.end() || old->second.empty();
    const ByteRange bytes = fresh ? ByteRange{4096, 4097} : difference(old->second, last->second);
    writes.push_back({last->first, bytes, calls});
  }

  std::size_t segment_files() {
    const Image image = read_image(*disk_);
    return static_cast<std::size_t>(std::count_if(
        image.begin(), image.end(), [](const auto& file) { return file.first.starts_with("segments/"); }));
  }

  /// Nothing is under way in the background.
  void wait_until_still() {
    Image last;
    int same = 0;
    wait_until("the end of all writing", [&] {
      Image now = read_image(*disk_);
      const bool finished =
          std::none_of(now.begin(), now.end(), [](const auto& file) { return file.first.ends_with(".tmp"); });
      same = finished && now == last ? same + 1 : 0;
      last = std::move(now);
      return same == 20;
    });
  }

  void remember() {
    wait_until_still();
    OlderImage older{read_image(*disk_), {}};
    for (ShardId shard = 0; shard < fixture_shards; ++shard)
      older.calls[shard] = shards_[shard].calls.size();
    older_.push_back(std::move(older));
  }

  Fixture fixture(const std::string& name) {
    Fixture made;
    made.name = name;
    made.options = options_;
    made.disk = disk_->crash_image(io::CrashPolicy::keep_everything());
    made.files = read_image(*made.disk);
    made.older = older_;
    made.shards = shards_;
    const auto copy = made.disk->crash_image(io::CrashPolicy::keep_everything());
    const auto catalog = open_sqlite_catalog(*copy, false, 0, 0);
    if (!catalog)
      check(catalog.error());
    const auto state = (*catalog)->load();
    if (!state)
      check(state.error());
    made.catalog = *state;
    if (engine_)
      read_events();
    made.events = events_;
    made.shard_of = shard_of_;
    return made;
  }

  void read_events() {
    for (ShardId shard = 0; shard < fixture_shards; ++shard) {
      for (const std::string& id : contexts_[shard]) {
        shard_of_[id] = shard;
        auto stream = engine_->replay(id);
        if (!stream)
          check(stream.error());
        for (;;) {
          const auto batch = stream->next();
          if (!batch)
            check(batch.error());
          if (batch->empty())
            break;
          for (const EventView& event : *batch)
            events_[id].emplace_back(event);
        }
      }
    }
    const std::size_t read = std::accumulate(events_.begin(), events_.end(), std::size_t{0},
                                             [](std::size_t sum, const auto& one) { return sum + one.second.size(); });
    if (read != next_event_)
      throw std::runtime_error("the fixture does not hold what was stored");
  }

  Event (*make_)(std::uint64_t number);
  std::shared_ptr<io::MemoryFileSystem> disk_;
  std::shared_ptr<io::ManualClock> clock_;
  EngineOptions options_;
  std::optional<Engine> engine_;
  std::array<std::vector<std::string>, fixture_shards> contexts_;
  std::array<FixtureShard, fixture_shards> shards_;
  std::vector<OlderImage> older_;
  std::map<std::string, std::vector<test::OwnedEvent>> events_;
  std::map<std::string, ShardId> shard_of_;
  std::uint64_t next_event_ = 0;
};

} // namespace

std::uint64_t Fixture::bytes() const {
  return std::accumulate(files.begin(), files.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const auto& file) { return sum + file.second.size(); });
}

std::vector<Fixture> make_fixtures() {
  std::vector<Fixture> made = Builder().build();
  for (Fixture& fields : Builder(field_zone_rows, make_field_event).build_fields())
    made.push_back(std::move(fields));
  return made;
}

} // namespace weir::trust
