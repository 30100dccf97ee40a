#include "api/cli/byte_source.hpp"
#include "api/cli/command.hpp"
#include "engine/text.hpp"
#include "engine/time_text.hpp"

#include <charconv>
#include <memory>

namespace weir::cli {
namespace {

struct StoreCommand {
  std::string directory;
  Event event;
  std::optional<Format> format;
};

Result<Timestamp> timestamp_argument(std::string_view text) {
  std::int64_t ms = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), ms);
  return error == std::errc() && end == text.data() + text.size() ? timestamp_from_ms(ms) : parse_timestamp(text);
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
  const auto receipt = engine->store(std::move(event));
  if (!receipt)
    return receipt.error();
  Rows rows(streams.out, chosen_format(command.format, streams.out),
            {{"context_id"}, {"sequence"}, {"position"}, {"durability"}});
  WEIR_TRY(rows.add(std::vector<Value>{command.event.context_id, receipt->sequence, receipt->position,
                                       to_string(receipt->durability)}));
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
  app.add_option("--event-id", options->event.event_id, "An id of the event")->check(not_empty)->type_name("ID");
  const auto set_time = [options](const std::string& text) {
    const auto time = timestamp_argument(text);
    if (!time)
      throw CLI::ValidationError("--timestamp", time.error().message);
    options->event.timestamp = *time;
  };
  app.add_option_function<std::string>("--timestamp", set_time,
                                       "When it happened: RFC 3339 or milliseconds since 1970; now if left out")
      ->type_name("TIME");
  app.add_option("--metadata", options->event.metadata, "A JSON object kept beside the payload")
      ->check(not_empty)
      ->type_name("JSON");
  command.format(options->format);
  command.runs([options](Streams& streams) { return store(*options, streams); });
}

} // namespace weir::cli
