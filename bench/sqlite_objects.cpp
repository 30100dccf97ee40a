// Objects in a table of SQLite, as a service would do it by hand: a column for what is searched, JSON for all else,
// prepared statements, one connection; WAL and synchronous=FULL.
#include "bench/objects.hpp"
#include "bench/sqlite_support.hpp"

#include "engine/text.hpp"

#include <optional>
#include <stdexcept>
#include <utility>

namespace weir::bench {
namespace {

class Table {
public:
  explicit Table(const std::string& directory)
      : connection_(directory + "/objects.db", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE),
        prepared_(prepare(connection_)), begin_(connection_.get(), "BEGIN IMMEDIATE"),
        commit_(connection_.get(), "COMMIT"),
        put_(connection_.get(), "INSERT OR REPLACE INTO objects(id, \"group\", name, json) VALUES(?1, ?2, ?3, ?4)"),
        get_(connection_.get(), "SELECT json FROM objects WHERE id = ?1"),
        page_(connection_.get(), "SELECT id, name, json FROM objects WHERE \"group\" = ?1 ORDER BY name, id LIMIT ?2"),
        total_(connection_.get(), "SELECT count(*) FROM objects WHERE \"group\" = ?1") {}

  void begin() { begin_.run(); }
  void commit() { commit_.run(); }
  void put(const Object& object) {
    const std::string json = format(R"({{"number":{},"note":"{}"}})", object.number, object.note);
    put_.bind(1, object.id);
    put_.bind(2, object.group);
    put_.bind_text(3, object.name);
    put_.bind_text(4, json);
    put_.run();
  }

  std::int64_t get(std::uint64_t id) {
    get_.bind(1, static_cast<std::int64_t>(id));
    const std::int64_t number = get_.step() ? number_of(get_.bytes(0)) : 0;
    get_.reset();
    return number;
  }
  ReadObjects::Page search(std::uint64_t group) {
    ReadObjects::Page page;
    page_.bind(1, static_cast<std::int64_t>(group));
    page_.bind(2, static_cast<std::int64_t>(page_rows + 1)); // one more says that there is another page
    std::int64_t last = 0;
    while (page_.step()) {
      page.more = page.rows == page_rows;
      if (page.more)
        continue;
      ++page.rows;
      last = page_.integer(0) + number_of(page_.bytes(2));
    }
    page_.reset();
    if (last == 0)
      throw std::runtime_error("sqlite: a search found nothing");
    total_.bind(1, static_cast<std::int64_t>(group));
    total_.step();
    page.total = static_cast<std::uint64_t>(total_.integer(0));
    total_.reset();
    return page;
  }
  Tally tally() {
    SqliteStatement all(connection_.get(), "SELECT id, json FROM objects");
    Tally tally;
    while (all.step())
      add_object(tally, all.integer(0), number_of(all.bytes(1)));
    return tally;
  }

private:
  static bool prepare(SqliteConnection& connection) {
    connection.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -65536;");
    connection.execute("CREATE TABLE IF NOT EXISTS objects(id INTEGER PRIMARY KEY, \"group\" INTEGER, name TEXT, json "
                       "TEXT); CREATE INDEX IF NOT EXISTS objects_group ON objects(\"group\");");
    return true;
  }

  static std::int64_t number_of(std::string_view json) {
    const auto at = json.find(':');
    return at == json.npos ? 0 : std::stoll(std::string(json.substr(at + 1, 20)));
  }

  SqliteConnection connection_;
  bool prepared_; // Settings and schema come before the statements.
  SqliteStatement begin_, commit_, put_, get_, page_, total_;
};

class Written final : public WrittenObjects {
public:
  void open(const std::string& directory) override { table_.emplace(directory); }
  void write(std::uint64_t id, std::uint64_t number) override {
    table_->begin();
    table_->put(make_object(id, number));
    table_->commit();
  }
  void write_stream(const std::function<bool(ObjectWrite&)>& next, std::size_t in_flight) override {
    std::vector<std::function<void()>> written;
    ObjectWrite write;
    for (bool more = next(write); more;) {
      table_->begin();
      for (written.clear(); more && written.size() < in_flight; more = next(write)) {
        table_->put(make_object(write.id, write.number));
        written.push_back(std::move(write.written));
      }
      table_->commit();
      for (const auto& done : written)
        done();
    }
  }
  Tally tally() override { return table_->tally(); }

private:
  std::optional<Table> table_;
};

class Read final : public ReadObjects {
public:
  void fill(const std::string& directory) override {
    Table table(directory);
    table.begin();
    for (std::uint64_t id = 1; id <= object_count; ++id)
      table.put(make_object(id, id));
    table.commit();
  }
  void open(const std::string& directory) override { table_.emplace(directory); }
  std::int64_t get(std::uint64_t id) override { return table_->get(id); }
  Page search(std::uint64_t group) override { return table_->search(group); }

private:
  std::optional<Table> table_;
};

} // namespace

std::unique_ptr<WrittenObjects> sqlite_written_objects() {
  return std::make_unique<Written>();
}
std::unique_ptr<ReadObjects> sqlite_read_objects() {
  return std::make_unique<Read>();
}

} // namespace weir::bench
