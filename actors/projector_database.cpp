// The projector's database: opened or made, put aside when it is damaged, made anew beside itself, swapped.
#include "actors/projector.hpp"

#include "engine/callback_scope.hpp"
#include "engine/consumers/lag.hpp"
#include "engine/guarded_call.hpp"
#include "engine/models/corrections.hpp"
#include "engine/models/model_catalog.hpp"
#include "engine/sabotage.hpp"
#include "engine/sqlite/connections.hpp"
#include "engine/sqlite/database_files.hpp"
#include "engine/text.hpp"
#include "engine/waiter.hpp"

#include <utility>

namespace weir {

namespace {

/// Whatever is wrong with a projection's database, it can be made again from the log.
bool is_derived_anew(Errc code) {
  return code == Errc::corruption || code == Errc::incompatible;
}

} // namespace

Status EngineCore::claim_projection(const std::string& name) {
  const std::lock_guard lock(projections_mutex_);
  if (!projections_.insert(name).second)
    return fail(Errc::locked, format("projection {} is open already", name));
  return {};
}

void EngineCore::release_projection(const std::string& name) {
  const std::lock_guard lock(projections_mutex_);
  projections_.erase(name);
}

std::shared_ptr<io::Lane> EngineCore::make_projection_lane() {
  const Door::Inside inside(door_);
  return inside ? parts_.executor->make_lane(io::LaneKind::dedicated, "weir-models") : nullptr;
}

Result<std::unique_ptr<ModelDatabase>> Projector::make_database(const std::string& file) const {
  ModelDatabaseOptions options;
  options.file = file;
  options.name = options_.name;
  options.synced = false; // the log is: after a power cut what is missing is applied again
  options.readers_max = options_.readers_max;
  auto database = ModelDatabase::create(core_->file_system(), std::move(options));
  if (!database)
    return database;
  WEIR_TRY(Projection::add_models(**database, options_.models));
  return database;
}

Result<std::shared_ptr<Projection>> Projector::make_projection(ModelDatabase& database) {
  Projection::Parts parts;
  parts.database = &database;
  parts.models = options_.models;
  parts.on_failure = options_.on_failure;
  parts.source = core_->directory_seed();
  parts.revision = options_.revision;
  parts.clock = &core_->clock();
  parts.event_time_max = options_.event_time_max_ms;
  parts.events_begun = &events_begun_;
  parts.wanted = [this](std::string_view context_id) { return is_wanted(context_id); };
  parts.object_wanted = [this](std::string_view context_id) { return is_object_wanted(context_id); };
  // Reads through the connection that writes: others wait for what was lost to be there again, which begins here.
  const auto lease = database.connections().write();
  if (!lease)
    return lease.error();
  auto projection = Projection::open(std::move(parts));
  if (!projection)
    return std::move(projection).error();
  if ((*projection)->position() > core_->next_position())
    return fail(Errc::incompatible,
                format("projection {} has applied events that the log does not have", options_.name), file_);
  WEIR_TRY(write_model_catalog(database, options_.models));
  return std::shared_ptr<Projection>(std::move(*projection));
}

Status Projector::open_database() {
  io::FileSystem& fs = core_->file_system();
  WEIR_TRY(fs.create_directory("models"));
  WEIR_TRY(sqlite::check_files(fs, file_));
  for (int attempt = 0;; ++attempt) {
    auto database = make_database(file_);
    if (!database)
      return std::move(database).error(); // the definitions
    database_ = std::move(*database);
    Status opened = database_->open();
    if (opened && options_.check_on_open)
      opened = database_->check();
    if (opened) {
      auto projection = make_projection(*database_);
      if (projection) {
        const std::lock_guard lock(mutex_);
        projection_ = std::move(*projection);
        reached_ = projection_->position();
        events_applied_ = projection_->events_applied();
        quarantined_ = projection_->quarantined();
        break;
      }
      opened = std::move(projection).error();
    }
    if (!is_derived_anew(opened.code()) || attempt != 0)
      return opened;
    core_->warn(format("projection {} is made anew from the log: {}", options_.name, to_string(opened.error())));
    WEIR_TRY(database_->close());
    WEIR_TRY(sqlite::quarantine_files(fs, file_));
  }
  return load_corrections(*projection_);
}

Status Projector::start_over(const Error& why) {
  core_->warn(format("projection {} is made anew from the log: {}", options_.name, to_string(why)));
  WEIR_TRY(database_->close());
  WEIR_TRY(sqlite::quarantine_files(core_->file_system(), file_));
  auto projection = make_projection(*database_);
  if (!projection)
    return std::move(projection).error();
  WEIR_TRY(load_corrections(**projection));
  {
    const std::lock_guard lock(mutex_);
    projection_ = std::move(*projection);
    go_back();
    events_applied_ = projection_->events_applied();
    quarantined_.clear();
    state_ = ProjectionState::running;
    failure_.reset();
  }
  return start_intake();
}

Status Projector::load_corrections(Projection& projection) const {
  QueryRun run;
  run.timeout_ms = std::chrono::hours(1);
  run.as_stored = true;
  auto rows = core_->query(corrections_query(), run);
  if (!rows)
    return std::move(rows).error();
  auto corrections = read_corrections(*rows);
  if (!corrections)
    return std::move(corrections).error();
  projection.set_corrections(std::move(*corrections));
  return {};
}

// --- dead letters ---

Result<std::vector<DeadLetter>> Projector::dead_letters(std::string_view context_id, std::size_t limit) {
  return in_lane<std::vector<DeadLetter>>(
      [this, context = std::string(context_id), limit] { return projection_->dead_letters(context, limit); });
}

Result<std::uint64_t> Projector::retry_context(const std::string& context_id) {
  return in_lane<std::uint64_t>([this, context_id]() -> Result<std::uint64_t> {
    WEIR_TRY(load_corrections(*projection_));
    std::uint64_t worked = 0;
    for (;;) {
      const auto letters = projection_->dead_letters(context_id, options_.batch_events_max);
      if (!letters)
        return letters.error();
      if (letters->empty())
        return worked;
      ReplayOptions range;
      range.from = letters->front().sequence;
      range.to = letters->back().sequence;
      auto cursor = core_->replay(context_id, std::move(range));
      if (!cursor)
        return std::move(cursor).error();
      EventBatch events;
      for (;;) {
        auto batch = cursor->next();
        if (!batch)
          return std::move(batch).error();
        if (batch->empty())
          break;
        for (const EventView& event : *batch)
          events.add(event);
        events.adopt_pins(std::move(*batch));
      }
      begin_transaction();
      const CallbackScope inside;
      auto progress = projection_->retry(context_id, {events.begin(), events.end()});
      end_transaction();
      if (!progress)
        return std::move(progress).error();
      worked += progress->events;
      {
        const std::lock_guard lock(mutex_);
        quarantined_ = projection_->quarantined();
        events_applied_ = projection_->events_applied();
        if (state_ == ProjectionState::late) { // it has come back
          state_ = ProjectionState::running;
          failure_.reset();
        }
      }
      if (progress->halted)
        return progress->halted->error;
    }
  });
}

// --- made anew beside the live one ---

Result<RebuildReport> Projector::rebuild(const RebuildOptions& options) {
  WEIR_TRY(may_wait());
  const std::unique_lock only(rebuild_mutex_, std::try_to_lock);
  if (!only)
    return fail(Errc::locked, format("projection {} is being rebuilt already", options_.name));
  struct Flag { // for health()
    Projector& projector;
    explicit Flag(Projector& p) : projector(p) { set(true); }
    ~Flag() { set(false); }
    void set(bool on) {
      const std::lock_guard lock(projector.mutex_);
      projector.rebuilding_ = on;
    }
  } const flag(*this);

  const auto began = core_->clock().steady_now();
  io::FileSystem& fs = core_->file_system();
  const std::string file = "models/" + options_.name + ".rebuild.db";
  WEIR_TRY(sqlite::remove_files(fs, file)); // of one that was cut short
  auto database = make_database(file);
  if (!database)
    return std::move(database).error();
  struct Remove { // whatever comes of it
    io::FileSystem& fs;
    ModelDatabase& database;
    const std::string& file;
    ~Remove() {
      (void)database.close().ok();
      (void)sqlite::remove_files(fs, file).ok();
    }
  } const remove{fs, **database, file};
  WEIR_TRY((*database)->open());
  auto projection = make_projection(**database);
  if (!projection)
    return std::move(projection).error();
  WEIR_TRY(load_corrections(**projection));

  SubscribeOptions events;
  events.batch_events_max = options_.batch_events_max;
  auto cursor = core_->subscribe(std::move(events));
  if (!cursor)
    return std::move(cursor).error();
  WEIR_TRY(apply_all(**projection, *cursor, options));
  for (;;) {
    auto report = in_lane<std::optional<RebuildReport>>([this, rebuilt = database->get(), made = projection->get(),
                                                         from = &*cursor] { return swap_in(*rebuilt, *made, *from); });
    if (!report)
      return std::move(report).error();
    if (*report) {
      (*report)->duration_ms =
          std::chrono::duration_cast<std::chrono::milliseconds>(core_->clock().steady_now() - began);
      return **report;
    }
    Waiter<bool> shown;
    SharedQueue::Waiter waiter;
    cursor->queue().wait(waiter, cursor->next(), [&shown] { shown.set(true); });
    shown.wait();
  }
}

/// From the beginning to where the event queue ends now.
Status Projector::apply_all(Projection& made, QueueCursor& cursor, const RebuildOptions& options) {
  const auto views = core_->queue_views();
  const auto all = views ? lag_from(*views, 0) : Result<Lag>(views.error());
  if (!all)
    return all.error();
  std::uint64_t done = 0;
  for (bool caught_up = false; !caught_up;) {
    if (options.cancel && options.cancel->load())
      return fail(Errc::cancelled, format("the rebuild of projection {} was cancelled", options_.name));
    auto batch = cursor.read();
    if (!batch)
      return std::move(batch).error();
    caught_up = batch->caught_up;
    if (batch->events.empty())
      continue;
    const CallbackScope inside;
    auto progress = made.apply({batch->events.begin(), batch->events.end()}, batch->next);
    if (!progress)
      return progress.error();
    if (progress->halted)
      return progress->halted->error;
    done += progress->events;
    {
      const std::lock_guard lock(mutex_);
      keep_outcomes(*progress); // the live models may be behind, and never come to these events
    }
    const RebuildProgress now{done, all->events - std::min(all->events, done)};
    WEIR_TRY(guarded_tell(progress_function, options.progress, now));
  }
  return {};
}

Result<bool> Projector::catch_up(Projection& made, QueueCursor& cursor) {
  const CallbackScope inside;
  for (bool caught_up = sabotaged(Sabotage::swap_without_the_rest); !caught_up;) {
    auto batch = cursor.read(); // what came in since; nobody reads an older state than before
    if (!batch)
      return std::move(batch).error();
    caught_up = batch->caught_up;
    if (batch->events.empty())
      continue;
    auto progress = made.apply({batch->events.begin(), batch->events.end()}, batch->next);
    if (!progress)
      return std::move(progress).error();
    if (progress->halted)
      return std::move(progress->halted->error);
    const std::lock_guard lock(mutex_);
    keep_outcomes(*progress);
  }
  const std::lock_guard lock(mutex_);
  return cursor.next() >= reached_ || sabotaged(Sabotage::swap_without_the_rest);
}

Result<std::optional<RebuildReport>> Projector::swap_in(ModelDatabase& rebuilt, Projection& made, QueueCursor& cursor) {
  {
    const std::lock_guard lock(mutex_);
    if (state_ == ProjectionState::closed)
      return *failure_;
  }
  const auto complete = catch_up(made, cursor);
  if (!complete)
    return complete.error();
  if (!*complete)
    return std::optional<RebuildReport>();
  stop_intake();
  RebuildReport report;
  const Status swapped = [&]() -> Status {
    const CallbackScope inside;
    WEIR_TRY(database_->replace_content_with(rebuilt));
    auto projection = make_projection(*database_);
    if (!projection)
      return std::move(projection).error();
    WEIR_TRY(load_corrections(**projection));
    database_->connections().caught_up();
    const std::lock_guard lock(mutex_);
    projection_ = std::move(*projection);
    return {};
  }();
  Waiters waiters;
  {
    const std::lock_guard lock(mutex_);
    if (swapped) {
      reached_ = std::max(reached_, projection_->position());
      events_applied_ = projection_->events_applied();
      quarantined_ = projection_->quarantined();
      state_ = ProjectionState::running;
      failure_.reset();
      waiters = take_waiters(reached_);
    }
    report = {projection_->events_applied(), projection_->position(), {}};
  }
  answer(std::move(waiters), std::nullopt);
  {
    const std::lock_guard lock(mutex_);
    if (state_ != ProjectionState::running) {
      if (!swapped)
        return swapped.error();
      return std::optional(report);
    }
  }
  const Status started = start_intake();
  if (!swapped)
    return swapped.error();
  if (!started)
    return started.error();
  return std::optional(report);
}

} // namespace weir
