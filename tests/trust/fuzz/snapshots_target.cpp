// snapshots.db with any content: a read answers what a sound row holds, or nothing; and whatever the file was, the next
// snapshot is taken. It is read back, but for damage of pages that SQLite does not see: then there may be none, or an
// earlier one.
#include "trust/fuzz/databases.hpp"

#include "engine/hash.hpp"
#include "engine/snapshots/snapshot_file.hpp"

#include <algorithm>

using namespace weir;
using namespace weir::fuzz;

namespace {

const std::vector<TableToChange> tables = {
    {"snapshots",
     "context_id",
     {"context_id", "sequence", "position", "schema_tag", "state_hash", "checksum", "state"}}};

struct Row {
  std::string context, tag, state;
  std::uint64_t sequence = 0, position = 0, state_hash = 0, checksum = 0;

  [[nodiscard]] bool sound() const { return checksum == right() && state_hash == hash64(state, databases_seed); }
  [[nodiscard]] bool is(const SnapshotRow& row) const {
    return state == row.state && sequence == row.sequence && position == row.position;
  }

  /// As docs/formats/snapshots.md has it.
  [[nodiscard]] std::uint64_t right() const {
    std::string all;
    for (const std::uint64_t word :
         {sequence, position, std::uint64_t{state.size()}, state_hash, std::uint64_t{context.size()}})
      segments::append_integer(all, word);
    return hash64(all + context + tag, databases_seed);
  }
};

constexpr const char* all_rows =
    "SELECT context_id, schema_tag, state, sequence, position, state_hash, checksum FROM snapshots";

/// Up to the damage, if there is any.
void read_rows(sqlite::Database& database, const std::string& sql, std::vector<Row>& rows) {
  auto row = database.prepare(sql);
  if (!row)
    return;
  for (auto more = row->step(); more && *more; more = row->step())
    rows.push_back({blob_text(*row, 0), blob_text(*row, 1), blob_text(*row, 2), row->u64(3), row->u64(4), row->u64(5),
                    row->u64(6)});
}

void sign(sqlite::Database& database) {
  std::vector<Row> rows;
  read_rows(database, all_rows, rows);
  for (Row& row : rows) {
    row.state_hash = hash64(row.state, databases_seed);
    auto statement = database.prepare("UPDATE snapshots SET state_hash=?1, checksum=?2 WHERE context_id=?3");
    require(statement.ok(), "a change is SQL");
    statement->bind_u64(1, row.state_hash).bind_u64(2, row.right()).bind(3, segments::as_bytes(row.context));
    static_cast<void>(statement->run().ok());
  }
}

const std::string& written() {
  static const std::string file = [] {
    io::MemoryFileSystem fs;
    write_snapshots(fs);
    return read_file(fs, snapshots_path);
  }();
  return file;
}

void check_read(const std::optional<SnapshotRow>& read, const std::string& context, const std::string& tag,
                const std::vector<Row>& rows) {
  require(!read || std::any_of(rows.begin(), rows.end(),
                               [&](const Row& row) {
                                 return row.context == context && row.tag == tag && row.is(*read) && row.sound();
                               }),
          "a snapshot is what a sound row holds");
}

Result<std::optional<Position>> no_event(std::string_view, Sequence) {
  return std::optional<Position>();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  InputDisk disk = disk_of(text_of(data, size), snapshots_path, written(), tables, sign);
  const auto before = copy_of(*disk.fs);
  std::vector<Row> rows;
  if (auto database = sqlite::Database::open(*before, snapshots_path, {.exclusive = true})) {
    read_rows(*database, all_rows, rows);
    // Behind damage in the table the index may still lead to others.
    for (const char* context : {"order-0", "order-1", "order-2", "order-3"})
      read_rows(*database, format("{} WHERE context_id=CAST('{}' AS BLOB)", all_rows, context), rows);
  }
  SnapshotFile file(*disk.fs, snapshots_path, databases_seed);
  for (const std::string context : {"order-0", "order-1", "order-2", "order-3"}) {
    for (const std::string tag : {"v1", "v2"}) {
      const auto read = file.read(context, tag);
      require(read.ok(), "a damaged snapshot is none, and no error");
      check_read(*read, context, tag, rows);
    }
  }
  for (int i = 0; i < 3; ++i) {
    const auto what = disk.rest.take<std::uint8_t>();
    const std::string context = format("order-{}", what % 6);
    if (what % 7 == 0) {
      require(file.remove(context).ok(), "a snapshot is removed");
      const auto gone = file.read(context, "v1");
      require(gone.ok() && (!*gone || !disk.whole), "a removed snapshot is gone");
      continue;
    }
    Row row{context, "v1", std::string(what * 60U, 'n'), 1'000U + what, 2'000U + what};
    row.state_hash = hash64(row.state, databases_seed);
    row.checksum = row.right();
    require(file.write(context, row.tag, row.sequence, row.position, row.state, no_event).ok(), "a snapshot is taken");
    rows.push_back(row);
    file.close();
    const auto read = file.read(context, row.tag);
    require(read.ok() && (!disk.whole || (*read && row.is(**read))), "a snapshot is read as it was taken");
    check_read(*read, context, row.tag, rows);
  }
  return 0;
}
