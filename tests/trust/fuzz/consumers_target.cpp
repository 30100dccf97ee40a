// consumers.db with any content: opening answers an error or works, no checkpoint and no settled event is told of that
// no sound row holds, and what is changed then is there after the next opening, or nothing is changed.
#include "trust/fuzz/databases.hpp"

#include "engine/consumers/consumer_rows.hpp"
#include "engine/consumers/consumer_store.hpp"

#include <algorithm>
#include <limits>
#include <optional>

using namespace weir;
using namespace weir::fuzz;

namespace {

const std::vector<TableToChange> tables = {
    {"consumers", "id", {"id", "name", "kind", "checkpoint", "rows", "rows_sum", "checksum"}},
    {"deliveries", "consumer, position", {"consumer", "position", "deliveries", "done", "checksum"}},
    {"parked",
     "consumer, position",
     {"consumer", "position", "context_id", "sequence", "event_type", "reason", "deliveries", "parked_at", "wanted",
      "checksum"}}};

struct Delivery {
  std::int64_t consumer = 0;
  Position position = 0;
  std::uint64_t deliveries = 0, done = 0, checksum = 0;
  [[nodiscard]] std::uint64_t right() const {
    return consumer_rows::delivery_checksum(consumer, position, deliveries, done, databases_seed);
  }
};
struct Parked {
  std::int64_t consumer = 0;
  ParkedEvent event;
  std::uint64_t checksum = 0;
  [[nodiscard]] std::uint64_t right() const { return consumer_rows::checksum(consumer, event, databases_seed); }
};
struct Consumer {
  ConsumerRecord record;
  std::uint64_t checksum = 0;
  [[nodiscard]] std::uint64_t right() const { return consumer_rows::checksum(record, databases_seed); }
};

/// What the file holds by plain SQL, whatever it is worth.
struct Rows {
  std::vector<Consumer> consumers;
  std::vector<Delivery> deliveries;
  std::vector<Parked> parked;
};

/// False if SQLite finds damage on the way.
template <class Take> bool for_each(sqlite::Database& database, const char* sql, Take take) {
  auto row = database.prepare(sql);
  if (!row)
    return false;
  for (;;) {
    const auto more = row->step();
    if (!more || !*more)
      return more.ok();
    take(*row);
  }
}

bool read_rows(sqlite::Database& database, Rows& rows) {
  using Row = const sqlite::Statement&;
  return for_each(database, "SELECT id, name, kind, checkpoint, rows, rows_sum, checksum FROM consumers",
                  [&](Row row) {
                    rows.consumers.push_back(
                        {{row.integer(0), blob_text(row, 1), static_cast<ConsumerKind>(row.integer(2)), row.u64(3),
                          row.u64(4), row.u64(5)},
                         row.u64(6)});
                  }) &&
         for_each(database, "SELECT consumer, position, deliveries, done, checksum FROM deliveries",
                  [&](Row row) {
                    rows.deliveries.push_back({row.integer(0), row.u64(1), row.u64(2), row.u64(3), row.u64(4)});
                  }) &&
         for_each(database,
                  "SELECT consumer, position, context_id, sequence, event_type, reason, deliveries, parked_at, wanted, "
                  "checksum FROM parked",
                  [&](Row row) {
                    rows.parked.push_back({row.integer(0),
                                           {row.u64(1), blob_text(row, 2), row.u64(3), blob_text(row, 4),
                                            blob_text(row, 5), static_cast<std::uint32_t>(row.u64(6)),
                                            Timestamp(std::chrono::microseconds(row.integer(7))), row.integer(8) != 0},
                                           row.u64(9)});
                  });
}

/// Every checksum and sum, whatever the values are.
void sign(sqlite::Database& database) {
  Rows rows;
  require(read_rows(database, rows), "a database of ours is read");
  const auto run = [&](const char* sql, std::initializer_list<std::uint64_t> values) {
    auto statement = database.prepare(sql);
    require(statement.ok(), "a change is SQL");
    int at = 0;
    for (const std::uint64_t value : values)
      statement->bind_u64(++at, value);
    static_cast<void>(statement->run().ok());
  };
  const auto number = [](std::int64_t id) { return static_cast<std::uint64_t>(id); };
  for (Consumer& consumer : rows.consumers) {
    consumer.record.rows = consumer.record.rows_sum = 0;
    const auto count = [&](std::int64_t of, std::uint64_t checksum) {
      consumer.record.rows += of == consumer.record.id ? 1 : 0;
      consumer.record.rows_sum += of == consumer.record.id ? checksum : 0;
    };
    for (const Delivery& each : rows.deliveries)
      count(each.consumer, each.right());
    for (const Parked& each : rows.parked)
      count(each.consumer, each.right());
    run("UPDATE consumers SET rows=?2, rows_sum=?3, checksum=?4 WHERE id=?1",
        {number(consumer.record.id), consumer.record.rows, consumer.record.rows_sum, consumer.right()});
  }
  for (const Delivery& each : rows.deliveries)
    run("UPDATE deliveries SET checksum=?3 WHERE consumer=?1 AND position=?2",
        {number(each.consumer), each.position, each.right()});
  for (const Parked& each : rows.parked)
    run("UPDATE parked SET checksum=?3 WHERE consumer=?1 AND position=?2",
        {number(each.consumer), each.event.position, each.right()});
}

bool same(const ConsumerRecord& a, const ConsumerRecord& b) {
  return a.id == b.id && a.name == b.name && a.kind == b.kind && a.checkpoint == b.checkpoint && a.rows == b.rows &&
         a.rows_sum == b.rows_sum;
}

bool same(const ParkedEvent& a, const ParkedEvent& b) {
  return a.position == b.position && a.context_id == b.context_id && a.sequence == b.sequence &&
         a.event_type == b.event_type && a.reason == b.reason && a.deliveries == b.deliveries &&
         a.parked_at == b.parked_at && a.replay_wanted == b.replay_wanted;
}

using Listed = std::vector<ConsumerRecord>;

bool same(const Listed& a, const Listed& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) { return same(x, y); });
}

/// What a group goes on with lies in sound rows of its own, all of which were found.
void check_group(const ConsumerRecord& record, const GroupRecord& group, const Rows& rows) {
  require(group.checkpoint == record.checkpoint, "a group goes on where its record says");
  const auto delivered = [&](Position position, std::uint64_t done, std::optional<std::uint32_t> deliveries) {
    return std::any_of(rows.deliveries.begin(), rows.deliveries.end(), [&](const Delivery& each) {
      return each.consumer == record.id && each.position == position && (each.done != 0) == (done != 0) &&
             (!deliveries || static_cast<std::uint32_t>(each.deliveries) == *deliveries) &&
             each.checksum == each.right();
    });
  };
  for (const Position position : group.done)
    require(delivered(position, 1, std::nullopt), "what is done has a sound row that says so");
  for (const auto& [position, deliveries] : group.delivered)
    require(delivered(position, 0, deliveries), "what was handed out has a sound row that says so");
  for (const ParkedEvent& event : group.parked)
    require(std::any_of(rows.parked.begin(), rows.parked.end(),
                        [&](const Parked& each) {
                          return each.consumer == record.id && same(each.event, event) && each.checksum == each.right();
                        }),
            "what is parked has a sound row that says so");
  require(group.done.size() + group.delivered.size() + group.parked.size() == record.rows, "a group has all its rows");
}

/// The store may answer, or say that the file is damaged.
template <class T> bool taken(const Result<T>& answer) {
  if (!answer)
    require_honest(answer.error());
  return answer.ok();
}
bool taken(const Status& answer) {
  if (!answer)
    require_honest(answer.error());
  return answer.ok();
}

/// A listing, event by event, gives what the group goes on with.
void check_parked(ConsumerStore& store, const ConsumerRecord& record, const GroupRecord& group) {
  // SQL compares with signs; positions of 2^63 and more, which are never given, come before all others there.
  constexpr Position position_max = std::numeric_limits<std::int64_t>::max();
  Position from = 0;
  for (const ParkedEvent& event : group.parked) {
    if (event.position > position_max)
      continue;
    for (const Position at : {from, event.position}) {
      const auto page = store.parked(record, at, 1);
      require(page.ok() && page->size() == 1 && same(page->front(), event), "what is parked is listed");
    }
    from = event.position + 1;
  }
}

void describe(Position position, ParkedEvent& event) {
  event.context_id = format("order-{}", position % 3);
  event.sequence = position;
  event.event_type = "placed";
}

GroupChanges random_changes(segments::ByteSource& input) {
  GroupChanges changes;
  const auto position = [&] { return Position{input.take<std::uint8_t>()} % 16; };
  changes.delivered.push_back({position(), 1});
  changes.done.push_back(position());
  changes.parked.push_back({position(), 2, "bad", false});
  changes.unparked.push_back(position());
  if (input.take<std::uint8_t>() % 2 == 0)
    changes.checkpoint = position();
  return changes;
}

/// Changes one consumer and says what is listed then, or nothing if the change was refused.
std::optional<Listed> change(ConsumerStore& store, Listed listed, segments::ByteSource& input) {
  const auto what = input.take<std::uint8_t>();
  const Position checkpoint = input.take<std::uint16_t>();
  if (listed.empty() || what % 7 == 0) {
    const std::string name = format("made-{}", checkpoint);
    // A consumer is made only where there is none of the name.
    if (std::any_of(listed.begin(), listed.end(), [&](const ConsumerRecord& each) { return each.name == name; }))
      return listed;
    const auto made = store.create(name, ConsumerKind::single, checkpoint);
    if (!taken(made))
      return std::nullopt;
    listed.push_back(*made);
    std::sort(listed.begin(), listed.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    return listed;
  }
  const std::size_t at = what / 7U % listed.size();
  ConsumerRecord& record = listed[at];
  if (what % 7 == 1) {
    if (!taken(store.remove(record)))
      return std::nullopt;
    listed.erase(listed.begin() + static_cast<std::ptrdiff_t>(at));
    return listed;
  }
  // As an open group does: nothing is changed before all of it was read.
  if (!taken(store.load_group(record)))
    return std::nullopt;
  switch (what % 7) {
  case 2: return taken(store.move(record, checkpoint)) ? std::optional(listed) : std::nullopt;
  case 3: return taken(store.reset(record, checkpoint)) ? std::optional(listed) : std::nullopt;
  case 4: return taken(store.want_parked(record, "order-1")) ? std::optional(listed) : std::nullopt;
  default: return taken(store.apply(record, random_changes(input), describe)) ? std::optional(listed) : std::nullopt;
  }
}

const std::string& written() {
  static const std::string file = [] {
    io::MemoryFileSystem fs;
    write_consumers(fs);
    return read_file(fs, consumers_path);
  }();
  return file;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  InputDisk disk = disk_of(text_of(data, size), consumers_path, written(), tables, sign);
  const auto before = copy_of(*disk.fs);
  ConsumerStore store(*disk.fs, consumers_path, databases_seed);
  auto listed = store.list();
  if (!taken(listed))
    return 0;
  Rows rows;
  if (!listed->empty()) {
    auto database = sqlite::Database::open(*before, consumers_path, {.exclusive = true});
    require(database.ok() && read_rows(*database, rows), "a file that is listed is read by plain SQL");
  }
  for (const ConsumerRecord& record : *listed) {
    require(
        std::any_of(rows.consumers.begin(), rows.consumers.end(),
                    [&](const Consumer& each) { return same(each.record, record) && each.checksum == each.right(); }),
        "a consumer is where a sound row says");
    const auto found = store.find(record.name);
    require(found.ok() && *found && same(**found, record), "a consumer is found by its name");
    const auto group = store.load_group(record);
    if (!taken(group))
      continue;
    check_group(record, *group, rows);
    check_parked(store, record, *group);
  }
  for (int i = 0; i < 4; ++i) {
    const auto wanted = change(store, *listed, disk.rest);
    store.close();
    auto now = store.list();
    if (!taken(now))
      return 0;
    require(same(*now, wanted.value_or(*listed)), "a change is there, or nothing has changed");
    listed = std::move(now);
  }
  return 0;
}
