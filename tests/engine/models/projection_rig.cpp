#include "tests/engine/models/projection_rig.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>

namespace weir::test {

Json loose_json(std::string text) {
  std::replace(text.begin(), text.end(), '\'', '"');
  auto parsed = Json::parse(text);
  REQUIRE_MESSAGE(parsed.ok(), why(parsed));
  return *std::move(parsed);
}

Position EventLog::add(std::string context_id, std::string type, const Json& data, Position step) {
  const Position position = views_.empty() ? next_ : std::max(views_.back().position + step, next_);
  Texts& texts = texts_.emplace_back(Texts{std::move(context_id), std::move(type), data.to_text()});
  EventView& view = views_.emplace_back();
  view.context_id = texts.context_id;
  view.sequence = ++sequences_[texts.context_id];
  view.position = position;
  view.timestamp = view.recorded_at = Timestamp{std::chrono::microseconds{1'000 + views_.size()}};
  view.event_type = texts.type;
  view.payload = texts.payload;
  next_ = position + 1;
  return position;
}

std::vector<EventView> EventLog::of_context(std::string_view context_id) const {
  std::vector<EventView> found;
  std::copy_if(views_.begin(), views_.end(), std::back_inserter(found),
               [&](const EventView& event) { return event.context_id == context_id; });
  return found;
}

ProjectionRig::ProjectionRig(std::vector<ModelDefinition> models, const Setup& setup) {
  ModelDatabaseOptions options;
  options.file = setup.fs == nullptr ? setup.file : "models.db";
  options.synced = setup.synced;
  auto database =
      setup.fs == nullptr ? ModelDatabase::create(options) : ModelDatabase::create(*setup.fs, std::move(options));
  REQUIRE_MESSAGE(database.ok(), why(database));
  database_ = *std::move(database);
  opened_ = [&]() -> Status {
    WEIR_TRY(Projection::add_models(*database_, models));
    WEIR_TRY(database_->open());
    Projection::Parts parts;
    parts.database = database_.get();
    parts.models = models;
    parts.on_failure = setup.on_failure;
    parts.source = setup.source;
    parts.revision = setup.revision;
    parts.clock = &clock_;
    parts.wanted = [all = setup.all_wanted](std::string_view) { return all; };
    auto projection = Projection::open(std::move(parts));
    if (!projection)
      return std::move(projection).error();
    projection_ = *std::move(projection);
    return {};
  }();
}

Projection::Progress ProjectionRig::apply() {
  REQUIRE_MESSAGE(opened_.ok(), why(opened_));
  auto progress = projection_->apply(log_.events(), log_.next());
  REQUIRE_MESSAGE(progress.ok(), why(progress));
  return *std::move(progress);
}

Projection::Outcome ProjectionRig::run(std::string type, const Json& data) {
  const Position position = log_.add("context", std::move(type), data);
  auto progress = apply();
  const std::string failed = progress.halted ? progress.halted->error.message : std::string();
  REQUIRE_MESSAGE(failed.empty(), failed);
  return std::move(progress.outcomes.at(position));
}

std::string ProjectionRig::failure(std::string type, const Json& data) {
  log_.add("context", std::move(type), data);
  const auto progress = apply();
  return progress.halted ? progress.halted->error.message : std::string();
}

std::string ProjectionRig::rows(std::string_view name) {
  const auto all = model(name).all();
  if (!all)
    return why(all);
  std::string text;
  for (const Json& object : *all)
    text += object.to_text() + "\n";
  return text;
}

} // namespace weir::test
