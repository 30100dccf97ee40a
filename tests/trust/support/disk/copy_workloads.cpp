#include "actors/backup.hpp"
#include "actors/restore.hpp"
#include "trust/support/disk/planted.hpp"
#include "trust/support/disk/sub_directory.hpp"
#include "trust/support/disk/workloads.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <string>

namespace weir::trust {

namespace {

constexpr const char* first_backup = "backup-1";
constexpr const char* second_backup = "backup-2";
constexpr const char* restored_from_it = "restored";

void make_directories(Life& life) {
  for (const char* directory : {first_backup, second_backup, restored_from_it})
    static_cast<void>(life.fs().create_directory(directory).ok());
  static_cast<void>(life.fs().sync_directory("").ok());
}

/// A manifest that says of itself that there are no logs.
void leave_out_logs(SubDirectory& backup) {
  auto manifest = read_manifest(backup);
  if (!manifest)
    return;
  std::erase_if(manifest->files, [](const BackupFile& file) { return file.kind == BackupFile::Kind::log; });
  const std::string text = format_manifest(*manifest);
  static_cast<void>(backup.unlink(manifest_path).ok());
  static_cast<void>(write_file(backup, manifest_path, std::as_bytes(std::span(text))).ok());
  static_cast<void>(backup.sync_directory("").ok());
}

/// Makes a backup, upon another one if there is one; `meanwhile` is called after each of its files.
void back_up(Life& life, const char* directory, const char* base, const std::function<void()>& meanwhile) {
  auto& copies = life.ledger().books().copies;
  const std::size_t number = copies.size();
  copies.push_back({directory, false, life.ledger().must_be_there(false)});
  SubDirectory target(life.fs(), directory);
  std::optional<SubDirectory> earlier;
  if (base != nullptr)
    earlier.emplace(life.fs(), base);
  BackupOptions options;
  options.progress = [&meanwhile](const BackupProgress&) { meanwhile(); };
  const std::optional<Stepped> stepped = Stepped{nullptr, [&life] {
                                                   life.step_or_wait();
                                                   return true;
                                                 }};
  const auto made = Backup(life.engine()->parts, stepped, target, earlier ? &*earlier : nullptr, options).run();
  if (made && is_planted(Planted::backup_cut_short))
    static_cast<void>(target.unlink("catalog.db").ok());
  if (made && is_planted(Planted::backup_without_log))
    leave_out_logs(target);
  copies[number].answer = made ? Status() : Status(made.error());
}

void restore_first(Life& life) {
  auto& copies = life.ledger().books().copies;
  const std::size_t number = copies.size();
  copies.push_back({restored_from_it, true, copies.front().must_hold});
  SubDirectory backup(life.fs(), first_backup), target(life.fs(), restored_from_it);
  const auto restored = restore_files(backup, target, [](std::uint64_t) { return Status(); });
  if (restored && is_planted(Planted::restore_cut_short))
    static_cast<void>(target.unlink("catalog.db").ok());
  copies[number].answer = restored ? Status() : Status(restored.error());
}

void segments_and_a_log(Life& life) {
  life.open();
  make_directories(life);
  for (unsigned i = 0; i < 3; ++i)
    life.store_once(life.context(0, i), 2);
  life.settle();
  life.flush_now();
  life.store_now(life.context(0, 1));
}

/// Stores and a flush go on while it is made.
void backup(Life& life) {
  life.store_now(life.context(0, 0), 1, 60, Durability::written);
  unsigned files = 0;
  back_up(life, first_backup, nullptr, [&] {
    if (++files == 1)
      life.store(life.context(0, 2));
    if (files == 2)
      life.flush();
    life.steps(2);
  });
  life.settle();
  life.store_now(life.context(0, 0));
}

void backed_up_already(Life& life) {
  segments_and_a_log(life);
  back_up(life, first_backup, nullptr, [] {});
  life.store_now(life.context(0, 2), 2);
  life.flush_now();
}

void backup_and_restore(Life& life) {
  restore_first(life);
  life.store_now(life.context(0, 1));
  back_up(life, second_backup, first_backup, [] {});
  life.store_now(life.context(0, 0)); // meets what a backup that failed has left of the log
}

template <std::size_t count> bool copied(Life& life) {
  const auto ok = [](const auto& asked) { return asked.answer && asked.answer->ok(); };
  const Ledger& ledger = life.ledger();
  return ledger.books().copies.size() == count &&
         std::all_of(ledger.books().copies.begin(), ledger.books().copies.end(), ok) &&
         std::all_of(ledger.calls().begin(), ledger.calls().end(), ok);
}

constexpr std::array workloads_of_copies{
    Workload{.name = "backup",
             .prepare = segments_and_a_log,
             .run = backup,
             .reached = copied<1>,
             .by_chance = true,
             .crash_in_recovery = false,
             .thin = 3},
    Workload{.name = "restore",
             .prepare = backed_up_already,
             .run = backup_and_restore,
             .reached = copied<3>,
             .crash_in_recovery = false,
             .thin = 3},
};

} // namespace

std::span<const Workload> copy_workloads() {
  return workloads_of_copies;
}

} // namespace weir::trust
