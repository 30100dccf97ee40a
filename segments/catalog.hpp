// The catalog: the durable truth about shards, live segments and reserved positions, in one SQLite file.
//
// Purpose: implements CatalogStore for `catalog.db`; docs/formats/catalog.md tells the format in prose. Owner: the
// engine; used by the flush lane, and by open before that lane exists. Threading: one thread at a time.
// Invariants: what load() returns has passed SQLite's structure check, every record's checksum, the sum over all
// records and the rules of catalog_records.hpp; publish_segment() and replace_segments() refuse what load() would not
// read back.
#pragma once

#include "engine/ports.hpp"
#include "engine/sqlite/database.hpp"
#include "segments/catalog_records.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace weir {

class Catalog final : public CatalogStore {
public:
  static constexpr std::int32_t application_id = 0x77656972; ///< "weir"
  static constexpr std::int32_t format_version = 4;

  /// Makes the catalog of a new directory. A file that an interrupted create() left behind is completed; any other file
  /// is left alone. The caller makes the name durable (sync of the directory).
  /// Errors: `invalid_argument` for a shard count outside 1-64 or where a catalog exists, `incompatible` for a file of
  /// another program, `locked`, `disk_full`, `io_error`, `corruption`.
  static Result<std::unique_ptr<Catalog>> create(const std::string& native_path, std::uint32_t shards,
                                                 std::uint64_t directory_seed);
  /// One of an older format stays so until what that has no place for. Errors: `not_found` where there is no catalog,
  /// or none that create() completed; `incompatible` for another program's file or another format version, whose bytes
  /// stay as they are; `corruption`, `locked`, `io_error`.
  static Result<std::unique_ptr<Catalog>> open(const std::string& native_path);
  /// The same for the file `path` of `fs`, which outlives the catalog.
  static Result<std::unique_ptr<Catalog>> create(io::FileSystem& fs, const std::string& path, std::uint32_t shards,
                                                 std::uint64_t directory_seed);
  static Result<std::unique_ptr<Catalog>> open(io::FileSystem& fs, const std::string& path);
  /// One without a file, for tests of what lies above.
  static Result<std::unique_ptr<Catalog>> create_in_memory(std::uint32_t shards, std::uint64_t directory_seed);

  /// Reads and checks everything. `corruption` names the table and record.
  Result<CatalogState> load() override;
  /// `invalid_argument` where `until` is lower than before.
  Status reserve_positions(Position until) override;
  /// `invalid_argument` where the segment is not new to its shard, breaks a rule of load(), or the cut would move back.
  Status publish_segment(const SegmentMeta& segment, std::uint64_t wal_cut_record,
                         std::uint64_t wal_first_file) override;
  /// `invalid_argument` unless `inputs` are recorded just so, are neighbours, and `merged` holds what they hold.
  Status replace_segments(std::span<const SegmentMeta> inputs, const SegmentMeta& merged,
                          const Dropped& dropped = {}) override;
  /// `invalid_argument` where the version is not the type's next one, or a length is out of range.
  Status add_schema(const SchemaRecord& schema) override;
  /// `invalid_argument` where a rule is nonsense or out of order.
  Status set_retention(const RetentionRecord& retention) override;
  /// `invalid_argument` where there is a view of that name, a length is out of range, or there are too many.
  Status add_view(const ViewRecord& view) override;
  /// `not_found` where there is none.
  Status remove_view(std::string_view name) override;
  Status copy_to(io::FileSystem& to, const std::string& path) override;
  Status close() override;

private:
  /// All records, checked.
  struct Records {
    catalog::Head head;
    std::vector<ShardRecord> shards;
    std::vector<SegmentMeta> segments;
    std::vector<SchemaRecord> schemas;
    RetentionRecord retention;
    std::vector<ViewRecord> views;
  };
  Catalog(sqlite::Database database, std::int32_t version) : database_(std::move(database)), version_(version) {}
  static Result<std::unique_ptr<Catalog>> create(Result<sqlite::Database> opened, std::uint32_t shards,
                                                 std::uint64_t directory_seed);
  static Result<std::unique_ptr<Catalog>> open(Result<sqlite::Database> opened);
  Result<Records> read();
  /// What every change of the catalog begins with. Read anew each time: after a failed commit, memory could not say
  /// what the file holds.
  struct Change {
    sqlite::Transaction transaction;
    Records records;
  };
  Result<Change> begin_change();
  /// Ends one of what only the newest format has a table for, its head included.
  Status commit_newest(Change& change);
  /// Makes the file one of the newest format, within the transaction under way.
  Status make_newest();
  Status fill(std::uint32_t shards, std::uint64_t directory_seed);

  sqlite::Database database_;
  std::int32_t version_; ///< Of the file.
  bool closed_ = false;
};

} // namespace weir
