#include "engine/sqlite/connection_pool.hpp"

#include "engine/check.hpp"
#include "engine/io/file_system.hpp"
#include "engine/sabotage.hpp"
#include "engine/sqlite/copy.hpp"
#include "engine/text.hpp"

#include <algorithm>
#include <filesystem>
#include <utility>

namespace weir::sqlite {

namespace {

constexpr std::chrono::milliseconds pause_max{64};
constexpr std::int64_t incremental = 2; // what PRAGMA auto_vacuum says of it
constexpr std::int64_t free_steps_min = 20;

bool has_native_path(const PoolOptions& options) {
  return options.fs == nullptr || options.fs->native_path(options.file).has_value();
}

} // namespace

ConnectionPool::ConnectionPool(PoolOptions options)
    : options_(std::move(options)), shared_(in_memory() || !has_native_path(options_)),
      random_(io::make_system_random()), readers_(options_.readers_max) {
}

ConnectionPool::~ConnectionPool() {
  close();
}

// --- opening and closing ---

Result<std::uint64_t> ConnectionPool::open() {
  immutable_ = options_.unchanging;
  std::chrono::milliseconds waited{0};
  for (int attempt = 0;; ++attempt) {
    // SQLite does not ask whether to wait where two that wait would wait for each other: two that both make a new
    // file's journal.
    auto owner = connect(true);
    if (owner) {
      const std::lock_guard lock(mutex_);
      owner_ = std::move(*owner);
      open_ = true;
      vacuumed_at_ = std::chrono::steady_clock::now();
      lost_.reset();
      return ++openings_;
    }
    if (owner.code() != Errc::locked || !wait_busy(attempt, waited))
      return std::move(owner).error();
  }
}

void ConnectionPool::close() {
  std::vector<std::unique_ptr<Connection>> readers;
  {
    std::unique_lock lock(mutex_);
    open_ = false; // from now on nobody gets a connection
    WEIR_CHECK(uses_.find(std::this_thread::get_id()) == uses_.end());
    unused_.wait(lock, [this] { return uses_.empty(); });
    readers = std::move(readers_idle_);
    readers_idle_.clear();
  }
  readers.clear();
  if (is_left_open()) // it was left open since its owner was asked to commit it
    lose_left_open(fail(Errc::io_error, "the last transaction was not committed before the database was closed"));
  std::unique_ptr<Connection> owner = std::move(owner_);
  impatient_ = true; // what another process is at can be left to it
  if (owner && !options_.read_only)
    // What it costs is bounded by the limit; what it fails to learn it learns the next time.
    (void)owner->database().execute("PRAGMA analysis_limit=400; PRAGMA optimize").ok();
  owner.reset();
  impatient_ = false;
}

Result<std::unique_ptr<Connection>> ConnectionPool::connect(bool owner) {
  auto database = open_database(owner);
  const Status configured = database ? configure(*database, owner) : Status(database.error());
  if (configured)
    return std::make_unique<Connection>(std::move(*database), options_.statements_max, options_.report);
  // In a directory that may not be written SQLite cannot share a journal's index, and refuses a database whose header
  // speaks of a journal. If there is none, the file alone is the database.
  if (!owner || !options_.read_only || immutable_ || configured.code() != Errc::io_error || journal_has_content())
    return configured.error();
  immutable_ = true;
  return connect(true);
}

bool ConnectionPool::journal_has_content() const {
  if (options_.fs == nullptr) {
    std::error_code missing;
    const auto bytes = std::filesystem::file_size(options_.file + "-wal", missing);
    return !missing && bytes > 0;
  }
  const auto journal = options_.fs->stat(options_.file + "-wal");
  return journal && journal->size_bytes > 0;
}

Result<Database> ConnectionPool::open_database(bool owner) {
  OpenOptions how;
  how.trust_schema = true; // models index JSON expressions
  if (in_memory())
    return Database::open_in_memory(how);
  how.create = owner && !options_.read_only;
  how.exclusive = shared_;
  how.read_only = options_.read_only;
  how.immutable = immutable_;
  how.busy = [this, owner, waited = std::chrono::milliseconds(0)](int asked_before) mutable {
    return !(owner && impatient_) && wait_busy(asked_before, waited);
  };
  return options_.fs != nullptr ? Database::open(*options_.fs, options_.file, how) : Database::open(options_.file, how);
}

Status ConnectionPool::configure(Database& database, bool owner) {
  const bool writes = owner && !options_.read_only;
  if (shared_ && !in_memory()) // a simulated disk has no temporary files
    WEIR_TRY(database.execute("PRAGMA temp_store=MEMORY"));
  if (writes)
    WEIR_TRY(configure_for_writing(database));
  else {
    database.checkpoint_on_close(false);
    WEIR_TRY(database.execute("PRAGMA query_only=ON; PRAGMA wal_autocheckpoint=0"));
  }
  if (options_.reverse_unordered)
    WEIR_TRY(database.execute("PRAGMA reverse_unordered_selects=ON"));
  auto objects = database.query_integer("SELECT count(*) FROM sqlite_schema"); // what is no database is found here
  return objects ? Status() : Status(std::move(objects).error());
}

Status ConnectionPool::configure_for_writing(Database& database) {
  WEIR_TRY(database.execute("PRAGMA cache_size=-16384")); // KiB: transactions touch pages all over an index
  if (!options_.synced)
    WEIR_TRY(database.execute("PRAGMA synchronous=NORMAL"));
  if (options_.auto_vacuum) // before the file has its first page
    WEIR_TRY(database.execute("PRAGMA auto_vacuum=INCREMENTAL"));
  if (!in_memory())
    WEIR_TRY(database.use_wal());
  if (options_.auto_vacuum) {
    const auto mode = database.query_integer("PRAGMA auto_vacuum");
    if (!mode)
      return mode.error();
    if (*mode != incremental)
      WEIR_TRY(database.execute("PRAGMA auto_vacuum=INCREMENTAL; VACUUM"));
  }
  // Where a commit does not wait for the disk a checkpoint still does; with a longer journal it is made less often, and
  // writes a page once that changed many times.
  WEIR_TRY(database.execute(options_.synced ? "PRAGMA journal_size_limit=4194304"
                                            : "PRAGMA wal_autocheckpoint=4000; PRAGMA journal_size_limit=33554432"));
  return database.execute("PRAGMA foreign_keys=ON; PRAGMA recursive_triggers=ON");
}

bool ConnectionPool::wait_busy(int asked_before, std::chrono::milliseconds& waited) {
  if (asked_before == 0)
    waited = {};
  if (waited >= options_.busy_timeout_ms * attempts_max)
    return false;
  // Longer each time, and never in step with others who wait for the same lock.
  const auto longest = std::min(pause_max, std::chrono::milliseconds(std::int64_t{1} << std::min(asked_before, 6)));
  std::chrono::milliseconds pause{1};
  {
    const std::lock_guard lock(random_mutex_);
    pause += std::chrono::milliseconds(random_->next() % static_cast<std::uint64_t>(longest.count()));
  }
  waited += pause;
  if (options_.wait)
    options_.wait(pause);
  else
    std::this_thread::sleep_for(pause);
  return true;
}

// --- leases ---

bool ConnectionPool::in_use_here() const {
  const std::lock_guard lock(mutex_);
  return uses_.find(std::this_thread::get_id()) != uses_.end();
}

ConnectionPool::Use* ConnectionPool::enter(std::uint64_t opening) {
  const std::lock_guard lock(mutex_);
  const auto self = std::this_thread::get_id();
  if (const auto found = uses_.find(self); found != uses_.end())
    return &found->second; // inside a use of its own, which close() waits for
  return open_ && opening == openings_ ? &uses_[self] : nullptr;
}

void ConnectionPool::leave() {
  const std::lock_guard lock(mutex_);
  const auto found = uses_.find(std::this_thread::get_id());
  if (found->second.owner > 0 || found->second.reader > 0)
    return;
  uses_.erase(found);
  if (uses_.empty())
    unused_.notify_all();
}

Result<Lease> ConnectionPool::own(std::uint64_t opening, Takes takes) {
  Use* const use = enter(opening);
  if (use == nullptr)
    return fail(Errc::closing, "the database is closed");
  const bool first = use->owner == 0;
  if (first)
    turn_.acquire();
  ++use->owner;
  Lease lease(*this, *owner_, Lease::Kind::owner);
  if (first && lost_)
    return *lost_;
  if (first && takes == Takes::turn && is_left_open())
    WEIR_TRY(commit_left_open());
  return lease;
}

std::optional<Lease> ConnectionPool::hold_left_open(std::uint64_t opening) {
  if (!is_left_open())
    return std::nullopt;
  Use* const use = enter(opening);
  if (use == nullptr)
    return std::nullopt;
  if (use->owner > 0 || !turn_.try_acquire()) {
    leave();
    return std::nullopt;
  }
  ++use->owner;
  Lease lease(*this, *owner_, Lease::Kind::owner);
  return is_left_open() ? std::optional(std::move(lease)) : std::nullopt; // committed while the turn was taken
}

Result<Lease> ConnectionPool::read(std::uint64_t opening) {
  WEIR_TRY(settle(opening));
  Use* const use = enter(opening);
  if (use == nullptr)
    return fail(Errc::closing, "the database is closed");
  if (shared_ || use->owner > 0)
    return own(opening);
  if (use->reader == 0) {
    readers_.acquire();
    auto taken = take_reader();
    if (!taken) {
      readers_.release();
      leave();
      return std::move(taken).error();
    }
    use->reading = *taken;
  }
  ++use->reader;
  return Lease(*this, *use->reading, Lease::Kind::reader);
}

Result<Connection*> ConnectionPool::take_reader() {
  {
    const std::lock_guard lock(mutex_);
    if (!readers_idle_.empty()) {
      readers_busy_.push_back(std::move(readers_idle_.back()));
      readers_idle_.pop_back();
      return readers_busy_.back().get();
    }
  }
  auto made = connect(false);
  if (!made)
    return std::move(made).error();
  const std::lock_guard lock(mutex_);
  readers_busy_.push_back(std::move(*made));
  return readers_busy_.back().get();
}

void ConnectionPool::give_back(Connection& connection, Lease::Kind kind) {
  Use* const use = enter(0);
  if (kind == Lease::Kind::owner) {
    if (use->owner == 1) {
      if (!is_left_open() && connection.database().in_transaction())
        (void)connection.database().execute("ROLLBACK").ok(); // left behind; the next one must not find it
      if (!is_left_open())
        vacuum_now_and_then();
    }
    if (--use->owner == 0)
      turn_.release();
  } else if (--use->reader == 0) {
    use->reading = nullptr;
    {
      const std::lock_guard lock(mutex_);
      const auto found = std::find_if(readers_busy_.begin(), readers_busy_.end(),
                                      [&](const auto& busy) { return busy.get() == &connection; });
      readers_idle_.push_back(std::move(*found));
      readers_busy_.erase(found);
    }
    readers_.release();
  }
  leave();
}

// --- a transaction that is left open ---

/// In this order: what is lost is known before it is no longer open.
Status ConnectionPool::settle(std::uint64_t opening) {
  if ((!is_left_open() && !is_behind()) || sabotaged(Sabotage::read_past_left_open))
    return {};
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = uses_.find(std::this_thread::get_id()); found != uses_.end() && found->second.owner > 0)
      return {}; // in the middle of it
  }
  if (is_left_open())
    if (const auto turn = own(opening); !turn) // whoever takes it commits
      return turn.error();
  const std::lock_guard lock(mutex_);
  return why_behind_ ? Status(*why_behind_) : Status();
}

void ConnectionPool::leave_open(std::function<Status()> before_commit) {
  WEIR_CHECK(owner_->database().in_transaction());
  before_commit_ = std::move(before_commit);
  left_open_.store(true, std::memory_order_release);
}

Status ConnectionPool::commit_left_open() {
  Status done = before_commit_();
  if (done)
    done = owner_->database().execute("COMMIT");
  if (!done) {
    lose_left_open(done.error());
    return done;
  }
  before_commit_ = {};
  left_open_.store(false, std::memory_order_release);
  return done;
}

void ConnectionPool::lose_left_open(const Error& why) {
  if (owner_->database().in_transaction())
    (void)owner_->database().execute("ROLLBACK").ok(); // closing the connection does the same
  lost_ = why;
  if (!sabotaged(Sabotage::forget_lost_changes)) {
    const std::lock_guard lock(mutex_);
    why_behind_ = why;
    behind_.store(true, std::memory_order_release);
  }
  before_commit_ = {};
  left_open_.store(false, std::memory_order_release);
}

void ConnectionPool::caught_up() {
  const std::lock_guard lock(mutex_);
  behind_.store(false, std::memory_order_release);
  why_behind_.reset();
}

bool ConnectionPool::in_own_transaction() const {
  {
    const std::lock_guard lock(mutex_);
    const auto found = uses_.find(std::this_thread::get_id());
    if (found == uses_.end() || found->second.owner == 0)
      return false;
  }
  return owner_->database().in_transaction(); // this thread has the turn
}

Status ConnectionPool::replace_with(ConnectionPool& other) {
  owner_->forget_statements();
  WEIR_TRY(Copy::replace(other.owner_->database(), owner_->database()));
  if (!in_memory()) {
    impatient_ = true; // readers of the old content may be in the way; then a later one does it
    (void)owner_->database().checkpoint().ok();
    impatient_ = false;
  }
  return {};
}

Result<bool> ConnectionPool::vacuum_step() {
  Database& database = owner_->database();
  const auto mode = database.query_integer("PRAGMA auto_vacuum");
  if (!mode)
    return mode.error();
  const auto free = database.query_integer("PRAGMA freelist_count");
  if (!free)
    return free.error();
  if (*mode != incremental || *free < free_steps_min * static_cast<std::int64_t>(options_.vacuum_pages))
    return false;
  WEIR_TRY(database.execute(format("PRAGMA incremental_vacuum({})", options_.vacuum_pages)));
  return true;
}

void ConnectionPool::vacuum_now_and_then() {
  if (!options_.auto_vacuum || options_.read_only)
    return;
  const auto now = std::chrono::steady_clock::now();
  if (now - vacuumed_at_ < options_.vacuum_interval_ms)
    return;
  vacuumed_at_ = now;
  (void)vacuum_step().ok(); // the pages are given back another time
}

// --- what leases do ---

Lease::Lease(Lease&& other) noexcept
    : pool_(std::exchange(other.pool_, nullptr)), connection_(other.connection_), kind_(other.kind_) {
}

Lease::~Lease() {
  if (pool_ != nullptr)
    pool_->give_back(*connection_, kind_);
}

Result<CachedStatement> Lease::prepare(std::string_view sql, SqlFrom from) {
  return connection_->prepare(sql, from);
}

Status Lease::execute(std::string_view sql, SqlFrom from) {
  return connection_->execute(sql, from);
}

std::int64_t Lease::changes() const {
  return connection_->database().changes();
}

std::int64_t Lease::last_insert_rowid() const {
  return connection_->database().last_insert_rowid();
}

std::int64_t Lease::total_changes() const {
  return connection_->database().total_changes();
}

void Lease::forget_last_insert() {
  connection_->database().forget_last_insert();
}

bool Lease::in_transaction() const {
  return connection_->database().in_transaction();
}

} // namespace weir::sqlite
