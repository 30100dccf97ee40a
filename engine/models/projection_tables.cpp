#include "engine/models/projection_tables.hpp"

#include "engine/hash.hpp"
#include "engine/sabotage.hpp"
#include "engine/sqlite/connections.hpp"
#include "engine/text.hpp"

#include <algorithm>
#include <chrono>
#include <initializer_list>
#include <set>
#include <span>
#include <utility>

namespace weir {

namespace {

constexpr std::int64_t format_version = 1;

constexpr std::string_view letter_columns = "position, context_id, sequence, event_type, error, attempts, since, "
                                            "checksum";

/// Words, then texts, each behind its length.
std::uint64_t hash_fields(std::initializer_list<std::uint64_t> words, std::initializer_list<std::string_view> texts) {
  std::string all;
  const auto add = [&all](std::uint64_t word) { all.append(reinterpret_cast<const char*>(&word), sizeof word); };
  for (const std::uint64_t word : words)
    add(word);
  for (const std::string_view text : texts) {
    add(text.size());
    all += text;
  }
  return hash64(all, 0);
}

std::uint64_t checksum(const ProjectionRecord& record) {
  const auto origin = record.origin.value_or(ProjectionRecord::Origin{});
  return hash_fields(
      {record.origin ? 1U : 0U, origin.source, origin.revision, record.position, record.events, record.dead_letters},
      {});
}

std::uint64_t since_us(const DeadLetter& letter) {
  return static_cast<std::uint64_t>(letter.since.time_since_epoch().count());
}

std::uint64_t checksum(const DeadLetter& letter) {
  return hash_fields({letter.position, letter.sequence, letter.attempts, since_us(letter)},
                     {letter.context_id, letter.event_type, letter.error});
}

std::span<const std::byte> bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

std::string text(const sqlite::Statement& row, int column) {
  const auto blob = row.blob(column);
  return {reinterpret_cast<const char*>(blob.data()), blob.size()};
}

Status create_tables(ModelDatabase& database) {
  WEIR_TRY(database.execute("CREATE TABLE weir_projection(one INTEGER PRIMARY KEY CHECK(one = 1), "
                            "format INTEGER NOT NULL, source INTEGER, revision INTEGER, position INTEGER NOT NULL, "
                            "events INTEGER NOT NULL, dead_letters INTEGER NOT NULL, checksum INTEGER NOT NULL) STRICT;"
                            "CREATE TABLE weir_dead_letters(position INTEGER PRIMARY KEY, context_id BLOB NOT NULL, "
                            "sequence INTEGER NOT NULL, event_type BLOB NOT NULL, error BLOB NOT NULL, "
                            "attempts INTEGER NOT NULL, since INTEGER NOT NULL, checksum INTEGER NOT NULL) STRICT;"
                            "CREATE INDEX weir_dead_letters_context ON weir_dead_letters(context_id)"));
  // The row is there from the beginning, so that a missing one is damage and not a projection that begins anew.
  return ProjectionTables(database).write({});
}

} // namespace

std::vector<Migration> ProjectionTables::migrations() {
  return {{"1 projection", create_tables}};
}

Error ProjectionTables::corrupt(std::string_view what) const {
  return fail(Errc::corruption, format("{}: {}", database_->name(), what), database_->options().file);
}

Result<ProjectionRecord> ProjectionTables::read() const {
  auto lease = database_->connections().read();
  if (!lease)
    return lease.error();
  auto row = lease->prepare("SELECT format, source, revision, position, events, dead_letters, checksum "
                            "FROM weir_projection WHERE one = 1");
  if (!row)
    return row.error();
  sqlite::Statement& select = **row;
  const auto found = select.step();
  if (!found)
    return found.error();
  if (!*found)
    return corrupt("table weir_projection has no row");
  if (select.integer(0) != format_version)
    return fail(Errc::incompatible,
                format("{}: unsupported projection format {}; this program reads {}", database_->name(),
                       select.integer(0), format_version),
                database_->options().file);
  ProjectionRecord record;
  if (!select.is_null(1) && !select.is_null(2))
    record.origin = {select.u64(1), select.u64(2)};
  record.position = select.u64(3);
  record.events = select.u64(4);
  record.dead_letters = select.u64(5);
  if (select.u64(6) != checksum(record) && !sabotaged(Sabotage::ignore_projection_checksum))
    return corrupt("table weir_projection: the row's checksum differs");
  return record;
}

Status ProjectionTables::write(const ProjectionRecord& record) {
  auto lease = database_->connections().write();
  if (!lease)
    return lease.error();
  auto row = lease->prepare("REPLACE INTO weir_projection(one, format, source, revision, position, events, "
                            "dead_letters, checksum) VALUES(1,?,?,?,?,?,?,?)");
  if (!row)
    return row.error();
  sqlite::Statement& replace = **row;
  replace.bind(1, format_version);
  if (record.origin) {
    replace.bind_u64(2, record.origin->source).bind_u64(3, record.origin->revision);
  } else {
    replace.bind_null(2).bind_null(3);
  }
  replace.bind_u64(4, record.position).bind_u64(5, record.events).bind_u64(6, record.dead_letters);
  return replace.bind_u64(7, checksum(record)).run();
}

Status ProjectionTables::each_letter(std::string_view context_id, std::size_t limit, const Visit& visit) const {
  auto lease = database_->connections().read();
  if (!lease)
    return lease.error();
  // Positions of 2^63 and more are stored as negative numbers: they come last.
  const std::string_view where = context_id.empty() ? "" : "WHERE context_id = ?2 ";
  auto row = lease->prepare(
      format("SELECT {} FROM weir_dead_letters {}ORDER BY position < 0, position LIMIT ?1", letter_columns, where));
  if (!row)
    return row.error();
  sqlite::Statement& select = **row;
  select.bind(1, static_cast<std::int64_t>(std::min<std::size_t>(limit, INT64_MAX)));
  if (!context_id.empty())
    select.bind(2, bytes(context_id));
  while (true) {
    const auto more = select.step();
    if (!more)
      return more.error();
    if (!*more)
      return {};
    DeadLetter letter;
    letter.position = select.u64(0);
    letter.context_id = text(select, 1);
    letter.sequence = select.u64(2);
    letter.event_type = text(select, 3);
    letter.error = text(select, 4);
    letter.attempts = static_cast<std::uint32_t>(select.u64(5));
    letter.since = Timestamp{std::chrono::microseconds{select.integer(6)}};
    if (select.u64(7) != checksum(letter))
      return corrupt(format("table weir_dead_letters: the checksum of position {} differs", letter.position));
    visit(std::move(letter));
  }
}

Result<std::vector<DeadLetter>> ProjectionTables::dead_letters(std::string_view context_id, std::size_t limit) const {
  std::vector<DeadLetter> letters;
  WEIR_TRY(each_letter(context_id, limit, [&](DeadLetter&& letter) { letters.push_back(std::move(letter)); }));
  return letters;
}

Result<std::vector<std::string>> ProjectionTables::quarantined(const ProjectionRecord& record) const {
  std::set<std::string> contexts;
  std::uint64_t rows = 0;
  WEIR_TRY(each_letter({}, INT64_MAX, [&](DeadLetter&& letter) {
    contexts.insert(std::move(letter.context_id));
    ++rows;
  }));
  if (rows != record.dead_letters)
    return corrupt(format("table weir_dead_letters has {} rows, not {}", rows, record.dead_letters));
  return std::vector<std::string>(contexts.begin(), contexts.end());
}

Status ProjectionTables::put(const DeadLetter& letter) {
  auto lease = database_->connections().write();
  if (!lease)
    return lease.error();
  auto row = lease->prepare(format("REPLACE INTO weir_dead_letters({}) VALUES(?,?,?,?,?,?,?,?)", letter_columns));
  if (!row)
    return row.error();
  sqlite::Statement& replace = **row;
  replace.bind_u64(1, letter.position).bind(2, bytes(letter.context_id)).bind_u64(3, letter.sequence);
  replace.bind(4, bytes(letter.event_type)).bind(5, bytes(letter.error)).bind_u64(6, letter.attempts);
  return replace.bind_u64(7, since_us(letter)).bind_u64(8, checksum(letter)).run();
}

Status ProjectionTables::erase(const DeadLetter& letter) {
  auto lease = database_->connections().write();
  if (!lease)
    return lease.error();
  auto row = lease->prepare("DELETE FROM weir_dead_letters WHERE position = ?");
  if (!row)
    return row.error();
  return (*row)->bind_u64(1, letter.position).run();
}

} // namespace weir
