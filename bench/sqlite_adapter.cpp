// SQLite as an event store, in the three layouts that have a claim to be the best.
//
// One writer connection under group commit, prepared statements, readers with a connection each; contexts and types
// are numbers, their names are stored once.
#include "bench/adapter.hpp"
#include "bench/group_commit.hpp"
#include "bench/peer_support.hpp"
#include "bench/sqlite_queries.hpp"
#include "bench/sqlite_support.hpp"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace weir::bench {
namespace {

struct Layout {
  const char* name;
  const char* schema;
  std::uint64_t autocheckpoint_pages;
};

constexpr const char* rowid_schema =
    "CREATE TABLE IF NOT EXISTS events(position INTEGER PRIMARY KEY, context INTEGER NOT NULL, sequence INTEGER NOT "
    "NULL, type INTEGER NOT NULL, timestamp INTEGER NOT NULL, recorded_at INTEGER NOT NULL, payload BLOB NOT NULL);"
    "CREATE UNIQUE INDEX IF NOT EXISTS events_by_context ON events(context, sequence);";

constexpr const char* clustered_schema =
    "CREATE TABLE IF NOT EXISTS events(context INTEGER NOT NULL, sequence INTEGER NOT NULL, type INTEGER NOT NULL, "
    "timestamp INTEGER NOT NULL, recorded_at INTEGER NOT NULL, payload BLOB NOT NULL, PRIMARY KEY(context, sequence)) "
    "WITHOUT ROWID;";

constexpr const char* names_schema =
    "CREATE TABLE IF NOT EXISTS contexts(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"
    "CREATE TABLE IF NOT EXISTS types(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);";

constexpr Layout rowid{"sqlite-rowid", rowid_schema, 1'000};
constexpr Layout without_rowid{"sqlite-without-rowid", clustered_schema, 1'000};
constexpr Layout rowid_large_wal{"sqlite-rowid-largewal", rowid_schema, 65'536};

constexpr std::uint64_t page_bytes = 4'096;
constexpr std::size_t buffered_rows_per_transaction = 16'384;

using Statement = SqliteStatement;
using Connection = SqliteConnection;

/// A connection that only reads, with what a replay needs.
class Reader {
public:
  explicit Reader(const std::string& path)
      : connection_(path, SQLITE_OPEN_READWRITE), tuned_(tune(connection_)),
        types_(connection_.get(), "SELECT id, name FROM types"),
        replay_(connection_.get(), "SELECT type, timestamp, payload FROM events WHERE context = (SELECT id FROM "
                                   "contexts WHERE name = ?1) ORDER BY sequence") {}

  void replay(std::string_view context_id, const Visit& visit) {
    replay_.bind_text(1, context_id);
    while (replay_.step())
      visit(Row{context_id, type_name(replay_.integer(0)), replay_.bytes(2), replay_.integer(1)});
    replay_.reset();
  }

  void scan(const Visit& visit) {
    std::vector<std::string> contexts;
    Statement names(connection_.get(), "SELECT id, name FROM contexts");
    while (names.step()) {
      contexts.resize(std::max(contexts.size(), static_cast<std::size_t>(names.integer(0)) + 1));
      contexts[static_cast<std::size_t>(names.integer(0))] = names.bytes(1);
    }
    Statement events(connection_.get(), "SELECT context, type, timestamp, payload, sequence, position, recorded_at "
                                        "FROM events ORDER BY position");
    while (events.step())
      visit(Row{contexts.at(static_cast<std::size_t>(events.integer(0))), type_name(events.integer(1)), events.bytes(3),
                events.integer(2)});
  }

  Tally tally() {
    // The order of the tables is given: events as they lie, each with a look at its names.
    Statement events(connection_.get(), "SELECT c.name, e.type, e.timestamp, e.payload FROM events e CROSS JOIN "
                                        "contexts c ON c.id = e.context");
    Tally tally;
    while (events.step())
      tally.add(Row{events.bytes(0), type_name(events.integer(1)), events.bytes(3), events.integer(2)});
    return tally;
  }

private:
  static bool tune(Connection& connection) {
    connection.execute("PRAGMA mmap_size = 8589934592; PRAGMA cache_size = -16384; PRAGMA query_only = ON;");
    return true;
  }

  const std::string& type_name(std::int64_t number) {
    auto found = type_names_.find(number);
    if (found == type_names_.end()) { // Not read yet, or added since.
      while (types_.step())
        type_names_.emplace(types_.integer(0), types_.bytes(1));
      types_.reset();
      found = type_names_.find(number);
      if (found == type_names_.end())
        throw std::runtime_error("sqlite: an event has an unknown type");
    }
    return found->second;
  }

  Connection connection_;
  bool tuned_; // Settings come before the statements.
  Statement types_, replay_;
  std::unordered_map<std::int64_t, std::string> type_names_;
};

/// The one connection that writes.
class Writer {
public:
  Writer(const std::string& path, const Layout& layout, const Settings& settings)
      : is_new_(!std::filesystem::exists(path)), connection_(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE),
        prepared_(prepare(layout, settings)), begin_(connection_.get(), "BEGIN IMMEDIATE"),
        commit_(connection_.get(), "COMMIT"),
        find_context_(connection_.get(), "SELECT id FROM contexts WHERE name = ?1"),
        add_context_(connection_.get(), "INSERT INTO contexts(name) VALUES(?1)"),
        last_sequence_(connection_.get(), "SELECT max(sequence) FROM events WHERE context = ?1"),
        add_type_(connection_.get(), "INSERT INTO types(name) VALUES(?1)"),
        add_event_(connection_.get(), "INSERT INTO events(context, sequence, type, timestamp, recorded_at, payload) "
                                      "VALUES(?1, ?2, ?3, ?4, ?5, ?6)") {
    Statement types(connection_.get(), "SELECT id, name FROM types");
    while (types.step())
      types_.emplace(types.bytes(1), types.integer(0));
  }

  void begin() {
    begin_.run();
    recorded_at_us_ = wall_clock_us();
  }
  void put(const Row& row) {
    ContextEntry& context = contexts_.find(row.context_id, [this](std::string_view id) { return load(id); });
    add_event_.bind(1, static_cast<std::int64_t>(context.number));
    add_event_.bind(2, static_cast<std::int64_t>(++context.last_sequence));
    add_event_.bind(3, type_number(row.event_type));
    add_event_.bind(4, row.timestamp_us);
    add_event_.bind(5, recorded_at_us_);
    add_event_.bind_blob(6, row.payload);
    add_event_.run();
  }
  void commit() { commit_.run(); }

  /// What makes it fast is built by the first call, and there only as long as the store is open: ingest is measured
  /// without it. See SqliteQueries.
  Answer ask(const Question& question) {
    if (!queries_)
      queries_.emplace(connection_, indexes_);
    return queries_->ask(question);
  }

  void index_by_field() {
    forget_queries();
    indexes_ = SqliteQueries::Indexes::by_field;
  }

  void forget_queries() {
    if (!queries_)
      return;
    queries_.reset();
    connection_.execute(SqliteQueries::drop);
  }

  void checkpoint() { connection_.execute("PRAGMA wal_checkpoint(TRUNCATE)"); }

private:
  bool prepare(const Layout& layout, const Settings& settings) {
    connection_.execute("PRAGMA journal_mode = WAL; PRAGMA cache_size = -65536; PRAGMA temp_store = MEMORY;");
    connection_.execute(settings.durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = OFF");
    if (is_new_)
      lay_out_log(std::min(layout.autocheckpoint_pages * page_bytes, settings.expected_bytes * 16));
    connection_.execute("PRAGMA wal_autocheckpoint = " + std::to_string(layout.autocheckpoint_pages));
    connection_.execute(std::string("BEGIN;") + layout.schema + names_schema + "COMMIT;");
    return true;
  }

  /// Makes the log as long as it is going to be. SQLite keeps it that long and writes over it, and a sync of blocks
  /// that exist is far cheaper than one of a file that grows. VACUUM comes before the checkpoint, so that the bytes of
  /// the scratch table never reach the database file.
  void lay_out_log(std::uint64_t bytes) {
    if (bytes == 0)
      return;
    connection_.execute("PRAGMA wal_autocheckpoint = 0; CREATE TABLE scratch(bytes BLOB); INSERT INTO scratch "
                        "VALUES(zeroblob(" +
                        std::to_string(bytes) + ")); DROP TABLE scratch; VACUUM; PRAGMA wal_checkpoint(RESTART);");
  }

  ContextEntry load(std::string_view context_id) {
    ContextEntry entry;
    find_context_.bind_text(1, context_id);
    if (find_context_.step()) {
      entry.number = static_cast<std::uint64_t>(find_context_.integer(0));
      last_sequence_.bind(1, static_cast<std::int64_t>(entry.number));
      last_sequence_.step();
      entry.last_sequence = static_cast<std::uint64_t>(last_sequence_.integer(0));
      last_sequence_.reset();
    } else {
      add_context_.bind_text(1, context_id);
      add_context_.run();
      entry.number = static_cast<std::uint64_t>(sqlite3_last_insert_rowid(connection_.get()));
    }
    find_context_.reset();
    return entry;
  }

  std::int64_t type_number(std::string_view name) {
    if (const auto found = types_.find(name); found != types_.end())
      return found->second;
    add_type_.bind_text(1, name);
    add_type_.run();
    return types_.emplace(name, sqlite3_last_insert_rowid(connection_.get())).first->second;
  }

  const bool is_new_;
  Connection connection_;
  bool prepared_; // Settings and schema come before the statements.
  Statement begin_, commit_, find_context_, add_context_, last_sequence_, add_type_, add_event_;
  SqliteQueries::Indexes indexes_ = SqliteQueries::Indexes::covering;
  std::optional<SqliteQueries> queries_;
  ContextTable contexts_;
  TextMap<std::int64_t> types_;
  std::int64_t recorded_at_us_ = 0;
};

class SqliteAdapter final : public Adapter {
public:
  explicit SqliteAdapter(const Layout& layout)
      : layout_(layout), group_commit_([this](std::span<const Row* const> rows) {
          Transaction transaction(*this);
          for (const Row* row : rows)
            transaction.put(*row);
          transaction.commit();
        }) {
    // Counting allocations takes a lock on each of them. Refused if SQLite is in use already: then it is not to be.
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  }

  void open(const Settings& settings) override {
    path_ = settings.directory + "/events.db";
    durable_ = settings.durable;
    writer_.emplace(path_, layout_, settings);
  }

  void append(const Row& row) override { group_commit_.append(row); }

  void append_stream(const RowSource& source, std::size_t in_flight, const Acknowledge& acknowledge) override {
    const std::size_t rows = durable_ ? in_flight : std::max(in_flight, buffered_rows_per_transaction);
    stream_in_groups(source, rows, durable_, acknowledge, [this] { return Transaction(*this); });
  }

  void flush() override {
    const std::lock_guard lock(writer_mutex_);
    writer_->checkpoint();
  }

  void replay(std::string_view context_id, const Visit& visit) override {
    std::unique_ptr<Reader> reader;
    {
      const std::lock_guard lock(readers_mutex_);
      if (!readers_.empty()) {
        reader = std::move(readers_.back());
        readers_.pop_back();
      }
    }
    if (!reader)
      reader = std::make_unique<Reader>(path_);
    reader->replay(context_id, visit);
    const std::lock_guard lock(readers_mutex_);
    readers_.push_back(std::move(reader));
  }

  [[nodiscard]] bool scans() const override { return layout_.schema == rowid_schema; }

  void scan(const Visit& visit) override { Reader(path_).scan(visit); }

  Tally tally() override { return Reader(path_).tally(); }

  [[nodiscard]] Answer ask(const Question& question) override {
    const std::lock_guard lock(writer_mutex_);
    return writer_->ask(question);
  }

  /// The layout makes no difference to it, so one shows it.
  [[nodiscard]] std::string second_way() const override {
    return layout_.name == std::string_view(rowid.name) ? "sqlite-by-field" : "";
  }
  void take_second_way() override { writer_->index_by_field(); }

  void close() override {
    writer_->forget_queries();
    readers_.clear(); // The last connection checkpoints as it closes.
    writer_.reset();
  }

private:
  class Transaction {
  public:
    explicit Transaction(SqliteAdapter& owner) : lock_(owner.writer_mutex_), writer_(*owner.writer_) {
      writer_.begin();
    }
    void put(const Row& row) { writer_.put(row); }
    void commit() { writer_.commit(); }

  private:
    std::unique_lock<std::mutex> lock_;
    Writer& writer_;
  };

  const Layout layout_;
  std::string path_;
  bool durable_ = true;
  std::mutex writer_mutex_;
  std::optional<Writer> writer_;
  GroupCommit group_commit_;
  std::mutex readers_mutex_;
  std::vector<std::unique_ptr<Reader>> readers_; ///< Idle ones.
};

Peer peer(const Layout& layout) {
  return {layout.name, "WAL, synchronous=FULL, group commit",
          "WAL, synchronous=OFF, transactions of 16,384 rows: events of an unfinished transaction are lost with the "
          "process, and a crash of the machine may damage the database",
          [&layout] { return std::make_unique<SqliteAdapter>(layout); }};
}

} // namespace

std::vector<Peer> sqlite_peers() {
  return {peer(rowid), peer(without_rowid), peer(rowid_large_wal)};
}

} // namespace weir::bench
