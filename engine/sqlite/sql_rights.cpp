#include "engine/sqlite/sql_rights.hpp"

#include "engine/text.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace weir::sqlite {

namespace {

// With or without an argument they only tell something.
constexpr std::array<std::string_view, 14> telling = {
    "collation_list", "compile_options", "database_list", "foreign_key_check", "foreign_key_list",
    "function_list",  "index_info",      "index_list",    "index_xinfo",       "integrity_check",
    "quick_check",    "table_info",      "table_list",    "table_xinfo"};
// Without an argument they tell something.
constexpr std::array<std::string_view, 16> settings = {"application_id",
                                                       "auto_vacuum",
                                                       "cache_size",
                                                       "data_version",
                                                       "encoding",
                                                       "foreign_keys",
                                                       "freelist_count",
                                                       "journal_size_limit",
                                                       "page_count",
                                                       "page_size",
                                                       "query_only",
                                                       "recursive_triggers",
                                                       "reverse_unordered_selects",
                                                       "schema_version",
                                                       "synchronous",
                                                       "user_version"};
// These are part of the file's content.
constexpr std::array<std::string_view, 3> content = {"application_id", "optimize", "user_version"};

template <std::size_t count> bool has(const std::array<std::string_view, count>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

} // namespace

void SqlRights::clear() {
  not_for_readers_.clear();
  not_for_writers_.clear();
}

int SqlRights::ask(void* self, int action, const char* first, const char* second, const char*, const char*) {
  auto& rights = *static_cast<SqlRights*>(self);
  std::string what;
  bool for_readers = false, for_writers = false;
  switch (action) {
  case SQLITE_ATTACH: what = "ATTACH"; break;
  case SQLITE_DETACH: what = "DETACH"; break;
  case SQLITE_TRANSACTION: what = first != nullptr ? first : "BEGIN"; break;
  case SQLITE_SAVEPOINT: what = "SAVEPOINT"; break;
  case SQLITE_PRAGMA: {
    std::string name = first != nullptr ? first : "";
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    for_readers = has(telling, name) || (second == nullptr && has(settings, name));
    for_writers = for_readers || has(content, name);
    what = format("PRAGMA {}{}", name, second != nullptr ? "=" : "");
    break;
  }
  default: return SQLITE_OK;
  }
  if (!for_readers)
    rights.not_for_readers_ = what;
  if (!for_writers)
    rights.not_for_writers_ = what;
  const bool denied = (rights.from_ == SqlFrom::caller_reads && !for_readers) ||
                      (rights.from_ == SqlFrom::caller_writes && !for_writers);
  return denied ? SQLITE_DENY : SQLITE_OK;
}

} // namespace weir::sqlite
