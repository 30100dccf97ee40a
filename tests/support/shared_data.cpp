#include "tests/support/shared_data.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <mutex>
#include <string>

namespace weir::test {

namespace {

std::string environment(const char* name, std::string_view fallback) {
  const char* value = std::getenv(name); // NOLINT(concurrency-mt-unsafe): nobody here changes the environment
  return std::string(value != nullptr && *value != '\0' ? std::string_view(value) : fallback);
}

} // namespace

void skip_test(std::string_view reason) {
  const std::string line = "skipped: " + std::string(reason);
  if (environment("CI", "") == "true") {
    FAIL_CHECK(line << " (CI=true: nothing may be skipped)");
    return;
  }
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  std::cout << line << std::endl;
  if (const auto log = environment("WEIR_SKIP_LOG", ""); !log.empty())
    std::ofstream(log, std::ios::app) << line << '\n';
}

std::optional<std::filesystem::path> shared_file(std::string_view name) {
  auto path = std::filesystem::path(environment("WEIR_SHARED", WEIR_SHARED_DEFAULT)) / name;
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored))
    return path;
  skip_test("no " + path.lexically_normal().string() + ", set WEIR_SHARED to the folder of shared test data");
  return std::nullopt;
}

} // namespace weir::test
