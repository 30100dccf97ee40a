// Rows of values as text: JSON lines, CSV or a table.
//
// Purpose: every command that prints rows prints them through one of these, so that they look the same everywhere.
// Threading: plain objects, one thread at a time.
// Invariants: a row takes exactly one line, except in CSV, where a quoted field may hold line feeds.
#pragma once

#include <weir/query_result.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace weir::cli {

enum class Format : std::uint8_t { table, jsonl, csv };

struct Column {
  std::string name;
  bool optional = false; ///< JSON leaves the key out where the value is null.
};

/// Turns rows into text that it appends to the caller's buffer. Every row has one value for each column.
class RowFormat {
public:
  virtual ~RowFormat() = default;
  virtual void begin(std::string& out) = 0;
  virtual void add(std::string& out, std::span<const Value> row) = 0;
  /// Gives out what is held back to make columns fit; more rows may follow.
  virtual void settle(std::string& out) = 0;
};

/// `width` is what a table may take on a terminal; 0: as wide as its cells are.
[[nodiscard]] std::unique_ptr<RowFormat> make_row_format(Format format, std::vector<Column> columns, std::size_t width);

/// A value as bare text: what CSV quotes and a table aligns. Null is empty.
void append_text(std::string& out, const Value& value);
/// JSON text in one line: line breaks between its tokens become spaces (inside strings JSON has none).
void append_one_line(std::string& out, std::string_view json);

} // namespace weir::cli
