#include "trust/fuzz/databases.hpp"

#include "engine/consumers/consumer_store.hpp"
#include "engine/snapshots/snapshot_file.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>

namespace weir::fuzz {

namespace {

constexpr std::size_t page_bytes = 4'096;
constexpr std::size_t file_header_bytes = 100;

/// What keeps values of other types out of a schema, and comments of the same length that do not.
constexpr std::array<std::pair<std::string_view, std::string_view>, 3> strictness = {
    {{"STRICT, ", "/*0000*/"}, {"STRICT", "/*00*/"}, {"NOT NULL", "/*1111*/"}}};

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

void bind_value(sqlite::Statement& statement, int parameter, segments::ByteSource& input) {
  using Limits = std::numeric_limits<std::int64_t>;
  const auto what = input.take<std::uint8_t>();
  switch (what % 12) {
  case 0: statement.bind_null(parameter); break;
  case 1: statement.bind(parameter, std::int64_t{-1}); break;
  case 2: statement.bind(parameter, Limits::min()); break;
  case 3: statement.bind(parameter, Limits::max()); break;
  case 4: statement.bind(parameter, (std::int64_t{1} << 32U) + what / 12); break;
  case 5: statement.bind(parameter, std::string_view("seven")); break;
  case 6: statement.bind(parameter, 1.5e300); break;
  case 7: statement.bind(parameter, segments::as_bytes({"\0group\xFF", 7})); break;
  case 8: statement.bind(parameter, segments::as_bytes(std::string(what * 40U, 'x'))); break;
  case 9: statement.bind_u64(parameter, input.take<std::uint64_t>()); break;
  default: statement.bind(parameter, std::int64_t{what / 12});
  }
}

/// One statement; what the database refuses is not there.
void change_row(sqlite::Database& database, const TableToChange& table, segments::ByteSource& input) {
  const auto kind = input.take<std::uint8_t>() % 5;
  const std::size_t column = input.take<std::uint8_t>() % table.columns.size();
  const std::string row = format("({0}) IN (SELECT {0} FROM {1} LIMIT 1 OFFSET ?2)", table.key, table.name);
  std::string sql;
  if (kind == 0) {
    sql = format("DELETE FROM {} WHERE {} AND ?1 IS ?1", table.name, row);
  } else if (kind == 1) { // the row again, but for one value
    std::string names, values;
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
      names += format("{}{}", i == 0 ? "" : ",", table.columns[i]);
      values += format("{}{}", i == 0 ? "" : ",", i == column ? "?1" : table.columns[i]);
    }
    sql = format("INSERT INTO {0}({1}) SELECT {2} FROM {0} WHERE {3}", table.name, names, values, row);
  } else {
    sql = format("UPDATE {} SET {}=?1 WHERE {}", table.name, table.columns[column], row);
  }
  auto statement = database.prepare(sql);
  require(statement.ok(), "a change is SQL");
  statement->bind(2, std::int64_t{input.take<std::uint8_t>() % 8});
  bind_value(*statement, 1, input);
  static_cast<void>(statement->run().ok());
}

std::string with_changed_rows(std::string file, std::span<const TableToChange> tables, std::size_t changes,
                              segments::ByteSource& input, const Sign& sign) {
  const bool signs = input.take<std::uint8_t>() % 4 != 0;
  const std::string path = "changed.db";
  for (const auto& [strict, lax] : strictness)
    replace_all(file, strict, lax);
  io::MemoryFileSystem fs;
  write_file(fs, path, file);
  {
    auto database = sqlite::Database::open(fs, path, {.exclusive = true});
    require(database.ok(), "a database of ours is opened");
    for (; changes != 0; --changes)
      change_row(*database, tables[input.take<std::uint8_t>() % tables.size()], input);
    if (signs)
      sign(*database);
  }
  file = read_file(fs, path);
  for (const auto& [strict, lax] : strictness)
    replace_all(file, lax, strict);
  return file;
}

/// One byte: of the file's header, of a page's header and cell pointers, of its cells, or anywhere.
void change_byte(std::string& file, segments::ByteSource& input) {
  const std::size_t pages = file.size() / page_bytes;
  const std::size_t page = input.take<std::uint8_t>() % pages * page_bytes;
  const std::size_t header = page + (page == 0 ? file_header_bytes : 0);
  const auto kind = input.take<std::uint8_t>() % 8;
  const std::size_t index = input.take<std::uint16_t>();
  std::size_t first = header, bytes = 40;
  if (kind >= 4) {
    const auto high = static_cast<unsigned char>(file[header + 5]), low = static_cast<unsigned char>(file[header + 6]);
    const std::size_t content = std::min<std::size_t>((std::size_t{high} << 8U) | low, page_bytes - 1);
    first = page + content;
    bytes = page_bytes - content;
  } else if (kind == 0) {
    first = 0;
    bytes = file_header_bytes;
  } else if (kind == 1) {
    first = page;
    bytes = page_bytes;
  }
  char& byte = file[first + index % bytes];
  byte = static_cast<char>(byte ^ input.take<std::uint8_t>());
}

} // namespace

void write_consumers(io::FileSystem& fs) {
  const auto describe = [](Position position, ParkedEvent& event) {
    event.context_id = format("order-{}", position % 3);
    event.sequence = position * 2;
    event.event_type = "placed";
    event.parked_at = Timestamp(std::chrono::microseconds(1'700'000'000'000'000));
  };
  ConsumerStore store(fs, consumers_path, databases_seed);
  auto group = store.create("group", ConsumerKind::group, 3);
  require(group.ok() && store.create("single", ConsumerKind::single, 70'000).ok(), "consumers are made");
  GroupChanges changes;
  for (const Position position : {3, 4, 6, 9, 12})
    changes.delivered.push_back({position, 1 + static_cast<std::uint32_t>(position % 2)});
  changes.done = {4, 9, 300};
  changes.parked.push_back({5, 3, "no such order", false});
  changes.parked.push_back({8, 5, "", false});
  auto other = store.create("other group", ConsumerKind::group, 1);
  GroupChanges parked;
  parked.parked.push_back({1, 1, std::string(5'000, 'r'), false}); // longer than a page
  require(store.apply(*group, changes, describe).ok() && other.ok() && store.apply(*other, parked, describe).ok() &&
              store.want_parked(*group, "order-2").ok(),
          "groups are at work");
}

void write_snapshots(io::FileSystem& fs) {
  SnapshotFile file(fs, snapshots_path, databases_seed);
  const auto position_of = [](std::string_view, Sequence) -> Result<std::optional<Position>> {
    return std::optional<Position>();
  };
  for (std::uint64_t i = 0; i < 4; ++i)
    require(file.write(format("order-{}", i), i == 3 ? "v2" : "v1", i + 1, 100 * i + 7,
                       std::string(i == 2 ? 9'000 : 30 * i, static_cast<char>('a' + i)), position_of)
                .ok(),
            "a snapshot is saved");
}

InputDisk disk_of(std::string_view input, const std::string& path, const std::string& written,
                  std::span<const TableToChange> tables, const Sign& sign) {
  InputDisk disk{std::make_unique<io::MemoryFileSystem>()};
  if (input.empty())
    return disk;
  if (input[0] % 2 == 0) {
    const std::vector<std::string> files = unpack(input.substr(1));
    if (!files.empty())
      write_file(*disk.fs, path, files[0]);
    if (files.size() > 1)
      write_file(*disk.fs, path + "-wal", files[1]);
  } else {
    disk.rest = segments::ByteSource(input.substr(1));
    std::string file = written;
    if (const std::size_t changes = disk.rest.take<std::uint8_t>() % 8; changes != 0)
      file = with_changed_rows(std::move(file), tables, changes, disk.rest, sign);
    std::size_t changes = disk.rest.take<std::uint8_t>() % 8;
    for (disk.whole = changes == 0; changes != 0; --changes)
      change_byte(file, disk.rest);
    write_file(*disk.fs, path, file);
  }
  return disk;
}

std::unique_ptr<io::MemoryFileSystem> copy_of(const io::MemoryFileSystem& fs) {
  return fs.crash_image(io::CrashPolicy::keep_everything());
}

std::string blob_text(const sqlite::Statement& row, int column) {
  const auto blob = row.blob(column);
  return {reinterpret_cast<const char*>(blob.data()), blob.size()};
}

} // namespace weir::fuzz
