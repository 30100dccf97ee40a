// Rows as a table for people: a heading, aligned columns, nothing drawn round them.
//
// Threading: one thread at a time.
// Invariants: the first rows decide how wide the columns are, so memory stays constant however many follow; a later
// cell that is longer is cut where the table has to fit a terminal, and pushes its line apart where it has not.
#pragma once

#include "api/cli/rows.hpp"

namespace weir::cli {

class Table : public RowFormat {
public:
  /// `width`: columns of the terminal the table has to fit; 0: none.
  Table(std::vector<Column> columns, std::size_t width);

  void begin(std::string&) override {}
  void add(std::string& out, std::span<const Value> row) override;
  void settle(std::string& out) override;

private:
  using Cells = std::vector<std::string>;

  void choose_widths();
  void append_line(std::string& out, Cells& cells) const;

  static constexpr std::size_t rows_measured = 500;
  static constexpr std::size_t column_width_min = 8; ///< Narrower than this a cut cell says nothing.
  static constexpr std::size_t gap = 2;

  std::size_t width_max_;
  Cells names_;
  std::vector<bool> numeric_; ///< No value but numbers so far: aligned to the right.
  std::vector<Cells> held_;   ///< Rows that wait until the widths are known.
  std::vector<std::size_t> widths_;
  bool settled_ = false;
};

} // namespace weir::cli
