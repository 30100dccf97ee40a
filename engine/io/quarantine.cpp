#include "engine/io/quarantine.hpp"

#include "engine/text.hpp"

#include <algorithm>

namespace weir::io {

namespace {
constexpr char quarantine_directory[] = "quarantine";
} // namespace

Status move_to_quarantine(FileSystem& fs, const std::string& path) {
  WEIR_TRY(fs.create_directory(quarantine_directory));
  std::string flat = path;
  std::replace(flat.begin(), flat.end(), '/', '-');
  std::string target = format("{}/{}", quarantine_directory, flat);
  for (unsigned copy = 1;; ++copy) {
    const auto there = fs.stat(target);
    if (there.code() == Errc::not_found)
      break;
    if (!there)
      return there.error();
    target = format("{}/{}.{}", quarantine_directory, flat, copy);
  }
  WEIR_TRY(fs.rename(path, target));
  // The new name first: after a crash the file is in both places rather than in none.
  WEIR_TRY(fs.sync_directory(quarantine_directory));
  WEIR_TRY(fs.sync_directory(""));
  const std::size_t slash = path.find_last_of('/');
  return slash == std::string::npos ? Status() : fs.sync_directory(path.substr(0, slash));
}

} // namespace weir::io
