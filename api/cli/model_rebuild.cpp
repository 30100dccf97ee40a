#include "api/cli/interrupt.hpp"
#include "api/cli/model_commands.hpp"
#include "api/cli/model_directory.hpp"
#include "api/cli/progress.hpp"
#include "engine/sqlite/database_files.hpp"
#include "engine/text.hpp"

#include <weir/event_sourcing_db.hpp>

#include <memory>

namespace weir::cli {
namespace {

struct RebuildCommand {
  std::string directory;
  std::string name;
  bool yes = false;
};

/// What makes the models again, as far as their database says.
struct Recipe {
  EventSourcingOptions options;
  std::string service_needed; ///< Why this program cannot; empty: it can.
};

/// Only events `es/<model>` and no function: then the definitions are all it takes.
Recipe read_recipe(const ModelDirectory& directory, const std::string& name) {
  Recipe recipe;
  recipe.options.name = name;
  const Status read = directory.read_models(name, [&](const ModelView& view) -> Status {
    if (!view.record.origin)
      recipe.service_needed = "the service has not finished making them";
    else
      recipe.options.revision = view.record.origin->revision;
    if (view.record.dead_letters > 0)
      recipe.options.on_failure = OnFailure::quarantine; // The events that fail are likely to do so again.
    for (const CataloguedModel& model : view.models) {
      if (model.has_functions() || !model.event_sourced)
        recipe.service_needed = format("the functions of model {} are in the service's program", model.options.name);
      ModelDefinition definition;
      definition.model = model.options;
      definition.event_sourced = model.event_sourced;
      recipe.options.models.push_back(std::move(definition));
    }
    return {};
  });
  if (!read)
    recipe.service_needed = to_string(read.error());
  return recipe;
}

/// Moves the database out of the way. Errors: `locked` while a service has the directory open.
Result<ExitCode> put_aside(const ModelDirectory& directory, const RebuildCommand& command, Streams& streams) {
  io::FileSystem& fs = directory.file_system();
  const auto lock = fs.lock("LOCK");
  if (!lock)
    return lock.error();
  WEIR_TRY(sqlite::quarantine_files(fs, ModelDirectory::file_of(command.name)));
  streams.console.line(
      format("projection {} is put aside, in quarantine/; its service makes it anew when it opens it", command.name));
  return ExitCode::success;
}

Result<RebuildReport> rebuild_with(const Engine& engine, EventSourcingOptions options, const Interrupt& interrupt,
                                   Console& console) {
  auto models = EventSourcingDB::open(engine, std::move(options));
  if (!models)
    return std::move(models).error();
  ProgressLine line(console, "rebuild");
  RebuildOptions how;
  how.cancel = interrupt.flag();
  how.progress = [&](const RebuildProgress& progress) {
    line.update(progress.events, progress.events, progress.events + progress.events_left);
  };
  auto report = (*models)->rebuild(how);
  console.clear_progress();
  (*models)->close();
  return report;
}

Result<ExitCode> rebuild(const RebuildCommand& command, Streams& streams) {
  const auto directory = ModelDirectory::open(command.directory);
  if (!directory)
    return directory.error();
  WEIR_TRY(directory->need(command.name));
  Recipe recipe = read_recipe(*directory, command.name);
  if (!recipe.service_needed.empty()) {
    if (command.yes)
      return put_aside(*directory, command, streams);
    return fail(Errc::unsupported,
                format("projection {} can only be made anew by its service: {}. EventSourcingDB::rebuild does so "
                       "beside the live models; weir model rebuild --yes puts the database aside, so that the service "
                       "makes it anew when it opens it, and answers nothing from it until then",
                       command.name, recipe.service_needed));
  }
  const Interrupt interrupt;
  auto engine = open_existing(command.directory);
  if (!engine)
    return std::move(engine).error();
  const auto report = rebuild_with(*engine, std::move(recipe.options), interrupt, streams.console);
  if (!report)
    return close_after(*engine, report.error());
  streams.out.buffer() += format("{} is made anew of {} events in {}, up to position {}\n", command.name,
                                 with_separators(report->events), duration_text(report->duration_ms), report->position);
  const Status printed = streams.out.flush();
  return close_after(*engine, printed ? Result<ExitCode>(ExitCode::success) : printed.error());
}

} // namespace

void add_model_rebuild(CLI::App& group, Action& chosen) {
  const Command command(group, chosen, "rebuild", "Make models anew from the first event",
                        "weir model rebuild data shop\n\n"
                        "Models that only their own writes change are made anew here, beside the old ones, which are\n"
                        "replaced in one step at the end; Ctrl-C leaves them as they are. No service may have the\n"
                        "directory open; one that has calls EventSourcingDB::rebuild. All other models take the\n"
                        "service's functions: --yes puts their database aside, and the service makes them anew.\n"
                        "A new model has what is still in the log, and not what was truncated from it.");
  const auto options = std::make_shared<RebuildCommand>();
  add_projection(command, options->directory, &options->name);
  command.app().add_flag("--yes", options->yes, "Put the database aside if the service has to make it anew");
  command.runs([options](Streams& streams) { return rebuild(*options, streams); });
}

} // namespace weir::cli
