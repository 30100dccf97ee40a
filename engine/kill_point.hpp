// Places where a test may end the process: between two steps whose order a promise rests on.
//
// Purpose: from outside nobody hits the moment between a rename and the sync of its directory. Each place has a name
// and says it once: kill_point("flush.after_catalog"); a name that is not in the list does not compile. Shipped builds
// know none of this: without WEIR_TEST_POINTS the call is empty.
// Threading: any thread; the hook is called by whichever thread comes by.
#pragma once

#include <cstddef>
#include <iterator>
#include <string_view>
#ifdef WEIR_TEST_POINTS
#include <atomic>
#endif

namespace weir {

/// Every kill point, by the way of an event: a directory is made, opened and recovered; a group is logged, flushed,
/// merged; views are remembered; consumers keep their places; a backup is made; the directory is closed; a backup is
/// restored. Each name stands in one call (tests/checks/check_kill_points.py).
inline constexpr std::string_view kill_point_names[] = {
    "create.after_directory",
    "create.after_journal_mode",
    "create.before_commit",
    "create.after_commit",
    "create.before_directory_sync",
    "open.after_lock",
    "open.after_catalog",
    "open.before_reserve",
    "open.after_reserve",
    "open.after_shard",
    "open.after_actors",
    "sweep.before_unlink",
    "sweep.after_unlink",
    "recover.after_file",
    "recover.before_tidy",
    "recover.after_unlink",
    "recover.after_recycle",
    "recover.after_next_name",
    "recover.before_seal",
    "recover.after_seal",
    "recover.after_seal_sync",
    "log.after_directory",
    "log.before_directory_sync",
    "log.before_write",
    "log.after_write",
    "log.before_sync",
    "log.after_sync",
    "log.before_apply",
    "log.before_answer",
    "log.after_answer",
    "change_over.before_rename",
    "change_over.after_rename",
    "change_over.before_header",
    "change_over.after_header",
    "seal.after_next_name",
    "seal.before_write",
    "seal.after_write",
    "seal.after_sync",
    "spare.after_create",
    "spare.before_sync",
    "spare.before_rename",
    "spare.after_rename",
    "recycle.before_rename",
    "recycle.after_rename",
    "recycle.after_unlink",
    "flush.begin",
    "flush.before_catalog",
    "flush.before_commit",
    "flush.after_catalog",
    "flush.before_cut",
    "segment.after_directories",
    "segment.after_create",
    "segment.before_fields",
    "segment.after_fields",
    "segment.before_sync",
    "segment.after_sync",
    "segment.before_rename",
    "segment.after_rename",
    "segment.after_directory_sync",
    "merge.begin",
    "merge.before_catalog",
    "merge.before_commit",
    "merge.after_catalog",
    "merge.after_remove",
    "compact.after_merge",
    "compact.before_reclaim",
    "views.before_remember",
    "views.after_remember",
    "views.before_forget",
    "views.after_forget",
    "consumers.before_group_commit",
    "consumers.after_group_commit",
    "consumers.before_checkpoint_commit",
    "consumers.after_checkpoint_commit",
    "backup.after_mark",
    "backup.after_point",
    "backup.after_log",
    "backup.after_link",
    "backup.after_segment",
    "backup.after_catalog",
    "backup.before_rename",
    "backup.after_rename",
    "backup.after_unlink",
    "close.begin",
    "close.after_drain",
    "close.after_flush",
    "close.after_logs",
    "close.before_catalog",
    "close.after_catalog",
    "restore.after_catalog",
    "restore.after_file",
    "restore.before_rename",
    "restore.after_rename",
    "restore.after_unlink",
};
inline constexpr std::size_t kill_point_count = std::size(kill_point_names);

class KillPoint {
public:
  // Not explicit, so that a call reads kill_point("name").
  consteval KillPoint(const char* name) : index_(find(name)) {}
  /// Place in kill_point_names.
  [[nodiscard]] constexpr std::size_t index() const noexcept { return index_; }

private:
  static consteval std::size_t find(std::string_view name) {
    for (std::size_t i = 0; i < kill_point_count; ++i)
      if (kill_point_names[i] == name)
        return i;
    throw "no kill point has this name";
  }
  std::size_t index_;
};

#ifdef WEIR_TEST_POINTS

using KillHook = void (*)(std::size_t point) noexcept;
/// Called at every kill point while it is set; null sets nothing in the way but this look.
inline std::atomic<KillHook> kill_hook{nullptr};

inline void kill_point(KillPoint point) noexcept {
  if (const KillHook hook = kill_hook.load(std::memory_order_relaxed); hook != nullptr)
    hook(point.index());
}

#else

constexpr void kill_point(KillPoint) noexcept {
}

#endif

} // namespace weir
