#include "trust/kills/backups_host.hpp"

#include "engine/kill_point.hpp"
#include "trust/kills/replay_host.hpp"
#include "trust/kills/speech.hpp"
#include "trust/kills/workload.hpp"

#include <weir/backup.hpp>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string_view>

namespace weir::trust {

namespace {

namespace stdfs = std::filesystem;

constexpr std::uint64_t acks_between = 40;

bool is_aimed_at(const HostOrders& orders, std::string_view points) {
  return orders.point && kill_point_names[*orders.point].starts_with(points);
}

bool holds_files(const std::string& directory) {
  if (!stdfs::exists(directory))
    return false;
  const stdfs::recursive_directory_iterator all(directory);
  return std::any_of(begin(all), end(all), [](const auto& entry) { return !entry.is_directory(); });
}

/// Tells a backup or restore to end after so many calls.
std::function<void(const BackupProgress&)> cancel_after(std::uint64_t calls,
                                                        std::shared_ptr<std::atomic<bool>> cancel) {
  return [left = calls, cancel = std::move(cancel)](const BackupProgress&) mutable {
    if (left-- == 0)
      cancel->store(true);
  };
}

} // namespace

void Backups::begin() {
  thread_ = std::thread([this] { make_backups(); });
}

void Backups::join() {
  if (thread_.joinable())
    thread_.join();
}

void Backups::make_backups() const {
  Dice dice(orders_.seed * 23 + orders_.life);
  stdfs::create_directories(orders_.backups);
  // Who is to die in one does not wait long for the next.
  const std::uint64_t wait = is_aimed_at(orders_, "backup.") ? 2 : acks_between;
  while (wait_for_stores(stored_, stopping_, dice.below(wait))) {
    const auto pick = dice.below(std::size(backup_places));
    const std::string place(backup_places[pick]);
    const std::string other(
        backup_places[(pick + 1 + dice.below(std::size(backup_places) - 1)) % std::size(backup_places)]);
    const bool wants_base = is_aimed_at(orders_, "backup.after_link") || dice.below(4) != 0;
    const bool cancels = is_aimed_at(orders_, "backup.after_unlink") || dice.below(8) == 0;
    make(place, wants_base && is_backup(path(other)) ? other : "", cancels);
  }
}

/// What is left of an earlier life's backup is refused, and is gone when somebody has removed it.
void Backups::make(const std::string& place, const std::string& base, bool cancels) const {
  const bool occupied = holds_files(path(place));
  if (occupied) {
    if (const auto refused = ask(place, base, false); refused.code() != Errc::invalid_argument)
      give_up(
          format("a backup at {}, where there are files: {}", place, refused ? "made" : to_string(refused.error())));
    clear(place);
  }
  say(format("backs_up {}", place));
  const auto made = ask(place, base, cancels);
  if (made)
    return say(format("backed_up {} {} {}", place, made->files, made->linked_segments));
  if (!cancels || made.code() != Errc::cancelled)
    give_up(format("a backup at {}: {}", place, to_string(made.error())));
  if (holds_files(path(place)))
    give_up(format("a backup at {} was cancelled, and left files", place));
  say(format("cancelled {}", place));
}

Result<BackupReport> Backups::ask(const std::string& place, const std::string& base, bool cancels) const {
  Dice dice(orders_.seed * 29 + stored_.load());
  BackupOptions options;
  options.base = base.empty() ? "" : path(base);
  // Linked segments of the engine are no links to those of the base.
  options.link_segments = base.empty() && dice.below(2) == 0;
  if (cancels) {
    options.cancel = std::make_shared<std::atomic<bool>>(false);
    options.progress = cancel_after(dice.below(8), options.cancel);
  }
  return engine_.backup(path(place), options);
}

void Backups::clear(const std::string& place) const {
  say(format("clears {}", place));
  const std::string trash = orders_.backups + "/trash";
  stdfs::remove_all(trash);
  stdfs::rename(path(place), trash);
  stdfs::remove_all(trash);
}

void restore(const HostOrders& orders) {
  RestoreOptions options;
  const bool cancels = is_aimed_at(orders, "restore.after_unlink");
  if (cancels) {
    options.cancel = std::make_shared<std::atomic<bool>>(false);
    options.progress = cancel_after(orders.hit, options.cancel);
  }
  say("restoring");
  const auto restored = restore_backup(orders.restore, orders.directory, options);
  if (!restored && !(cancels && restored.code() == Errc::cancelled))
    give_up("restore: " + to_string(restored.error()));
  say(restored ? "restored" : "not_restored");
}

} // namespace weir::trust
