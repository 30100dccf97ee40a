// What the database of a handler holds (handler_host.hpp), read with SQLite alone.
//
// Threading: pure function, plain values.
#pragma once

#include "trust/kills/handler_oracle.hpp"

#include <string>
#include <vector>

namespace weir::trust {

struct HandlerRows {
  std::vector<HandlerOracle::Row> rows; ///< In the order in which they were written.
  Position at = 0;                      ///< What is before it has been applied.
  std::string error;                    ///< Not empty: SQLite could not read it.
};

/// Nobody has the database at `path` open. It is copied to `copy` with its journal, and nothing is changed in it.
[[nodiscard]] HandlerRows read_handler(const std::string& path, const std::string& copy);

} // namespace weir::trust
