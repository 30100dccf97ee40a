// Backups in random sequences: of now, or of long ago; the engine goes on with one, and the reference goes back with
// it.
#include "trust/model/runner.hpp"

#include "actors/restore.hpp"
#include "engine/text.hpp"

namespace weir::trust {

using test::pick;

void Reference::go_back_to(const Reference& earlier) {
  const Position given = position_max_; // and never given again
  if (mistake_ != Mistake::backups_are_of_now)
    *this = earlier;
  position_max_ = given;
  all_safe();
}

/// Whole, as its own verification says; made upon the one before, or by itself.
std::shared_ptr<io::MemoryFileSystem> Runner::make_backup() {
  ++tally_.backups;
  auto backup = std::make_shared<io::MemoryFileSystem>();
  io::FileSystem* const base = latest_backup_ && pick(random_, 2) == 0 ? latest_backup_.get() : nullptr;
  note(base != nullptr ? "back up, upon the backup before" : "back up");
  const auto made = engine_->core()->backup(*backup, base, {});
  expect(made.ok(), "backup: " + (made.ok() ? "" : to_string(made.error())));
  const Status whole = verify_backup(*backup, nullptr, {});
  expect(whole.ok(), "verify: " + (whole.ok() ? "" : to_string(whole.error())));
  return latest_backup_ = backup;
}

bool Runner::has_backups() {
  if (disk_.fs().stat("catalog.db").code() != Errc::not_found)
    return true;
  note("no backup: this disk's catalog is no file");
  return false;
}

void Runner::back_up() {
  if (!has_backups())
    return;
  settle();
  kept_ = Kept{make_backup(), *reference_, known_};
}

void Runner::restore() {
  if (!has_backups())
    return;
  settle();
  const bool long_ago = kept_ && pick(random_, 2) == 0;
  const Kept chosen = long_ago ? *kept_ : Kept{make_backup(), *reference_, known_};
  note(long_ago ? "go on with a backup of long ago" : "go on with the backup");
  test::SimulatedDisk image(test::SimulatedDisk::CatalogKind::sqlite);
  const auto restored = restore_files(*chosen.files, image.fs(), [](std::uint64_t) { return Status(); });
  expect(restored.ok(), "restore: " + (restored.ok() ? "" : to_string(restored.error())));
  count_background();
  const Status closed = engine_->close();
  expect(closed.ok(), "close: " + (closed.ok() ? "" : to_string(closed.error())));
  engine_.reset();
  disk_ = std::move(image);
  reference_->go_back_to(chosen.reference);
  known_ = chosen.known;
  kept_.reset(); // positions are above those of the directory it was made of, not above those of one restored since
  open(random_options(random_));
  ++tally_.restores;
  check_everything();
}

} // namespace weir::trust
