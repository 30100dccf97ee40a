#include <weir/backup.hpp>

#include "actors/engine_core.hpp"
#include "actors/restore.hpp"
#include "engine/guarded_call.hpp"
#include "engine/io/posix_file_system.hpp"

#include <weir/engine.hpp>

#include <algorithm>
#include <filesystem>
#include <utility>

namespace weir {

namespace {

/// Neither of the two directories may lie in the other, which would then hold what is not its own.
Status check_apart(const std::string& source, const std::string& target) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path from = fs::weakly_canonical(source, error), to = fs::weakly_canonical(target, error);
  const auto [in_from, in_to] = std::mismatch(from.begin(), from.end(), to.begin(), to.end());
  if (in_from == from.end() || in_to == to.end())
    return fail(Errc::invalid_argument, "one directory lies in the other", target);
  return {};
}

} // namespace

Result<BackupReport> Engine::backup(const std::string& target, const BackupOptions& options) const {
  const auto own = core_->native_path();
  if (own)
    WEIR_TRY(check_apart(*own, target));
  std::unique_ptr<io::FileSystem> base;
  if (!options.base.empty()) {
    WEIR_TRY(check_apart(options.base, target));
    auto opened = io::open_posix_file_system(options.base, false);
    if (!opened)
      return std::move(opened).error();
    base = std::move(*opened);
  }
  const auto fs = io::open_posix_file_system(target, true);
  if (!fs)
    return fs.error();
  return core_->backup(**fs, base.get(), options);
}

Result<RestoreReport> restore_backup(const std::string& backup, const std::string& directory,
                                     const RestoreOptions& options) {
  const auto from = io::open_posix_file_system(backup, false);
  if (!from)
    return from.error();
  WEIR_TRY(check_apart(backup, directory));
  const auto manifest = read_manifest(**from); // first: what is no backup must not create a directory
  if (manifest.code() == Errc::not_found)
    return fail(Errc::not_found, "the directory is no backup: it has no manifest", backup);
  if (!manifest)
    return manifest.error();
  const auto to = io::open_posix_file_system(directory, true);
  if (!to)
    return to.error();
  BackupProgress progress{.files = 0, .bytes = 0, .bytes_total = manifest->bytes()};
  const auto restored = restore_files(**from, **to, [&](std::uint64_t bytes) -> Status {
    if (options.cancel && options.cancel->load())
      return fail(Errc::cancelled, "the restore was cancelled");
    progress.bytes += bytes;
    return guarded_tell(progress_function, options.progress, progress);
  });
  if (!restored)
    return restored.error();
  return RestoreReport{restored->created, restored->files.size(), restored->bytes()};
}

bool is_backup(const std::string& directory) {
  const auto fs = io::open_posix_file_system(directory, false);
  return fs && (*fs)->stat(manifest_path).ok();
}

} // namespace weir
