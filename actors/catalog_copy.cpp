#include "actors/catalog_copy.hpp"

#include "actors/engine_open.hpp"
#include "engine/io/memory_file_system.hpp"

#include <weir/limits.hpp>

namespace weir {

Result<CatalogState> load_catalog_copy(io::FileSystem& fs) {
  io::MemoryFileSystem copy;
  // Without logs and segments a missing catalog would look like a new directory.
  for (const char* directory : {"wal", "segments"}) {
    const auto entries = fs.list(directory);
    if (!entries || entries->empty())
      continue;
    WEIR_TRY(copy.create_directory(directory));
    WEIR_TRY(copy.create_directory(std::string(directory) + "/" + entries->front().name));
  }
  for (const char* name : {"catalog.db", "catalog.db-wal", "catalog.db-journal"}) {
    const auto bytes = io::read_whole_file(fs, name, 1024 * MiB);
    if (bytes.code() == Errc::not_found)
      continue;
    if (!bytes)
      return bytes.error();
    auto file = copy.open(name, io::OpenMode::create);
    if (!file)
      return std::move(file).error();
    WEIR_TRY((*file)->pwrite(*bytes, 0));
  }
  auto catalog = open_sqlite_catalog(copy, false, 0, 0);
  if (!catalog)
    return std::move(catalog).error();
  return (*catalog)->load();
}

} // namespace weir
