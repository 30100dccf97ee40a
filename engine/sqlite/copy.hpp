// A copy of an open database, made page by page while its owner goes on using it.
//
// Purpose: a backup gets a database as one file without a journal, consistent as of its last step. Owner: whoever makes
// the copy. Threading: begin(), step() and the destructor in the thread that owns `from` at the time; writes through
// `from` in between are part of the copy.
#pragma once

#include "engine/sqlite/database.hpp"

#include <memory>
#include <string>

struct sqlite3_backup;

namespace weir::sqlite {

class Copy {
public:
  /// Begins to copy `from` into a new file `path` of `to`. Both outlive this. Errors: as Database::open.
  static Result<std::unique_ptr<Copy>> begin(Database& from, io::FileSystem& to, const std::string& path);
  ~Copy();
  Copy(const Copy&) = delete;
  Copy& operator=(const Copy&) = delete;

  /// Puts the content of `from` in the place of what `to` has, in one transaction of `to`: other connections see all of
  /// it or nothing. `to` keeps its journal mode. Errors: as Database; `invalid_argument` if `to` is in use.
  static Status replace(Database& from, Database& to);

  static constexpr int all_pages = -1;
  /// Copies up to `pages` more pages. True: the copy is complete, its content is durable (its name is the caller's to
  /// sync), and no further call may follow. After an error the file is good for nothing.
  Result<bool> step(int pages);

private:
  explicit Copy(Database to) : to_(std::move(to)) {}

  Database to_;
  sqlite3_backup* copy_ = nullptr;
};

} // namespace weir::sqlite
