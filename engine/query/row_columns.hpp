// Core columns of a zone whose segment hands out rows only.
//
// Purpose: a scan knows one form of a zone. Segments without arrays (and QueryControl::columns off) are brought into
// it. Threading: immutable; keeps the rows alive.
#pragma once

#include <weir/result.hpp>

#include "engine/columns.hpp"
#include "engine/ports.hpp"

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir::query {

class RowColumns final : public ZoneColumns {
public:
  /// The columns `core` of `rows`, in which they were read. `types` are those of the segment. `corruption` for a type
  /// that is not among them.
  static Result<std::shared_ptr<const ZoneColumns>> make(std::shared_ptr<const ZoneRows> rows, ColumnSet core,
                                                         std::span<const std::string> types);

private:
  explicit RowColumns(std::shared_ptr<const ZoneRows> rows);
  void read_numbers(ColumnSet core);
  void read_contexts();
  Status read_types(std::span<const std::string> types);

  std::shared_ptr<const ZoneRows> source_;
  std::vector<std::uint64_t> sequence_values_, position_values_;
  std::vector<std::int64_t> recorded_at_values_, timestamp_values_;
  std::vector<std::uint32_t> type_values_, context_values_;
  std::vector<std::string_view> context_text_values_;
};

} // namespace weir::query
