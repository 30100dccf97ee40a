#include "engine/consumers/consumer_store.hpp"

#include "engine/consumers/consumer_rows.hpp"
#include "engine/kill_point.hpp"
#include "engine/sabotage.hpp"
#include "engine/text.hpp"

#include <span>
#include <utility>

namespace weir {

namespace {

using sqlite::Statement;

std::span<const std::byte> bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

std::string text(const Statement& row, int column) {
  const auto blob = row.blob(column);
  return {reinterpret_cast<const char*>(blob.data()), blob.size()};
}

ParkedEvent parked_event(const Statement& row) {
  ParkedEvent event;
  event.position = row.u64(0);
  event.context_id = text(row, 1);
  event.sequence = row.u64(2);
  event.event_type = text(row, 3);
  event.reason = text(row, 4);
  event.deliveries = static_cast<std::uint32_t>(row.u64(5));
  event.parked_at = Timestamp{std::chrono::microseconds{row.integer(6)}};
  event.replay_wanted = row.integer(7) != 0;
  return event;
}

} // namespace

ConsumerStore::ConsumerStore(io::FileSystem& fs, std::string path, std::uint64_t directory_seed)
    : file_(fs, std::move(path)), directory_seed_(directory_seed) {
}

Result<std::vector<ConsumerRecord>> ConsumerStore::list() {
  return file_.transact(false, [&]() -> Result<std::vector<ConsumerRecord>> {
    std::vector<ConsumerRecord> all;
    WEIR_TRY(file_.for_each(
        "SELECT id, name, kind, checkpoint, rows, rows_sum, checksum FROM consumers ORDER BY name", [](Statement&) {},
        [&](const Statement& row) -> Status {
          ConsumerRecord record{row.integer(0), text(row, 1), static_cast<ConsumerKind>(row.integer(2)),
                                row.u64(3),     row.u64(4),   row.u64(5)};
          if (row.u64(6) != consumer_rows::checksum(record, directory_seed_))
            return file_.corrupt("the record's checksum differs", format("table consumers, id {}", record.id));
          if (!all.empty() && all.back().name == record.name)
            return file_.corrupt("two consumers have one name", format("table consumers, id {}", record.id));
          all.push_back(std::move(record));
          return {};
        }));
    return all;
  });
}

Result<std::optional<ConsumerRecord>> ConsumerStore::find(std::string_view name) {
  // There are few; and each is to be checked before one of them is believed to be missing.
  auto all = list();
  if (!all)
    return std::move(all).error();
  for (ConsumerRecord& each : *all)
    if (each.name == name)
      return std::optional(std::move(each));
  return std::optional<ConsumerRecord>();
}

Status ConsumerStore::write_record(const ConsumerRecord& consumer) {
  return file_.run("REPLACE INTO consumers(id, name, kind, checkpoint, rows, rows_sum, checksum) "
                   "VALUES(?,?,?,?,?,?,?)",
                   [&](Statement& row) {
                     row.bind(1, consumer.id).bind(2, bytes(consumer.name));
                     row.bind(3, static_cast<std::int64_t>(consumer.kind)).bind_u64(4, consumer.checkpoint);
                     row.bind_u64(5, consumer.rows).bind_u64(6, consumer.rows_sum);
                     row.bind_u64(7, consumer_rows::checksum(consumer, directory_seed_));
                   });
}

Result<ConsumerRecord> ConsumerStore::create(std::string_view name, ConsumerKind kind, Position checkpoint) {
  return file_.transact(true, [&]() -> Result<ConsumerRecord> {
    const auto last = file_.query_integer("SELECT coalesce(max(id), 0) FROM consumers");
    if (!last)
      return last.error();
    if (*last == INT64_MAX) // not one of ours, and another would take somebody's place
      return file_.corrupt("no id is left for a consumer", "table consumers");
    ConsumerRecord record{*last + 1, std::string(name), kind, checkpoint, 0, 0};
    WEIR_TRY(write_record(record));
    return record;
  });
}

Status ConsumerStore::move(ConsumerRecord& consumer, Position checkpoint) {
  if (sabotaged(Sabotage::lose_checkpoint))
    return {};
  ConsumerRecord moved = consumer;
  moved.checkpoint = checkpoint;
  const Status done = file_.transact(true, [&]() -> Status {
    const Status written = write_record(moved);
    kill_point("consumers.before_checkpoint_commit");
    return written;
  });
  WEIR_TRY(done);
  kill_point("consumers.after_checkpoint_commit");
  consumer = std::move(moved);
  return {};
}

Result<GroupRecord> ConsumerStore::load_group(const ConsumerRecord& consumer) {
  return file_.transact(false, [&]() -> Result<GroupRecord> {
    GroupRecord group;
    group.checkpoint = consumer.checkpoint;
    std::uint64_t rows = 0, sum = 0;
    const auto counted = [&](std::uint64_t stored, std::uint64_t computed, const char* table,
                             Position position) -> Status {
      if (stored != computed)
        return file_.corrupt("the record's checksum differs",
                             format("table {}, consumer {} position {}", table, consumer.name, position));
      ++rows;
      sum += stored;
      return {};
    };
    const Status deliveries = file_.for_each(
        "SELECT position, deliveries, done, checksum FROM deliveries WHERE consumer=? ORDER BY position",
        [&](Statement& row) { row.bind(1, consumer.id); },
        [&](const Statement& row) -> Status {
          const Position position = row.u64(0);
          WEIR_TRY(
              counted(row.u64(3),
                      consumer_rows::delivery_checksum(consumer.id, position, row.u64(1), row.u64(2), directory_seed_),
                      "deliveries", position));
          if (row.integer(2) != 0)
            group.done.push_back(position);
          else
            group.delivered.emplace(position, static_cast<std::uint32_t>(row.u64(1)));
          return {};
        });
    if (!deliveries)
      return deliveries.error();
    const Status parked = file_.for_each(
        "SELECT position, context_id, sequence, event_type, reason, deliveries, parked_at, wanted, checksum "
        "FROM parked WHERE consumer=? ORDER BY position",
        [&](Statement& row) { row.bind(1, consumer.id); },
        [&](const Statement& row) -> Status {
          ParkedEvent event = parked_event(row);
          WEIR_TRY(counted(row.u64(8), consumer_rows::checksum(consumer.id, event, directory_seed_), "parked",
                           event.position));
          group.parked.push_back(std::move(event));
          return {};
        });
    if (!parked)
      return parked.error();
    if (rows != consumer.rows || sum != consumer.rows_sum)
      return file_.corrupt("rows are missing, or are those of another time", format("consumer {}", consumer.name));
    return group;
  });
}

Status ConsumerStore::put_delivery(ConsumerRecord& consumer, Position position, std::uint32_t deliveries, bool done) {
  std::uint64_t count = deliveries;
  WEIR_TRY(file_.for_each(
      "SELECT deliveries, checksum FROM deliveries WHERE consumer=? AND position=?",
      [&](Statement& row) { row.bind(1, consumer.id).bind_u64(2, position); },
      [&](const Statement& row) -> Status {
        count = done ? row.u64(0) : count;
        --consumer.rows;
        consumer.rows_sum -= row.u64(1);
        return {};
      }));
  const std::uint64_t checksum =
      consumer_rows::delivery_checksum(consumer.id, position, count, done ? 1 : 0, directory_seed_);
  ++consumer.rows;
  consumer.rows_sum += checksum;
  return file_.run("REPLACE INTO deliveries(consumer, position, deliveries, done, checksum) VALUES(?,?,?,?,?)",
                   [&](Statement& row) {
                     row.bind(1, consumer.id).bind_u64(2, position).bind_u64(3, count).bind(4, std::int64_t{done});
                     row.bind_u64(5, checksum);
                   });
}

Status ConsumerStore::erase_parked(ConsumerRecord& consumer, Position position) {
  WEIR_TRY(file_.for_each(
      "SELECT checksum FROM parked WHERE consumer=? AND position=?",
      [&](Statement& row) { row.bind(1, consumer.id).bind_u64(2, position); },
      [&](const Statement& row) -> Status {
        --consumer.rows;
        consumer.rows_sum -= row.u64(0);
        return {};
      }));
  return file_.run("DELETE FROM parked WHERE consumer=? AND position=?",
                   [&](Statement& row) { row.bind(1, consumer.id).bind_u64(2, position); });
}

Status ConsumerStore::put_parked(ConsumerRecord& consumer, const ParkedEvent& event) {
  WEIR_TRY(erase_parked(consumer, event.position));
  const std::uint64_t checksum = consumer_rows::checksum(consumer.id, event, directory_seed_);
  ++consumer.rows;
  consumer.rows_sum += checksum;
  return file_.run("INSERT INTO parked(consumer, position, context_id, sequence, event_type, reason, deliveries, "
                   "parked_at, wanted, checksum) VALUES(?,?,?,?,?,?,?,?,?,?)",
                   [&](Statement& row) {
                     row.bind(1, consumer.id).bind_u64(2, event.position).bind(3, bytes(event.context_id));
                     row.bind_u64(4, event.sequence).bind(5, bytes(event.event_type)).bind(6, bytes(event.reason));
                     row.bind_u64(7, event.deliveries);
                     row.bind(8, std::int64_t{event.parked_at.time_since_epoch().count()});
                     row.bind(9, std::int64_t{event.replay_wanted}).bind_u64(10, checksum);
                   });
}

Status ConsumerStore::erase_deliveries(ConsumerRecord& consumer, Position below) {
  const auto bind = [&](Statement& row) { row.bind(1, consumer.id).bind_u64(2, below); };
  WEIR_TRY(file_.for_each("SELECT checksum FROM deliveries WHERE consumer=? AND position<?", bind,
                          [&](const Statement& row) -> Status {
                            --consumer.rows;
                            consumer.rows_sum -= row.u64(0);
                            return {};
                          }));
  return file_.run("DELETE FROM deliveries WHERE consumer=? AND position<?", bind);
}

Status ConsumerStore::apply(ConsumerRecord& consumer, const GroupChanges& changes, const Describe& describe) {
  if (sabotaged(Sabotage::lose_acknowledgement) && !changes.done.empty())
    return {};
  ConsumerRecord changed = consumer;
  const Status applied = file_.transact(true, [&]() -> Status {
    for (const auto& each : changes.delivered)
      WEIR_TRY(put_delivery(changed, each.position, each.deliveries, false));
    for (const Position position : changes.done)
      WEIR_TRY(put_delivery(changed, position, 0, true));
    for (const auto& each : changes.parked) {
      ParkedEvent event;
      event.position = each.position;
      event.deliveries = each.deliveries;
      event.reason = each.reason;
      describe(each.position, event);
      if (!sabotaged(Sabotage::lose_parked_event))
        WEIR_TRY(put_parked(changed, event));
    }
    for (const Position position : changes.unparked)
      WEIR_TRY(erase_parked(changed, position));
    if (changes.checkpoint) {
      changed.checkpoint = *changes.checkpoint;
      WEIR_TRY(erase_deliveries(changed, changed.checkpoint));
    }
    const Status written = write_record(changed);
    kill_point("consumers.before_group_commit");
    return written;
  });
  kill_point("consumers.after_group_commit");
  if (applied)
    consumer = std::move(changed);
  return applied;
}

Status ConsumerStore::reset(ConsumerRecord& consumer, Position checkpoint) {
  if (sabotaged(Sabotage::lose_reset))
    return {};
  ConsumerRecord changed = consumer;
  changed.checkpoint = checkpoint;
  const Status done = file_.transact(true, [&]() -> Status {
    WEIR_TRY(erase_deliveries(changed, UINT64_MAX >> 1));
    std::vector<Position> again;
    WEIR_TRY(file_.for_each(
        "SELECT position FROM parked WHERE consumer=? AND position>=?",
        [&](Statement& row) { row.bind(1, changed.id).bind_u64(2, checkpoint); },
        [&](const Statement& row) -> Status {
          again.push_back(row.u64(0));
          return {};
        }));
    for (const Position position : again)
      WEIR_TRY(erase_parked(changed, position));
    return write_record(changed);
  });
  if (done)
    consumer = std::move(changed);
  return done;
}

Status ConsumerStore::remove(const ConsumerRecord& consumer) {
  return file_.transact(true, [&]() -> Status {
    for (const char* sql : {"DELETE FROM deliveries WHERE consumer=?", "DELETE FROM parked WHERE consumer=?",
                            "DELETE FROM consumers WHERE id=?"})
      WEIR_TRY(file_.run(sql, [&](Statement& row) { row.bind(1, consumer.id); }));
    return {};
  });
}

Status ConsumerStore::add_parked(const ConsumerRecord& consumer, const Statement& row, std::vector<ParkedEvent>& to) {
  ParkedEvent event = parked_event(row);
  if (row.u64(8) != consumer_rows::checksum(consumer.id, event, directory_seed_))
    return file_.corrupt("the record's checksum differs",
                         format("table parked, consumer {} position {}", consumer.name, event.position));
  to.push_back(std::move(event));
  return {};
}

Result<std::vector<ParkedEvent>> ConsumerStore::parked(const ConsumerRecord& consumer, Position from,
                                                       std::size_t events_max) {
  return file_.transact(false, [&]() -> Result<std::vector<ParkedEvent>> {
    std::vector<ParkedEvent> all;
    WEIR_TRY(file_.for_each(
        "SELECT position, context_id, sequence, event_type, reason, deliveries, parked_at, wanted, checksum "
        "FROM parked WHERE consumer=? AND position>=? ORDER BY position LIMIT ?",
        [&](Statement& row) {
          row.bind(1, consumer.id).bind_u64(2, from).bind(3, static_cast<std::int64_t>(events_max));
        },
        [&](const Statement& row) -> Status { return add_parked(consumer, row, all); }));
    return all;
  });
}

Result<std::vector<ParkedEvent>> ConsumerStore::want_parked(ConsumerRecord& consumer, std::string_view context_id) {
  ConsumerRecord changed = consumer;
  auto wanted = file_.transact(true, [&]() -> Result<std::vector<ParkedEvent>> {
    std::vector<ParkedEvent> all;
    WEIR_TRY(file_.for_each(
        "SELECT position, context_id, sequence, event_type, reason, deliveries, parked_at, wanted, checksum "
        "FROM parked WHERE consumer=? AND wanted=0 AND (?2=x'' OR context_id=?2) ORDER BY position",
        [&](Statement& row) { row.bind(1, consumer.id).bind(2, bytes(context_id)); },
        [&](const Statement& row) -> Status { return add_parked(changed, row, all); }));
    for (ParkedEvent& event : all) {
      event.replay_wanted = true;
      WEIR_TRY(put_parked(changed, event));
    }
    WEIR_TRY(write_record(changed));
    return all;
  });
  if (wanted)
    consumer = std::move(changed);
  return wanted;
}

Result<ConsumerStore::Counts> ConsumerStore::count(const ConsumerRecord& consumer) {
  return file_.transact(false, [&]() -> Result<Counts> {
    Counts counts;
    const auto bind = [&](Statement& row) { row.bind(1, consumer.id); };
    WEIR_TRY(file_.for_each("SELECT count(*) FROM deliveries WHERE consumer=? AND done=1", bind,
                            [&](const Statement& row) -> Status {
                              counts.done = row.u64(0);
                              return {};
                            }));
    WEIR_TRY(file_.for_each("SELECT count(*) FROM parked WHERE consumer=?", bind, [&](const Statement& row) -> Status {
      counts.parked = row.u64(0);
      return {};
    }));
    return counts;
  });
}

} // namespace weir
