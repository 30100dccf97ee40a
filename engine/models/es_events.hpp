// Writes of event-sourced models as events: docs/formats/models.md.
//
// Purpose: builds events `es/<model>`, and has the preprocessor and the reducer that every event-sourced model begins
// with. Owner: EsRules belong to a model set; the model outlives them. Threading: immutable; reads the model, whose
// rules on threads hold. Invariants: the reducer names the least that changes, so what is stored already changes
// nothing.
#pragma once

#include <weir/event_sourcing.hpp>
#include <weir/json_model.hpp>
#include <weir/json_value.hpp>
#include <weir/result.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

enum class EsAction : std::uint8_t {
  remove, ///< Of an object that is not there: no change.
  set,    ///< The whole object, new or in the place of the old one.
  insert, ///< A new object; a taken id is EEXIST.
  update, ///< Members of an object that must be there (else ENOENT); null removes one.
  save,   ///< As update, or a new object.
};

/// As the event has it: "remove", "set" ...
[[nodiscard]] std::string_view to_string(EsAction action) noexcept;

/// "es/orders"
[[nodiscard]] std::string es_type(std::string_view model);
/// "es/INIT:orders"
[[nodiscard]] std::string es_init_type(std::string_view model);

/// The event of a write. `id` may be null where the object has it, or shall get one from the preprocessor; `meta` is
/// anything the caller wants to keep with the event (null: nothing). Context and place are left empty.
[[nodiscard]] ModelEvent es_event(std::string_view model, EsAction action, Json id, Json object = {}, Json meta = {});

/// A write as its event's data has it; borrows from there.
struct EsWrite {
  EsAction action = EsAction::set;
  const Json* id = nullptr;   ///< May be null or of a wrong type before the preprocessor has been at it.
  const Json* data = nullptr; ///< An object; null pointer for remove.
  const Json* meta = nullptr; ///< Null pointer: none.
};
/// Errors: `invalid_argument` naming the member that is missing, wrong or unknown.
Result<EsWrite> read_es_event(const Json& data);

/// The code of what an ESModel's caller is told of `es_fail`, with the message "orders.set 5: EEXIST".
[[nodiscard]] Error es_failure(std::string_view model, std::string_view operation, const Json& id,
                               std::string_view es_fail);

/// The member of a model's objects that has the id.
[[nodiscard]] std::string id_key(const JsonModelOptions& options);

/// Where a write stands that is being applied: the ids it needs must come out the same in every rebuild.
struct EsPlace {
  Position position = 0;
  std::uint64_t ordinal = 0; ///< Among the events run for this position: 0 is the stored one.
};

struct EsChange {
  Change change;
  /// The object as `change.upd` leaves it: saves reading the old one once more.
  std::optional<Json> whole;
};

class EsRules {
public:
  /// Precondition: `model` outlives this.
  explicit EsRules(const JsonModel& model);

  [[nodiscard]] const std::string& type() const noexcept { return type_; }

  /// Checks a write and gives it its one form: the id in the member "id" alone, as its column has it. A new object
  /// without an id gets one: from the id column's `value`, else a slug, the next integer, or a text that is derived
  /// from `place`; without a place (the event is not stored yet) what JsonModelOptions::make_id gives. But for a
  /// computed id it then is an insert, whatever it was. Errors: `invalid_argument`, those of the model.
  Status preprocess(Json& data, const std::optional<EsPlace>& place) const;
  /// What the write changes. Precondition: preprocess() succeeded on it. Errors: as there.
  Result<EsChange> reduce(const Json& data) const;

private:
  Status settle_id(Json& data, EsAction action, const std::optional<EsPlace>& place) const;
  Result<Json> new_id(const Json& object, const std::optional<EsPlace>& place) const;
  Status normalise(Json& id) const;
  /// What reads give once `old`, which a set does not name, is taken away.
  enum class Without : std::uint8_t {
    differs,
    same,       ///< It comes back: a default, or computed on every write.
    impossible, ///< It is an expression of the others.
  };
  [[nodiscard]] Without without(const Json::Member& old) const;
  [[nodiscard]] EsChange change_of(const EsWrite& write, Json object) const;

  const JsonModel* model_;
  std::string type_;
  std::string id_key_;
  const Column* id_ = nullptr; // null: a plain text column
  bool integer_id_ = false;
  std::vector<const Column*> filled_in_; // Columns that have a value though a write names none.
};

} // namespace weir
