#include "engine/sqlite/copy.hpp"

#include "engine/io/file_system.hpp"
#include "engine/sqlite/error.hpp"

#include <utility>

namespace weir::sqlite {

Result<std::unique_ptr<Copy>> Copy::begin(Database& from, io::FileSystem& to, const std::string& path) {
  auto opened = Database::open(to, path, {.create = true, .exclusive = false});
  if (!opened)
    return std::move(opened).error();
  std::unique_ptr<Copy> copy(new Copy(std::move(*opened)));
  sqlite3* const target = copy->to_.connection_.get();
  copy->copy_ = sqlite3_backup_init(target, "main", from.connection_.get(), "main");
  if (copy->copy_ == nullptr)
    return error_of(target, sqlite3_errcode(target), copy->to_.path());
  return copy;
}

Copy::~Copy() {
  if (copy_ != nullptr)
    (void)sqlite3_backup_finish(copy_); // what it could say has been said by the step that failed
}

Result<bool> Copy::step(int pages) {
  const int code = sqlite3_backup_step(copy_, pages);
  if (code == SQLITE_OK)
    return false;
  if (code != SQLITE_DONE)
    return error_of(to_.connection_.get(), code, to_.path());
  if (const int finished = sqlite3_backup_finish(std::exchange(copy_, nullptr)); finished != SQLITE_OK)
    return error_of(to_.connection_.get(), finished, to_.path());
  to_.close();
  return true;
}

} // namespace weir::sqlite
