#include "engine/snapshots/snapshot_file.hpp"

#include "engine/hash.hpp"
#include "engine/sabotage.hpp"
#include "engine/sqlite/database_files.hpp"
#include "engine/text.hpp"

#include <cstring>
#include <span>
#include <utility>

namespace weir {

namespace {

using sqlite::Database;
using sqlite::Transaction;

// The text is part of the format: a file whose schema differs is none of ours.
constexpr std::string_view table_sql =
    "CREATE TABLE snapshots(context_id BLOB PRIMARY KEY, sequence INTEGER NOT NULL, position INTEGER NOT NULL, "
    "schema_tag BLOB NOT NULL, state_hash INTEGER NOT NULL, checksum INTEGER NOT NULL, state BLOB NOT NULL) STRICT";

std::span<const std::byte> bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

std::string_view text(std::span<const std::byte> blob) {
  return {reinterpret_cast<const char*>(blob.data()), blob.size()};
}

/// What a row says beside its state.
struct Head {
  Sequence sequence = 0;
  Position position = 0;
  std::uint64_t state_bytes = 0;
  std::uint64_t state_hash = 0;
};

std::uint64_t checksum(std::string_view context_id, std::string_view schema_tag, const Head& head, std::uint64_t seed) {
  const std::uint64_t words[] = {head.sequence, head.position, head.state_bytes, head.state_hash, context_id.size()};
  std::string all(sizeof words, '\0');
  std::memcpy(all.data(), words, sizeof words);
  all += context_id;
  all += schema_tag;
  return hash64(all, seed);
}

/// Columns sequence, position, length(state), state_hash, checksum, schema_tag of `row`, if the checksum fits.
std::optional<Head> sound_head(const sqlite::Statement& row, std::string_view context_id, std::uint64_t seed) {
  const Head head{row.u64(0), row.u64(1), row.u64(2), row.u64(3)};
  if (row.u64(4) != checksum(context_id, text(row.blob(5)), head, seed) &&
      !sabotaged(Sabotage::ignore_snapshot_checksum))
    return std::nullopt;
  return head;
}

Error foreign(const Database& database, std::string_view what) {
  return fail(Errc::corruption, std::string(what), database.path());
}

Status check_schema(Database& database, std::int64_t objects) {
  auto schema = database.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL");
  if (!schema)
    return std::move(schema).error();
  const auto row = schema->step();
  if (!row)
    return row.error();
  if (!*row || objects != 1 || schema->text(0) != table_sql)
    return foreign(database, "the schema is not that of snapshots");
  return {};
}

} // namespace

SnapshotFile::SnapshotFile(io::FileSystem& fs, std::string path, std::uint64_t directory_seed)
    : fs_(fs), path_(std::move(path)), directory_seed_(directory_seed) {
}

Status SnapshotFile::open(bool create) {
  if (database_)
    return {};
  if (!create) {
    const auto there = fs_.stat(path_);
    if (!there)
      return there.error();
  }
  Status opened = open_or_create(create);
  if (opened.code() != Errc::corruption)
    return settle(std::move(opened));
  WEIR_TRY(discard(opened.error()));
  if (!create)
    return fail(Errc::not_found, "no snapshot was ever saved", path_);
  return settle(open_or_create(create));
}

Status SnapshotFile::open_or_create(bool create) {
  if (const Status files = sqlite::check_files(fs_, path_); !files)
    return fail(Errc::corruption, files.error().message, files.error().where);
  auto database = Database::open(fs_, path_, {.create = create, .exclusive = true});
  if (!database)
    return std::move(database).error();
  database_.emplace(std::move(*database));
  database_->checkpoint_on_close(false); // what is not ours keeps its bytes, its journal included
  const auto id = database_->application_id();
  if (!id)
    return id.error();
  const auto version = database_->user_version();
  if (!version)
    return version.error();
  const auto objects = database_->query_integer("SELECT count(*) FROM sqlite_schema WHERE sql IS NOT NULL");
  if (!objects)
    return objects.error();
  const bool empty = *id == 0 && *version == 0 && *objects == 0;
  if (!empty && (*id != application_id || *version != format_version))
    return foreign(*database_, format("no snapshots of format {}", format_version));
  if (!database_->writable())
    return foreign(*database_, "the file may not be written: its header or its mode says so");
  if (!empty)
    WEIR_TRY(check_schema(*database_, *objects));
  database_->checkpoint_on_close(true);
  WEIR_TRY(database_->use_wal());
  // A power cut may take the last snapshots: they can be made again, and a sync for each would cost more than that.
  WEIR_TRY(database_->execute("PRAGMA synchronous=NORMAL"));
  return empty ? fill() : Status();
}

Status SnapshotFile::fill() {
  auto transaction = Transaction::begin(*database_);
  if (!transaction)
    return std::move(transaction).error();
  WEIR_TRY(database_->execute(std::string(table_sql)));
  WEIR_TRY(database_->set_application_id(application_id));
  WEIR_TRY(database_->set_user_version(format_version));
  return transaction->commit();
}

Result<std::unique_ptr<sqlite::Copy>> SnapshotFile::begin_copy(io::FileSystem& to, const std::string& path) {
  const Status opened = open(false);
  if (opened.code() == Errc::not_found)
    return std::unique_ptr<sqlite::Copy>();
  if (!opened)
    return opened.error();
  return sqlite::Copy::begin(*database_, to, path);
}

Status SnapshotFile::discard(const Error& why) {
  database_.reset();
  warning_ = format("snapshots were given up, replays begin at the first event: {}", to_string(why));
  return sqlite::quarantine_files(fs_, path_);
}

/// After an error the connection's state is anybody's guess: the next call makes a new one.
Status SnapshotFile::settle(Status outcome) {
  if (!outcome)
    database_.reset();
  return outcome;
}

Result<std::optional<SnapshotRow>> SnapshotFile::read(std::string_view context_id, std::string_view schema_tag) {
  if (const Status opened = open(false); opened.code() == Errc::not_found)
    return std::optional<SnapshotRow>();
  else if (!opened)
    return opened.error();
  bool damaged = false;
  auto row = select(context_id, schema_tag, damaged);
  if (damaged) {
    warning_ = format("the snapshot of context {} was damaged and is given up", context_id);
    WEIR_TRY(remove(context_id));
    return std::optional<SnapshotRow>();
  }
  if (row.code() == Errc::corruption) {
    WEIR_TRY(discard(row.error()));
    return std::optional<SnapshotRow>();
  }
  if (!row)
    database_.reset();
  return row;
}

/// `damaged` is set if the row is there and its checksum differs: damage that SQLite did not see.
Result<std::optional<SnapshotRow>> SnapshotFile::select(std::string_view context_id, std::string_view schema_tag,
                                                        bool& damaged) {
  auto statement =
      database_->prepare("SELECT sequence, position, length(state), state_hash, checksum, schema_tag, state "
                         "FROM snapshots WHERE context_id=?");
  if (!statement)
    return std::move(statement).error();
  statement->bind(1, bytes(context_id));
  const auto found = statement->step();
  if (!found)
    return found.error();
  if (!*found)
    return std::optional<SnapshotRow>();
  const auto head = sound_head(*statement, context_id, directory_seed_);
  damaged = !head;
  if (damaged || (text(statement->blob(5)) != schema_tag && !sabotaged(Sabotage::ignore_snapshot_schema_tag)))
    return std::optional<SnapshotRow>();
  SnapshotRow row{head->sequence, head->position, std::string(text(statement->blob(6)))};
  damaged = hash64(row.state, directory_seed_) != head->state_hash && !sabotaged(Sabotage::ignore_snapshot_checksum);
  return std::optional(std::move(row));
}

Status SnapshotFile::write(std::string_view context_id, std::string_view schema_tag, Sequence sequence,
                           Position position, std::string_view state, const PositionOf& position_of) {
  WEIR_TRY(open(true));
  Status written = replace(context_id, schema_tag, sequence, position, state, position_of);
  if (written.code() == Errc::corruption) {
    WEIR_TRY(discard(written.error()));
    WEIR_TRY(open(true));
    written = replace(context_id, schema_tag, sequence, position, state, position_of);
  }
  return settle(std::move(written));
}

Status SnapshotFile::replace(std::string_view context_id, std::string_view schema_tag, Sequence sequence,
                             Position position, std::string_view state, const PositionOf& position_of) {
  auto transaction = Transaction::begin(*database_);
  if (!transaction)
    return std::move(transaction).error();
  const auto stays = outdone(context_id, position, position_of);
  if (!stays)
    return stays.error();
  if (*stays)
    return {};
  const Head head{sequence, position, state.size(), hash64(state, directory_seed_)};
  auto statement = database_->prepare("REPLACE INTO snapshots(context_id, sequence, position, schema_tag, state_hash, "
                                      "checksum, state) VALUES(?,?,?,?,?,?,?)");
  if (!statement)
    return std::move(statement).error();
  statement->bind(1, bytes(context_id)).bind_u64(2, sequence).bind_u64(3, position).bind(4, bytes(schema_tag));
  statement->bind_u64(5, head.state_hash).bind_u64(6, checksum(context_id, schema_tag, head, directory_seed_));
  statement->bind(7, bytes(state));
  WEIR_TRY(statement->run());
  return transaction->commit();
}

/// Whether the context has a sound snapshot of an event after `position` that is still there.
Result<bool> SnapshotFile::outdone(std::string_view context_id, Position position, const PositionOf& position_of) {
  auto statement = database_->prepare("SELECT sequence, position, length(state), state_hash, checksum, schema_tag "
                                      "FROM snapshots WHERE context_id=?");
  if (!statement)
    return std::move(statement).error();
  statement->bind(1, bytes(context_id));
  const auto found = statement->step();
  if (!found)
    return found.error();
  if (!*found)
    return false;
  const auto head = sound_head(*statement, context_id, directory_seed_);
  // Positions tell what is later even across a crash that lost events: sequences are given again, positions are not.
  if (!head || head->position <= position || sabotaged(Sabotage::older_snapshot_replaces_newer))
    return false;
  // It is ahead of the events where the directory was put back from a copy that is older than this file.
  const auto there = position_of(context_id, head->sequence);
  if (!there)
    return there.error();
  return *there == head->position;
}

Status SnapshotFile::remove(std::string_view context_id) {
  if (Status opened = open(false); opened.code() == Errc::not_found)
    return {};
  else if (!opened)
    return opened;
  const auto erase = [&]() -> Status {
    auto statement = database_->prepare("DELETE FROM snapshots WHERE context_id=?");
    if (!statement)
      return std::move(statement).error();
    return statement->bind(1, bytes(context_id)).run();
  };
  Status removed = erase();
  if (removed.code() == Errc::corruption)
    return discard(removed.error());
  return settle(std::move(removed));
}

} // namespace weir
