#include "engine/models/stored_events.hpp"

#include "engine/models/event_run.hpp"
#include "engine/models/just_written.hpp"
#include "engine/models/phase_errors.hpp"
#include "engine/text.hpp"

#include <string>
#include <utility>

namespace weir {

namespace {

Result<ModelEvent> parse(const EventView& event, std::string_view type, std::string_view payload) {
  PhaseErrors errors;
  auto written = JustWritten::take(payload);
  auto data = written ? Result<Json>(*std::move(written)) : Json::parse(payload);
  if (data && !data->is_object())
    data = fail(Errc::invalid_argument, "it is no JSON object");
  if (!data)
    errors.add("_payload", std::move(data).error());
  auto metadata = event.metadata.empty() ? Result<Json>(Json()) : Json::parse(event.metadata);
  if (!metadata)
    errors.add("_metadata", std::move(metadata).error());
  WEIR_TRY(std::move(errors).status());
  return ModelEvent{std::string(type), *std::move(data), event.timestamp,     std::string(event.context_id),
                    event.sequence,    event.position,   *std::move(metadata)};
}

} // namespace

StoredEvents::StoredEvents(const ModelSet& models, const Projection::Parts& parts)
    : models_(models), clock_(parts.clock), event_time_max_(parts.event_time_max), events_begun_(parts.events_begun),
      object_wanted_(parts.object_wanted) {
}

Status StoredEvents::look_for_triggers(ModelDatabase& database) {
  auto trigger = database.get("SELECT 1 FROM sqlite_schema WHERE type='trigger' LIMIT 1");
  if (!trigger)
    return std::move(trigger).error();
  keeps_what_is_written_ = models_.calls_no_function() && !trigger->has_value();
  return {};
}

const Correction* StoredEvents::correction_of(const EventView& event) const {
  if (corrections_.empty())
    return nullptr;
  const auto found = corrections_.find(event.position);
  return found == corrections_.end() ? nullptr : &found->second;
}

std::string_view StoredEvents::type_of(const EventView& event) const {
  const Correction* const correction = correction_of(event);
  return correction == nullptr ? event.event_type : std::string_view(correction->type);
}

Status StoredEvents::run(const EventView& event, Projection::Outcome* outcome) {
  if (events_begun_ != nullptr)
    events_begun_->fetch_add(1, std::memory_order_relaxed);
  const Correction* const correction = correction_of(event);
  const std::string_view type = type_of(event);
  if (outcome == nullptr && models_.interested(type).empty())
    return {};
  auto model_event = parse(event, type, correction == nullptr ? event.payload : std::string_view(correction->payload));
  if (!model_event)
    return std::move(model_event).error();
  if (outcome == nullptr)
    return run_timed(*model_event, nullptr);
  const bool object_wanted = !object_wanted_ || object_wanted_(event.context_id);
  EventRun::Report report;
  report.object_wanted = object_wanted && keeps_what_is_written_;
  WEIR_TRY(run_timed(*model_event, &report));
  outcome->applied = std::move(report.applied);
  outcome->object = std::move(report.object);
  if (object_wanted && !outcome->object)
    read_back(*outcome);
  for (const auto& [model, change] : outcome->applied.result.members())
    if (const std::string_view es_fail = change["es_fail"].string(); !es_fail.empty())
      outcome->es_fail.emplace(model, es_fail);
  return {};
}

/// Cheaper here, where the page is at hand, than for who waits, on another connection. Whether somebody waits must not
/// decide what becomes of the event: an object that cannot be read (the service's `parse` refuses it) is left to them.
void StoredEvents::read_back(Projection::Outcome& outcome) const {
  const ModelEvent& event = outcome.applied.event;
  for (const std::size_t index : models_.interested(event.type)) {
    const ModelEntry& entry = models_[index];
    if (!entry.rules || event.type != entry.rules->type())
      continue;
    if (auto object = entry.model->get(event.data["id"]))
      outcome.object = *std::move(object);
  }
}

Status StoredEvents::run_timed(ModelEvent& event, EventRun::Report* report) const {
  EventRun run(models_);
  if (clock_ == nullptr)
    return run.run(event, report);
  const auto begun = clock_->steady_now();
  WEIR_TRY(run.run(event, report));
  const std::chrono::nanoseconds taken = clock_->steady_now() - begun;
  if (taken <= event_time_max_)
    return {};
  const auto ms = [](std::chrono::nanoseconds time) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
  };
  return fail(Errc::projection_failed,
              format("the functions of the event took {} ms, more than {} ms", ms(taken), ms(event_time_max_)));
}

} // namespace weir
