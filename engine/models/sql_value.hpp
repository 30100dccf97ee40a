// What goes into and comes out of SQLite: values and rows.
//
// Purpose: models and callers' own SQL without a header of SQLite. Threading: plain values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace weir {

struct SqlBlob {
  std::string bytes;
  friend bool operator==(const SqlBlob&, const SqlBlob&) = default;
};

/// NULL, INTEGER, REAL, TEXT or BLOB.
using SqlValue = std::variant<std::monostate, std::int64_t, double, std::string, SqlBlob>;

/// A row of an answer; the names are shared by all rows of it.
class SqlRow {
public:
  SqlRow() = default;
  SqlRow(std::shared_ptr<const std::vector<std::string>> names, std::vector<SqlValue> values)
      : names_(std::move(names)), values_(std::move(values)) {}

  [[nodiscard]] std::size_t size() const noexcept { return values_.size(); }
  /// NULL for a column that is not there.
  [[nodiscard]] const SqlValue& operator[](std::size_t column) const noexcept;
  /// NULL for an unknown name as well.
  [[nodiscard]] const SqlValue& operator[](std::string_view name) const noexcept;
  [[nodiscard]] const std::vector<std::string>& names() const noexcept;
  [[nodiscard]] const std::vector<SqlValue>& values() const noexcept { return values_; }

private:
  std::shared_ptr<const std::vector<std::string>> names_;
  std::vector<SqlValue> values_;
};

} // namespace weir
