#include "actors/restore.hpp"

#include "actors/catalog_copy.hpp"
#include "actors/verify.hpp"
#include "engine/guarded_call.hpp"
#include "engine/kill_point.hpp"
#include "engine/sabotage.hpp"
#include "engine/text.hpp"

#include <weir/limits.hpp>

namespace weir {

namespace {

Error checksum_differs(const std::string& path) {
  return fail(Errc::corruption, "the checksum of a backup's file differs", path + ":0");
}

class Restore {
public:
  Restore(io::FileSystem& backup, io::FileSystem& target, const BeforePiece& before)
      : backup_(backup), target_(target), before_(before) {}

  Status run(const BackupManifest& manifest) {
    WEIR_TRY(check_no_files(target_));
    auto lock = target_.lock("LOCK");
    if (!lock)
      return lock.error();
    Status restored = copy(manifest);
    if (!restored)
      for (auto path = written_.rbegin(); path != written_.rend(); ++path) {
        static_cast<void>(target_.unlink(*path).ok());
        kill_point("restore.after_unlink");
      }
    lock->reset();
    if (!restored)
      static_cast<void>(target_.unlink("LOCK").ok());
    return restored;
  }

private:
  Status copy(const BackupManifest& manifest) {
    // The catalog makes a data directory of it: it comes first, under a name that says what goes on here, and gets its
    // own when everything is durable.
    const BackupFile& catalog = manifest.files.front();
    WEIR_TRY(copy(catalog, unfinished_catalog_path));
    WEIR_TRY(target_.sync_directory(""));
    kill_point("restore.after_catalog");
    for (const BackupFile& file : manifest.files)
      if (&file != &catalog) {
        WEIR_TRY(create_parents(target_, file.path()));
        WEIR_TRY(copy(file, file.path()));
        kill_point("restore.after_file");
      }
    WEIR_TRY(sync_parents(target_, manifest.files));
    kill_point("restore.before_rename");
    WEIR_TRY(target_.rename(unfinished_catalog_path, catalog.path()));
    kill_point("restore.after_rename");
    written_.push_back(catalog.path());
    return target_.sync_directory("");
  }

  Status copy(const BackupFile& file, const std::string& to_path) {
    const std::string path = file.path();
    const auto info = backup_.stat(path);
    if (info.code() == Errc::not_found)
      return fail(Errc::corruption, "a file of the backup is missing", path + ":0");
    if (!info)
      return info.error();
    if (info->size_bytes != file.size_bytes)
      return fail(Errc::corruption,
                  format("a file of the backup has {} bytes instead of {}", info->size_bytes, file.size_bytes),
                  format("{}:{}", path, std::min(info->size_bytes, file.size_bytes)));
    written_.push_back(to_path);
    const auto checksum = copy_file(backup_, path, target_, to_path, file.size_bytes, before_);
    if (!checksum)
      return checksum.error();
    if (!(*checksum == file.checksum) && !sabotaged(Sabotage::believe_backup))
      return checksum_differs(path);
    return {};
  }

  io::FileSystem& backup_;
  io::FileSystem& target_;
  const BeforePiece& before_;
  std::vector<std::string> written_;
};

} // namespace

Result<BackupManifest> restore_files(io::FileSystem& backup, io::FileSystem& target, const BeforePiece& before) {
  auto manifest = read_manifest(backup);
  if (!manifest)
    return manifest;
  const Status restored = Restore(backup, target, before).run(*manifest);
  return restored ? std::move(manifest) : restored.error();
}

Status verify_backup(io::FileSystem& backup, std::vector<Error>* findings,
                     const std::function<void(const VerifyProgress&)>& progress) {
  const auto manifest = read_manifest(backup);
  if (!manifest)
    return manifest.error();
  Status first;
  const auto found = [&](const Error& error) {
    if (findings != nullptr)
      findings->push_back(error);
    if (first)
      first = error;
  };
  VerifyProgress done;
  done.bytes_total = manifest->bytes();
  Status told;
  const auto before = [&](std::uint64_t bytes) -> Status {
    done.bytes += bytes;
    return told = guarded_tell(progress_function, progress, done);
  };
  for (const BackupFile& file : manifest->files) {
    const std::string path = file.path();
    const auto checksum = checksum_of_file(backup, path, file.size_bytes, before);
    WEIR_TRY(told);
    if (!checksum)
      found(checksum.error());
    else if (!(*checksum == file.checksum) && !sabotaged(Sabotage::believe_backup))
      found(checksum_differs(path));
  }
  if (!first)
    return first;
  // The bytes are those that were written; now whether they say what a data directory must.
  const auto state = load_catalog_copy(backup);
  if (!state) {
    found(state.error());
    return first;
  }
  return verify_files(backup, *state, findings, progress);
}

} // namespace weir
