// A stored event on its way to the models: corrected, parsed, run through its phases, timed.
//
// Purpose: what becomes of an event before any model sees it, and whether it took too long. Owner: the Projection.
// Threading: the projection's thread.
#pragma once

#include "engine/models/event_run.hpp"
#include "engine/models/model_set.hpp"
#include "engine/models/projection.hpp"

#include <weir/event.hpp>
#include <weir/result.hpp>

#include <functional>
#include <map>
#include <string_view>

namespace weir {

class StoredEvents {
public:
  /// `models` outlives this; of `parts` clock, event_time_max and events_begun count.
  StoredEvents(const ModelSet& models, const Projection::Parts& parts);

  /// To be called once, before the first event: what the service's migrations made of the database is there by then.
  Status look_for_triggers(ModelDatabase& database);
  void set_corrections(std::map<Position, Correction> corrections) { corrections_ = std::move(corrections); }
  void add_correction(Position position, Correction correction) {
    corrections_.insert_or_assign(position, std::move(correction));
  }

  /// Corrections counted in.
  [[nodiscard]] std::string_view type_of(const EventView& event) const;
  /// Runs `event`, inside a transaction; one that no function sees is not looked at, unless its `outcome` is wanted
  /// (not null). Errors: as EventRun; `projection_failed` also for a payload that is no object, and for an event that
  /// took too long.
  Status run(const EventView& event, Projection::Outcome* outcome);

private:
  [[nodiscard]] const Correction* correction_of(const EventView& event) const;
  void read_back(Projection::Outcome& outcome) const;
  Status run_timed(ModelEvent& event, EventRun::Report* report) const;

  const ModelSet& models_;
  const io::Clock* clock_;
  std::chrono::nanoseconds event_time_max_;
  std::atomic<std::uint64_t>* events_begun_;
  std::function<bool(std::string_view)> object_wanted_;
  std::map<Position, Correction> corrections_;
  bool keeps_what_is_written_ = false; // an object that was written is read as it was written
};

} // namespace weir
