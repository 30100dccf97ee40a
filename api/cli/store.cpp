#include "api/cli/byte_source.hpp"
#include "api/cli/command.hpp"
#include "api/cli/time_argument.hpp"
#include "engine/text.hpp"

#include <charconv>
#include <memory>

namespace weir::cli {
namespace {

struct StoreCommand {
  std::string directory;
  Event event;
  Expectation expect;
  std::optional<Format> format;
};

/// As `--expect` takes it; nothing for another text.
std::optional<Expectation> expectation_argument(std::string_view text) {
  if (text == "any")
    return Expectation::any();
  if (text == "no_context")
    return Expectation::no_context();
  if (text == "exists")
    return Expectation::exists();
  constexpr std::string_view exactly = "exactly:";
  if (!text.starts_with(exactly))
    return std::nullopt;
  text.remove_prefix(exactly.size());
  Sequence sequence = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), sequence);
  if (error != std::errc() || end != text.data() + text.size())
    return std::nullopt;
  return Expectation::exactly(sequence);
}

/// What a script needs to decide anew; the error itself goes to standard error.
Status print_current(const StoreCommand& command, const Conflict& conflict, Streams& streams) {
  Rows rows(streams.out, chosen_format(command.format, streams.out), {{"context_id"}, {"current_sequence"}});
  WEIR_TRY(rows.add(std::vector<Value>{conflict.context_id, conflict.current}));
  return rows.flush();
}

Result<std::string> read_payload() {
  constexpr std::size_t bytes_max = 2 * limits::payload_bytes_max; // White space round the object does not count.
  auto source = FileSource::open("-", nullptr);
  if (!source)
    return std::move(source).error();
  std::string text;
  for (std::size_t size = 0;;) {
    text.resize(size + 64 * KiB);
    const auto bytes = (*source)->read(std::span(text).subspan(size));
    if (!bytes)
      return bytes.error();
    size += *bytes;
    if (size > bytes_max)
      return fail(Errc::too_large, format("the payload is larger than {} MiB", limits::payload_bytes_max / MiB),
                  "standard input");
    if (*bytes == 0) {
      text.resize(size);
      return text;
    }
  }
}

Result<ExitCode> store(const StoreCommand& command, Streams& streams) {
  Event event = command.event;
  if (event.payload == "-") {
    auto payload = read_payload();
    if (!payload)
      return std::move(payload).error();
    event.payload = *std::move(payload);
  }
  auto engine = Engine::open(command.directory);
  if (!engine)
    return std::move(engine).error();
  const auto receipt = engine->store(std::move(event), {.expect = command.expect});
  if (receipt.code() == Errc::sequence_conflict)
    WEIR_TRY(print_current(command, receipt.error().conflicts.front(), streams));
  if (!receipt)
    return receipt.error();
  Rows rows(streams.out, chosen_format(command.format, streams.out),
            {{"context_id"}, {"sequence"}, {"position"}, {"durability"}, {"duplicate"}});
  WEIR_TRY(rows.add(std::vector<Value>{command.event.context_id, receipt->sequence, receipt->position,
                                       to_string(receipt->durability), receipt->duplicate}));
  WEIR_TRY(rows.flush());
  return close_after(*engine, ExitCode::success);
}

} // namespace

void add_store(CLI::App& program, Action& chosen) {
  const Command command(program, chosen, "store", "Store one event and print its receipt",
                        "weir store data --context order-42 --type order_placed --payload '{\"total\": 12}'");
  const auto options = std::make_shared<StoreCommand>();
  const auto not_empty = [](const std::string& text) -> std::string {
    return text.empty() ? "must not be empty; leave it out for none" : "";
  };
  command.positional("DIR", options->directory, "The data directory; created if it is missing");
  CLI::App& app = command.app();
  app.add_option("--context", options->event.context_id, "The event's context_id")->required()->type_name("ID");
  app.add_option("--type", options->event.event_type, "The event's event_type")->required()->type_name("TYPE");
  app.add_option("--payload", options->event.payload, "The payload, a JSON object; - reads it from standard input")
      ->required()
      ->type_name("JSON");
  app.add_option(
         "--event-id", options->event.event_id,
         "An id of the event, unique in its context for ever: storing the event again answers the first receipt")
      ->check(not_empty)
      ->type_name("ID");
  const auto set_expectation = [options](const std::string& text) {
    const auto expect = expectation_argument(text);
    if (!expect)
      throw CLI::ValidationError("--expect", "must be any, no_context, exists or exactly:N");
    options->expect = *expect;
  };
  app.add_option_function<std::string>(
         "--expect", set_expectation,
         "Store only if this holds of the context: any, no_context, exists, exactly:N (its "
         "last sequence); otherwise print its last sequence, and exit with 1")
      ->type_name("WHAT");
  add_time_option(app, "--timestamp", options->event.timestamp,
                  "When it happened: RFC 3339 or milliseconds since 1970; now if left out");
  app.add_option("--metadata", options->event.metadata, "A JSON object kept beside the payload")
      ->check(not_empty)
      ->type_name("JSON");
  command.format(options->format);
  command.runs([options](Streams& streams) { return store(*options, streams); });
}

} // namespace weir::cli
