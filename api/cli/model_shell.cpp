#include "api/cli/model_commands.hpp"
#include "api/cli/model_directory.hpp"
#include "api/cli/prompt.hpp"
#include "api/cli/sql_statements.hpp"
#include "engine/text.hpp"
#include "engine/validate.hpp"

#include <memory>

namespace weir::cli {
namespace {

struct ShellCommand {
  std::string directory;
  std::string name;
  std::optional<Format> format;
};

Value to_value(const SqlValue& value) {
  if (const auto* const integer = std::get_if<std::int64_t>(&value))
    return *integer;
  if (const auto* const real = std::get_if<double>(&value))
    return *real;
  if (const auto* const text = std::get_if<std::string>(&value))
    return find_invalid_utf8(*text) == std::string_view::npos ? Value(*text) : Value(sql_literal(SqlBlob{*text}));
  if (std::holds_alternative<SqlBlob>(value))
    return sql_literal(value);
  return {};
}

/// Prints rows as they come; the first one says what the columns are.
class Answer {
public:
  Answer(Output& out, Format format) : out_(out), format_(format) {}

  Status add(const SqlRow& row) {
    if (!rows_) {
      std::vector<Column> columns;
      for (const std::string& name : row.names())
        columns.push_back({name});
      rows_.emplace(out_, format_, std::move(columns));
    }
    std::vector<Value> values;
    for (const SqlValue& value : row.values())
      values.push_back(to_value(value));
    return rows_->add(values);
  }
  Status end() { return rows_ ? rows_->flush() : Status(); }
  [[nodiscard]] bool empty() const noexcept { return !rows_; }

private:
  Output& out_;
  Format format_;
  std::optional<Rows> rows_;
};

class ModelShell {
public:
  ModelShell(const ModelDirectory& directory, const ShellCommand& command, Streams& streams)
      : directory_(directory), command_(command), streams_(streams) {}

  Result<ExitCode> run() {
    auto prompt = Prompt::open();
    if (!prompt)
      return std::move(prompt).error();
    const bool terminal = prompt->at_terminal();
    if (terminal)
      streams_.console.line("SQL that reads; a semicolon ends a statement, exit or Ctrl-D the shell");
    SqlStatements statements;
    for (;;) {
      const auto line = prompt->next(statements.begun() ? "  ... " : command_.name + "> ");
      if (!line)
        return line.error();
      if (!*line || (terminal && !statements.begun() && (**line == "exit" || **line == "quit")))
        break;
      statements.add(**line + '\n');
      while (const auto sql = statements.next())
        WEIR_TRY(answer(*sql, terminal));
    }
    if (statements.begun())
      WEIR_TRY(answer(statements.take_rest(), terminal));
    // Who types has seen what failed; a script asks the exit code.
    return failed_ && !terminal ? ExitCode::failed : ExitCode::success;
  }

private:
  /// The error is that of writing the answer; what is wrong with the statement is only reported.
  Status answer(const std::string& sql, bool terminal) {
    Answer rows(streams_.out, command_.format.value_or(Format::table));
    Status printed;
    const Status read = directory_.read(command_.name, [&](ModelDatabase& database) -> Status {
      const auto done = database.each(sql, {}, [&](const SqlRow& row, std::uint64_t) -> Result<bool> {
        printed = rows.add(row);
        return printed.ok();
      });
      return done ? Status() : Status(done.error());
    });
    WEIR_TRY(printed);
    WEIR_TRY(rows.end());
    if (!read) {
      streams_.console.error(read.error());
      failed_ = true;
    } else if (rows.empty() && terminal) {
      streams_.console.line("no rows");
    }
    return {};
  }

  const ModelDirectory& directory_;
  const ShellCommand& command_;
  Streams& streams_;
  bool failed_ = false;
};

Result<ExitCode> shell(const ShellCommand& command, Streams& streams) {
  const auto directory = ModelDirectory::open(command.directory);
  if (!directory)
    return directory.error();
  WEIR_TRY(directory->need(command.name));
  return ModelShell(*directory, command, streams).run();
}

} // namespace

void add_model_shell(CLI::App& group, Action& chosen) {
  const Command command(
      group, chosen, "shell", "Ask a projection's database in SQL, reading only",
      "weir model shell data shop\n"
      "  echo 'SELECT count(*) FROM orders' | weir model shell data shop --format csv\n\n"
      "Works beside a service. Each statement sees what is committed when it begins. The table of a\n"
      "model has its name, and a column json beside those of its own; weir_models says what the models\n"
      "are. A statement that fails is reported, and the next one runs; of a pipe the exit code is then\n"
      "1.");
  const auto options = std::make_shared<ShellCommand>();
  add_projection(command, options->directory, &options->name);
  command.app()
      .add_option_function<std::string>(
          "--format",
          [options](const std::string& name) {
            options->format = name == "table" ? Format::table : name == "csv" ? Format::csv : Format::jsonl;
          },
          "table, jsonl or csv; left out: table")
      ->check(CLI::IsMember({"table", "jsonl", "csv"}))
      ->type_name("FORMAT");
  command.runs([options](Streams& streams) { return shell(*options, streams); });
}

} // namespace weir::cli
