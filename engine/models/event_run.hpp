// One event through its phases, with all the sub-events it brings about.
//
// Purpose: the order in which functions see an event and each other's work. Owner: the projection, one for every event
// (they count its sub-events). Threading: the thread that has the transaction; preprocess() needs none. Invariants: a
// sub-event is through all its phases, its own sub-events included, before the next one begins; after an error the
// database holds half an event and must be rolled back.
#pragma once

#include "engine/models/model_set.hpp"

#include <weir/event_sourcing.hpp>
#include <weir/result.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace weir {

class EventRun {
public:
  /// `models` outlives this.
  explicit EventRun(const ModelSet& models) : models_(models) {}
  EventRun(const EventRun&) = delete;
  EventRun& operator=(const EventRun&) = delete;

  /// What became of an event, for those who wait for it.
  struct Report {
    AppliedEvent applied{};
    /// Said by the caller: the object behind a write is wanted, where that can be told without a look at the database.
    /// Precondition: no function can change it once it is written, and no trigger.
    bool object_wanted = false;
    JsonModel::Found object{};
  };
  /// All phases of a stored event, which is then as preprocessing left it, or, if it succeeded, in the report (may be
  /// null). Errors: `projection_failed`, the message names phase and model; those of the database.
  Status run(ModelEvent& event, Report* report);
  /// The preprocessors of an event that is not stored yet.
  Status preprocess(ModelEvent& event);

private:
  struct ModelChange;
  struct Cycle;
  class Reducing;
  class Deriving;
  class Transacting;

  Status cycle(ModelEvent& event, std::size_t depth, AppliedEvent* applied);
  Status run_phases(Cycle& cycle);
  Status run_preprocessors(Cycle& cycle) const;
  Status reduce(Cycle& cycle);
  Status apply(Cycle& cycle);
  Status apply_write(ModelChange& made, JsonModel& model) const;
  Status derive(Cycle& cycle);
  Status run_sub_events(Cycle& cycle);
  Status transact(Cycle& cycle);
  /// Runs a sub-event of `parent`.
  Status run_sub_event(Cycle& parent, SubEvent sub_event, AppliedEvent* applied);
  [[nodiscard]] JsonModel& model(std::string_view name) const;
  [[nodiscard]] std::string path() const;

  const ModelSet& models_;
  Report* report_ = nullptr;
  std::vector<const std::string*> types_; // of the running event and its ancestors
  std::uint64_t events_ = 0;              // begun so far
  bool placed_ = false;                   // the error under way says which sub-event failed
};

} // namespace weir
