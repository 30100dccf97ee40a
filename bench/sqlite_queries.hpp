// How SQLite answers the questions: from a table of what they ask about, with an index that covers each.
//
// Purpose: the best that is known of SQLite for this work: fields extracted once, no look-up of a row behind an index,
// sums of integers; sequences are counted in the program over rows in index order, which is faster than any one
// statement tried. The table is built by the constructor, which is not measured. Threading: as the connection.
#pragma once

#include "bench/question.hpp"
#include "bench/sqlite_support.hpp"

#include <cstdint>
#include <string>

namespace weir::bench {

class SqliteQueries {
public:
  static constexpr const char* drop = "DROP TABLE facts";

  /// `connection` has tables events, contexts and types; it outlives this.
  explicit SqliteQueries(SqliteConnection& connection);
  [[nodiscard]] Answer ask(const Question& question);

private:
  Answer count(const Question& question);
  Answer by_type();
  Answer top_sums(const Question& question);
  Answer count_sequences();
  std::int64_t type_number(std::string_view name);

  bool built_; // Before the statements.
  SqliteStatement type_, count_, by_type_, top_sums_, steps_;
};

} // namespace weir::bench
