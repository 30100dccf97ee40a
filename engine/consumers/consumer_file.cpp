#include "engine/consumers/consumer_file.hpp"

#include "engine/consumers/consumer_rows.hpp"
#include "engine/sqlite/copy.hpp"
#include "engine/sqlite/database_files.hpp"
#include "engine/text.hpp"

#include <iterator>

namespace weir {

using sqlite::Database;
using sqlite::Statement;
using sqlite::Transaction;

Result<bool> ConsumerFile::open(bool create) {
  if (open_)
    return true;
  if (!create) {
    const auto there = fs_.stat(path_);
    if (there.code() == Errc::not_found)
      return false;
    if (!there)
      return there.error();
  }
  WEIR_TRY(sqlite::check_files(fs_, path_));
  auto database = Database::open(fs_, path_, {.create = create, .exclusive = true});
  if (!database)
    return std::move(database).error();
  open_.emplace(Open{std::move(*database), {}});
  WEIR_TRY(identify());
  return true;
}

Status ConsumerFile::identify() {
  Database& database = open_->database;
  database.checkpoint_on_close(false); // until it is known to be ours it keeps its bytes, its journal included
  bool empty = false;
  WEIR_TRY(check_schema(empty));
  if (!database.writable())
    return corrupt("the file may not be written: its header or its mode says so", "header");
  database.checkpoint_on_close(true);
  WEIR_TRY(database.use_wal());
  return empty ? fill() : database.quick_check();
}

Status ConsumerFile::check_schema(bool& empty) {
  Database& database = open_->database;
  const auto id = database.application_id();
  if (!id)
    return id.error();
  const auto version = database.user_version();
  if (!version)
    return version.error();
  std::size_t objects = 0;
  bool ours = true;
  const Status read = for_each(
      "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name", [](Statement&) {},
      [&](const Statement& row) -> Status {
        ours = ours && objects < std::size(consumer_rows::tables) && row.text(0) == consumer_rows::tables[objects].sql;
        ++objects;
        return {};
      });
  if (!read)
    return read;
  empty = *id == 0 && *version == 0 && objects == 0;
  if (empty)
    return {};
  if (*id != application_id)
    return fail(Errc::incompatible, "a database of another program", path_);
  if (*version != format_version)
    return fail(Errc::incompatible, format("unsupported format {}; this program reads {}", *version, format_version),
                path_);
  if (!ours || objects != std::size(consumer_rows::tables))
    return corrupt("the schema is not that of consumers", "sqlite_schema");
  return {};
}

Status ConsumerFile::fill() {
  Database& database = open_->database;
  auto transaction = Transaction::begin(database);
  if (!transaction)
    return std::move(transaction).error();
  for (const auto& table : consumer_rows::tables)
    WEIR_TRY(database.execute(table.sql));
  WEIR_TRY(database.set_application_id(application_id));
  WEIR_TRY(database.set_user_version(format_version));
  WEIR_TRY(transaction->commit());
  return fs_.sync_directory("");
}

Result<bool> ConsumerFile::copy_to(io::FileSystem& to, const std::string& path) {
  const auto there = open(false);
  if (!there || !*there) {
    close();
    return there;
  }
  // Not page by page: it is small, and between two steps the connection might be given up.
  const auto copy = sqlite::Copy::begin(open_->database, to, path);
  return copy ? (*copy)->step(sqlite::Copy::all_pages) : Result<bool>(copy.error());
}

Result<Statement*> ConsumerFile::statement(const char* sql) {
  auto found = open_->statements.find(sql);
  if (found == open_->statements.end()) {
    auto made = open_->database.prepare(sql);
    if (!made)
      return std::move(made).error();
    found = open_->statements.emplace(sql, std::move(*made)).first;
  }
  return &found->second;
}

Error ConsumerFile::corrupt(std::string what, std::string_view record) const {
  return fail(Errc::corruption, std::move(what), format("{}: {}", open_->database.path(), record));
}

} // namespace weir
