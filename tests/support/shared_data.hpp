// Test data too big for the repository, and the honest way to go without it.
//
// Purpose: files of the shared data folder are found through WEIR_SHARED (default: `shared` beside the repository). A
// test that misses one is skipped with a counted line, but fails where the environment says CI=true: a machine that
// is meant to test everything must not pass by testing less.
// Threading: thread-safe.
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

namespace weir::test {

/// Path of `name` ("data/rocksdb-history.jsonl.gz") in the shared folder. Nothing if there is no such file; then the
/// skip is already counted (or the running test has failed), and the test has only to return.
[[nodiscard]] std::optional<std::filesystem::path> shared_file(std::string_view name);

/// Counts a skipped test: prints a line and appends it to the file WEIR_SKIP_LOG names, if set. With CI=true the
/// running test case fails instead.
void skip_test(std::string_view reason);

} // namespace weir::test
