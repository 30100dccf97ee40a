// Mistakes that a test's own engine makes when it is told to, so that it is seen that the judge sees.
//
// Purpose: each part of the judgement is shown something wrong once in every run of the stage. Owner: the stage.
// Threading: one thread.
#pragma once

#include <cstdint>

namespace weir::trust {

enum class Planted : std::uint8_t {
  none,
  expectation_forgotten,      ///< A call's expectation never reaches the shard.
  condition_forgotten,        ///< Nor does its condition.
  conflict_taken_for_receipt, ///< A call that was refused is noted as stored.
  schema_not_kept,            ///< A definition is answered and never asked for.
  schema_overlooked,          ///< Stores are not judged.
  retention_not_kept,         ///< What is to be recorded of retention is answered and never asked for.
  retention_one_too_many,     ///< A run notes that it lets one event more go than it does.
  checkpoint_not_kept,        ///< A single consumer's checkpoint is answered and never asked for.
  checkpoint_beyond,          ///< One is moved over an event that the consumer has not got.
  acknowledgement_not_kept,   ///< A member is told that its event is settled, and nobody asked the group.
  unasked_acknowledgement,    ///< An event is settled that its member never settled.
  parked_not_kept,            ///< One is told that its event is parked, and nobody asked the group.
  snapshot_of_another,        ///< What is saved is the state of one event before.
  snapshot_not_kept,          ///< A save is answered and never asked for.
  backup_cut_short,           ///< A backup is answered, and one of its files is missing.
  backup_without_log,         ///< It holds no log, and its manifest says that there is none.
  restore_cut_short,          ///< A restore is answered, and its catalog is missing.
  count                       ///< Not one of them.
};

inline Planted planted = Planted::none;

[[nodiscard]] inline bool is_planted(Planted mistake) noexcept {
  return planted == mistake;
}

} // namespace weir::trust
