#include "bench/adapter.hpp"

#include <iostream>

int main() {
  for (const auto& peer : weir::bench::all_peers())
    std::cout << peer.name << ": " << peer.durable_means << '\n';
}
