// All figures of a run, as they come in.
//
// Purpose: what tables, goals and the JSON file are made of. Owner: the harness. Threading: one thread.
// Invariants: lines keep the order in which they were announced; peers that in which they first appeared.
#pragma once

#include "bench/workload.hpp"

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace weir::bench {

/// What is measured: "ingest/16-threads/synced".
struct Line {
  std::string operation;
  std::string shape;
  std::string durability; ///< Of what was measured, or of what it works on.
  std::string unit;       ///< Of the line's own figure.
  bool less_is_better = false;
  std::string says; ///< One sentence for the table's head.

  [[nodiscard]] std::string name() const { return operation + "/" + shape + "/" + durability; }
};

/// A further figure of the same cell; `aspect` is empty for the line's own.
struct Figure {
  std::string aspect;
  std::string unit;
  std::string title; ///< Of the table's column.
};

/// In the order of the table's columns.
const std::vector<Figure>& further_figures();

/// The figures of all repetitions.
class Series {
public:
  void add(double value) { values_.push_back(value); }
  [[nodiscard]] std::size_t runs() const noexcept { return values_.size(); }
  /// Precondition of the three: runs() > 0.
  [[nodiscard]] double median() const;
  [[nodiscard]] double min() const;
  [[nodiscard]] double max() const;

private:
  std::vector<double> values_;
};

/// Whether the store has what it acknowledged.
struct Check {
  Tally acknowledged;
  Tally found;
  [[nodiscard]] bool ok() const { return acknowledged == found; }
};

class Results {
public:
  struct Cell {
    std::string peer;
    std::map<std::string, Series> figures; ///< By aspect.
    std::optional<Check> check;            ///< Of the latest repetition, or the first that failed.
  };
  struct Row {
    Line line;
    std::vector<Cell> cells;
  };

  void add(const Line& line, const std::string& peer, const std::string& aspect, double value);
  void check(const Line& line, const std::string& peer, const Check& check);
  void fail(const std::string& what) { failures_.push_back(what); }

  [[nodiscard]] const std::vector<Row>& rows() const noexcept { return rows_; }
  [[nodiscard]] const std::vector<std::string>& failures() const noexcept { return failures_; }
  /// Nothing if it was not measured.
  [[nodiscard]] const Series* find(const std::string& line_name, const std::string& peer,
                                   const std::string& aspect = "") const;
  /// Whether `peer` has the best median of the line among the variants of its family; false if it was not measured.
  [[nodiscard]] bool best_of_family(const std::string& line_name, const std::string& peer) const;
  /// The best of the real peers, weir and raw not among them: name and series.
  [[nodiscard]] std::optional<std::pair<std::string, const Series*>> best_peer(const std::string& line_name,
                                                                               const std::string& aspect = "") const;

private:
  Cell& cell(const Line& line, const std::string& peer);
  std::vector<Row> rows_;
  std::vector<std::string> failures_;
};

/// "sqlite" of "sqlite-rowid".
[[nodiscard]] std::string family_of(const std::string& peer);

} // namespace weir::bench
