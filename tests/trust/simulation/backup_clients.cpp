#include "trust/simulation/backup_clients.hpp"

#include "actors/backup.hpp"
#include "actors/engine_core.hpp"
#include "actors/restore.hpp"
#include "engine/text.hpp"
#include "trust/simulation/clients.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace weir::trust {

namespace {

/// All that the shard still has of the context from sequence `from` on.
Result<Rows> stored_rows(const ShardView& view, const std::string& context, Sequence from) {
  EventBatch batch;
  const auto read = read_context(view, context, {.from = from}, {100'000, 1U << 30U}, batch);
  if (!read)
    return read.error();
  Rows rows;
  for (const EventView& event : batch)
    rows.push_back({event.sequence, event.position, std::string(event.payload)});
  return rows;
}

} // namespace

void BackupClients::act() {
  const Asked asked = asked_now();
  auto target = std::make_unique<io::MemoryFileSystem>();
  Disk half;
  bool stopped = false;
  const auto report = make(*target, half, stopped);
  if (half)
    check_half(*half, asked);
  if (!report) {
    if (!stopped || report.code() != Errc::cancelled)
      journal_.refused("a backup", report.error());
    // The process may have died on the way, and the target's machine with it.
    return check_half(*target->crash_image(io::CrashPolicy::random_subset(chance_.next())), asked);
  }
  ++counts_.made;
  Disk backup = target->crash_image(io::CrashPolicy::lose_unsynced());
  if (half && planted_.now(Mistake::backup_half))
    backup = std::move(half);
  if (last_ && planted_.now(Mistake::backup_old))
    backup = last_->crash_image(io::CrashPolicy::keep_everything());
  Error refused;
  const Disk restored = restore(*backup, refused);
  if (!restored)
    return journal_.wrong("backups: one that was answered cannot be restored: " + to_string(refused));
  check_restored(*restored, asked);
  last_ = std::move(backup);
}

BackupClients::Asked BackupClients::asked_now() const {
  Asked asked{journal_.ledger().must_be_there(false), {}};
  for (const AskedRemoval& removal : journal_.ledger().removals())
    if (removal.answer && removal.answer->ok()) {
      Sequence& first = asked.first_live[removal.context_id];
      first = std::max(first, (*removal.answer)->sequence);
    }
  return asked;
}

Result<BackupReport> BackupClients::make(io::MemoryFileSystem& target, Disk& half, bool& stopped) {
  BackupOptions options;
  options.cancel = std::make_shared<std::atomic<bool>>(false);
  std::size_t until_cancelled = chance_.one_in(6) ? 1 + chance_.pick(12) : 0;
  options.progress = [this, &options, &stopped, &until_cancelled](const BackupProgress&) {
    if (until_cancelled != 0 && --until_cancelled == 0)
      *options.cancel = stopped = true;
    for (std::size_t steps = chance_.pick(4); steps != 0; --steps)
      machine_.step_inside();
  };
  std::size_t until_cut = planted_.is(Mistake::backup_half) || chance_.one_in(2) ? 1 + chance_.pick(60) : 0;
  target.set_hook([this, &target, &half, &until_cut](const io::Call& call) -> std::optional<Error> {
    if (until_cut != 0 && --until_cut == 0)
      half = target.crash_image(io::CrashPolicy::random_subset(chance_.next()));
    static_cast<void>(call);
    return std::nullopt;
  });
  io::MemoryFileSystem* const base = last_ && chance_.one_in(2) ? last_.get() : nullptr;
  counts_.upon_others += base != nullptr ? 1 : 0;
  auto report = machine_.wait_for([&] { return machine_.core().backup(target, base, options); });
  target.set_hook({});
  return report;
}

void BackupClients::check_half(const io::MemoryFileSystem& half, const Asked& asked) {
  Error refused;
  const Disk restored = restore(half, refused);
  if (restored) // all of it was there, and nobody had heard so
    return check_restored(*restored, asked);
  ++counts_.refused;
  if (refused.code != Errc::not_found)
    journal_.wrong("backups: half a backup is refused as if it were one: " + to_string(refused));
}

BackupClients::Disk BackupClients::restore(const io::MemoryFileSystem& backup, Error& refused) {
  const auto from = backup.crash_image(io::CrashPolicy::keep_everything());
  io::MemoryFileSystem to;
  const auto manifest = restore_files(*from, to, [](std::uint64_t) { return Status(); });
  if (manifest)
    return to.crash_image(io::CrashPolicy::lose_unsynced());
  refused = manifest.error();
  if (to.stat("catalog.db").ok())
    journal_.wrong("backups: a restore that failed leaves a directory that could be opened");
  return nullptr;
}

void BackupClients::check_restored(const io::MemoryFileSystem& disk, const Asked& asked) {
  ++counts_.restored;
  auto opened = PlainEngine::open(disk, machine_.engine().options());
  if (!opened)
    return journal_.wrong("backups: what was restored cannot be opened: " + to_string(opened.error()));
  PlainEngine& engine = **opened;
  const std::vector<ShardView> views = engine.views();
  std::set<std::string> names;
  for (const StoredCall& call : journal_.ledger().calls())
    names.insert(call.context_id);
  std::map<std::string, std::pair<Shown, Shown>> contexts;
  std::map<ShardId, Position> up_to;
  for (const std::string& name : names) {
    auto& [restored, there] = contexts[name];
    const ShardId shard = machine_.engine().shard_of(name);
    const auto mark = find_mark(views[shard], name), mark_there = removals_.mark(name);
    auto live = replay_now(machine_.engine(), name, 1'024);
    if (!live || !mark_there)
      return journal_.refused("a replay of " + name, live ? mark_there.error() : live.error());
    auto rows = mark ? stored_rows(views[shard], name, mark->first_live) : mark.error();
    if (!rows)
      return journal_.wrong("backups: what was restored cannot be read: " + to_string(rows.error()));
    restored = {mark->first_live, *std::move(rows)};
    there = {mark_there->first_live, *std::move(live)};
    if (!restored.rows.empty())
      up_to[shard] = std::max(up_to[shard], restored.rows.back().position);
  }
  for (const auto& [name, both] : contexts) {
    const ShardId shard = machine_.engine().shard_of(name);
    check_context(name, both.first, both.second, up_to[shard], asked);
    if (engine.parts.positions->next() < up_to[shard] + Backup::positions_skipped)
      journal_.wrong("backups: positions of what was restored may be those that the engine gives");
  }
}

/// What both have of it is the same, up to the last event that the shard's backup has.
void BackupClients::check_context(const std::string& context, const Shown& restored, const Shown& there, Position up_to,
                                  const Asked& asked) {
  const auto removed = asked.first_live.find(context);
  if (restored.first_live > there.first_live ||
      (removed != asked.first_live.end() && restored.first_live < removed->second))
    journal_.wrong(format("I13: backups: {} begins at sequence {} in one, and at {} in the engine", context,
                          restored.first_live, there.first_live));
  std::map<Sequence, const Row*> given;
  for (const Row& row : restored.rows)
    given[row.sequence] = &row;
  for (const Row& row : there.rows) {
    const auto found = given.find(row.sequence);
    const bool in_backup = found != given.end();
    if (in_backup ? *found->second != row : row.position <= up_to)
      journal_.wrong(format("backups: one holds position {} of its shard, and {} sequence {} of {}", up_to,
                            in_backup ? "another" : "not", row.sequence, context));
  }
  if (!there.rows.empty() && !restored.rows.empty() && restored.rows.back().sequence > there.rows.back().sequence)
    journal_.wrong(
        format("backups: one has sequence {} of {}, and the engine has not", restored.rows.back().sequence, context));
  const auto has = [](const Rows& rows, const std::string& payload) {
    return std::any_of(rows.begin(), rows.end(), [&](const Row& row) { return row.payload == payload; });
  };
  const auto& calls = journal_.ledger().calls();
  for (std::size_t i = 0; i < calls.size(); ++i)
    if (asked.calls[i] && calls[i].context_id == context && has(there.rows, calls[i].payloads.back()) &&
        !has(restored.rows, calls[i].payloads.back()))
      journal_.wrong(format("backups: one misses call {} of {}, which was safe before it was asked for", i, context));
}

} // namespace weir::trust
