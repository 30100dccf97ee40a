// Sessions go after a month, and of measurements the newest thousand stay. docs/guides/embedding.md quotes from it.
#include <weir/engine.hpp>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>

namespace {

[[noreturn]] void give_up(const weir::Error& error) {
  std::cerr << to_string(error) << '\n';
  std::exit(1);
}

void set_rules(weir::Engine& engine) {
  const weir::Status set = engine.set_retention({
      {.context_prefix = "session-", .age = std::chrono::days(30)},
      {.context_prefix = "meter-", .event_type = "measured", .count = 1'000},
  });
  if (!set)
    give_up(set.error());
}

// Called once a day, by a timer of the service.
void clean_up(weir::Engine& engine) {
  weir::Result<weir::RetentionReport> report = engine.apply_retention();
  if (report && report->resumed) // yesterday's run was cut short: that one is done, now today's
    report = engine.apply_retention();
  if (!report)
    give_up(report.error());
  std::cout << report->events << " events of " << report->truncated << " contexts are gone\n";
}

} // namespace

int main(int argc, char** argv) {
  auto engine = weir::Engine::open(argc > 1 ? argv[1] : "data");
  if (!engine)
    give_up(engine.error());
  set_rules(*engine);
  for (int i = 0; i < 1'200; ++i)
    engine->store_async({.context_id = "meter-1", .event_type = "measured", .payload = "{}"});
  if (auto flushed = engine->flush(); !flushed)
    give_up(flushed.error());
  clean_up(*engine);
}
