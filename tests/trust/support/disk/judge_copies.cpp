#include "trust/support/disk/judge_copies.hpp"

#include "actors/backup_files.hpp"
#include "actors/restore.hpp"
#include "trust/support/disk/judge_parts.hpp"
#include "trust/support/disk/sub_directory.hpp"

#include <string>

namespace weir::trust {

namespace {

constexpr std::uint64_t file_bytes_max = 64 * MiB;

void copy_tree(io::FileSystem& from, io::FileSystem& to, const std::string& directory) {
  const auto entries = from.list(directory);
  if (entries.code() == Errc::not_found)
    return;
  for (const io::DirectoryEntry& entry : must(entries, "listing a copy")) {
    const std::string path = directory.empty() ? entry.name : directory + "/" + entry.name;
    if (entry.kind == io::EntryKind::directory) {
      must(to.create_directory(path), "copying a copy");
      copy_tree(from, to, path);
    } else {
      must(write_file(to, path, must(io::read_whole_file(from, path, file_bytes_max), "reading a copy")),
           "copying a copy");
    }
  }
}

/// A directory that opens must hold what was promised; `promised`: it must open.
void check_directory(const io::MemoryFileSystem& fs, EngineOptions options, const Ledger& ledger,
                     const AskedCopy& asked, bool promised) {
  options.create_if_missing = false;
  auto engine = PlainEngine::open(fs, options);
  if (!engine) {
    need(!promised, "I20: " + asked.directory + " does not open: " + to_string(engine.error()));
    return;
  }
  const Shown shown = read_all(**engine, ledger);
  const CallSet lost = asked.must_hold & ~shown.calls;
  for (std::size_t i = 0; i < calls_max; ++i)
    need(!lost[i], "I20: call " + std::to_string(i) + ", synced before, is not in " + asked.directory);
  check_goes_on(**engine, ledger, shown);
  must((*engine)->close(), "I20: closing " + asked.directory);
}

void check_backup(SubDirectory& backup, const EngineOptions& options, const Ledger& ledger, const AskedCopy& asked) {
  const bool answered = asked.answer && asked.answer->ok();
  io::MemoryFileSystem fresh;
  const auto restored = restore_files(backup, fresh, [](std::uint64_t) { return Status(); });
  if (restored)
    return check_directory(fresh, options, ledger, asked, true);
  need(!answered, "I20: " + asked.directory + " cannot be restored: " + to_string(restored.error()));
  need(restored.code() == Errc::not_found || restored.code() == Errc::corruption,
       "I20: half a backup is answered with " + to_string(restored.error()));
  need(check_no_files(fresh).ok(), "I20: half a backup was restored");
  io::MemoryFileSystem as_it_is;
  copy_tree(backup, as_it_is, "");
  EngineOptions only_open = options;
  only_open.create_if_missing = false;
  need(!PlainEngine::open(as_it_is, only_open), "I20: half a backup opens as a data directory");
}

} // namespace

void check_copies(io::MemoryFileSystem& image, const EngineOptions& options, const Ledger& ledger) {
  for (const AskedCopy& asked : ledger.books().copies) {
    SubDirectory copy(image, asked.directory);
    if (!asked.restored) {
      check_backup(copy, options, ledger, asked);
      continue;
    }
    io::MemoryFileSystem fresh;
    copy_tree(copy, fresh, "");
    check_directory(fresh, options, ledger, asked, asked.answer && asked.answer->ok());
  }
}

} // namespace weir::trust
