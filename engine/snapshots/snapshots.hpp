// Snapshots of contexts: states that stand for a prefix of their events, and are never believed against them.
//
// Purpose: what Engine::save_snapshot and Engine::load run on. Owner: the engine. Threading: thread-safe; every call
// waits for the lane, so none may come from a thread that the lane waits for. Invariants: a snapshot is handed out only
// if the context's event with its sequence is still the one it was made at (its position says so: none is given twice);
// a snapshot that cannot be had is none, never an error of a read.
#pragma once

#include "engine/io/executor.hpp"
#include "engine/snapshots/snapshot_file.hpp"

#include <weir/result.hpp>

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace weir {

class Snapshots {
public:
  /// `make_lane` is asked once, at the first call: who saves no snapshot pays no thread. `warn` is told what went wrong
  /// where no caller is.
  Snapshots(std::unique_ptr<SnapshotFile> file, std::function<std::shared_ptr<io::Lane>()> make_lane,
            PositionOf position_of, std::function<void(std::string)> warn);

  /// Arguments have been checked. Errors: `not_found` if the context has no event `sequence`; those of reading that
  /// event and of SnapshotFile::write; `closing`.
  Status save(std::string_view context_id, Sequence sequence, std::string_view state, std::string_view schema_tag);
  /// Errors: those of reading the event that the snapshot stands on; `closing`.
  Result<std::optional<SnapshotRow>> load(std::string_view context_id, std::string_view schema_tag);
  Status remove(std::string_view context_id);
  /// Copies the file to the new file `path` of `to`, some pages at a time, so that others have the lane in between.
  /// False if no snapshot was ever saved. Errors: those of both files, what `may_go_on` says, `closing`.
  Result<bool> copy_to(io::FileSystem& to, const std::string& path, const std::function<Status()>& may_go_on);
  /// Once the lane runs no more.
  void close() { file_->close(); }

private:
  template <class Answer> auto ask(Answer&& answer);

  std::unique_ptr<SnapshotFile> file_; // In the lane only.
  std::function<std::shared_ptr<io::Lane>()> make_lane_;
  PositionOf position_of_;
  std::function<void(std::string)> warn_;
  std::once_flag lane_made_;
  std::shared_ptr<io::Lane> lane_;
};

} // namespace weir
