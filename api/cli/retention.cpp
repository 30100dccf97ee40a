#include "api/cli/command.hpp"
#include "engine/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <memory>
#include <utility>

namespace weir::cli {
namespace {

using std::chrono::microseconds;

struct RetentionCommand {
  std::string directory;
  RetentionRule rule;
  std::uint64_t count = 0;
  std::string age;
  std::optional<Format> format;
};

constexpr std::array units = {
    std::pair<char, microseconds>{'d', std::chrono::days(1)},
    std::pair<char, microseconds>{'h', std::chrono::hours(1)},
    std::pair<char, microseconds>{'m', std::chrono::minutes(1)},
    std::pair<char, microseconds>{'s', std::chrono::seconds(1)},
};

/// "30d", "12h", "5m", "90s".
Result<microseconds> parse_age(std::string_view text) {
  std::int64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view rest = text.substr(static_cast<std::size_t>(parsed.ptr - text.data()));
  const auto unit = std::find_if(units.begin(), units.end(),
                                 [rest](const auto& each) { return rest.size() == 1 && rest.front() == each.first; });
  if (parsed.ec != std::errc() || unit == units.end() || number < 0 ||
      number > std::numeric_limits<std::int64_t>::max() / unit->second.count())
    return fail(Errc::invalid_argument, format("an age is a number and d, h, m or s, like 30d, not \"{}\"", text));
  return number * unit->second;
}

/// In the largest unit that says it exactly.
std::string age_text(microseconds age) {
  for (const auto& [letter, unit] : units)
    if (age.count() % unit.count() == 0)
      return format("{}{}", age.count() / unit.count(), letter);
  return format("{}us", age.count());
}

bool same_events(const RetentionRule& a, const RetentionRule& b) {
  return a.context_prefix == b.context_prefix && a.event_type == b.event_type;
}

Result<ExitCode> print_rules(const Engine& engine, const RetentionCommand& command, Streams& streams) {
  Rows rows(streams.out, chosen_format(command.format, streams.out),
            {{"context_prefix"}, {"event_type"}, {"age"}, {"count"}});
  for (const RetentionRule& rule : engine.retention())
    WEIR_TRY(rows.add(std::vector<Value>{rule.context_prefix, rule.event_type,
                                         rule.age ? Value(age_text(*rule.age)) : Value(nullptr),
                                         rule.count ? Value(*rule.count) : Value(nullptr)}));
  WEIR_TRY(rows.flush());
  return ExitCode::success;
}

Result<ExitCode> list(const RetentionCommand& command, Streams& streams) {
  auto engine = open_existing(command.directory);
  if (!engine)
    return std::move(engine).error();
  return close_after(*engine, print_rules(*engine, command, streams));
}

Result<ExitCode> change(Engine& engine, const RetentionCommand& command, std::vector<RetentionRule> rules,
                        Streams& streams) {
  WEIR_TRY(engine.set_retention(std::move(rules)));
  return print_rules(engine, command, streams);
}

Result<ExitCode> set(const RetentionCommand& command, Streams& streams) {
  RetentionRule rule = command.rule;
  if (!command.age.empty()) {
    auto age = parse_age(command.age);
    if (!age)
      return std::move(age).error();
    rule.age = *age;
  }
  if (command.count != 0)
    rule.count = command.count;
  auto engine = open_existing(command.directory);
  if (!engine)
    return std::move(engine).error();
  std::vector<RetentionRule> rules = engine->retention();
  std::erase_if(rules, [&](const RetentionRule& each) { return same_events(each, rule); });
  rules.push_back(std::move(rule));
  return close_after(*engine, change(*engine, command, std::move(rules), streams));
}

Result<ExitCode> remove(const RetentionCommand& command, Streams& streams) {
  auto engine = open_existing(command.directory);
  if (!engine)
    return std::move(engine).error();
  std::vector<RetentionRule> rules = engine->retention();
  if (std::erase_if(rules, [&](const RetentionRule& each) { return same_events(each, command.rule); }) == 0)
    return close_after(*engine, fail(Errc::not_found, "there is no such rule"));
  return close_after(*engine, change(*engine, command, std::move(rules), streams));
}

Result<ExitCode> apply(const RetentionCommand& command, Streams& streams) {
  auto engine = open_existing(command.directory);
  if (!engine)
    return std::move(engine).error();
  const auto report = engine->apply_retention();
  if (!report)
    return close_after(*engine, report.error());
  Rows rows(streams.out, chosen_format(command.format, streams.out),
            {{"before_position"}, {"now"}, {"resumed"}, {"contexts"}, {"truncated"}, {"events"}});
  WEIR_TRY(rows.add(std::vector<Value>{report->point.before, report->point.now, report->resumed, report->contexts,
                                       report->truncated, report->events}));
  WEIR_TRY(rows.flush());
  return close_after(*engine, ExitCode::success);
}

void add_names(const Command& command, RetentionRule& rule) {
  command.app().add_option("--context-prefix", rule.context_prefix, "Contexts whose ids begin so; left out: all");
  command.app().add_option("--type", rule.event_type, "Events of this type; left out: all");
}

} // namespace

void add_retention(CLI::App& program, Action& chosen) {
  CLI::App& group = *program.add_subcommand("retention", "Say which events may go by age and number");
  group.group("Commands")->require_subcommand(1);
  group.footer("Example:\n  weir retention set data --context-prefix session- --age 30d\n"
               "  weir retention apply data");
  group.get_formatter()->label("SUBCOMMAND", "COMMAND");
  const auto options = std::make_shared<RetentionCommand>();

  const Command lists(group, chosen, "list", "Show the rules", "weir retention list data");
  lists.positional("DIR", options->directory, "The data directory");
  lists.format(options->format);
  lists.runs([options](Streams& streams) { return list(*options, streams); });

  const Command sets(group, chosen, "set", "Add a rule, or change the one for the same events",
                     "weir retention set data --type measured --count 1000");
  sets.positional("DIR", options->directory, "The data directory");
  add_names(sets, options->rule);
  sets.app().add_option("--age", options->age, "Events recorded longer ago go: 30d, 12h, 5m, 90s")->type_name("AGE");
  sets.whole_number("--count", options->count, 1, "All but the newest N of each context go");
  sets.format(options->format);
  sets.runs([options](Streams& streams) { return set(*options, streams); });

  const Command removes(group, chosen, "remove", "Take a rule away", "weir retention remove data --type measured");
  removes.positional("DIR", options->directory, "The data directory");
  add_names(removes, options->rule);
  removes.format(options->format);
  removes.runs([options](Streams& streams) { return remove(*options, streams); });

  const Command applies(group, chosen, "apply", "Truncate contexts as the rules say", "weir retention apply data");
  applies.positional("DIR", options->directory, "The data directory");
  applies.format(options->format);
  applies.runs([options](Streams& streams) { return apply(*options, streams); });
}

} // namespace weir::cli
