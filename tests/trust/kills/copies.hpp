// The copies of a directory: its backups, and what was restored of them, looked at when the host is dead.
//
// Purpose: finds out whether what looks like a backup is one, and whether what is none is taken for one; has hosts
// restore backups, kills them, and looks at what they left. Owner: the story of a directory. Threading: one thread.
#pragma once

#include "trust/kills/aim.hpp"
#include "trust/kills/hit_board.hpp"
#include "trust/kills/oracle.hpp"

#include <weir/engine.hpp>

#include <optional>
#include <string>

namespace weir::trust {

class Copies {
public:
  /// `backups` holds the places, whether it is there or not; `scratch` is a directory of nobody else's.
  Copies(KillOracle& oracle, Dice& dice, std::string backups, std::string scratch)
      : oracle_(oracle), dice_(dice), backups_(std::move(backups)), scratch_(std::move(scratch)) {}

  /// Looks at each place that was changed in the life which has ended: restores one of the backups, verifies the
  /// others, and finds out whether anybody takes the rest for backups.
  void look();
  /// Whether there is a backup that was looked at.
  [[nodiscard]] bool has_backup() const;
  struct End {
    bool killed = false;
    std::optional<std::size_t> point; ///< Killed at this one.
  };
  /// Has `host` restore a backup, to end at `aim`, and looks at what is left. Precondition: has_backup().
  End restore_by(const std::string& host, const Aim& aim, HitBoard& board);

private:
  void look_at_backup(const std::string& place);
  void look_at_ruin(const std::string& place);
  void restore(const std::string& place);
  void look_at_restored(const std::string& place);
  [[nodiscard]] Status show_removable(Engine& engine, const std::string& place, CopyOracle& copy);
  void look_at_half_restored(const std::string& place);
  [[nodiscard]] std::string path(const std::string& place) const { return backups_ + "/" + place; }
  void complain(const std::string& place, const std::string& what);

  KillOracle& oracle_;
  Dice& dice_;
  const std::string backups_, scratch_;
};

} // namespace weir::trust
