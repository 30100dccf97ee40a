#include "engine/sqlite/copy.hpp"

#include "engine/io/file_system.hpp"
#include "engine/sqlite/error.hpp"
#include "engine/text.hpp"

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

Status Copy::replace(Database& from, Database& to) {
  sqlite3* const target = to.connection_.get();
  sqlite3_backup* const copy = sqlite3_backup_init(target, "main", from.connection_.get(), "main");
  if (copy == nullptr)
    return error_of_text(target, sqlite3_errcode(target), to.path()); // in use, most likely
  const int stepped = sqlite3_backup_step(copy, all_pages);
  const int finished = sqlite3_backup_finish(copy); // rolls back what is not complete; has the error of the step
  if (stepped == SQLITE_DONE && finished == SQLITE_OK)
    return {};
  // Busy is no error to the copy, which could go on; it has left no message on the target.
  if (stepped == SQLITE_BUSY || stepped == SQLITE_LOCKED)
    return fail(Errc::locked, format("SQLite: {} (code {})", sqlite3_errstr(stepped), stepped), to.path());
  return error_of(target, finished, to.path());
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
