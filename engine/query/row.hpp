// The fields a query needs, and how they are got from one event.
//
// Purpose: every path of a query into payload or metadata is found in one pass over the document, once per row, and
// only for rows that need it.
// Threading: FieldTable is immutable once compiled; a RowReader has one owner.
#pragma once

#include <weir/event.hpp>
#include <weir/query_result.hpp>
#include <weir/result.hpp>

#include "engine/json/json.hpp"
#include "engine/query/compare.hpp"
#include "engine/query/field.hpp"

#include <cstddef>
#include <vector>

namespace weir::query {

/// The distinct fields of one query; a field's slot is its number here.
class FieldTable {
public:
  struct Field {
    Core core = Core::payload;
    bool has_path = false;
    std::size_t path = 0; ///< Into the paths of its document.
  };

  /// The slot of `field`, a new one if it has none yet.
  std::size_t add(const FieldRef& field);
  [[nodiscard]] const Field& operator[](std::size_t slot) const { return fields_[slot]; }
  /// Columns of all fields.
  [[nodiscard]] ColumnSet columns() const noexcept { return columns_; }
  [[nodiscard]] bool has_paths() const noexcept { return !payload_paths_.empty() || !metadata_paths_.empty(); }
  [[nodiscard]] const std::vector<json::Path>& payload_paths() const noexcept { return payload_paths_; }
  [[nodiscard]] const std::vector<json::Path>& metadata_paths() const noexcept { return metadata_paths_; }

private:
  std::vector<FieldRef> refs_;
  std::vector<Field> fields_;
  std::vector<json::Path> payload_paths_;
  std::vector<json::Path> metadata_paths_;
  ColumnSet columns_ = 0;
};

class RowReader {
public:
  explicit RowReader(const FieldTable& table) : table_(table) {}

  /// Turns to another event, whose views must live as long as it is read here.
  void bind(const EventView& event) {
    event_ = event;
    extracted_ = false;
  }
  [[nodiscard]] const EventView& event() const noexcept { return event_; }
  /// Finds the paths in the event's documents, if that was not done yet. `corruption` if one is no JSON.
  Status extract();
  /// What the field holds; null if the event has none. Precondition for a path: extract() was called.
  [[nodiscard]] ValueView view(std::size_t slot) const noexcept;
  [[nodiscard]] Value value(std::size_t slot) const;

private:
  const FieldTable& table_;
  EventView event_;
  bool extracted_ = false;
  std::vector<json::Scalar> payload_;
  std::vector<json::Scalar> metadata_;
};

/// A core field of an event. Documents are JSON text; an empty event_id or metadata is null.
[[nodiscard]] ValueView core_view(Core core, const EventView& event) noexcept;

} // namespace weir::query
