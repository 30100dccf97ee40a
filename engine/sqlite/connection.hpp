// One connection with the statements compiled on it.
//
// Purpose: the same few texts are run again and again; compiling one takes longer than running it. Owner: the
// ConnectionPool. Threading: one thread at a time. Invariants: at most `statements_max` idle statements are kept, those
// used last; one that is in use is never dropped, nor given to a second user.
#pragma once

#include "engine/sqlite/connections.hpp"
#include "engine/sqlite/database.hpp"
#include "engine/sqlite/sql_rights.hpp"

#include <weir/result.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

namespace weir::sqlite {

/// Told of each statement when it has been given back, or could not be compiled: its text, how long it was in use, and
/// the error if it failed. Must not throw.
using Report = std::function<void(std::string_view sql, std::chrono::microseconds duration_us, const Error* error)>;

class Connection {
public:
  /// `report` may be empty, and outlives the connection.
  Connection(Database database, std::size_t statements_max, const Report& report);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  Result<CachedStatement> prepare(std::string_view sql, SqlFrom from);
  Status execute(std::string_view sql, SqlFrom from);
  [[nodiscard]] Database& database() noexcept { return database_; }
  /// Drops the statements that are not in use.
  void forget_statements();

private:
  friend class CachedStatement;
  friend struct CachedEntry;
  using Entries = std::list<CachedEntry>;
  using Time = std::chrono::steady_clock::time_point;

  [[nodiscard]] Time now() const;
  void told(std::string_view sql, Time since, const Error* error) const;
  Result<Entries::iterator> compile(std::string_view sql, SqlFrom from);
  Status execute_all(std::string_view sql, SqlFrom from);
  void give_back(CachedEntry& entry);
  void drop_oldest();

  Database database_;
  const std::size_t statements_max_;
  const Report& report_;
  SqlRights rights_;
  Entries entries_;                                              // those in use and those kept; last used first
  std::unordered_map<std::string_view, Entries::iterator> kept_; // by the text in the entry
};

} // namespace weir::sqlite
