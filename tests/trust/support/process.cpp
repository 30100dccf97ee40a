#include "trust/support/process.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <string>

namespace weir::trust {

namespace {

std::uint64_t status_bytes(const std::string& name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(name)) {
      std::istringstream rest(line.substr(name.size()));
      std::uint64_t kib = 0;
      rest >> kib;
      return kib * 1'024;
    }
  throw std::runtime_error("no " + name + " in /proc/self/status");
}

} // namespace

std::uint64_t memory_bytes() {
  return status_bytes("VmRSS:");
}

std::uint64_t peak_memory_bytes() {
  return status_bytes("VmHWM:");
}

std::uint64_t open_descriptors() {
  return static_cast<std::uint64_t>(std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {})) - 1;
}

} // namespace weir::trust
