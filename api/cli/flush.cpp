#include "api/cli/command.hpp"
#include "api/cli/progress.hpp"
#include "engine/text.hpp"

#include <memory>

namespace weir::cli {
namespace {

Result<ExitCode> flush(const std::string& directory, Streams& streams) {
  auto engine = open_existing(directory);
  if (!engine)
    return std::move(engine).error();
  if (const auto flushed = engine->flush(); !flushed)
    return flushed.error();
  std::uint64_t events = 0;
  std::uint64_t segments = 0;
  for (const ShardStats& shard : engine->stats().shards) {
    events += shard.segment_events;
    segments += shard.segments;
  }
  streams.out.buffer() +=
      format("{}: {} events in {} segments\n", directory, with_separators(events), with_separators(segments));
  WEIR_TRY(streams.out.flush());
  return close_after(*engine, ExitCode::success);
}

} // namespace

void add_flush(CLI::App& program, Action& chosen) {
  const Command command(program, chosen, "flush", "Move everything from the logs into segments", "weir flush data");
  const auto directory = std::make_shared<std::string>();
  command.positional("DIR", *directory, "The data directory");
  command.runs([directory](Streams& streams) { return flush(*directory, streams); });
}

} // namespace weir::cli
