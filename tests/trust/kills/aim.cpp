#include "trust/kills/aim.hpp"

#include <algorithm>
#include <iterator>
#include <string_view>

namespace weir::trust {

namespace {

template <std::size_t n> bool is_one_of(const KillPoint (&points)[n], std::size_t point) {
  return std::any_of(std::begin(points), std::end(points), [point](KillPoint each) { return each.index() == point; });
}

} // namespace

Phase phase_of(std::size_t point) {
  constexpr KillPoint closing[] = {"seal.after_next_name"};
  constexpr KillPoint first[] = {"spare.before_rename", "spare.after_rename"};
  const std::string_view name = kill_point_names[point];
  if (name.starts_with("create."))
    return Phase::creating;
  if (name.starts_with("open.") || name.starts_with("sweep.") || name.starts_with("recover."))
    return Phase::opening;
  if (name.starts_with("restore."))
    return Phase::restoring;
  if (name.starts_with("close.") || is_one_of(closing, point))
    return Phase::closing;
  return is_one_of(first, point) ? Phase::first : Phase::writing;
}

std::optional<std::size_t> prepared_by(std::size_t point) {
  struct Prepared {
    KillPoint later, before;
  };
  constexpr Prepared prepared[] = {
      {"sweep.before_unlink", "segment.before_sync"}, // leaves a temporary file
      {"sweep.after_unlink", "segment.before_rename"},
      {"recover.after_file", "log.after_write"},     // leaves a log
      {"recover.before_tidy", "log.after_write"},    //
      {"recover.after_unlink", "spare.before_sync"}, // leaves an unfinished spare
      {"recover.after_recycle", "flush.before_cut"}, // leaves log files below the cut
      // These leave a log without a seal. The first answer of a life may be to a retry, which no log is begun for.
      {"recover.after_next_name", "log.after_sync"},
      {"recover.before_seal", "log.after_write"},
      {"recover.after_seal", "log.after_sync"},
      {"recover.after_seal_sync", "log.before_sync"},
      {"backup.after_link", "backup.after_rename"}, // leaves a backup to begin with
  };
  for (const auto& [later, before] : prepared)
    if (later.index() == point)
      return before.index();
  return std::nullopt;
}

bool needs_readers(std::size_t point) {
  return kill_point_names[point].starts_with("consumers.");
}

bool needs_backups(std::size_t point) {
  return kill_point_names[point].starts_with("backup.") || kill_point_names[point].starts_with("restore.");
}

std::uint32_t hits_expected(std::size_t point) {
  constexpr KillPoint once_a_shard[] = {"open.after_shard",          "recover.before_tidy",       "log.after_directory",
                                        "log.before_directory_sync", "segment.after_directories", "backup.after_log",
                                        "restore.after_file"};
  if (is_one_of(once_a_shard, point))
    return 3;
  if (phase_of(point) != Phase::writing)
    return 1;
  // Merges take a while to come about, and so does what somebody asks for now and then.
  const std::string_view name = kill_point_names[point];
  constexpr std::string_view rare[] = {"merge.", "compact.", "views.", "backup."};
  const bool is_rare = std::any_of(std::begin(rare), std::end(rare), [&](auto each) { return name.starts_with(each); });
  return is_rare ? 2 : 6;
}

std::vector<std::size_t> points_of(Phase phase) {
  std::vector<std::size_t> points;
  for (std::size_t point = 0; point < kill_point_count; ++point)
    if (phase_of(point) == phase)
      points.push_back(point);
  return points;
}

std::string to_string(const Aim& aim) {
  switch (aim.at) {
  case Aim::At::moment: return "at a moment while it stores";
  case Aim::At::acknowledgement: return "at acknowledgement " + std::to_string(aim.hit);
  case Aim::At::opening: return "while it opens";
  case Aim::At::point: return "at " + std::string(kill_point_names[aim.point]) + ", hit " + std::to_string(aim.hit);
  case Aim::At::shown: return "after it was shown";
  case Aim::At::closed: return "closed";
  case Aim::At::restoring: return "while it restores a backup";
  case Aim::At::handling:
    return "in the handler, moment " + std::to_string(static_cast<int>(aim.moment)) + ", hit " +
           std::to_string(aim.hit);
  }
  return {};
}

} // namespace weir::trust
