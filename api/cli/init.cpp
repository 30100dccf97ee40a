#include "api/cli/command.hpp"

#include "engine/text.hpp"

#include <limits>
#include <memory>

namespace weir::cli {
namespace {

struct InitOptions {
  std::string directory;
  std::uint64_t shards = 0;
};

Result<ExitCode> init(const InitOptions& options, Streams& streams) {
  EngineOptions engine_options;
  constexpr auto most = std::numeric_limits<std::uint32_t>::max(); // Beyond any limit, so that the engine refuses it.
  engine_options.shards = static_cast<std::uint32_t>(std::min<std::uint64_t>(options.shards, most));
  engine_options.create_if_missing = false;
  auto engine = Engine::open(options.directory, engine_options);
  const bool created = engine.code() == Errc::not_found;
  if (created) {
    engine_options.create_if_missing = true;
    engine = Engine::open(options.directory, engine_options);
  }
  if (!engine)
    return engine.error();
  streams.out.buffer() += format("{}: {}, {} shards\n", options.directory, created ? "created" : "is there already",
                                 engine->options().shards);
  WEIR_TRY(streams.out.flush());
  return close_after(*engine, ExitCode::success);
}

} // namespace

void add_init(CLI::App& program, Action& chosen) {
  const Command command(program, chosen, "init", "Create a data directory", "weir init data --shards 8");
  const auto options = std::make_shared<InitOptions>();
  command.positional("DIR", options->directory, "The directory; one that holds weir data already is left as it is");
  command.whole_number("--shards", options->shards, 1, "Shards, 1-64, for good; 4 if left out");
  command.runs([options](Streams& streams) { return init(*options, streams); });
}

} // namespace weir::cli
