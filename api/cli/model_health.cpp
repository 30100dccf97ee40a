#include "actors/engine_core.hpp"
#include "api/cli/model_commands.hpp"
#include "api/cli/model_directory.hpp"
#include "api/cli/progress.hpp"
#include "engine/consumers/lag.hpp"
#include "engine/text.hpp"
#include "engine/time_text.hpp"

#include <algorithm>
#include <memory>

namespace weir::cli {
namespace {

struct HealthCommand {
  std::string directory;
  std::string name;
  std::optional<Format> format;
};

/// What the database of a projection says.
struct Found {
  std::string name;
  ProjectionRecord record;
  std::vector<std::string> quarantined;
  std::vector<DeadLetter> failed;
  std::optional<Error> unreadable;
  std::optional<Lag> lag;
};

Found look_at(const ModelDirectory& directory, const std::string& name) {
  constexpr std::size_t letters_max = 10'000;
  Found found;
  found.name = name;
  const Status read = directory.read(name, [&](ModelDatabase& database) -> Status {
    const ProjectionTables tables(database);
    auto record = tables.read();
    if (!record)
      return std::move(record).error();
    found.record = *record;
    auto contexts = tables.quarantined(*record);
    if (!contexts)
      return std::move(contexts).error();
    found.quarantined = std::move(*contexts);
    auto letters = tables.dead_letters({}, letters_max);
    if (!letters)
      return std::move(letters).error();
    // The others only wait behind one that failed.
    letters->erase(
        std::remove_if(letters->begin(), letters->end(), [](const DeadLetter& letter) { return letter.error.empty(); }),
        letters->end());
    found.failed = std::move(*letters);
    return {};
  });
  if (!read)
    found.unreadable = read.error();
  return found;
}

/// How far all that can be read lie behind, if no other process has the directory open.
Status add_lags(const HealthCommand& command, std::vector<Found>& all, Streams& streams) {
  auto engine = open_existing(command.directory);
  if (!engine) {
    if (engine.code() != Errc::locked)
      return std::move(engine).error();
    streams.console.line(format("how far models lie behind is known to the service alone: {}", engine.error().message));
    return {};
  }
  const auto measured = [&]() -> Status {
    const auto views = engine->core()->queue_views();
    if (!views)
      return views.error();
    for (Found& found : all) {
      if (found.unreadable)
        continue;
      const auto lag = lag_from(*views, found.record.position);
      if (!lag)
        return lag.error();
      found.lag = *lag;
    }
    return {};
  }();
  const auto closed = close_after(*engine, ExitCode::success);
  return measured && !closed ? Status(closed.error()) : measured;
}

std::string_view state_of(const Found& found) {
  return found.unreadable ? "unreadable" : found.quarantined.empty() ? "sound" : "quarantine";
}

Value lag_ms(const Found& found) {
  if (!found.lag)
    return {};
  if (!found.lag->oldest)
    return 0;
  const auto now = std::chrono::system_clock::now();
  return std::max<std::int64_t>(
      0, std::chrono::duration_cast<std::chrono::milliseconds>(now - *found.lag->oldest).count());
}

Status print(const std::vector<Found>& all, const HealthCommand& command, Streams& streams) {
  Rows rows(streams.out, chosen_format(command.format, streams.out),
            {{"name"},
             {"state"},
             {"position"},
             {"events_applied"},
             {"dead_letters"},
             {"lag_events"},
             {"lag_ms"},
             {"quarantined"}});
  for (const Found& found : all) {
    if (found.unreadable) {
      const Value row[] = {found.name, state_of(found), {}, {}, {}, {}, {}, {}};
      WEIR_TRY(rows.add(row));
      continue;
    }
    Json contexts = Json::array();
    for (const std::string& context : found.quarantined)
      contexts.push(context);
    const Value row[] = {found.name,
                         state_of(found),
                         found.record.position,
                         found.record.events,
                         found.record.dead_letters,
                         found.lag ? Value(found.lag->events) : Value(),
                         lag_ms(found),
                         JsonText{contexts.to_text()}};
    WEIR_TRY(rows.add(row));
  }
  return rows.flush();
}

void report(const Found& found, Console& console) {
  if (found.unreadable)
    console.error(*found.unreadable);
  constexpr std::size_t told_max = 20;
  for (std::size_t i = 0; i < std::min(found.failed.size(), told_max); ++i) {
    const DeadLetter& letter = found.failed[i];
    std::string since;
    append_timestamp(since, letter.since);
    console.error(
        fail(Errc::projection_failed,
             format("{}: context {} has stopped since {}: {}", found.name, letter.context_id, since, letter.error),
             format("{}, sequence {}, position {}", letter.event_type, letter.sequence, letter.position)));
  }
  if (found.failed.size() > told_max)
    console.line(format("and {} more", with_separators(found.failed.size() - told_max)));
}

Result<ExitCode> health(const HealthCommand& command, Streams& streams) {
  const auto directory = ModelDirectory::open(command.directory);
  if (!directory)
    return directory.error();
  std::vector<std::string> names = {command.name};
  if (command.name.empty()) {
    auto all = directory->names();
    if (!all)
      return std::move(all).error();
    names = std::move(*all);
  } else {
    WEIR_TRY(directory->need(command.name));
  }
  std::vector<Found> all;
  for (const std::string& name : names)
    all.push_back(look_at(*directory, name));
  const Status lags = add_lags(command, all, streams);
  WEIR_TRY(print(all, command, streams));
  for (const Found& found : all)
    report(found, streams.console);
  WEIR_TRY(lags);
  const bool sound = std::all_of(all.begin(), all.end(), [](const Found& found) { return state_of(found) == "sound"; });
  return sound ? ExitCode::success : ExitCode::failed;
}

} // namespace

void add_model_health(CLI::App& group, Action& chosen) {
  const Command command(
      group, chosen, "health", "Show how far models are, and what of them has stopped",
      "weir model health data\n\n"
      "Looks into the databases, beside a service. How far they lie behind takes the directory itself:\n"
      "it is opened for that, as by other commands, unless a service has it open. The exit code is 1\n"
      "if contexts are quarantined or a database cannot be read. Whether a running service has halted\n"
      "its models only the service can tell.");
  const auto options = std::make_shared<HealthCommand>();
  add_projection(command, options->directory, &options->name, false);
  command.format(options->format);
  command.runs([options](Streams& streams) { return health(*options, streams); });
}

} // namespace weir::cli
