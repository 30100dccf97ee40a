// Links and pipes under the names that the engine uses: opening refuses or replaces them, never follows one out of the
// directory, never writes to what they stand for, and never waits for a pipe's other end. See SECURITY.md.
#include "tests/api/simulated_engine.hpp"
#include "tests/api/stored.hpp"
#include "tests/support/temp_directory.hpp"
#include "tests/support/why.hpp"

#include "segments/segment_files.hpp"
#include "wal/paths.hpp"

#include <weir/salvage.hpp>

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

using namespace weir;
using namespace weir::test;
namespace fs = std::filesystem;

namespace {

const std::string secret = "what others own";

/// Every name the engine makes in a directory of one shard.
std::vector<std::string> names_made() {
  return {"LOCK",
          "catalog.db",
          "catalog.db-wal",
          "catalog.db-journal",
          "wal",
          wal::shard_directory(0),
          wal::file_path(0, 1),
          wal::file_path(0, 2),
          wal::spare_path(0, 1),
          wal::unfinished_spare_path(0, 1),
          wal::unfinished_spare_path(0, 2),
          "segments",
          segments::segment_directory(0),
          segments::segment_path(0, 1),
          segments::segment_directory(0) + "/0000000000000001.tmp",
          segments::segment_path(0, 2),
          segments::segment_directory(0) + "/0000000000000002.tmp",
          "quarantine",
          "quarantine/wal-000-unknown"};
}

enum class Plant { link_to_file, link_to_nothing, link_to_directory, pipe, hard_link };

/// Something outside of the data directory, and a way to see whether it was touched.
class Outside {
public:
  explicit Outside(const std::string& root) : root_(root) {
    fs::create_directory(root_);
    std::ofstream(file()) << secret;
    fs::create_directory(directory());
  }
  [[nodiscard]] std::string file() const { return root_ + "/file"; }
  [[nodiscard]] std::string nothing() const { return root_ + "/nothing"; }
  [[nodiscard]] std::string directory() const { return root_ + "/directory"; }

  void check_untouched() const {
    std::ifstream in(file());
    CHECK(std::string(std::istreambuf_iterator<char>(in), {}) == secret);
    CHECK_FALSE(fs::exists(fs::symlink_status(nothing())));
    CHECK(fs::is_empty(directory()));
  }

private:
  std::string root_;
};

void plant(Plant what, const std::string& path, const Outside& outside) {
  fs::create_directories(fs::path(path).parent_path());
  fs::remove_all(path);
  switch (what) {
  case Plant::link_to_file: fs::create_symlink(outside.file(), path); return;
  case Plant::link_to_nothing: fs::create_symlink(outside.nothing(), path); return;
  case Plant::link_to_directory: fs::create_symlink(outside.directory(), path); return;
  case Plant::pipe: REQUIRE(::mkfifo(path.c_str(), 0600) == 0); return;
  case Plant::hard_link: fs::create_hard_link(outside.file(), path); return;
  }
}

/// Opens, and if that works stores, flushes, closes and opens again: whatever the engine does with the names.
void use(const std::string& directory) {
  EngineOptions options;
  options.shards = 1;
  options.wal_file_bytes = 8 * KiB;
  for (int life = 0; life < 2; ++life) {
    auto engine = Engine::open(directory, options);
    if (!engine) {
      const std::string text = why(engine); // names the place, apart or among the damaged shards
      CHECK_MESSAGE((!engine.error().where.empty() || text.find("segments/") != std::string::npos), text);
      break;
    }
    for (int i = 0; i < 40; ++i) {
      Event event = numbered_event("c", 1, static_cast<std::uint64_t>(i));
      event.payload = R"({"text":")" + std::string(1000, 'x') + "\"}";
      static_cast<void>(engine->store(std::move(event)).ok()); // may be refused, as a full disk would
      if (i == 20)
        static_cast<void>(engine->flush().ok());
    }
    static_cast<void>(engine->close().ok());
  }
  static_cast<void>(verify_directory(directory).ok());
  static_cast<void>(salvage_directory(directory, directory + "-saved").ok());
}

} // namespace

TEST_CASE("planted files: no link is followed out of the directory, no pipe waited for") {
  ::alarm(60); // a pipe that is waited for would hang for ever
  for (const bool in_use : {false, true}) {
    for (const std::string& name : names_made()) {
      for (const Plant what :
           {Plant::link_to_file, Plant::link_to_nothing, Plant::link_to_directory, Plant::pipe, Plant::hard_link}) {
        CAPTURE(in_use);
        CAPTURE(name);
        CAPTURE(static_cast<int>(what));
        TempDirectory parent(fast_parent());
        const Outside outside(parent.path("outside"));
        const std::string directory = parent.path("data");
        fs::create_directory(directory);
        REQUIRE(::chmod(directory.c_str(), 0700) == 0);
        if (in_use)
          use(directory);
        fs::remove_all(directory + "-saved");
        plant(what, directory + "/" + name, outside);
        use(directory);
        outside.check_untouched();
      }
    }
  }
  ::alarm(0);
}
