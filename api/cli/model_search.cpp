#include "api/cli/model_commands.hpp"
#include "api/cli/model_directory.hpp"
#include "api/cli/progress.hpp"
#include "engine/text.hpp"

#include <algorithm>
#include <memory>

namespace weir::cli {
namespace {

struct SearchCommand {
  std::string directory;
  std::string name;
  std::string model;
  std::vector<std::string> wanted; // COLUMN=VALUE
  std::string sort;
  std::uint64_t limit = 100;
  std::string cursor;
  std::optional<Format> format;
};

/// "status=open" as a member of `attributes`. The text of a mistake, or nothing.
std::string add_attribute(Json& attributes, const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0)
    return "must be COLUMN=VALUE, not \"" + text + '"';
  const std::string column = text.substr(0, equals), value = text.substr(equals + 1);
  if (attributes.contains(column))
    return "column " + column + " is there twice";
  auto json = Json::parse(value);
  attributes.set(column, json ? *std::move(json) : Json(value));
  return {};
}

/// "status,-total", where a dash means descending. The text of a mistake, or nothing.
std::string read_sort(std::string_view text, std::vector<SortKey>& keys) {
  while (true) {
    const std::size_t comma = text.find(',');
    std::string_view column = text.substr(0, comma);
    const bool descending = column.starts_with('-');
    column.remove_prefix(descending ? 1 : 0);
    if (column.empty())
      return "must be COLUMN or -COLUMN, and a comma between several";
    keys.push_back({std::string(column), descending});
    if (comma == std::string_view::npos)
      return {};
    text.remove_prefix(comma + 1);
  }
}

Value to_value(const Json& json) {
  switch (json.type()) {
  case Json::Type::null: return {};
  case Json::Type::boolean: return json.boolean();
  case Json::Type::integer: return json.integer();
  case Json::Type::unsigned_integer: return json.unsigned_integer();
  case Json::Type::real: return json.number();
  case Json::Type::string: return json.string();
  case Json::Type::array:
  case Json::Type::object: break;
  }
  return JsonText{json.to_text()};
}

/// Objects need not be alike: the columns are all members that any of them has, the id first.
Status print_rows(const std::vector<Json>& items, const std::string& id, Format format, Output& out) {
  std::vector<std::string> keys;
  for (const Json& item : items)
    for (const auto& [key, value] : item.members())
      if (std::find(keys.begin(), keys.end(), key) == keys.end())
        keys.insert(key == id ? keys.begin() : keys.end(), key);
  std::vector<Column> columns;
  for (const std::string& key : keys)
    columns.push_back({key});
  if (columns.empty())
    columns.push_back({id});
  Rows rows(out, format, std::move(columns));
  for (const Json& item : items) {
    std::vector<Value> row;
    for (const std::string& key : keys)
      row.push_back(to_value(item[key]));
    WEIR_TRY(rows.add(row));
  }
  return rows.flush();
}

Status print_items(const std::vector<Json>& items, const std::string& id, Format format, Output& out) {
  if (format != Format::jsonl)
    return print_rows(items, id, format, out);
  for (const Json& item : items) {
    item.append_text(out.buffer());
    out.buffer() += '\n';
    WEIR_TRY(out.pass_on());
  }
  return out.flush();
}

/// What the service's functions would have had to say about it.
void warn_of_functions(const CataloguedModel& model, const Json& attributes, Console& console) {
  for (const auto& [column, value] : attributes.members())
    for (const std::string_view function : {"stringify", "where_values"})
      if (std::find(model.functions.begin(), model.functions.end(), format("{}.{}", column, function)) !=
          model.functions.end())
        console.line(format("column {} is searched with a function of the service ({}); here its values are compared "
                            "as they are stored",
                            column, function));
}

Result<ExitCode> search(const SearchCommand& command, Streams& streams) {
  const auto directory = ModelDirectory::open(command.directory);
  if (!directory)
    return directory.error();
  Json attributes = Json::object();
  for (const std::string& text : command.wanted)
    (void)add_attribute(attributes, text); // checked on the command line
  SearchOptions options;
  if (!command.sort.empty())
    (void)read_sort(command.sort, options.sort);
  options.limit = command.limit;
  options.cursor = command.cursor;

  SearchResult found;
  std::string id;
  WEIR_TRY(directory->read_models(command.name, [&](const ModelView& view) -> Status {
    const auto model = view.need(command.model);
    if (!model)
      return model.error();
    warn_of_functions(**model, attributes, streams.console);
    id = (*model)->options.id_column;
    auto result = view.rows(**model).search(attributes, options);
    if (!result)
      return std::move(result).error();
    found = std::move(*result);
    return {};
  }));
  WEIR_TRY(print_items(found.items, id, chosen_format(command.format, streams.out), streams.out));
  std::string summary = with_separators(found.items.size());
  if (found.total)
    summary += format(" of {}", with_separators(*found.total));
  streams.console.line(summary + " objects");
  if (!found.cursor.empty())
    streams.console.line("the next ones: --cursor " + found.cursor);
  return ExitCode::success;
}

} // namespace

void add_model_search(CLI::App& group, Action& chosen) {
  const Command command(
      group, chosen, "search", "Find objects of a model",
      "weir model search data shop orders status=open --sort -total,id --limit 20\n\n"
      "A VALUE is JSON if it can be read as such, else a text: total=12, paid=true, name=Ann,\n"
      "zip='\"01099\"'. How a column is compared is the model's matter: some look into texts or lists.\n"
      "The cursor that leads to the next objects is printed to standard error; give it with the\n"
      "same sort.");
  const auto options = std::make_shared<SearchCommand>();
  add_projection(command, options->directory, &options->name);
  command.positional("MODEL", options->model, "The model's name");
  command.app()
      .add_option_function<std::vector<std::string>>(
          "WANTED",
          [options](const std::vector<std::string>& all) {
            Json attributes = Json::object();
            for (const std::string& text : all)
              if (const std::string wrong = add_attribute(attributes, text); !wrong.empty())
                throw CLI::ValidationError("WANTED", wrong);
            options->wanted = all;
          },
          "What a column has to be; all of them have to hold")
      ->type_name("COLUMN=VALUE");
  command.app()
      .add_option_function<std::string>(
          "--sort",
          [options](const std::string& text) {
            std::vector<SortKey> keys;
            if (const std::string wrong = read_sort(text, keys); !wrong.empty())
              throw CLI::ValidationError("--sort", wrong);
            options->sort = text;
          },
          "Columns to sort by, a dash before those that descend; left out: by the id")
      ->type_name("COLUMN,-COLUMN");
  command.whole_number("--limit", options->limit, 1, "At most so many; left out: 100");
  command.app().add_option("--cursor", options->cursor, "Go on where an earlier search ended")->type_name("CURSOR");
  command.format(options->format);
  command.runs([options](Streams& streams) { return search(*options, streams); });
}

} // namespace weir::cli
