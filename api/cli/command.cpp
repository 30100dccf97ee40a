#include "api/cli/command.hpp"

#include "api/cli/terminal.hpp"

#include <charconv>

namespace weir::cli {
namespace {

/// CLI11 would read 010 as eight; this takes decimal digits that fit, and nothing else.
CLI::Validator decimal(std::uint64_t min) {
  CLI::Validator validator("N");
  validator.operation([min](std::string& text) -> std::string {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size())
      return "must be a whole number, not \"" + text + '"';
    text = std::to_string(number);
    return number < min ? "must be at least " + std::to_string(min) : "";
  });
  return validator;
}

} // namespace

Command::Command(CLI::App& program, Action& chosen, const std::string& name, const std::string& summary,
                 const std::string& example)
    : app_(program.add_subcommand(name, summary)), chosen_(&chosen) {
  app_->group("Commands");
  app_->footer("Example:\n  " + example);
}

void Command::positional(const std::string& name, std::string& value, const std::string& help) const {
  app_->add_option(name, value, help)->required();
}

void Command::whole_number(const std::string& name, std::uint64_t& value, std::uint64_t min,
                           const std::string& help) const {
  app_->add_option(name, value, help)->transform(decimal(min))->type_name("N");
}

void Command::format(std::optional<Format>& value) const {
  const auto set = [&value](const std::string& name) {
    value = name == "table" ? Format::table : name == "csv" ? Format::csv : Format::jsonl;
  };
  app_->add_option_function<std::string>("--format", set,
                                         "table, jsonl or csv; left out: table on a terminal, jsonl elsewhere")
      ->check(CLI::IsMember({"table", "jsonl", "csv"}))
      ->type_name("FORMAT");
}

void Command::runs(Action action) const {
  app_->callback([chosen = chosen_, action = std::move(action)] { *chosen = action; });
}

Format chosen_format(std::optional<Format> wanted, const Output& out) {
  return wanted.value_or(is_terminal(out.descriptor()) ? Format::table : Format::jsonl);
}

Rows::Rows(Output& out, Format format, std::vector<Column> columns)
    : out_(out), format_(make_row_format(format, std::move(columns), terminal_width(out.descriptor()))) {
  format_->begin(out_.buffer());
}

Status Rows::add(std::span<const Value> row) {
  format_->add(out_.buffer(), row);
  return out_.pass_on();
}

Status Rows::flush() {
  format_->settle(out_.buffer());
  return out_.flush();
}

Result<Engine> open_existing(const std::string& directory) {
  EngineOptions options;
  options.create_if_missing = false;
  return Engine::open(directory, options);
}

Result<ExitCode> close_after(Engine& engine, Result<ExitCode> result) {
  const auto closed = engine.close();
  if (result && !closed)
    return closed.error();
  return result;
}

} // namespace weir::cli
