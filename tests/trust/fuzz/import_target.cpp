// Import files from anywhere, event lines or CloudEvents. Each line is an event that survives both formats, or is
// refused. Where the first byte says so (a multiple of 4) engines take part: what `weir import` takes, exported in
// either format and imported again, is the same events, and every refusal names its line.
#include "trust/fuzz/fuzz.hpp"

#include "api/cli/importer.hpp"
#include "engine/validate.hpp"
#include "tests/api/simulated_engine.hpp"
#include "tests/cli/memory_source.hpp"

#include <weir/export.hpp>
#include <weir/limits.hpp>

#include <algorithm>
#include <charconv>
#include <memory>

using namespace weir;
using namespace weir::fuzz;

namespace {

constexpr std::size_t line_bytes_max = 700; // so that short inputs have lines that are too long
constexpr std::string_view file_name = "orders.jsonl";

EventView view_of(const Event& event) {
  const Timestamp recorded_at(std::chrono::microseconds(-5));
  return {.context_id = event.context_id,
          .sequence = 7,
          .position = 300,
          .recorded_at = recorded_at,
          .timestamp = event.timestamp.value_or(recorded_at),
          .event_type = event.event_type,
          .event_id = event.event_id,
          .metadata = event.metadata,
          .payload = event.payload};
}

void require_same(const Result<Event>& read, const EventView& event, const char* what) {
  if (!read.ok())
    broken(std::string(what) + ": " + to_string(read.error()));
  require(read->context_id == event.context_id && read->event_type == event.event_type &&
              read->payload == event.payload && read->timestamp == event.timestamp &&
              read->event_id == event.event_id && read->metadata == event.metadata,
          what);
}

void check_line(std::string_view line) {
  const bool cloud = json::is_cloud_event(line);
  auto parsed = cloud ? json::parse_cloud_event(line) : json::parse_event_line(line);
  if (!parsed) {
    const Error& error = parsed.error();
    require(error.code == Errc::invalid_argument || (cloud && error.code == Errc::unsupported),
            "a line is refused as such");
    require(error.message.starts_with("event line: ") && error.message.size() > 12, "a refusal says what is wrong");
    if (error.where.empty())
      return;
    std::size_t offset = 0;
    const std::string_view where = error.where;
    require(where.starts_with("byte ") &&
                std::from_chars(where.data() + 5, where.data() + where.size(), offset).ec == std::errc() &&
                offset <= line.size(),
            "a refusal's place lies in the line");
    return;
  }
  Event event = std::move(*parsed);
  if (!validate_call(event.context_id, {&event, 1}, limits::payload_bytes_default_max))
    return;
  const EventView view = view_of(event);
  std::string as_line, as_cloud_event;
  json::append_event_line(as_line, view);
  json::append_cloud_event(as_cloud_event, view, "urn:\"weir\"");
  require(as_line.find_first_of("\r\n") == std::string::npos &&
              as_cloud_event.find_first_of("\r\n") == std::string::npos,
          "an event is one line");
  require(!json::is_cloud_event(as_line) && json::is_cloud_event(as_cloud_event), "formats are told apart");
  require_same(json::parse_event_line(as_line), view, "an event survives its line");
  require_same(json::parse_cloud_event(as_cloud_event), view, "an event survives its CloudEvent");
}

/// How many lines there are that are not blank.
std::size_t check_lines(const std::string& text) {
  test::MemorySource source(text);
  cli::LineReader lines(source, line_bytes_max);
  std::size_t counted = 0;
  for (std::uint64_t number = 1;; ++number) {
    const auto line = lines.next();
    require(line.ok(), "bytes in memory are read");
    if (!line->has_value())
      return counted;
    require((*line)->number == number && (*line)->text.size() <= line_bytes_max, "lines are counted, and not too long");
    if ((*line)->too_long || !json::trim((*line)->text).empty())
      ++counted;
    if (!(*line)->too_long)
      check_line((*line)->text);
  }
}

struct Imported {
  Status status;
  std::uint64_t stored = 0, duplicates = 0, skipped = 0;
  std::string said; ///< On the console.
};

Imported import(Engine& engine, const std::string& text, cli::OnError on_error, std::size_t longest) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> said(std::tmpfile(), std::fclose);
  require(said != nullptr, "a temporary file is made");
  cli::Console console(fileno(said.get()));
  cli::Importer importer(engine, console, std::string(file_name), on_error, {},
                         {.acknowledged = [](auto, const auto&, const auto&) { return Status(); },
                          .idle = [] { return Status(); },
                          .progress = [](auto) {}});
  test::MemorySource source(text, 4'096);
  cli::LineReader lines(source, longest);
  Imported imported;
  imported.status = importer.run(lines);
  imported.stored = importer.stored();
  imported.duplicates = importer.duplicates();
  imported.skipped = importer.skipped();
  std::rewind(said.get());
  for (int c = std::fgetc(said.get()); c != EOF; c = std::fgetc(said.get()))
    imported.said += static_cast<char>(c);
  return imported;
}

struct Exported {
  std::string lines, cloud_events;
  std::uint64_t events = 0;
};

Exported export_all(const Engine& engine) {
  Exported all;
  const Status exported = export_events(engine, {}, [&](const EventView& event) -> Status {
    ++all.events;
    json::append_event_line(all.lines, event);
    json::append_cloud_event(all.cloud_events, event, "weir");
    all.lines += '\n';
    all.cloud_events += '\n';
    return {};
  });
  require(exported.ok(), "events are exported");
  return all;
}

/// The disk outlives the engine.
Engine open(test::SimulatedDisk& disk) {
  EngineOptions options;
  options.shards = 2;
  options.wal_file_bytes = 64 * KiB; // a log file is written before it is used
  auto engine = disk.open(options);
  require(engine.ok(), "an engine opens");
  return std::move(*engine);
}

/// "line N: ...", with N not beyond `lines`.
void require_line_number(std::string_view message, std::uint64_t lines) {
  std::uint64_t number = 0;
  require(message.starts_with("line "), "a refusal begins with its line");
  const char* const last = message.data() + message.size();
  const auto [end, error] = std::from_chars(message.data() + 5, last, number);
  require(error == std::errc() && number >= 1 && number <= lines && last - end > 2 && *end == ':',
          "a refusal names a line that is there, and says why");
}

void check_again(const std::string& exported, const Exported& wanted) {
  test::SimulatedDisk disk;
  Engine engine = open(disk);
  const Imported again = import(engine, exported, cli::OnError::stop, cli::LineReader::line_bytes_default_max);
  if (!again.status)
    broken("what was exported is refused: " + to_string(again.status.error()));
  require(again.stored == wanted.events && again.duplicates == 0, "what was exported is imported once");
  require(export_all(engine).lines == wanted.lines, "what was exported and imported again is the same events");
}

/// `counted`: lines that are not blank.
void check_import(const std::string& text, std::uint64_t counted, cli::OnError on_error) {
  test::SimulatedDisk disk;
  Engine engine = open(disk);
  const Imported imported = import(engine, text, on_error, line_bytes_max);
  const auto lines = static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n')) + 1;
  const auto complaints = static_cast<std::uint64_t>(std::count(imported.said.begin(), imported.said.end(), '\n'));
  require(complaints == imported.skipped, "each line that is skipped is told of");
  if (on_error == cli::OnError::skip) {
    require(imported.status.ok() && imported.stored + imported.skipped == counted, "every line is accounted for");
    for (std::string_view rest = imported.said; !rest.empty(); rest.remove_prefix(rest.find('\n') + 1)) {
      constexpr std::string_view program = "weir: ";
      require(rest.starts_with(program) && rest.substr(0, rest.find('\n')).find(file_name) != std::string_view::npos,
              "a complaint names the file");
      require_line_number(rest.substr(program.size(), rest.find('\n') - program.size()), lines);
    }
  } else if (!imported.status) {
    require_line_number(imported.status.error().message, lines);
    require(imported.status.error().where.starts_with(file_name) && imported.stored < counted,
            "an import that stops says where");
  } else {
    require(imported.stored == counted, "an import that does not stop has taken every line");
  }
  const Exported exported = export_all(engine);
  require(exported.events == imported.stored - imported.duplicates, "what was taken is exported");
  check_again(exported.lines, exported);
  check_again(exported.cloud_events, exported);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0)
    return 0;
  const std::string text(text_of(data + 1, size - 1));
  const std::uint64_t counted = check_lines(text);
  if (data[0] % 4 == 0)
    check_import(text, counted, data[0] / 4 % 2 == 0 ? cli::OnError::skip : cli::OnError::stop);
  return 0;
}
