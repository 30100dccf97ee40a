#include <weir/model_database.hpp>

#include "engine/check.hpp"
#include "engine/guarded_call.hpp"
#include "engine/io/file_system.hpp"
#include "engine/models/database_state.hpp"
#include "engine/models/model_access.hpp"
#include "engine/text.hpp"

#include <atomic>
#include <utility>

namespace weir {

namespace {

constexpr std::size_t readers_limit = 64;
constexpr std::chrono::hours busy_limit{1};
constexpr std::chrono::hours interval_limit{24 * 365};

std::string numbered(const std::string& name) {
  static std::atomic<std::uint64_t> count{0};
  return format("{}-{}", name.empty() ? "db" : name, ++count);
}

Status check_options(const ModelDatabaseOptions& options) {
  const auto wrong = [](std::string what) {
    return fail(Errc::invalid_argument, "model database: " + std::move(what));
  };
  if (options.file.find('\0') != std::string::npos)
    return wrong("file has a zero byte");
  if (options.file == ":memory:")
    return wrong("file is \":memory:\"; leave it empty for a database in memory");
  if (options.read_only && options.file.empty())
    return wrong("read_only needs a file");
  if (options.unchanging && !options.read_only)
    return wrong("unchanging is for databases that are read_only");
  if (options.readers_max < 1 || options.readers_max > readers_limit)
    return wrong(format("readers_max is {}, not 1 to {}", options.readers_max, readers_limit));
  if (options.busy_timeout_ms.count() < 0 || options.busy_timeout_ms > busy_limit)
    return wrong(format("busy_timeout_ms is {}, not 0 to an hour", options.busy_timeout_ms.count()));
  if (options.statements_max < 1)
    return wrong("statements_max is 0");
  if (options.vacuum_interval_ms.count() < 0 || options.vacuum_interval_ms > interval_limit)
    return wrong(format("vacuum_interval_ms is {}, not 0 to a year", options.vacuum_interval_ms.count()));
  if (options.vacuum_pages < 1 || options.vacuum_pages > INT32_MAX)
    return wrong(format("vacuum_pages is {}, not 1 to {}", options.vacuum_pages, INT32_MAX));
  return {};
}

sqlite::PoolOptions pool_options(const ModelDatabaseOptions& options, io::FileSystem* fs, sqlite::Report report) {
  sqlite::PoolOptions pool;
  pool.fs = fs;
  pool.file = options.file;
  pool.read_only = options.read_only;
  pool.unchanging = options.unchanging;
  pool.synced = options.synced;
  pool.auto_vacuum = options.auto_vacuum;
  pool.reverse_unordered = options.reverse_unordered;
  pool.readers_max = options.readers_max;
  pool.statements_max = options.statements_max;
  pool.busy_timeout_ms = options.busy_timeout_ms;
  pool.vacuum_interval_ms = options.vacuum_interval_ms;
  pool.vacuum_pages = options.vacuum_pages;
  if (options.on_call)
    pool.report = std::move(report);
  return pool;
}

} // namespace

// --- the object ---

ModelDatabase::State::State(ModelDatabaseOptions its_options, io::FileSystem* fs)
    : options(std::move(its_options)), full_name(numbered(options.name)),
      pool(pool_options(options, fs,
                        [this](std::string_view sql, std::chrono::microseconds duration_us, const Error* error) {
                          tell(sql, duration_us, error);
                        })) {
}

ModelDatabase::ModelDatabase(std::unique_ptr<State> state) : state_(std::move(state)) {
  state_->self = this;
}

ModelDatabase::~ModelDatabase() {
  const Status closed = close();
  WEIR_CHECK(closed.ok()); // else a function it called destroys it
}

Result<std::unique_ptr<ModelDatabase>> ModelDatabase::create(ModelDatabaseOptions options) {
  WEIR_TRY(check_options(options));
  return std::unique_ptr<ModelDatabase>(new ModelDatabase(std::make_unique<State>(std::move(options), nullptr)));
}

Result<std::unique_ptr<ModelDatabase>> ModelDatabase::create(io::FileSystem& fs, ModelDatabaseOptions options) {
  WEIR_TRY(check_options(options));
  return std::unique_ptr<ModelDatabase>(new ModelDatabase(std::make_unique<State>(std::move(options), &fs)));
}

const std::string& ModelDatabase::name() const noexcept {
  return state_->full_name;
}

const ModelDatabaseOptions& ModelDatabase::options() const noexcept {
  return state_->options;
}

sqlite::Connections& ModelDatabase::connections() const noexcept {
  return *state_;
}

// --- opening and closing ---

Status ModelDatabase::open() {
  return state_->ensure_open();
}

Status ModelDatabase::close() {
  return state_->close();
}

bool ModelDatabase::is_open() const {
  const std::lock_guard lock(state_->mutex);
  return state_->phase == State::Phase::open;
}

Status ModelDatabase::run_once_on_open(std::function<Status(ModelDatabase&)> run, std::string registered_at) {
  return state_->run_once({std::move(run), std::move(registered_at)});
}

Error ModelDatabase::State::named(Error error) const {
  if (!error.message.starts_with(full_name + ":"))
    error.message = format("{}: {}", full_name, error.message);
  return error;
}

Status ModelDatabase::State::ensure_open() {
  std::unique_lock lock(mutex);
  for (;;) {
    switch (phase) {
    case Phase::open: return {};
    case Phase::closing:
      if (changer == std::this_thread::get_id())
        return named(fail(Errc::closing, "the database is being closed"));
      changed.wait(lock, [this] { return phase != Phase::closing; });
      break;
    case Phase::opening: {
      if (changer == std::this_thread::get_id())
        return {}; // a hook or a migration
      const auto awaited = attempt;
      changed.wait(lock, [&] { return awaited->over; });
      WEIR_TRY(awaited->result);
      break; // it may have been closed since
    }
    case Phase::closed:
      phase = Phase::opening;
      changer = std::this_thread::get_id();
      attempt = std::make_shared<Attempt>();
      lock.unlock();
      return open_now();
    }
  }
}

Status ModelDatabase::State::open_now() {
  Status done = after_connecting();
  if (done)
    return done;
  pool.close();
  done = named(std::move(done).error());
  const std::lock_guard lock(mutex);
  phase = Phase::closed;
  attempt->over = true;
  attempt->result = done;
  changed.notify_all();
  return done;
}

Status ModelDatabase::State::after_connecting() {
  if (options.before_open)
    WEIR_TRY(guarded_call("before_open", options.before_open));
  const auto opened = pool.open();
  if (!opened)
    return opened.error();
  {
    const std::lock_guard lock(mutex);
    opening = *opened;
  }
  if (!options.read_only) {
    if (options.before_migrations)
      WEIR_TRY(guarded_call("before_migrations", [&] { return options.before_migrations(*self); }));
    WEIR_TRY(migrate());
  }
  if (options.after_open)
    WEIR_TRY(guarded_call("after_open", [&] { return options.after_open(*self); }));
  return finish_opening();
}

Status ModelDatabase::State::finish_opening() {
  for (;;) {
    OnceOpen next;
    {
      const std::lock_guard lock(mutex);
      if (once.empty()) { // and stays so until everybody can see that it is open
        phase = Phase::open;
        migrated = true;
        attempt->over = true;
        changed.notify_all();
        return {};
      }
      next = std::move(once.front());
      once.pop_front();
    }
    WEIR_TRY(run_now(next));
  }
}

Status ModelDatabase::State::run_once(OnceOpen next) {
  if (!next.run)
    return named(fail(Errc::invalid_argument, "run_once_on_open was given no function"));
  {
    const std::lock_guard lock(mutex);
    if (phase != Phase::open) {
      once.push_back(std::move(next));
      return {};
    }
  }
  Status done = run_now(next);
  return done ? Status() : Status(named(std::move(done).error()));
}

Status ModelDatabase::State::run_now(const OnceOpen& next) {
  Status done = guarded_call("it", [&] { return next.run(*self); });
  if (done)
    return done;
  Error error = std::move(done).error();
  error.message =
      format("run_once_on_open{}: {}",
             next.registered_at.empty() ? "" : format(" (registered at {})", next.registered_at), error.message);
  return error;
}

Status ModelDatabase::State::close() {
  if (pool.in_use_here())
    return named(fail(Errc::invalid_argument, "it cannot be closed by a function that it calls"));
  if (pool.is_left_open())
    (void)commit_left_open().ok(); // whoever left it open can make it again
  std::unique_lock lock(mutex);
  while (phase != Phase::open) {
    if (phase == Phase::closed)
      return {};
    if (changer == std::this_thread::get_id())
      return named(fail(Errc::invalid_argument, "it cannot be closed by a function that it calls"));
    changed.wait(lock);
  }
  phase = Phase::closing;
  changer = std::this_thread::get_id();
  lock.unlock();
  pool.close();
  lock.lock();
  phase = Phase::closed;
  changed.notify_all();
  return {};
}

// --- connections ---

template <class Take> Result<sqlite::Lease> ModelDatabase::State::lease(Take take) {
  for (;;) {
    std::uint64_t present = 0;
    bool opens_here = false;
    // Who has a lease must not wait for a close() that waits for him.
    if (!pool.in_use_here()) {
      WEIR_TRY(ensure_open());
      const std::lock_guard lock(mutex);
      present = opening;
      opens_here = phase == Phase::opening && changer == std::this_thread::get_id();
      if (phase != Phase::open && !opens_here)
        continue; // closed meanwhile
    }
    Result<sqlite::Lease> taken = take(present);
    if (taken)
      return taken;
    if (taken.code() != Errc::closing || opens_here)
      return named(std::move(taken).error());
  }
}

Result<sqlite::Lease> ModelDatabase::State::read() {
  return lease([this](std::uint64_t present) { return pool.read(present); });
}

Result<sqlite::Lease> ModelDatabase::State::own(sqlite::ConnectionPool::Takes takes) {
  return lease([this, takes](std::uint64_t present) { return pool.own(present, takes); });
}

Result<sqlite::Lease> ModelDatabase::State::write() {
  if (options.read_only)
    return named(fail(Errc::unsupported, "the database is read-only", options.file));
  return own();
}

// --- what is told to listeners ---

void ModelDatabase::State::tell(std::string_view sql, std::chrono::microseconds duration_us, const Error* error) const {
  thread_local bool telling = false; // what a listener does with a database is not told again
  if (telling)
    return;
  telling = true;
  (void)guarded_call("on_call", [&]() -> Status {
    options.on_call({full_name, sql, duration_us, error});
    return {};
  }).ok();
  telling = false;
}

void ModelDatabase::State::fire(TransactionEvent event) const {
  std::vector<std::shared_ptr<const std::function<void(TransactionEvent)>>> called;
  {
    const std::lock_guard lock(mutex);
    called = listeners;
  }
  for (const auto& listener : called)
    (void)guarded_call("a transaction's listener", [&]() -> Status {
      (*listener)(event);
      return {};
    }).ok();
}

} // namespace weir
