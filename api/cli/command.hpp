// What all commands of the `weir` program have in common.
//
// Purpose: one file per command adds it to the command line and runs it; this is their shared frame.
#pragma once

#include "api/cli/console.hpp"
#include "api/cli/output.hpp"
#include "api/cli/rows.hpp"
#include <weir/engine.hpp>

#include <CLI/CLI.hpp>

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace weir::cli {

enum class ExitCode : int { success = 0, failed = 1, usage = 2 };

/// Where a command writes.
struct Streams {
  Output& out;
  Console& console;
};

/// What the command line asked for. An error is reported and means ExitCode::failed.
using Action = std::function<Result<ExitCode>(Streams&)>;

/// A command under construction: its options go to `app`, and choosing it sets the program's action.
class Command {
public:
  /// `example` is shown by --help as typed, a line each.
  Command(CLI::App& program, Action& chosen, const std::string& name, const std::string& summary,
          const std::string& example);

  [[nodiscard]] CLI::App& app() const { return *app_; }
  void positional(const std::string& name, std::string& value, const std::string& help) const;
  void whole_number(const std::string& name, std::uint64_t& value, std::uint64_t min, const std::string& help) const;
  /// --format; where it is left out, chosen_format() decides.
  void format(std::optional<Format>& value) const;
  void runs(Action action) const;

private:
  CLI::App* app_;
  Action* chosen_;
};

/// A table for people, JSON lines for programs.
[[nodiscard]] Format chosen_format(std::optional<Format> wanted, const Output& out);

/// Rows on their way to standard output.
class Rows {
public:
  Rows(Output& out, Format format, std::vector<Column> columns);
  Status add(std::span<const Value> row);
  /// Everything added so far is written.
  Status flush();

private:
  Output& out_;
  std::unique_ptr<RowFormat> format_;
};

/// Opens a directory that must exist.
Result<Engine> open_existing(const std::string& directory);
/// Closes `engine` whatever `result` says; an error of closing counts if there is no other.
Result<ExitCode> close_after(Engine& engine, Result<ExitCode> result);

void add_init(CLI::App& program, Action& chosen);
void add_store(CLI::App& program, Action& chosen);
void add_import(CLI::App& program, Action& chosen);
void add_export(CLI::App& program, Action& chosen);
void add_replay(CLI::App& program, Action& chosen);
void add_tail(CLI::App& program, Action& chosen);
void add_query(CLI::App& program, Action& chosen);
void add_shell(CLI::App& program, Action& chosen);
void add_consumer(CLI::App& program, Action& chosen);
void add_flush(CLI::App& program, Action& chosen);
void add_compact(CLI::App& program, Action& chosen);
void add_stats(CLI::App& program, Action& chosen);
void add_verify(CLI::App& program, Action& chosen);
void add_salvage(CLI::App& program, Action& chosen);
void add_schema(CLI::App& program, Action& chosen);
void add_context(CLI::App& program, Action& chosen);
void add_retention(CLI::App& program, Action& chosen);
void add_backup(CLI::App& program, Action& chosen);
void add_restore(CLI::App& program, Action& chosen);
void add_model(CLI::App& program, Action& chosen);

} // namespace weir::cli
