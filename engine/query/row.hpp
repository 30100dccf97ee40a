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
#include "engine/query/evaluate.hpp"
#include "engine/query/field.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace weir::query {

/// The distinct fields of one query; a field's slot is its number here. Fields of a sequence belong to a step, those of
/// any other query to step 0.
class FieldTable {
public:
  struct Field {
    Core core = Core::payload;
    bool has_path = false;
    std::size_t path = 0; ///< Into the paths of its document and step.
    std::size_t step = 0;
    /// It may be a column of a segment.
    [[nodiscard]] bool is_in_payload() const noexcept { return core == Core::payload && has_path; }
  };

  /// The slot of `field`, a new one if it has none yet.
  std::size_t add(const FieldRef& field, std::size_t step = 0);
  [[nodiscard]] std::size_t size() const noexcept { return fields_.size(); }
  [[nodiscard]] const Field& operator[](std::size_t slot) const { return fields_[slot]; }
  [[nodiscard]] const FieldRef& ref(std::size_t slot) const { return refs_[slot]; }
  /// Columns of all fields of a step.
  [[nodiscard]] ColumnSet columns(std::size_t step = 0) const noexcept;
  [[nodiscard]] bool has_paths(std::size_t step = 0) const noexcept;
  [[nodiscard]] const std::vector<json::Path>& payload_paths(std::size_t step = 0) const noexcept;
  [[nodiscard]] const std::vector<json::Path>& metadata_paths(std::size_t step = 0) const noexcept;

private:
  struct Documents {
    std::vector<json::Path> payload, metadata;
    ColumnSet columns = 0;
  };
  [[nodiscard]] const Documents& of_step(std::size_t step) const noexcept;

  std::vector<FieldRef> refs_;
  std::vector<Field> fields_;
  std::unordered_map<std::string, std::size_t> slots_; ///< By step and canonical name: conditions may have thousands.
  std::vector<Documents> steps_;
};

/// Fields of events by their names in a query that is no sequence. Precondition of slot(): parse_field() takes it.
class EventSlots final : public NameSlots {
public:
  explicit EventSlots(FieldTable& table) : table_(table) {}
  std::size_t slot(std::string_view name) override;

private:
  FieldTable& table_;
};

class RowReader {
public:
  /// Reads the fields of `step`; those of others stay absent.
  explicit RowReader(const FieldTable& table, std::size_t step = 0);

  /// Turns to another event, whose views must live as long as it is read here.
  void bind(const EventView& event);
  [[nodiscard]] const EventView& event() const noexcept { return event_; }
  /// Finds the paths in the event's documents, if that was not done yet. `corruption` if one is no JSON.
  /// `pacer`, if there is one, looks at the deadline where there are very many paths.
  Status extract(Pacer* pacer = nullptr);
  /// By slot, valid until bind(). Paths are absent before extract().
  [[nodiscard]] RowValues values() const noexcept { return values_; }

private:
  const FieldTable& table_;
  std::size_t step_;
  EventView event_;
  bool extracted_ = false;
  std::vector<ValueView> values_;
  std::vector<json::Scalar> payload_;
  std::vector<json::Scalar> metadata_;
};

/// A core field of an event. Documents are JSON text; an empty event_id or metadata is absent.
[[nodiscard]] ValueView core_view(Core core, const EventView& event) noexcept;
/// What find_paths() found. The view lives as long as `scalar`.
[[nodiscard]] ValueView view_of(const json::Scalar& scalar) noexcept;

} // namespace weir::query
