#include "api/cli/command.hpp"
#include "api/cli/progress.hpp"
#include "engine/text.hpp"

#include <weir/consumers.hpp>

#include <memory>

namespace weir::cli {
namespace {

struct ConsumerCommand {
  std::string directory;
  std::string name;
  std::string context;
  std::optional<std::uint64_t> position;
  bool to_oldest = false, to_now = false;
  std::optional<Format> format;
};
using Options = std::shared_ptr<ConsumerCommand>;

/// Opens the directory, lets `work` do what is asked, and closes again.
template <class Work> Result<ExitCode> with_consumers(const ConsumerCommand& command, Work work) {
  auto engine = open_existing(command.directory);
  if (!engine)
    return std::move(engine).error();
  const Status done = work(engine->consumers());
  return close_after(*engine, done ? Result<ExitCode>(ExitCode::success) : Result<ExitCode>(done.error()));
}

Status print(const std::vector<ConsumerStatus>& all, const ConsumerCommand& command, Streams& streams) {
  Rows rows(streams.out, chosen_format(command.format, streams.out),
            {{"name"}, {"kind"}, {"checkpoint"}, {"lag_events"}, {"lag_ms"}, {"done_above"}, {"parked"}});
  for (const ConsumerStatus& each : all) {
    const Value row[] = {each.name,       each.kind == ConsumerKind::single ? "single" : "group", each.checkpoint,
                         each.lag_events, static_cast<std::uint64_t>(each.lag_ms.count()),        each.done_above,
                         each.parked};
    WEIR_TRY(rows.add(row));
  }
  return rows.flush();
}

Status list(const Consumers& consumers, const ConsumerCommand& command, Streams& streams) {
  const auto all = consumers.list();
  if (!all)
    return all.error();
  return print(*all, command, streams);
}

Status show(const Consumers& consumers, const ConsumerCommand& command, Streams& streams) {
  auto status = consumers.status(command.name);
  if (!status)
    return status.error();
  return print({std::move(*status)}, command, streams);
}

Status reset(const Consumers& consumers, const ConsumerCommand& command, Streams& streams) {
  const QueueStart start = command.position ? QueueStart::at(*command.position)
                           : command.to_now ? QueueStart::now()
                                            : QueueStart();
  WEIR_TRY(consumers.reset(command.name, start));
  const auto status = consumers.status(command.name);
  if (!status)
    return status.error();
  streams.out.buffer() += format("{} goes on at position {}, {} events behind\n", command.name, status->checkpoint,
                                 with_separators(status->lag_events));
  return streams.out.flush();
}

Status park_list(const Consumers& consumers, const ConsumerCommand& command, Streams& streams) {
  Rows rows(streams.out, chosen_format(command.format, streams.out),
            {{"position"},
             {"context_id"},
             {"sequence"},
             {"event_type"},
             {"deliveries"},
             {"parked_at"},
             {"replay_wanted"},
             {"reason"}});
  for (Position from = 0;;) {
    const auto parked = consumers.parked(command.name, from);
    if (!parked)
      return parked.error();
    if (parked->empty())
      return rows.flush();
    for (const ParkedEvent& each : *parked) {
      const Value row[] = {each.position,
                           each.context_id,
                           each.sequence,
                           each.event_type,
                           static_cast<std::uint64_t>(each.deliveries),
                           each.parked_at,
                           each.replay_wanted,
                           each.reason};
      WEIR_TRY(rows.add(row));
      from = each.position + 1;
    }
  }
}

Status park_replay(const Consumers& consumers, const ConsumerCommand& command, Streams& streams) {
  const auto wanted = consumers.replay_parked(command.name, command.context);
  if (!wanted)
    return wanted.error();
  streams.out.buffer() +=
      format("{} parked events of {} will be handed out again\n", with_separators(*wanted), command.name);
  return streams.out.flush();
}

using Work = Status (*)(const Consumers&, const ConsumerCommand&, Streams&);

Options add(CLI::App& parent, Action& chosen, const std::string& name, const std::string& summary,
            const std::string& example, bool named, bool rows, Work work, CLI::App** made = nullptr) {
  const Command command(parent, chosen, name, summary, example);
  const auto options = std::make_shared<ConsumerCommand>();
  command.positional("DIR", options->directory, "The data directory");
  if (named)
    command.positional("NAME", options->name, "The consumer's name");
  if (rows)
    command.format(options->format);
  command.runs([options, work](Streams& streams) {
    return with_consumers(*options, [&](const Consumers& consumers) { return work(consumers, *options, streams); });
  });
  if (made != nullptr)
    *made = &command.app();
  return options;
}

} // namespace

void add_consumer(CLI::App& program, Action& chosen) {
  CLI::App* const consumer = program.add_subcommand("consumer", "Look after the readers that the directory remembers");
  consumer->group("Commands");
  consumer->require_subcommand(0, 1);
  consumer->footer("Example:\n  weir consumer list data");
  add(*consumer, chosen, "list", "Show all consumers: how far they are and what lies before them",
      "weir consumer list data --format table", false, true, list);
  add(*consumer, chosen, "show", "Show one consumer", "weir consumer show data invoices", true, true, show);

  CLI::App* app = nullptr;
  const Options to = add(*consumer, chosen, "reset", "Let a consumer go on elsewhere: what lies behind comes again",
                         "weir consumer reset data invoices --oldest", true, false, reset, &app);
  auto* const where = app->add_option_group("Where to");
  where->add_option("--position", to->position, "At the first event with this position or a later one")->type_name("N");
  where->add_flag("--oldest", to->to_oldest, "At the oldest event");
  where->add_flag("--now", to->to_now, "Behind the newest event");
  where->require_option(1);

  CLI::App* const park = consumer->add_subcommand("park", "Look after events that a group has put aside");
  park->group("Commands");
  park->require_subcommand(0, 1);
  add(*park, chosen, "list", "Show what is parked and why", "weir consumer park list data invoices", true, true,
      park_list);
  const Options again =
      add(*park, chosen, "replay", "Have parked events handed out again, in order",
          "weir consumer park replay data invoices --context order-42", true, false, park_replay, &app);
  app->add_option("--context", again->context, "Only those of this context")->type_name("ID");
}

} // namespace weir::cli
