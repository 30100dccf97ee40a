// Mistakes that clients make on purpose, so that it is seen that the judge sees.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weir::trust {

/// What a planted mistake does.
enum class Mistake : std::uint8_t {
  none,
  answer_lost,     ///< One answer never reaches the client.
  answer_twice,    ///< One reaches it twice.
  receipt_made_up, ///< A call is acknowledged and never sent.
  receipts_swapped,
  read_short,           ///< A read ends one call early.
  old_disk,             ///< A power cut brings back the disk as it was some time before.
  acknowledgement_lost, ///< A member is told that its event is settled, and nobody asked the group.
  two_members,          ///< An event that is with one member is given to another.
  delivery_skipped,     ///< An event of a group reaches nobody.
  delivery_miscounted,  ///< One comes again as if for the first time.
  waited_in_vain,       ///< What was delayed comes while a member waits, and reaches nobody.
  checkpoint_lost,      ///< A single consumer is told that its checkpoint is kept, and it is not.
  snapshot_stale,       ///< A snapshot comes with the bytes of an earlier one.
  snapshot_lost,        ///< One that was saved is not given.
  removal_lost,         ///< A removal is acknowledged and never sent.
  rules_lost,           ///< Rules of retention are said to be set, and nobody set them.
  retention_lost,       ///< A run of retention is said to have come to its end, and there was none.
  retention_point_lost, ///< One that was cut short is forgotten, so that the next one judges anew.
  schema_lost,          ///< A schema is said to be defined, and nobody defined it.
  violation_stored,     ///< An event that fits no schema is stored under the name of another type.
  backup_half,          ///< A backup that is not done is said to be.
  backup_old,           ///< One is an earlier one.
};

/// One mistake that is to be made, once, after some chances to make it were let go by.
class Planted {
public:
  Planted(Mistake mistake, std::size_t let_go_by) : mistake_(mistake), let_go_by_(let_go_by) {}
  /// Whether it is to be made here.
  [[nodiscard]] bool now(Mistake which) { return mistake_ == which && let_go_by_-- == 0; }
  [[nodiscard]] bool is(Mistake which) const noexcept { return mistake_ == which; }
  [[nodiscard]] bool about_consumers() const noexcept {
    return mistake_ >= Mistake::acknowledgement_lost && mistake_ <= Mistake::checkpoint_lost;
  }
  [[nodiscard]] bool about_snapshots() const noexcept {
    return is(Mistake::snapshot_stale) || is(Mistake::snapshot_lost);
  }

  [[nodiscard]] bool about_retention() const noexcept {
    return mistake_ >= Mistake::rules_lost && mistake_ <= Mistake::retention_point_lost;
  }
  [[nodiscard]] bool about_schemas() const noexcept {
    return is(Mistake::schema_lost) || is(Mistake::violation_stored);
  }
  [[nodiscard]] bool about_backups() const noexcept { return is(Mistake::backup_half) || is(Mistake::backup_old); }

private:
  Mistake mistake_;
  std::size_t let_go_by_;
};

} // namespace weir::trust
