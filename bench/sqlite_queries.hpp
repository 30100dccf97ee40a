// How SQLite answers the questions: from a table of what they ask about, and nothing else, with indexes.
//
// Purpose: the best that is known of SQLite for this work: fields extracted once, sums of integers; sequences are
// counted in the program over ordered rows, which is faster than any one statement tried. Either each question has an
// index that covers it, so that no row behind it is looked up: who makes these knows the questions beforehand. Or there
// are the indexes of who does not: by type and time, and by each field that was extracted.
// The table is built by the constructor, which is not measured. Threading: as the connection.
#pragma once

#include "bench/question.hpp"
#include "bench/sqlite_support.hpp"

#include <cstdint>
#include <string>

namespace weir::bench {

class SqliteQueries {
public:
  static constexpr const char* drop = "DROP TABLE facts";
  enum class Indexes : std::uint8_t { covering, by_field };

  /// `connection` has tables events, contexts and types; it outlives this.
  SqliteQueries(SqliteConnection& connection, Indexes indexes);
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
