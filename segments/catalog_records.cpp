#include "segments/catalog_records.hpp"

#include "engine/sabotage.hpp"
#include "engine/text.hpp"
#include "engine/time_text.hpp"
#include "segments/catalog_rows.hpp"

#include <weir/limits.hpp>

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

namespace weir::catalog {

using sqlite::Database;
using sqlite::Statement;

namespace {

/// In the order of their names. The text is part of the format: check_tables() compares it.
struct Table {
  std::int32_t since; ///< The format version that brought it.
  const char* name;
  const char* sql;
};
constexpr Table tables[] = {
    {1, "head",
     "CREATE TABLE head(id INTEGER PRIMARY KEY CHECK(id=1), shard_count INTEGER NOT NULL, "
     "directory_seed INTEGER NOT NULL, positions_reserved INTEGER NOT NULL, segment_count INTEGER NOT NULL, "
     "records_sum INTEGER NOT NULL, checksum INTEGER NOT NULL) STRICT"},
    {3, "retention_point",
     "CREATE TABLE retention_point(id INTEGER PRIMARY KEY CHECK(id=1), before INTEGER NOT NULL, "
     "now INTEGER NOT NULL, applied INTEGER NOT NULL, checksum INTEGER NOT NULL) STRICT"},
    {3, "retention_rules",
     "CREATE TABLE retention_rules(context_prefix TEXT NOT NULL, event_type TEXT NOT NULL, age INTEGER NOT NULL, "
     "count INTEGER NOT NULL, checksum INTEGER NOT NULL, PRIMARY KEY(context_prefix, event_type)) STRICT, "
     "WITHOUT ROWID"},
    {2, "schemas",
     "CREATE TABLE schemas(event_type TEXT NOT NULL, version INTEGER NOT NULL, definition TEXT NOT NULL, "
     "checksum INTEGER NOT NULL, PRIMARY KEY(event_type, version)) STRICT, WITHOUT ROWID"},
    {1, "segments",
     "CREATE TABLE segments(shard INTEGER NOT NULL, number INTEGER NOT NULL, file_bytes INTEGER NOT NULL, "
     "footer_offset INTEGER NOT NULL, footer_checksum INTEGER NOT NULL, event_count INTEGER NOT NULL, "
     "context_count INTEGER NOT NULL, payload_bytes INTEGER NOT NULL, position_min INTEGER NOT NULL, "
     "position_max INTEGER NOT NULL, timestamp_min INTEGER NOT NULL, timestamp_max INTEGER NOT NULL, "
     "recorded_at_min INTEGER NOT NULL, recorded_at_max INTEGER NOT NULL, checksum INTEGER NOT NULL, "
     "PRIMARY KEY(shard, number)) STRICT, WITHOUT ROWID"},
    {1, "shards",
     "CREATE TABLE shards(shard INTEGER PRIMARY KEY, wal_first_file INTEGER NOT NULL, "
     "wal_cut_record INTEGER NOT NULL, next_segment INTEGER NOT NULL, checksum INTEGER NOT NULL) STRICT"},
    {4, "views",
     "CREATE TABLE views(name TEXT PRIMARY KEY, query TEXT NOT NULL, checksum INTEGER NOT NULL) STRICT, WITHOUT ROWID"},
};

std::uint64_t word(Timestamp t) {
  return static_cast<std::uint64_t>(microseconds(t));
}
Timestamp time(const Statement& row, int column) {
  return Timestamp{std::chrono::microseconds{row.integer(column)}};
}

bool ordered(Timestamp min, Timestamp max) {
  return timestamp_in_range(min) && timestamp_in_range(max) && min <= max;
}

/// Shard numbers are 32 bit here and 64 bit in the file; what does not fit becomes a number that no rule lets pass.
std::uint32_t narrow(std::uint64_t value) {
  return value > UINT32_MAX ? UINT32_MAX : static_cast<std::uint32_t>(value);
}

} // namespace

std::uint64_t checksum(const Head& head) noexcept {
  return hash_words(
      {kind_head, head.shard_count, head.directory_seed, head.positions_reserved, head.segment_count, head.records_sum},
      head.directory_seed);
}

std::uint64_t checksum(const ShardRecord& record, std::uint64_t directory_seed) noexcept {
  return hash_words({kind_shard, record.shard, record.wal_first_file, record.wal_cut_record, record.next_segment},
                    directory_seed);
}

std::uint64_t checksum(const SegmentMeta& s, std::uint64_t directory_seed) noexcept {
  return hash_words({kind_segment, s.shard, s.number, s.file_bytes, s.footer_offset, s.footer_checksum, s.event_count,
                     s.context_count, s.payload_bytes, s.position_min, s.position_max, word(s.timestamp_min),
                     word(s.timestamp_max), word(s.recorded_at_min), word(s.recorded_at_max)},
                    directory_seed);
}

std::uint64_t checksum(const SchemaRecord& s, std::uint64_t directory_seed) noexcept {
  return hash_words(
      {kind_schema, hash64(s.event_type, directory_seed), s.version, hash64(s.definition, directory_seed)},
      directory_seed);
}

const char* fault(const Head& head) noexcept {
  if (head.shard_count < 1 || head.shard_count > limits::shards_max)
    return "the shard count is outside 1 to 64";
  if (head.positions_reserved < 1)
    return "positions begin at 1";
  return nullptr;
}

const char* fault(const ShardRecord& record) noexcept {
  if (record.wal_first_file < 1)
    return "WAL files are numbered from 1";
  if (record.next_segment < 1)
    return "segments are numbered from 1";
  return nullptr;
}

const char* fault(const SegmentMeta& s, const Head& head) noexcept {
  if (s.shard >= head.shard_count)
    return "there is no such shard";
  if (s.number < 1 || s.number == UINT64_MAX) // One more must exist, to be the next.
    return "the segment number is out of range";
  if (s.footer_offset >= s.file_bytes)
    return "the footer lies outside the file";
  if ((s.context_count < 1) != (s.event_count < 1) || s.context_count > s.event_count)
    return "the count of contexts does not fit the count of events";
  if (s.position_min < 1 || s.position_min > s.position_max || s.position_max - s.position_min + 1 < s.event_count)
    return "the positions do not fit the count of events";
  if (s.position_max >= head.positions_reserved)
    return "a position was never reserved";
  if (!ordered(s.timestamp_min, s.timestamp_max) || !ordered(s.recorded_at_min, s.recorded_at_max))
    return "the times are out of order or range";
  return nullptr;
}

const char* fault(const SchemaRecord& schema, const SchemaRecord* before) noexcept {
  if (schema.event_type.empty() || schema.event_type.size() > limits::event_type_bytes_max)
    return "the length of the type is out of range";
  if (schema.definition.empty() || schema.definition.size() > limits::schema_text_bytes_max)
    return "the length of the definition is out of range";
  const bool same_type = before != nullptr && before->event_type == schema.event_type;
  if (schema.version != (same_type ? before->version + 1 : 1))
    return "the versions of a type are not 1, 2, 3 in turn";
  return nullptr;
}

const char* merge_fault(std::span<const SegmentMeta> inputs, const SegmentMeta& merged,
                        const Dropped& dropped) noexcept {
  std::uint64_t events = 0, contexts_min = 0, contexts_max = 0, payload_bytes = 0;
  SegmentMeta bounds = inputs.front();
  for (const SegmentMeta& input : inputs) {
    if (input.shard != merged.shard)
      return "the segments belong to several shards";
    events += input.event_count;
    payload_bytes += input.payload_bytes;
    contexts_min = std::max(contexts_min, input.context_count);
    contexts_max += input.context_count;
    bounds.timestamp_min = std::min(bounds.timestamp_min, input.timestamp_min);
    bounds.timestamp_max = std::max(bounds.timestamp_max, input.timestamp_max);
    bounds.recorded_at_min = std::min(bounds.recorded_at_min, input.recorded_at_min);
    bounds.recorded_at_max = std::max(bounds.recorded_at_max, input.recorded_at_max);
  }
  if (merged.event_count + dropped.events != events || merged.payload_bytes + dropped.payload_bytes != payload_bytes)
    return "the merged segment does not hold as much as its inputs";
  if (dropped.events != 0)
    contexts_min = 0;
  if (merged.context_count < contexts_min || merged.context_count > contexts_max)
    return "the merged segment's contexts are not those of its inputs";
  if (merged.position_min != inputs.front().position_min || merged.position_max != inputs.back().position_max ||
      merged.timestamp_min != bounds.timestamp_min || merged.timestamp_max != bounds.timestamp_max ||
      merged.recorded_at_min != bounds.recorded_at_min || merged.recorded_at_max != bounds.recorded_at_max)
    return "the merged segment's bounds are not those of its inputs";
  return nullptr;
}

Status create_tables(Database& database, std::int32_t from, std::int32_t version) {
  for (const Table& table : tables)
    if (table.since > from && table.since <= version)
      WEIR_TRY(database.execute(table.sql));
  return {};
}

Status check_tables(Database& database, std::int32_t version) {
  std::vector<Table> expected;
  std::copy_if(std::begin(tables), std::end(tables), std::back_inserter(expected),
               [version](const Table& table) { return table.since <= version; });
  std::size_t seen = 0;
  const Status rows =
      for_each_row(database,
                   "SELECT type, name, tbl_name, sql, typeof(type) || typeof(name) || typeof(tbl_name) || typeof(sql) "
                   "FROM sqlite_schema ORDER BY name",
                   [&](const Statement& row) -> Status {
                     if (seen == expected.size() || row.text(0) != "table" || row.text(1) != expected[seen].name ||
                         row.text(2) != expected[seen].name || row.text(3) != expected[seen].sql ||
                         row.text(4) != "texttexttexttext")
                       return corrupt(database, "the schema is not the catalog's", "sqlite_schema");
                     ++seen;
                     return {};
                   });
  if (!rows)
    return rows.error();
  if (seen != expected.size())
    return corrupt(database, "a table is missing", "sqlite_schema");
  return {};
}

Error closed() {
  return fail(Errc::closing, "the catalog is closed");
}

Error corrupt(const Database& database, std::string message, std::string_view record) {
  return fail(Errc::corruption, std::move(message), format("{}: {}", database.path(), record));
}

Result<Head> read_head(Database& database) {
  std::optional<Head> head;
  const Status rows =
      for_each_row(database,
                   "SELECT shard_count, directory_seed, positions_reserved, segment_count, records_sum, checksum "
                   "FROM head",
                   [&](const Statement& row) -> Status {
                     if (head)
                       return corrupt(database, "there is more than one head record", "table head");
                     head = Head{narrow(row.u64(0)), row.u64(1), row.u64(2), row.u64(3), row.u64(4)};
                     if (row.u64(5) != checksum(*head) && !sabotaged(Sabotage::ignore_catalog_checksum))
                       return corrupt(database, checksum_differs, "table head");
                     if (const char* why = fault(*head))
                       return corrupt(database, why, "table head");
                     return {};
                   });
  if (!rows)
    return rows.error();
  if (!head)
    return corrupt(database, "the head record is missing", "table head");
  return *head;
}

Result<std::vector<ShardRecord>> read_shards(Database& database, const Head& head, std::uint64_t& sum) {
  std::vector<ShardRecord> shards;
  const Status rows = for_each_row(
      database, "SELECT shard, wal_first_file, wal_cut_record, next_segment, checksum FROM shards ORDER BY shard",
      [&](const Statement& row) -> Status {
        const ShardRecord record{narrow(row.u64(0)), row.u64(1), row.u64(2), row.u64(3)};
        const std::string place = format("table shards, shard {}", record.shard);
        if (row.u64(4) != checksum(record, head.directory_seed) && !sabotaged(Sabotage::ignore_catalog_checksum))
          return corrupt(database, checksum_differs, place);
        if (const char* why = fault(record))
          return corrupt(database, why, place);
        if (record.shard != shards.size() || record.shard >= head.shard_count)
          return corrupt(database, format("expected the shards 0 to {} in turn", head.shard_count - 1), place);
        sum += row.u64(4);
        shards.push_back(record);
        return {};
      });
  if (!rows)
    return rows.error();
  if (shards.size() != head.shard_count)
    return corrupt(database, format("{} of {} shards are recorded", shards.size(), head.shard_count), "table shards");
  return shards;
}

Result<std::vector<SegmentMeta>> read_segments(Database& database, const Head& head,
                                               const std::vector<ShardRecord>& shards, std::uint64_t& sum) {
  const auto place = [](const SegmentMeta& s) {
    return format("table segments, shard {} number {}", s.shard, s.number);
  };
  std::vector<SegmentMeta> segments;
  const Status rows = for_each_row(
      database,
      "SELECT shard, number, file_bytes, footer_offset, footer_checksum, event_count, context_count, payload_bytes, "
      "position_min, position_max, timestamp_min, timestamp_max, recorded_at_min, recorded_at_max, checksum "
      "FROM segments",
      [&](const Statement& row) -> Status {
        const SegmentMeta s{narrow(row.u64(0)), row.u64(1),    row.u64(2),    row.u64(3),   row.u64(4),
                            row.u64(5),         row.u64(6),    row.u64(7),    row.u64(8),   row.u64(9),
                            time(row, 10),      time(row, 11), time(row, 12), time(row, 13)};
        const std::string here = place(s);
        if (row.u64(14) != checksum(s, head.directory_seed) && !sabotaged(Sabotage::ignore_catalog_checksum))
          return corrupt(database, checksum_differs, here);
        if (const char* why = fault(s, head))
          return corrupt(database, why, here);
        if (s.number >= shards[s.shard].next_segment)
          return corrupt(database, "the shard has not come to this number yet", here);
        sum += row.u64(14);
        segments.push_back(s);
        return {};
      });
  if (!rows)
    return rows.error();
  // Not left to SQL: there numbers are signed, and a damaged tree is not in order.
  const auto by = [&segments](auto key) {
    std::sort(segments.begin(), segments.end(),
              [key](const SegmentMeta& a, const SegmentMeta& b) { return key(a) < key(b); });
  };
  const auto number = [](const SegmentMeta& s) { return std::pair(s.shard, s.number); };
  by(number);
  const auto twin =
      std::adjacent_find(segments.begin(), segments.end(),
                         [&](const SegmentMeta& a, const SegmentMeta& b) { return number(a) == number(b); });
  if (twin != segments.end())
    return corrupt(database, "a segment is recorded twice", place(*twin));
  by([](const SegmentMeta& s) { return std::pair(s.shard, s.position_min); });
  const auto overlap =
      std::adjacent_find(segments.begin(), segments.end(), [](const SegmentMeta& a, const SegmentMeta& b) {
        return a.shard == b.shard && a.position_max >= b.position_min;
      });
  if (overlap != segments.end())
    return corrupt(database, "the positions of two segments overlap", place(*std::next(overlap)));
  if (segments.size() != head.segment_count)
    return corrupt(database, format("{} of {} segments are recorded", segments.size(), head.segment_count),
                   "table segments");
  return segments;
}

Result<std::vector<SchemaRecord>> read_schemas(Database& database, const Head& head, std::uint64_t& sum) {
  std::vector<SchemaRecord> schemas;
  const Status rows = for_each_row(
      database, "SELECT event_type, version, definition, checksum FROM schemas ORDER BY event_type, version",
      [&](const Statement& row) -> Status {
        SchemaRecord schema{std::string(row.text(0)), narrow(row.u64(1)), std::string(row.text(2))};
        const std::string place = format("table schemas, type {} version {}", schema.event_type, schema.version);
        if (row.u64(3) != checksum(schema, head.directory_seed) && !sabotaged(Sabotage::ignore_catalog_checksum))
          return corrupt(database, checksum_differs, place);
        if (const char* why = fault(schema, schemas.empty() ? nullptr : &schemas.back()))
          return corrupt(database, why, place);
        sum += row.u64(3);
        schemas.push_back(std::move(schema));
        return {};
      });
  if (!rows)
    return rows.error();
  return schemas;
}

Status write(Database& database, const Head& head) {
  auto statement = database.prepare(
      "REPLACE INTO head(id, shard_count, directory_seed, positions_reserved, segment_count, records_sum, checksum) "
      "VALUES(1,?,?,?,?,?,?)");
  if (!statement)
    return std::move(statement).error();
  return statement->bind(1, std::int64_t{head.shard_count})
      .bind_u64(2, head.directory_seed)
      .bind_u64(3, head.positions_reserved)
      .bind_u64(4, head.segment_count)
      .bind_u64(5, head.records_sum)
      .bind_u64(6, checksum(head))
      .run();
}

Status write(Database& database, const ShardRecord& record, std::uint64_t directory_seed) {
  auto statement = database.prepare(
      "REPLACE INTO shards(shard, wal_first_file, wal_cut_record, next_segment, checksum) VALUES(?,?,?,?,?)");
  if (!statement)
    return std::move(statement).error();
  return statement->bind(1, std::int64_t{record.shard})
      .bind_u64(2, record.wal_first_file)
      .bind_u64(3, record.wal_cut_record)
      .bind_u64(4, record.next_segment)
      .bind_u64(5, checksum(record, directory_seed))
      .run();
}

Status write(Database& database, const SegmentMeta& s, std::uint64_t directory_seed) {
  auto statement = database.prepare(
      "INSERT INTO segments(shard, number, file_bytes, footer_offset, footer_checksum, event_count, context_count, "
      "payload_bytes, position_min, position_max, timestamp_min, timestamp_max, recorded_at_min, recorded_at_max, "
      "checksum) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
  if (!statement)
    return std::move(statement).error();
  return statement->bind(1, std::int64_t{s.shard})
      .bind_u64(2, s.number)
      .bind_u64(3, s.file_bytes)
      .bind_u64(4, s.footer_offset)
      .bind_u64(5, s.footer_checksum)
      .bind_u64(6, s.event_count)
      .bind_u64(7, s.context_count)
      .bind_u64(8, s.payload_bytes)
      .bind_u64(9, s.position_min)
      .bind_u64(10, s.position_max)
      .bind(11, microseconds(s.timestamp_min))
      .bind(12, microseconds(s.timestamp_max))
      .bind(13, microseconds(s.recorded_at_min))
      .bind(14, microseconds(s.recorded_at_max))
      .bind_u64(15, checksum(s, directory_seed))
      .run();
}

Status write(Database& database, const SchemaRecord& schema, std::uint64_t directory_seed) {
  auto statement = database.prepare("INSERT INTO schemas(event_type, version, definition, checksum) VALUES(?,?,?,?)");
  if (!statement)
    return std::move(statement).error();
  return statement->bind(1, std::string_view(schema.event_type))
      .bind(2, std::int64_t{schema.version})
      .bind(3, std::string_view(schema.definition))
      .bind_u64(4, checksum(schema, directory_seed))
      .run();
}

Status erase(Database& database, const SegmentMeta& s) {
  auto statement = database.prepare("DELETE FROM segments WHERE shard=? AND number=?");
  if (!statement)
    return std::move(statement).error();
  return statement->bind(1, std::int64_t{s.shard}).bind_u64(2, s.number).run();
}

} // namespace weir::catalog
