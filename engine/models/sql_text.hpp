// A piece of SQL with the values for its placeholders, in their order.
//
// Purpose: statements are put together of pieces without a value ever becoming part of the text. Threading: plain
// values.
#pragma once

#include <weir/sql_value.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace weir {

struct SqlText {
  std::string sql{};
  std::vector<SqlValue> values{};

  SqlText& append(std::string_view text) {
    sql += text;
    return *this;
  }
  SqlText& append(const SqlText& piece) {
    sql += piece.sql;
    values.insert(values.end(), piece.values.begin(), piece.values.end());
    return *this;
  }
};

} // namespace weir
