// Stores events without end and prints "context sequence" for each one that was acknowledged: the victim of `make
// demo`, which kills it with -9 and looks for every printed event afterwards.
#include <weir/engine.hpp>

#include <iostream>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

int main(int argc, char** argv) {
  if (argc != 2)
    return std::cerr << "usage: " << argv[0] << " DIR\n", 2;
  auto engine = weir::Engine::open(argv[1]);
  if (!engine)
    return std::cerr << to_string(engine.error()) << '\n', 1;

  std::mutex output;
  const auto write = [&](int writer) {
    const std::string context = "meter-" + std::to_string(writer);
    for (int reading = 1;; ++reading) {
      auto receipt = engine->store({.context_id = context,
                                    .event_type = "meter_read",
                                    .payload = R"({"reading":)" + std::to_string(reading) + "}"});
      const std::lock_guard lock(output);
      if (!receipt) {
        std::cerr << to_string(receipt.error()) << '\n';
        return;
      }
      std::cout << context << ' ' << receipt->sequence << std::endl; // flushed: what is printed is acknowledged
    }
  };
  std::vector<std::jthread> writers;
  for (int writer = 1; writer <= 4; ++writer)
    writers.emplace_back(write, writer);
}
