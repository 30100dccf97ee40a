#include "trust/kills/copies.hpp"

#include "engine/text.hpp"
#include "tests/support/why.hpp"
#include "trust/kills/backup_oracle.hpp"
#include "trust/kills/orders.hpp"
#include "trust/kills/process.hpp"
#include "trust/kills/speech.hpp"

#include <weir/backup.hpp>
#include <weir/engine.hpp>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>
#include <vector>

namespace weir::trust {

namespace {

namespace stdfs = std::filesystem;

constexpr std::chrono::seconds restore_patience{120};
constexpr std::uint64_t restore_moments_us = 20'000;
/// A restored directory's positions begin so far above the backup's.
constexpr Position positions_skipped = Position{1} << 40U;

EngineOptions copy_options() {
  EngineOptions options;
  options.create_if_missing = false;
  options.disk_reserve_bytes = 1 * MiB;
  return options;
}

/// A lock of ours that is closed already lives on in a child that another thread is starting, until that is a program
/// of its own: a lock belongs to the open file, and both have it for that moment.
Result<Engine> open_copy(const std::string& directory) {
  constexpr std::chrono::seconds patience{20};
  const auto deadline = std::chrono::steady_clock::now() + patience;
  for (;;) {
    auto engine = Engine::open(directory, copy_options());
    if (engine.code() != Errc::locked || std::chrono::steady_clock::now() >= deadline)
      return engine;
    std::this_thread::yield();
  }
}

std::vector<std::string> files_in(const std::string& directory) {
  std::vector<std::string> files;
  if (stdfs::exists(directory))
    for (const auto& entry : stdfs::recursive_directory_iterator(directory))
      if (!entry.is_directory())
        files.push_back(stdfs::relative(entry.path(), directory).string());
  return files;
}

bool holds(const std::vector<std::string>& files, std::string_view name) {
  return std::find(files.begin(), files.end(), name) != files.end();
}

} // namespace

void Copies::complain(const std::string& place, const std::string& what) {
  oracle_.complain(format("the backup at {}: {}", place, what));
}

void Copies::look() {
  std::vector<std::string> whole;
  for (const std::string_view name : backup_places) {
    const std::string place(name);
    const auto known = oracle_.backups().places().find(place);
    if (known == oracle_.backups().places().end() || !known->second.changed)
      continue;
    const bool manifest = is_backup(path(place));
    oracle_.backups().found(place, manifest);
    if (manifest)
      whole.push_back(place);
    else
      look_at_ruin(place);
  }
  const std::size_t restored = whole.empty() ? 0 : dice_.below(whole.size());
  for (std::size_t i = 0; i < whole.size(); ++i)
    if (i == restored)
      restore(whole[i]);
    else
      look_at_backup(whole[i]);
}

void Copies::look_at_backup(const std::string& place) {
  if (const Status verified = verify_directory(path(place)); !verified)
    complain(place, "verify: " + test::why(verified));
}

/// There is no manifest: nobody may take it for a backup, nor for a data directory.
void Copies::look_at_ruin(const std::string& place) {
  stdfs::remove_all(scratch_);
  if (const auto restored = restore_backup(path(place), scratch_); restored.code() != Errc::not_found)
    complain(place, "it has no manifest, and a restore says " + test::why(restored));
  if (stdfs::exists(scratch_))
    complain(place, "it has no manifest, and something was restored");
  const auto files = files_in(path(place));
  if (!files.empty())
    if (const auto opened = open_copy(path(place)); opened.code() != Errc::incompatible)
      complain(place, "it was never finished, and an open says " + test::why(opened));
  if (!files.empty() && !holds(files, "backup.unfinished"))
    complain(place, "there are files, and nothing says that it is no data directory");
  ++oracle_.backups().totals().refused;
}

void Copies::restore(const std::string& place) {
  look_at_backup(place);
  stdfs::remove_all(scratch_);
  if (const auto restored = restore_backup(path(place), scratch_); !restored)
    return complain(place, "restore: " + test::why(restored));
  look_at_restored(place);
}

void Copies::look_at_restored(const std::string& place) {
  auto engine = open_copy(scratch_);
  if (!engine)
    return complain(place, "what was restored does not open: " + test::why(engine));
  CopyOracle copy(oracle_, "the backup at " + place, oracle_.backups().places().at(place).least);
  for (std::uint32_t context = 0; context < kill_contexts; ++context) {
    auto stream = engine->replay(kill_context_name(context));
    auto batch = stream ? stream->next() : Result<EventBatch>(stream.error());
    for (; batch && !batch->empty(); batch = stream->next())
      for (const EventView& event : *batch)
        copy.shown(event.context_id, event.sequence, event.position,
                   caller_fields(event.event_type, event.timestamp, event.event_id, event.metadata, event.payload));
    if (!batch)
      return complain(place, "a replay of what was restored: " + test::why(batch));
  }
  if (const Status shown = show_removable(*engine, place, copy); !shown)
    return complain(place, "contexts with removed events, restored: " + test::why(shown));
  const auto counted = engine->query("QUERY * COUNT");
  if (!counted)
    return complain(place, "a query of what was restored: " + test::why(counted));
  const std::vector<Sequence> last = copy.end(counted->rows.at(0).at(0).as_uint64().value_or(UINT64_MAX));
  // It goes on where the backup's moment was, and gives no position that the directory itself may have given since.
  Event next;
  next.context_id = kill_context_name(0);
  next.event_type = "restored";
  next.payload = "{}";
  const auto receipt = engine->store(std::move(next));
  if (!receipt || receipt->sequence != last[0] + 1 || receipt->position < copy.last_position() + positions_skipped)
    complain(place, "the first store into what was restored gives " +
                        (receipt ? format("sequence {} at position {} behind sequence {} and position {}",
                                          receipt->sequence, receipt->position, last[0], copy.last_position())
                                 : test::why(receipt)));
  if (const Status closed = engine->close(); !closed)
    complain(place, "closing what was restored: " + test::why(closed));
}

Status Copies::show_removable(Engine& engine, const std::string& place, CopyOracle& copy) {
  const auto& least = oracle_.backups().places().at(place).least.removable;
  for (std::uint32_t context = 0; context < removable_contexts; ++context) {
    RemovalOracle::Found found;
    auto stream = engine.replay(removable_name(context));
    if (!stream)
      return stream.error();
    for (bool more = true; more;) {
      const auto batch = stream->next();
      if (!batch)
        return batch.error();
      if (batch->removed()) {
        found.last = batch->removed()->last;
        found.first_live = found.last + 1;
      }
      for (const EventView& event : *batch)
        (void)oracle_.removals().find(
            context, event.sequence, event.position,
            caller_fields(event.event_type, event.timestamp, event.event_id, event.metadata, event.payload), found);
      more = !batch->empty();
    }
    copy.shown_removable(context, found);
    if (!least[context].closed)
      continue;
    const auto refused = engine.store(removable_name(context), make_removable(0, {context, 1, 1}));
    if (refused.code() != Errc::context_deleted)
      complain(place, removable_name(context) + " was deleted for good, and takes a store: " + test::why(refused));
  }
  return {};
}

bool Copies::has_backup() const {
  for (const auto& [place, state] : oracle_.backups().places())
    if (state.must_be && !state.changed)
      return true;
  return false;
}

Copies::End Copies::restore_by(const std::string& host_program, const Aim& aim, HitBoard& board) {
  std::vector<std::string> known;
  for (const auto& [place, state] : oracle_.backups().places())
    if (state.must_be && !state.changed)
      known.push_back(place);
  const std::string place = known[dice_.below(known.size())];
  stdfs::remove_all(scratch_);
  HostOrders orders;
  orders.directory = scratch_;
  orders.restore = path(place);
  orders.board = board.path();
  orders.point = aim.point;
  orders.hit = aim.hit;
  if (aim.at != Aim::At::point)
    orders.point.reset();
  board.clear();

  using Clock = std::chrono::steady_clock;
  HostProcess host(arguments_of(host_program, orders));
  std::string answer;
  std::string_view line;
  const auto give_up_at = Clock::now() + restore_patience;
  auto heard = host.hear(line, give_up_at);
  if (heard == HostProcess::Heard::line && line == "restoring" && !orders.point)
    if (heard = host.hear(line, Clock::now() + std::chrono::microseconds(dice_.below(restore_moments_us)));
        heard == HostProcess::Heard::silence)
      host.kill();
  for (; heard != HostProcess::Heard::end; heard = host.hear(line, give_up_at)) {
    if (heard == HostProcess::Heard::line)
      answer = line == "restoring" ? "" : line;
    else if (Clock::now() >= give_up_at)
      host.kill();
  }
  const bool killed = host.died_by_kill();
  const auto point = board.died_at();

  const auto files = files_in(scratch_);
  if (!answer.empty() && answer != "restored" && answer != "not_restored")
    complain(place, "a restore says " + answer);
  else if (killed ? answer == "not_restored" : answer.empty())
    complain(place, killed ? "a restore was cancelled, and did not end" : "a restore ended by itself");
  else if (answer == "not_restored" && !files.empty())
    complain(place, "a restore was cancelled, and left " + files.front());
  else if (holds(files, "catalog.db"))
    look_at_restored(place);
  else if (answer == "restored")
    complain(place, "a restore was answered, and left no data directory");
  else
    look_at_half_restored(place);
  return {killed, point};
}

/// Nobody may take it for a data directory, and when it is gone the backup is restored as ever.
void Copies::look_at_half_restored(const std::string& place) {
  const auto files = files_in(scratch_);
  if (holds(files, "catalog.restoring")) {
    if (const auto opened = open_copy(scratch_); opened.code() != Errc::incompatible)
      complain(place, "a restore was killed, and an open of what it left says " + test::why(opened));
    if (const auto again = restore_backup(path(place), scratch_); again.code() != Errc::invalid_argument)
      complain(place, "a restore was killed, and another one on top of it says " + test::why(again));
    ++oracle_.backups().totals().refused;
  } else {
    for (const std::string& file : files)
      if (file != "LOCK")
        complain(place, "a restore was killed, and left " + file + ", and nothing says that it is no data directory");
  }
  restore(place);
}

} // namespace weir::trust
