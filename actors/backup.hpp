// An online backup: the engine's state at one point of each shard, as files of their own.
//
// Purpose: a job in the flush lane, where nothing is published meanwhile, copies the catalog, pins every shard's
// segments and has every log finish its current file and keep all files. What that moment holds is immutable, and is
// copied or linked at leisure; stores, flushes and merges go on. The manifest is written last. Owner: one call of
// EngineCore::backup. Threading: the caller's thread does the work; lanes are asked for the moment only. Invariants:
// whatever was acknowledged as synced before run() is in the backup; the target has a valid manifest if and only if
// run() succeeded; nothing of the engine is changed but that each log goes on in a new file.
#pragma once

#include "actors/backup_files.hpp"
#include "actors/backup_manifest.hpp"
#include "actors/engine_open.hpp"
#include "actors/engine_parts.hpp"
#include "engine/io/memory_file_system.hpp"

#include <weir/backup_options.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace weir {

class Backup {
public:
  /// After a restore positions go on so much higher than the backup knows: those that the engine gave after the backup,
  /// which readers may remember, are not given to other events.
  static constexpr std::uint64_t positions_skipped = std::uint64_t{1} << 40;

  /// `target` holds no files; `base`, which may be null, an earlier backup. All outlive this.
  Backup(EngineParts& parts, const std::optional<Stepped>& stepped, io::FileSystem& target, io::FileSystem* base,
         const BackupOptions& options);
  ~Backup();
  Backup(const Backup&) = delete;
  Backup& operator=(const Backup&) = delete;

  /// Errors: `invalid_argument` (the target holds files, the base is a backup of another directory), `shard_failed`,
  /// `disk_full` (the target would keep less than the engine's reserve free), `corruption` (a file to copy is damaged,
  /// or the base has no valid manifest), `cancelled`, `closing`, `io_error`; `invalid_argument` if the progress
  /// function threw. Then what was written is removed again, as far as that goes.
  Result<BackupReport> run();

private:
  struct Point {
    ShardParts* shard = nullptr;
    std::shared_ptr<const SegmentList> segments;
    Result<std::uint64_t> next_file = std::uint64_t{0}; ///< Log files below are finished.
    bool held = false;
  };

  struct ToCheck {
    SegmentMeta meta;
    bool linked = false; ///< It is in the target already.
  };

  Status make();
  Status check_shards() const;
  Status begin_target();
  Status read_base();
  Status copy_databases();
  Status copy_database(const DatabaseToCopy& database);
  Status take_point();
  Status read_catalog();
  Status link_segments();
  Status check_space(std::uint64_t bytes);
  Status copy_logs();
  Status copy_segments();
  Status copy_segment(const ToCheck& segment);
  Status write_catalog();
  Status publish();
  void release(Point& point);
  void clean_up();

  Status prepare(const BackupFile& file);
  void add(BackupFile file, bool copied);
  [[nodiscard]] const BackupFile* in_base(const SegmentMeta& meta);
  [[nodiscard]] BeforePiece before_piece(bool writes);
  Status may_go_on();
  /// What the function throws may_go_on() answers from then on.
  void tell_progress();

  EngineParts& parts_;
  const std::optional<Stepped>& stepped_;
  io::FileSystem& target_;
  io::FileSystem* const base_;
  const BackupOptions& options_;

  BackupManifest manifest_;
  BackupReport report_;
  BackupProgress progress_;
  Status told_;
  std::vector<std::string> written_; ///< Names in the target, in the order they were made.
  std::unique_ptr<io::File> manifest_file_;
  std::optional<BackupManifest> base_manifest_;
  std::unique_ptr<segments::BlockCache> no_cache_;
  std::unique_ptr<SegmentStore> target_segments_, base_segments_;
  std::vector<Point> points_;
  io::MemoryFileSystem memory_; ///< Where the catalog is copied to.
  CatalogState state_;
  std::vector<std::byte> catalog_bytes_;
  std::vector<ToCheck> to_check_;     ///< Segments that the base does not have.
  std::uint64_t unchecked_bytes_ = 0; ///< Written since free space was asked for.
};

} // namespace weir
