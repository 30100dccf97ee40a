#include "api/cli/command.hpp"
#include "api/cli/gunzip_source.hpp"
#include "api/cli/importer.hpp"
#include "api/cli/interrupt.hpp"
#include "api/cli/progress.hpp"
#include "engine/text.hpp"

#include <memory>

namespace weir::cli {
namespace {

struct ImportOptions {
  std::string directory;
  std::string file;
  std::string on_error = "stop";
  bool acks = false;
  json::Path event_id_field;
  std::uint64_t payload_bytes_max = limits::payload_bytes_default_max;
  std::optional<Format> format;
};

/// "payload.key" as {"payload", "key"}; nothing if a segment is empty.
json::Path path_of(std::string_view text) {
  json::Path path;
  while (true) {
    const std::size_t dot = text.find('.');
    if (text.empty() || dot == 0)
      return {};
    path.emplace_back(text.substr(0, dot));
    if (dot == std::string_view::npos)
      return path;
    text.remove_prefix(dot + 1);
  }
}

std::string summary(const Importer& importer, std::chrono::milliseconds elapsed) {
  std::string text = format("imported {} events in {} ({}/s)", with_separators(importer.stored()),
                            duration_text(elapsed), with_separators(rate_per_second(importer.stored(), elapsed)));
  if (importer.duplicates() > 0)
    text += format(", {} of them stored before", with_separators(importer.duplicates()));
  if (importer.skipped() > 0)
    text += format(", skipped {} bad lines", with_separators(importer.skipped()));
  return text;
}

Result<ExitCode> import(const ImportOptions& options, Streams& streams) {
  const Interrupt interrupt;
  auto file = FileSource::open(options.file, &interrupt); // First: a mistyped name must not create a directory.
  if (!file)
    return std::move(file).error();
  EngineOptions engine_options;
  engine_options.payload_bytes_max = options.payload_bytes_max;
  auto engine = Engine::open(options.directory, engine_options);
  if (!engine)
    return std::move(engine).error();

  GunzipSource source(**file, (*file)->name());
  LineReader lines(source);
  std::optional<Rows> rows;
  if (options.acks)
    rows.emplace(streams.out, chosen_format(options.format, streams.out),
                 std::vector<Column>{{"line"}, {"context_id"}, {"sequence"}, {"position"}, {"durability"}});
  ProgressLine progress(streams.console, "import");
  Importer importer(
      *engine, streams.console, (*file)->name(), options.on_error == "skip" ? OnError::skip : OnError::stop,
      {.event_id_field = options.event_id_field},
      {.acknowledged = [&](std::uint64_t line, const std::string& context_id, const Receipt& receipt) -> Status {
         if (!rows)
           return {};
         return rows->add(
             std::vector<Value>{line, context_id, receipt.sequence, receipt.position, to_string(receipt.durability)});
       },
       .idle = [&]() -> Status { return rows ? rows->flush() : Status(); },
       .progress =
           [&](std::uint64_t stored) { progress.update(stored, (*file)->bytes_read(), (*file)->size_bytes()); }});

  const auto status = importer.run(lines);
  streams.console.line(summary(importer, progress.elapsed()));
  return close_after(*engine, status ? Result<ExitCode>(ExitCode::success) : status.error());
}

} // namespace

void add_import(CLI::App& program, Action& chosen) {
  const Command command(program, chosen, "import", "Store the events of a file, one JSON object a line",
                        "weir import data orders.jsonl.gz\n  tail -f orders.jsonl | weir import data - --acks");
  const auto options = std::make_shared<ImportOptions>();
  command.positional("DIR", options->directory, "The data directory; created if it is missing");
  command.positional("FILE", options->file,
                     "Lines {\"context_id\",\"event_type\",\"timestamp\"?,\"event_id\"?,\"metadata\"?,\"payload\"}, "
                     "or CloudEvents, as the first line is; plain or gzip; - is standard input");
  CLI::App& app = command.app();
  app.add_option("--on-error", options->on_error, "At a bad line: stop (the default), or skip it and go on")
      ->check(CLI::IsMember({"stop", "skip"}))
      ->type_name("HOW");
  app.add_flag("--acks", options->acks,
               "Print a row for each event as soon as it is durable, so that its sender may forget it");
  const auto set_path = [options](const std::string& text) {
    options->event_id_field = path_of(text);
    if (options->event_id_field.empty())
      throw CLI::ValidationError("--event-id-field", "must be names with dots between them, not \"" + text + '"');
  };
  app.add_option_function<std::string>(
         "--event-id-field", set_path,
         "Take each event's id from this field, counted from the line's root: payload.key")
      ->type_name("PATH");
  command.whole_number("--payload-bytes-max", options->payload_bytes_max, 1,
                       "Largest payload taken, 1 MiB if left out, at most 16 MiB");
  command.format(options->format);
  command.runs([options](Streams& streams) { return import(*options, streams); });
}

} // namespace weir::cli
