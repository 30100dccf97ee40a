#include "api/cli/model_commands.hpp"
#include "api/cli/model_directory.hpp"
#include "api/cli/progress.hpp"
#include "engine/models/model_table.hpp"
#include "engine/text.hpp"

#include <memory>

namespace weir::cli {
namespace {

struct ModelCommand {
  std::string directory;
  std::string name;
  std::string model;
  std::optional<Format> format;
};

std::string_view kind_of(const CataloguedModel& model) {
  return model.event_sourced ? "es" : "plain";
}

/// Of all projections; those that cannot be read are reported, and do not hide the others.
Result<ExitCode> list(const ModelCommand& command, Streams& streams) {
  const auto directory = ModelDirectory::open(command.directory);
  if (!directory)
    return directory.error();
  const auto names = directory->names();
  if (!names)
    return names.error();
  auto code = ExitCode::success;
  Rows rows(streams.out, chosen_format(command.format, streams.out),
            {{"name"}, {"model"}, {"kind"}, {"rows"}, {"position"}});
  for (const std::string& name : *names) {
    std::vector<std::vector<Value>> found;
    const Status read = directory->read_models(name, [&](const ModelView& view) -> Status {
      for (const CataloguedModel& model : view.models) {
        const auto count = view.rows(model).count();
        if (!count)
          return count.error();
        found.push_back({name, model.options.name, kind_of(model), *count, view.record.position});
      }
      return {};
    });
    if (!read) {
      streams.console.error(read.error());
      code = ExitCode::failed;
      continue;
    }
    for (const auto& row : found)
      WEIR_TRY(rows.add(row));
  }
  WEIR_TRY(rows.flush());
  return code;
}

std::string_view type_of(const TableColumn& column) {
  switch (column.spec.type) {
  case ColumnType::none: return column.stored ? "blob" : "virtual";
  case ColumnType::text: return "text";
  case ColumnType::numeric: return "numeric";
  case ColumnType::integer: return "integer";
  case ColumnType::real: return "real";
  case ColumnType::blob: return "blob";
  case ColumnType::json: return "json";
  }
  return "unknown";
}

std::string_view index_of(const weir::Column& column) {
  switch (column.index) {
  case ColumnIndex::none: return "";
  case ColumnIndex::sparse: return "sparse";
  case ColumnIndex::all: return "all";
  case ColumnIndex::automatic: return column.unique ? "all" : "sparse";
  }
  return "unknown";
}

/// Words for what else is said of a column.
std::string remarks_on(const weir::Column& column, const CataloguedModel& model) {
  std::string words;
  const auto note = [&words](bool there, std::string_view word) {
    if (there)
      words.append(words.empty() ? "" : " ").append(word);
  };
  note(column.name == model.options.id_column, "id");
  note(column.auto_increment, "auto_increment");
  note(column.unique, "unique");
  note(column.required, "required");
  note(column.falsy_bool, "falsy_bool");
  note(column.always_object, "always_object");
  for (const std::string& function : model.functions)
    if (const std::string prefix = column.name + "."; function.starts_with(prefix))
      note(true, function.substr(prefix.size()) + "()");
  return words;
}

Status show_model(const ModelView& view, const CataloguedModel& model, std::vector<std::vector<Value>>& found,
                  std::vector<std::string>& told) {
  const auto table = ModelTable::make(model.options);
  if (!table)
    return table.error();
  const JsonModel& objects = view.rows(model);
  for (const TableColumn& column : table->columns()) {
    SearchOptions present;
    present.where.push_back({column.expression + " IS NOT NULL", {}});
    const auto count = objects.count({}, present);
    if (!count)
      return count.error();
    std::string path;
    for (const std::string& segment : column.path)
      path += (path.empty() ? "" : ".") + segment;
    found.push_back({model.options.name, column.spec.name, type_of(column), path, index_of(column.spec), *count,
                     remarks_on(column.spec, model)});
  }
  const auto count = objects.count();
  if (!count)
    return count.error();
  std::string functions;
  for (const std::string& function : model.functions)
    functions += (functions.empty() ? "; functions of the service: " : ", ") + function;
  told.push_back(format("{}: {} objects, {}{}", model.options.name, with_separators(*count),
                        model.event_sourced ? "event-sourced" : "plain", functions));
  return {};
}

Result<ExitCode> show(const ModelCommand& command, Streams& streams) {
  const auto directory = ModelDirectory::open(command.directory);
  if (!directory)
    return directory.error();
  std::vector<std::vector<Value>> found;
  std::vector<std::string> told;
  const Status read = directory->read_models(command.name, [&](const ModelView& view) -> Status {
    if (!command.model.empty()) {
      const auto model = view.need(command.model);
      return model ? show_model(view, **model, found, told) : Status(model.error());
    }
    for (const CataloguedModel& model : view.models)
      WEIR_TRY(show_model(view, model, found, told));
    return {};
  });
  WEIR_TRY(read);
  Rows rows(streams.out, chosen_format(command.format, streams.out),
            {{"model"}, {"column"}, {"type"}, {"path"}, {"index"}, {"values"}, {"remarks"}});
  for (const auto& row : found)
    WEIR_TRY(rows.add(row));
  WEIR_TRY(rows.flush());
  for (const std::string& line : told)
    streams.console.line(line);
  return ExitCode::success;
}

} // namespace

void add_projection(const Command& command, std::string& directory, std::string* name, bool required) {
  command.positional("DIR", directory, "The data directory");
  if (name == nullptr)
    return;
  CLI::Validator valid("");
  valid.operation([](std::string& text) -> std::string {
    return is_projection_name(text) ? "" : "must be 1-64 of the letters a-z, digits, - and _, not \"" + text + '"';
  });
  command.app().add_option("NAME", *name, "The projection's name")->required(required)->check(valid)->type_name("");
}

void add_model_list(CLI::App& group, Action& chosen) {
  const Command command(group, chosen, "list", "Show all models, how many objects each has and how far they are",
                        "weir model list data --format table");
  const auto options = std::make_shared<ModelCommand>();
  add_projection(command, options->directory, nullptr);
  command.format(options->format);
  command.runs([options](Streams& streams) { return list(*options, streams); });
}

void add_model_show(CLI::App& group, Action& chosen) {
  const Command command(group, chosen, "show", "Show the columns of models, and how many objects have a value there",
                        "weir model show data shop orders");
  const auto options = std::make_shared<ModelCommand>();
  add_projection(command, options->directory, &options->name);
  command.app().add_option("MODEL", options->model, "Only this model");
  command.format(options->format);
  command.runs([options](Streams& streams) { return show(*options, streams); });
}

void add_model(CLI::App& program, Action& chosen) {
  CLI::App* const group = program.add_subcommand("model", "Look into the models that services make of events");
  group->group("Commands");
  group->require_subcommand(0, 1);
  group->footer("Example:\n  weir model list data");
  for (const auto add :
       {add_model_list, add_model_show, add_model_search, add_model_health, add_model_rebuild, add_model_shell})
    add(*group, chosen);
}

} // namespace weir::cli
