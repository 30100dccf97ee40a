// A search of a model as statements in SQL.
//
// Purpose: decides everything about a search that can be decided without a database: conditions, order, what is
// selected, where a cursor goes on. Owner: the call that searches. Threading: immutable once made. Invariants: values
// are bound, never part of a text; statements that differ in values alone have one text.
#pragma once

#include "engine/models/cursor.hpp"
#include "engine/models/keyset.hpp"
#include "engine/models/model_table.hpp"
#include "engine/models/sql_text.hpp"

#include <weir/json_value.hpp>
#include <weir/result.hpp>
#include <weir/search.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

/// What an item is made of, if it is not the whole object.
struct SelectedColumn {
  const TableColumn* column = nullptr; ///< Null: an expression, known by SQLite's name for it.
  std::string sql{};
};

class SelectText {
public:
  /// `table` outlives it; the others are needed for this call only. Errors: `invalid_argument` for attributes that are
  /// no object, an unknown column, values that do not fit theirs, a text whose placeholders are not those of its
  /// values, a cursor of another sort or a damaged one.
  static Result<SelectText> make(const ModelTable& table, const Json& attributes, const SearchOptions& options);

  /// Whether rows tell their place, for cursors: not if none are wanted, and not distinct rows of expressions.
  [[nodiscard]] bool has_places() const noexcept { return has_places_; }
  /// Where to go on, if there was a cursor.
  [[nodiscard]] const std::optional<Place>& from() const noexcept { return from_; }
  [[nodiscard]] bool reversed() const noexcept { return from_ && from_->reversed; }
  /// Empty: items are whole objects.
  [[nodiscard]] const std::vector<SelectedColumn>& columns() const noexcept { return columns_; }
  /// Columns of a row that make its item; the keys follow.
  [[nodiscard]] std::size_t item_columns() const noexcept;
  [[nodiscard]] std::size_t keys() const noexcept { return has_places_ ? keyset_.keys().size() : 0; }

  /// The rows of a page, from the first to the last, reversed if reversed(). Two more values are to be bound: how many
  /// rows at most (-1: all), and how many to leave out. Of several statements each goes on where the one before has
  /// ended; then none is left out.
  [[nodiscard]] std::vector<SqlText> page() const;
  /// A row for what there is before `place` (behind, if not reversed), the nearest first; any of these may have it.
  [[nodiscard]] std::vector<SqlText> any_from(const Place& place) const;
  /// A row if there is one at all.
  [[nodiscard]] SqlText any() const;
  /// How many there are, whatever the cursor; with it, how many from there on.
  [[nodiscard]] SqlText count(bool with_cursor) const;
  /// `function` over the column as numbers, from the cursor on.
  [[nodiscard]] SqlText aggregate(std::string_view function, const TableColumn& column) const;
  /// The text of a cursor.
  [[nodiscard]] std::string cursor(const Place& place) const;

private:
  explicit SelectText(const ModelTable& table) : table_(&table) {}
  Status add_attributes(const Json& attributes);
  Status add_options(const SearchOptions& options);
  Status add_columns(const std::vector<std::string>& columns);
  Result<std::vector<Key>> sort_keys(const std::vector<SortKey>& sort) const;
  Status add_keys(const SearchOptions& options);
  Status add_distinct_keys(std::vector<Key>& keys) const;
  Status restrict(Result<SqlText> condition);

  [[nodiscard]] std::string selection() const;
  [[nodiscard]] SqlText from_where(std::string_view selected, const SqlText& more) const;
  [[nodiscard]] SqlText behind() const;

  const ModelTable* table_;
  SqlText join_;  // With a blank before it, or empty.
  SqlText where_; // Conditions joined by AND, or empty.
  std::vector<SelectedColumn> columns_;
  bool distinct_ = false;
  bool has_places_ = false;
  bool page_in_ranges_ = false;
  Keyset keyset_;
  std::optional<Place> from_;
};

} // namespace weir
