#include "engine/models/event_run.hpp"

#include "engine/guarded_call.hpp"
#include "engine/models/change_apply.hpp"
#include "engine/models/model_access.hpp"
#include "engine/models/phase_errors.hpp"
#include "engine/text.hpp"

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace weir {

namespace {

const Change no_change;
constexpr std::string_view function = "the function";

bool changes_rows(const Change& change) {
  return !change.rm.empty() || !change.ins.empty() || !change.set.empty() || !change.upd.empty() || !change.sav.empty();
}

} // namespace

/// What a reducer has made of an event.
struct EventRun::ModelChange {
  std::size_t index; // of the model
  Change change{};
  std::optional<Json> whole{}; // see EsChange
  bool of_write = false;       // it is what the write to an event-sourced model comes to
};

/// What one event's phases hand on to each other.
struct EventRun::Cycle {
  ModelEvent& event;
  const std::size_t depth;
  const std::uint64_t ordinal;
  AppliedEvent* const applied; // null: nobody wants to know
  bool stored = true;          // false: it is only preprocessed, before it is stored
  Json cache{};
  std::vector<ModelChange> changes{}; // by index; of those that changed
  std::vector<SubEvent> sub_events{}; // to run after the derivers
};

class EventRun::Reducing final : public ReduceContext {
public:
  Reducing(const EventRun& run, Cycle& cycle) : run_(run), cycle_(cycle) {}
  [[nodiscard]] const JsonModel& model(std::string_view name) const override { return run_.model(name); }
  [[nodiscard]] bool has_model(std::string_view name) const override { return run_.models_.model(name) != nullptr; }
  void add_event(std::string type, Json data) override {
    cycle_.sub_events.push_back({std::move(type), std::move(data)});
  }
  [[nodiscard]] Json& cache() override { return cycle_.cache; }
  [[nodiscard]] std::size_t depth() const override { return cycle_.depth; }

private:
  const EventRun& run_;
  Cycle& cycle_;
};

class EventRun::Deriving final : public DeriveContext {
public:
  Deriving(const EventRun& run, Cycle& cycle, const Change& result) : run_(run), cycle_(cycle), result_(result) {}
  [[nodiscard]] JsonModel& model(std::string_view name) const override { return run_.model(name); }
  [[nodiscard]] bool has_model(std::string_view name) const override { return run_.models_.model(name) != nullptr; }
  void add_event(std::string type, Json data) override {
    cycle_.sub_events.push_back({std::move(type), std::move(data)});
  }
  [[nodiscard]] const Change& result() const override { return result_; }
  [[nodiscard]] std::size_t depth() const override { return cycle_.depth; }

private:
  const EventRun& run_;
  Cycle& cycle_;
  const Change& result_;
};

class EventRun::Transacting final : public TransactContext {
public:
  Transacting(EventRun& run, Cycle& cycle) : run_(run), cycle_(cycle) {}
  [[nodiscard]] const JsonModel& model(std::string_view name) const override { return run_.model(name); }
  [[nodiscard]] bool has_model(std::string_view name) const override { return run_.models_.model(name) != nullptr; }
  [[nodiscard]] std::size_t depth() const override { return cycle_.depth; }

  Result<AppliedEvent> dispatch(std::string type, Json data) override {
    AppliedEvent applied;
    if (Status done = run_.run_sub_event(cycle_, {std::move(type), std::move(data)}, &applied); !done) {
      // What is half applied must not be committed, whatever the function makes of the error.
      if (!failed_ || is_database_failure(done.error()))
        failed_ = done.error();
      return std::move(done).error();
    }
    if (cycle_.applied != nullptr)
      cycle_.applied->events.push_back(applied);
    return applied;
  }

  Result<Json> set(std::string_view model, const Json& object, bool insert_only) override {
    return write(model, "set", insert_only ? EsAction::insert : EsAction::set, object);
  }
  Result<Json> update(std::string_view model, const Json& changes, bool upsert) override {
    return write(model, "update", upsert ? EsAction::save : EsAction::update, changes);
  }
  Status remove(std::string_view model, const Json& id) override {
    const auto applied = write_event(model, "remove", EsAction::remove, id, {});
    return applied ? Status() : applied.error();
  }

  [[nodiscard]] const std::optional<Error>& failed() const { return failed_; }

private:
  Result<AppliedEvent> write_event(std::string_view model, std::string_view operation, EsAction action, Json id,
                                   Json object) {
    if (run_.models_.find(model) == nullptr)
      return fail(Errc::invalid_argument, format("there is no event-sourced model '{}'", model));
    ModelEvent event = es_event(model, action, std::move(id), std::move(object));
    auto applied = dispatch(std::move(event.type), std::move(event.data));
    if (applied)
      if (const auto es_fail = applied->result[model]["es_fail"].string(); !es_fail.empty())
        return es_failure(model, operation, applied->event.data["id"], es_fail);
    return applied;
  }

  Result<Json> write(std::string_view model, std::string_view operation, EsAction action, const Json& object) {
    const auto applied = write_event(model, operation, action, {}, object);
    if (!applied)
      return applied.error();
    auto found = run_.model(model).get(applied->event.data["id"]);
    if (!found)
      return std::move(found).error();
    return *found ? **std::move(found) : Json();
  }

  EventRun& run_;
  Cycle& cycle_;
  std::optional<Error> failed_;
};

JsonModel& EventRun::model(std::string_view name) const {
  JsonModel* const found = models_.model(name);
  // The one mistake of a service's function that has no result to be told by. It is caught where the function was
  // called, so that a wrong name fails the event and not the process.
  if (found == nullptr)
    throw std::invalid_argument(format("there is no model '{}'", name));
  return *found;
}

std::string EventRun::path() const {
  // A runaway recursion has a long one; both ends tell enough.
  constexpr std::size_t shown = 4;
  std::string text;
  for (std::size_t i = 1; i < types_.size(); ++i) {
    if (i > shown && i + shown < types_.size()) {
      if (i == shown + 1)
        text += "....";
      continue;
    }
    text += *types_[i];
    if (i + 1 < types_.size())
      text += '.';
  }
  return text;
}

Status EventRun::run(ModelEvent& event, Report* report) {
  report_ = report;
  return cycle(event, 0, report == nullptr ? nullptr : &report->applied);
}

Status EventRun::preprocess(ModelEvent& event) {
  Cycle cycle{event, 0, 0, nullptr, false};
  return run_preprocessors(cycle);
}

Status EventRun::cycle(ModelEvent& event, std::size_t depth, AppliedEvent* applied) {
  types_.push_back(&event.type);
  Cycle cycle{event, depth, events_++, applied};
  Status done = depth > sub_event_depth_max
                    ? fail(Errc::projection_failed, format("sub-events go deeper than {}", sub_event_depth_max))
                    : run_phases(cycle);
  if (!done && depth > 0 && !placed_) {
    Error error = std::move(done).error();
    error.message = format("_handle {}: {}", path(), error.message);
    done = std::move(error);
    placed_ = true;
  }
  types_.pop_back();
  return done;
}

Status EventRun::run_phases(Cycle& cycle) {
  WEIR_TRY(run_preprocessors(cycle));
  WEIR_TRY(reduce(cycle));
  WEIR_TRY(apply(cycle));
  WEIR_TRY(derive(cycle));
  WEIR_TRY(run_sub_events(cycle));
  WEIR_TRY(transact(cycle));
  if (cycle.applied != nullptr) {
    cycle.applied->event = std::move(cycle.event);
    for (ModelChange& each : cycle.changes)
      if (Json json = std::move(each.change).to_json(); json.size() != 0)
        cycle.applied->result.set(models_[each.index].name(), std::move(json));
  }
  return {};
}

Status EventRun::run_preprocessors(Cycle& cycle) const {
  ModelEvent& event = cycle.event;
  Reducing context(*this, cycle);
  const Position position = event.position;
  for (std::size_t next = 0;;) {
    // Asked again each time: with another type others are interested.
    const auto interested = models_.interested(event.type);
    const auto found = std::lower_bound(interested.begin(), interested.end(), next);
    if (found == interested.end())
      return {};
    next = *found + 1;
    const ModelEntry& entry = models_[*found];
    Status done = guarded_call(function, [&]() -> Status {
      if (entry.definition.preprocess) {
        WEIR_TRY(entry.definition.preprocess(event, context));
        if (event.position != position)
          return fail(Errc::projection_failed, "the event's position was changed");
        if (event.type.empty())
          return fail(Errc::projection_failed, "the event has no type any more");
      }
      if (!entry.rules || event.type != entry.rules->type())
        return {};
      const EsPlace place{position, cycle.ordinal};
      return entry.rules->preprocess(event.data, cycle.stored ? std::optional(place) : std::nullopt);
    });
    if (!done) {
      PhaseErrors errors;
      errors.add(format("_preprocess_{}", entry.name()), std::move(done).error());
      return std::move(errors).status();
    }
  }
}

Status EventRun::reduce(Cycle& cycle) {
  const ModelEvent& event = cycle.event;
  Reducing context(*this, cycle);
  PhaseErrors errors;
  for (const std::size_t index : models_.interested(event.type)) {
    const ModelEntry& entry = models_[index];
    ModelChange result{index};
    const Status done = guarded_call(function, [&]() -> Status {
      if (entry.definition.reduce) {
        auto change = entry.definition.reduce(event, context);
        if (!change)
          return std::move(change).error();
        result.change = *std::move(change);
      }
      // A service's own reducer comes first: what it says about a write's rows counts.
      if (entry.rules && event.type == entry.rules->type() && !changes_rows(result.change) &&
          result.change.es_fail.empty()) {
        auto change = entry.rules->reduce(event.data);
        if (!change)
          return std::move(change).error();
        change->change.events = std::move(result.change.events);
        result.change = std::move(change->change);
        result.whole = std::move(change->whole);
        result.of_write = true;
      }
      return {};
    });
    if (!done)
      errors.add(format("_reduce_{}", entry.name()), done.error());
    else if (!result.change.empty())
      cycle.changes.push_back(std::move(result));
  }
  WEIR_TRY(std::move(errors).status());
  for (ModelChange& each : cycle.changes)
    for (const SubEvent& sub_event : each.change.events)
      cycle.sub_events.push_back(sub_event);
  return {};
}

Status EventRun::apply(Cycle& cycle) {
  PhaseErrors errors;
  for (ModelChange& each : cycle.changes) {
    if (!each.change.es_fail.empty() || !changes_rows(each.change))
      continue;
    const ModelEntry& entry = models_[each.index];
    const Status done = guarded_call(function, [&]() -> Status {
      if (entry.definition.apply)
        return entry.definition.apply(each.change, *entry.model);
      return each.of_write ? apply_write(each, *entry.model) : apply_change(each.change, *entry.model);
    });
    if (!done)
      errors.add(format("_apply_apply {}", entry.name()), done.error());
  }
  return std::move(errors).status();
}

Status EventRun::apply_write(ModelChange& made, JsonModel& model) const {
  const bool insert = made.change.ins.size() == 1;
  if (!insert && !made.whole)
    return apply_change(made.change, model); // a removal
  if (report_ == nullptr || !report_->object_wanted)
    return model.put(insert ? made.change.ins.front() : *made.whole, insert);
  auto object = ModelAccess::put(model, insert ? made.change.ins.front() : *std::move(made.whole), insert);
  if (!object)
    return std::move(object).error();
  report_->object = *std::move(object);
  return {};
}

Status EventRun::derive(Cycle& cycle) {
  PhaseErrors errors;
  for (const std::size_t index : models_.interested(cycle.event.type)) {
    const ModelEntry& entry = models_[index];
    if (!entry.definition.derive)
      continue;
    const Change* result = &no_change;
    for (const ModelChange& each : cycle.changes)
      if (each.index == index)
        result = &each.change;
    Deriving context(*this, cycle, *result);
    if (Status done = guarded_call(function, [&] { return entry.definition.derive(cycle.event, context); }); !done)
      errors.add(format("_apply_derive {}", entry.name()), std::move(done).error());
  }
  return std::move(errors).status();
}

Status EventRun::run_sub_events(Cycle& cycle) {
  for (SubEvent& sub_event : cycle.sub_events) {
    AppliedEvent* applied = nullptr;
    if (cycle.applied != nullptr)
      applied = &cycle.applied->events.emplace_back();
    WEIR_TRY(run_sub_event(cycle, std::move(sub_event), applied));
  }
  return {};
}

Status EventRun::run_sub_event(Cycle& parent, SubEvent sub_event, AppliedEvent* applied) {
  const ModelEvent& above = parent.event;
  ModelEvent event{std::move(sub_event.type),
                   std::move(sub_event.data),
                   above.timestamp,
                   above.context_id,
                   above.sequence,
                   above.position,
                   above.metadata};
  if (event.type.empty())
    return fail(Errc::projection_failed, "a sub-event has no type");
  return cycle(event, parent.depth + 1, applied);
}

Status EventRun::transact(Cycle& cycle) {
  for (const std::size_t index : models_.interested(cycle.event.type)) {
    const ModelEntry& entry = models_[index];
    if (!entry.definition.transact)
      continue;
    Transacting context(*this, cycle);
    Status done = guarded_call(function, [&] { return entry.definition.transact(cycle.event, context); });
    if (context.failed() && (done.ok() || is_database_failure(*context.failed())))
      done = *context.failed();
    if (!done) {
      placed_ = false; // Where this function was called is still to be said.
      PhaseErrors errors;
      errors.add(format("_transact_{}", entry.name()), std::move(done).error());
      return std::move(errors).status();
    }
  }
  return {};
}

} // namespace weir
