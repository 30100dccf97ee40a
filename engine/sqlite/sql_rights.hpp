// What a statement may do besides reading and writing tables, by whose it is.
//
// Purpose: a service's own SQL runs on weir's connections; it must not take files in, end transactions or change the
// settings those rely on. Some PRAGMAs do so while they are compiled, so SQLite asks here before. Owner: the
// Connection. Threading: that of the connection.
#pragma once

#include <cstdint>
#include <string>

namespace weir::sqlite {

enum class SqlFrom : std::uint8_t {
  weir,          ///< Anything.
  caller_reads,  ///< Reads, and PRAGMAs that tell something.
  caller_writes, ///< Writes too. No ATTACH, no BEGIN, COMMIT or SAVEPOINT, no PRAGMA that changes a connection.
};

class SqlRights {
public:
  /// For what is compiled from now on.
  void set(SqlFrom from) noexcept { from_ = from; }
  /// What the statements compiled since the last clear() do that is not for callers who read, or write; empty: nothing.
  [[nodiscard]] const std::string& not_for_readers() const noexcept { return not_for_readers_; }
  [[nodiscard]] const std::string& not_for_writers() const noexcept { return not_for_writers_; }
  void clear();

  /// SQLite's authorizer.
  static int ask(void* self, int action, const char* first, const char* second, const char* schema, const char* source);

private:
  SqlFrom from_ = SqlFrom::weir;
  std::string not_for_readers_, not_for_writers_;
};

} // namespace weir::sqlite
