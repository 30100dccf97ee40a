#include "engine/sqlite/database_files.hpp"

#include "engine/io/quarantine.hpp"
#include "engine/text.hpp"

namespace weir::sqlite {

namespace {

// The journals first: one that stayed behind would be played into the new database.
constexpr const char* endings[] = {"-wal", "-journal", "-shm", ""};

} // namespace

Status check_files(io::FileSystem& fs, const std::string& path) {
  for (const char* ending : endings) {
    const std::string file = path + ending;
    const auto info = fs.stat(file);
    if (info.code() == Errc::not_found)
      continue;
    if (!info)
      return info.error();
    if (info->kind != io::EntryKind::file)
      return fail(Errc::io_error, "cannot open: it is not a regular file", file);
    if (info->link_count != 1)
      return fail(Errc::io_error, format("cannot open: the file has {} names (hard links)", info->link_count), file);
  }
  return {};
}

Status quarantine_files(io::FileSystem& fs, const std::string& path) {
  for (const char* ending : endings) {
    const std::string file = path + ending;
    const auto info = fs.stat(file);
    if (info.code() == Errc::not_found)
      continue;
    if (!info)
      return info.error();
    WEIR_TRY(io::move_to_quarantine(fs, file));
  }
  return {};
}

Status remove_files(io::FileSystem& fs, const std::string& path) {
  for (const char* ending : endings) {
    const Status removed = fs.unlink(path + ending);
    if (!removed && removed.code() != Errc::not_found)
      return removed;
  }
  return {};
}

} // namespace weir::sqlite
