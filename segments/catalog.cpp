#include "segments/catalog.hpp"

#include "engine/kill_point.hpp"
#include "engine/sabotage.hpp"
#include "engine/sqlite/copy.hpp"
#include "engine/text.hpp"
#include "segments/catalog_records.hpp"
#include "segments/catalog_retention.hpp"
#include "segments/catalog_views.hpp"

#include <algorithm>
#include <utility>

namespace weir {

namespace {

using catalog::checksum;
using catalog::fault;
using catalog::Head;
using sqlite::Database;
using sqlite::Transaction;

/// The format version of the catalog that the file holds, without changing it; 0: the file is empty. Another program's
/// file or an unknown version is an error.
Result<std::int32_t> identify(Database& database) {
  auto id = database.application_id();
  if (!id)
    return std::move(id).error();
  auto version = database.user_version();
  if (!version)
    return std::move(version).error();
  auto objects = database.query_integer("SELECT count(*) FROM sqlite_schema");
  if (!objects)
    return std::move(objects).error();
  if (*id == 0 && *version == 0 && *objects == 0)
    return 0;
  if (*id != Catalog::application_id)
    return fail(Errc::incompatible, "not a weir directory: the catalog is a database of another program",
                database.path());
  if (*version < 1 || *version > Catalog::format_version)
    return fail(Errc::incompatible,
                format("unsupported format {}; this program reads 1 to {}", *version, Catalog::format_version),
                database.path());
  return *version;
}

// Exclusive: one process owns a data directory.
const sqlite::OpenOptions creating{.create = true, .exclusive = true};
const sqlite::OpenOptions existing{.create = false, .exclusive = true};

Result<std::int32_t> identify_untouched(Database& database) {
  // Until the file is known to be ours, not even its journal may be moved into it.
  database.checkpoint_on_close(false);
  const auto found = identify(database);
  if (found)
    database.checkpoint_on_close(true);
  return found;
}

std::string place(const SegmentMeta& segment) {
  return format("shard {}, segment {}", segment.shard, segment.number);
}

} // namespace

Result<std::unique_ptr<Catalog>> Catalog::create(const std::string& native_path, std::uint32_t shards,
                                                 std::uint64_t directory_seed) {
  if (const char* why = fault(Head{.shard_count = shards}))
    return fail(Errc::invalid_argument, why); // Before there is a file.
  return create(Database::open(native_path, creating), shards, directory_seed);
}

Result<std::unique_ptr<Catalog>> Catalog::create(io::FileSystem& fs, const std::string& path, std::uint32_t shards,
                                                 std::uint64_t directory_seed) {
  if (const char* why = fault(Head{.shard_count = shards}))
    return fail(Errc::invalid_argument, why);
  return create(Database::open(fs, path, creating), shards, directory_seed);
}

Result<std::unique_ptr<Catalog>> Catalog::create(Result<Database> opened, std::uint32_t shards,
                                                 std::uint64_t directory_seed) {
  if (!opened)
    return std::move(opened).error();
  const auto version = identify_untouched(*opened);
  if (!version)
    return version.error();
  if (*version != 0)
    return fail(Errc::invalid_argument, "there is a catalog already", opened->path());
  WEIR_TRY(opened->use_wal());
  kill_point("create.after_journal_mode");
  std::unique_ptr<Catalog> made(new Catalog(std::move(*opened), format_version));
  WEIR_TRY(made->fill(shards, directory_seed));
  kill_point("create.after_commit");
  WEIR_TRY(made->database_.checkpoint());
  return made;
}

Result<std::unique_ptr<Catalog>> Catalog::open(const std::string& native_path) {
  return open(Database::open(native_path, existing));
}

Result<std::unique_ptr<Catalog>> Catalog::open(io::FileSystem& fs, const std::string& path) {
  return open(Database::open(fs, path, existing));
}

Result<std::unique_ptr<Catalog>> Catalog::open(Result<Database> opened) {
  if (!opened)
    return std::move(opened).error();
  const auto version = identify_untouched(*opened);
  if (!version)
    return version.error();
  if (*version == 0)
    return fail(Errc::not_found, "the catalog was never completed", opened->path());
  if (!opened->writable())
    return fail(Errc::corruption, "the catalog may not be written: its header or its mode says so", opened->path());
  // A view or trigger in a foreign file could make our own statements do anything.
  WEIR_TRY(catalog::check_tables(*opened, *version));
  WEIR_TRY(opened->use_wal());
  return std::unique_ptr<Catalog>(new Catalog(std::move(*opened), *version));
}

Result<std::unique_ptr<Catalog>> Catalog::create_in_memory(std::uint32_t shards, std::uint64_t directory_seed) {
  if (const char* why = fault(Head{.shard_count = shards}))
    return fail(Errc::invalid_argument, why);
  auto database = Database::open_in_memory();
  if (!database)
    return std::move(database).error();
  std::unique_ptr<Catalog> made(new Catalog(std::move(*database), format_version));
  WEIR_TRY(made->fill(shards, directory_seed));
  return made;
}

Status Catalog::fill(std::uint32_t shards, std::uint64_t directory_seed) {
  // One transaction, identity included: after a crash there is all of the catalog or an empty database.
  auto transaction = Transaction::begin(database_);
  if (!transaction)
    return std::move(transaction).error();
  WEIR_TRY(catalog::create_tables(database_, 0, format_version));
  Head head{.shard_count = shards, .directory_seed = directory_seed};
  for (ShardId shard = 0; shard < shards; ++shard) {
    const ShardRecord record{.shard = shard};
    WEIR_TRY(catalog::write(database_, record, directory_seed));
    head.records_sum += checksum(record, directory_seed);
  }
  WEIR_TRY(catalog::write(database_, head));
  WEIR_TRY(database_.set_application_id(application_id));
  WEIR_TRY(database_.set_user_version(format_version));
  kill_point("create.before_commit");
  return transaction->commit();
}

Result<Catalog::Records> Catalog::read() {
  auto head = catalog::read_head(database_);
  if (!head)
    return std::move(head).error();
  std::uint64_t sum = 0;
  auto shards = catalog::read_shards(database_, *head, sum);
  if (!shards)
    return std::move(shards).error();
  auto segments = catalog::read_segments(database_, *head, *shards, sum);
  if (!segments)
    return std::move(segments).error();
  Result<std::vector<SchemaRecord>> schemas(std::vector<SchemaRecord>{});
  if (version_ >= 2)
    schemas = catalog::read_schemas(database_, *head, sum);
  if (!schemas)
    return std::move(schemas).error();
  Result<RetentionRecord> retention(RetentionRecord{});
  if (version_ >= 3)
    retention = catalog::read_retention(database_, *head, sum);
  if (!retention)
    return std::move(retention).error();
  Result<std::vector<ViewRecord>> views(std::vector<ViewRecord>{});
  if (version_ >= 4)
    views = catalog::read_views(database_, *head, sum);
  if (!views)
    return std::move(views).error();
  // Every record may be genuine and one of them yet be older than the others.
  if (sum != head->records_sum && !sabotaged(Sabotage::ignore_catalog_sum))
    return catalog::corrupt(database_, "the sum over all records differs", "table head");
  return Records{
      *head, std::move(*shards), std::move(*segments), std::move(*schemas), std::move(*retention), std::move(*views)};
}

Result<Catalog::Change> Catalog::begin_change() {
  if (closed_)
    return catalog::closed();
  auto transaction = Transaction::begin(database_);
  if (!transaction)
    return std::move(transaction).error();
  auto records = read();
  if (!records)
    return std::move(records).error();
  return Change{*std::move(transaction), *std::move(records)};
}

Result<CatalogState> Catalog::load() {
  if (closed_)
    return catalog::closed();
  WEIR_TRY(database_.quick_check());
  auto records = read();
  if (!records)
    return std::move(records).error();
  return CatalogState{.format_version = static_cast<std::uint32_t>(version_),
                      .shard_count = records->head.shard_count,
                      .directory_seed = records->head.directory_seed,
                      .positions_reserved = records->head.positions_reserved,
                      .shards = std::move(records->shards),
                      .segments = std::move(records->segments),
                      .schemas = std::move(records->schemas),
                      .retention = std::move(records->retention),
                      .views = std::move(records->views)};
}

Status Catalog::reserve_positions(Position until) {
  if (closed_)
    return catalog::closed();
  if (sabotaged(Sabotage::forget_reserved_positions))
    return {};
  auto transaction = Transaction::begin(database_);
  if (!transaction)
    return std::move(transaction).error();
  auto head = catalog::read_head(database_);
  if (!head)
    return std::move(head).error();
  if (until < head->positions_reserved)
    return fail(Errc::invalid_argument,
                format("positions below {} are reserved already, {} is lower", head->positions_reserved, until));
  head->positions_reserved = until;
  WEIR_TRY(catalog::write(database_, *head));
  return transaction->commit();
}

Status Catalog::publish_segment(const SegmentMeta& segment, std::uint64_t wal_cut_record,
                                std::uint64_t wal_first_file) {
  auto change = begin_change();
  if (!change)
    return std::move(change).error();
  Head& head = change->records.head;
  if (const char* why = fault(segment, head))
    return fail(Errc::invalid_argument, why, place(segment));
  ShardRecord record = change->records.shards[segment.shard];
  if (segment.number < record.next_segment)
    return fail(Errc::invalid_argument, format("segment numbers below {} are used", record.next_segment),
                place(segment));
  for (const SegmentMeta& older : change->records.segments)
    if (older.shard == segment.shard && older.position_max >= segment.position_min)
      return fail(
          Errc::invalid_argument,
          format("positions up to {} are in segments, these begin at {}", older.position_max, segment.position_min),
          place(segment));
  if (wal_cut_record < record.wal_cut_record || wal_first_file < record.wal_first_file)
    return fail(Errc::invalid_argument,
                format("the WAL cut would move back from record {}, file {} to record {}, file {}",
                       record.wal_cut_record, record.wal_first_file, wal_cut_record, wal_first_file),
                place(segment));

  head.records_sum -= checksum(record, head.directory_seed);
  record.next_segment = segment.number + 1;
  record.wal_cut_record = wal_cut_record;
  record.wal_first_file = wal_first_file;
  head.records_sum += checksum(record, head.directory_seed) + checksum(segment, head.directory_seed);
  ++head.segment_count;
  WEIR_TRY(catalog::write(database_, segment, head.directory_seed));
  WEIR_TRY(catalog::write(database_, record, head.directory_seed));
  WEIR_TRY(catalog::write(database_, head));
  kill_point("flush.before_commit");
  return change->transaction.commit();
}

Status Catalog::replace_segments(std::span<const SegmentMeta> inputs, const SegmentMeta& merged,
                                 const Dropped& dropped) {
  auto change = begin_change();
  if (!change)
    return std::move(change).error();
  Head& head = change->records.head;
  if (const char* why = fault(merged, head))
    return fail(Errc::invalid_argument, why, place(merged));
  // By position, so neighbours lie side by side; equal records also say that nothing has changed since the merge began.
  const auto& live = change->records.segments;
  if (inputs.empty() || std::search(live.begin(), live.end(), inputs.begin(), inputs.end()) == live.end())
    return fail(Errc::invalid_argument, "the segments to replace are not live neighbours", place(merged));
  if (const char* why = catalog::merge_fault(inputs, merged, dropped))
    return fail(Errc::invalid_argument, why, place(merged));
  for (const SegmentMeta& each : live)
    if (each.shard == merged.shard && each.number == merged.number)
      return fail(Errc::invalid_argument, "there is a segment of this number", place(merged));

  ShardRecord record = change->records.shards[merged.shard];
  head.records_sum -= checksum(record, head.directory_seed);
  // Flushes that began later may have been published before: the number need not be the highest.
  record.next_segment = std::max(record.next_segment, merged.number + 1);
  head.records_sum += checksum(record, head.directory_seed) + checksum(merged, head.directory_seed);
  for (const SegmentMeta& input : inputs) {
    head.records_sum -= checksum(input, head.directory_seed);
    WEIR_TRY(catalog::erase(database_, input));
  }
  head.segment_count -= inputs.size() - 1;
  WEIR_TRY(catalog::write(database_, merged, head.directory_seed));
  WEIR_TRY(catalog::write(database_, record, head.directory_seed));
  WEIR_TRY(catalog::write(database_, head));
  kill_point("merge.before_commit");
  return change->transaction.commit();
}

Status Catalog::copy_to(io::FileSystem& to, const std::string& path) {
  if (closed_)
    return catalog::closed();
  const auto copy = sqlite::Copy::begin(database_, to, path);
  if (!copy)
    return copy.error();
  const auto done = (*copy)->step(sqlite::Copy::all_pages);
  return done ? Status() : Status(done.error());
}

Status Catalog::close() {
  if (closed_)
    return catalog::closed();
  closed_ = true;
  Status moved = database_.checkpoint();
  database_.close(); // Whatever became of the checkpoint: the next open reads the journal.
  return moved;
}

} // namespace weir
