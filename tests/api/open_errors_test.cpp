// Directories that cannot be opened, or not whole: each says why, nothing is changed, and what is healthy is not lost.
#include "tests/api/simulated_engine.hpp"
#include "tests/api/stored.hpp"
#include "tests/support/temp_directory.hpp"
#include "tests/support/why.hpp"

#include "engine/sqlite/database.hpp"
#include "segments/catalog.hpp"
#include "wal/format.hpp"
#include "wal/paths.hpp"

#include <doctest/doctest.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace weir;
using namespace weir::test;
namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t events_stored = 300;

EngineOptions four_shards() {
  EngineOptions options;
  options.shards = 4;
  return options;
}

// Stores events 1 ... 300 to 20 contexts, five in each shard, the first half of them into segments if wanted, and
// closes. Returns the contexts.
std::vector<std::string> fill(const std::string& directory, bool flush) {
  auto engine = Engine::open(directory, four_shards());
  REQUIRE_MESSAGE(engine.ok(), why(engine));
  std::vector<std::string> contexts;
  for (int i = 0; i < 20; ++i)
    contexts.push_back(context_in_shard(*engine, static_cast<ShardId>(i % 4), i));
  for (std::uint64_t i = 0; i < events_stored; ++i) {
    REQUIRE(engine->store(numbered_event(contexts[i % 20], 1, i)).ok());
    if (flush && i == events_stored / 2)
      REQUIRE(engine->flush().ok());
  }
  REQUIRE(engine->close().ok());
  return contexts;
}

bool says(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// Every file with its content, so that a refused open can be shown to have changed nothing.
std::map<std::string, std::string> content(const std::string& directory) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(directory))
    if (entry.is_regular_file()) {
      std::string bytes(entry.file_size(), '\0');
      REQUIRE(std::ifstream(entry.path(), std::ios::binary).read(bytes.data(), std::ssize(bytes)).good());
      files[entry.path().string()] = std::move(bytes);
    }
  return files;
}

bool same_bytes(const std::map<std::string, std::string>& files,
                const std::pair<const std::string, std::string>& file) {
  const auto found = files.find(file.first);
  return found != files.end() && found->second == file.second;
}

void flip_byte(const std::string& path, std::uint64_t offset) {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  REQUIRE(file.is_open());
  file.seekg(static_cast<std::streamoff>(offset));
  const char byte = static_cast<char>(file.get() ^ 0x10);
  file.seekp(static_cast<std::streamoff>(offset));
  file.put(byte);
  REQUIRE(file.good());
}

// The one segment of a shard.
std::string segment_of(const std::string& directory, const std::string& shard) {
  std::vector<std::string> found;
  for (const auto& entry : fs::directory_iterator(directory + "/segments/" + shard))
    found.push_back(entry.path().string());
  REQUIRE(found.size() == 1);
  return found.front();
}

void check_all(const Engine& engine, const std::vector<std::string>& contexts) {
  std::uint64_t seen = 0;
  for (const std::string& context : contexts)
    seen += read_dense(engine, context).size();
  CHECK(seen == events_stored);
}

} // namespace

TEST_CASE("open: what is there and not a directory of ours is refused") {
  TempDirectory parent(fast_parent());
  const std::string directory = parent.path("data");
  SUBCASE("a file") {
    std::ofstream(directory) << "hello";
    const auto engine = Engine::open(directory);
    CHECK(engine.code() == Errc::invalid_argument);
    CHECK(says(why(engine), "not a directory"));
  }
  SUBCASE("a path below a file") {
    std::ofstream(directory) << "hello";
    CHECK_FALSE(Engine::open(directory + "/below").ok());
  }
  SUBCASE("a directory that its group may write") {
    fs::create_directory(directory);
    REQUIRE(::chmod(directory.c_str(), 0770) == 0);
    const auto engine = Engine::open(directory);
    CHECK(engine.code() == Errc::invalid_argument);
    CHECK_MESSAGE(says(why(engine), "770"), why(engine));
    CHECK(fs::is_empty(directory));
  }
  SUBCASE("a directory that everybody may write") {
    const auto contexts = fill(directory, false);
    REQUIRE(::chmod(directory.c_str(), 0777) == 0);
    const auto before = content(directory);
    CHECK(Engine::open(directory).code() == Errc::invalid_argument);
    CHECK(verify_directory(directory).code() == Errc::invalid_argument);
    CHECK((content(directory) == before));
    REQUIRE(::chmod(directory.c_str(), 0700) == 0);
    check_all(*Engine::open(directory), contexts);
  }
  SUBCASE("a missing one, if it is not to be created") {
    EngineOptions options;
    options.create_if_missing = false;
    CHECK(Engine::open(directory, options).code() == Errc::not_found);
    CHECK(verify_directory(directory).code() == Errc::not_found);
    CHECK_FALSE(fs::exists(directory));
  }
  SUBCASE("an empty one, if nothing is to be created in it") {
    fs::create_directory(directory);
    REQUIRE(::chmod(directory.c_str(), 0700) == 0);
    EngineOptions options;
    options.create_if_missing = false;
    CHECK(Engine::open(directory, options).code() == Errc::not_found);
    CHECK_FALSE(fs::exists(directory + "/catalog.db"));
    CHECK(Engine::open(directory).ok());
  }
}

TEST_CASE("open: directories and files are for their owner alone, whatever the umask") {
  TempDirectory parent(fast_parent());
  const std::string directory = parent.path("data");
  const mode_t old_mask = ::umask(0);
  fill(directory, true);
  ::umask(old_mask);
  struct stat info = {};
  REQUIRE(::stat(directory.c_str(), &info) == 0);
  CHECK((info.st_mode & 07777U) == 0700);
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    CAPTURE(entry.path().string());
    REQUIRE(::stat(entry.path().c_str(), &info) == 0);
    CHECK((info.st_mode & 07777U) == (entry.is_directory() ? 0700U : 0600U));
  }
}

TEST_CASE("open: another format version, another shard count or a foreign catalog is incompatible, and left as it is") {
  TempDirectory parent(fast_parent());
  const std::string directory = parent.path("data");
  const std::string catalog = directory + "/catalog.db";
  const auto contexts = fill(directory, true);
  const auto set_version = [&](std::int32_t version) {
    auto database = sqlite::Database::open(catalog, {});
    REQUIRE_MESSAGE(database.ok(), why(database));
    REQUIRE(database->set_user_version(version).ok());
    REQUIRE(database->checkpoint().ok());
  };
  const auto refused = [&](const EngineOptions& options, const std::string& named) {
    const auto before = content(directory);
    const auto engine = Engine::open(directory, options);
    CHECK(engine.code() == Errc::incompatible);
    CHECK_MESSAGE(says(why(engine), named), why(engine));
    auto after = content(directory);
    after[directory + "/LOCK"] = before.at(directory + "/LOCK"); // holds the pid of the last who tried
    for (const auto& file : before)
      CHECK_MESSAGE(same_bytes(after, file), file.first);
    after.erase(catalog + "-wal"); // SQLite may leave an empty journal
    CHECK(after.size() == before.size());
  };
  SUBCASE("a newer format") {
    set_version(99);
    refused({}, "99");
    CHECK(verify_directory(directory).code() == Errc::incompatible);
    set_version(Catalog::format_version);
  }
  SUBCASE("an older format") {
    set_version(0);
    refused({}, "0");
    set_version(Catalog::format_version);
  }
  SUBCASE("another number of shards") {
    EngineOptions options;
    options.shards = 3;
    auto engine = Engine::open(directory, options);
    CHECK(engine.code() == Errc::incompatible);
    CHECK_MESSAGE(says(why(engine), "4 shards, not 3"), why(engine));
  }
  SUBCASE("a database of another program") {
    fs::rename(catalog, parent.path("aside"));
    {
      auto database = sqlite::Database::open(catalog, {.create = true});
      REQUIRE_MESSAGE(database.ok(), why(database));
      REQUIRE(database->execute("CREATE TABLE notes(text TEXT); INSERT INTO notes VALUES('mine')").ok());
    }
    refused({}, "another program");
    fs::rename(parent.path("aside"), catalog);
  }
  SUBCASE("no database at all") {
    fs::rename(catalog, parent.path("aside"));
    std::ofstream(catalog) << std::string(5'000, 'x');
    const auto engine = Engine::open(directory);
    CHECK(engine.code() == Errc::corruption);
    CHECK_MESSAGE(says(why(engine), "catalog.db"), why(engine));
    fs::rename(parent.path("aside"), catalog);
  }
  const auto engine = Engine::open(directory, four_shards());
  REQUIRE_MESSAGE(engine.ok(), why(engine));
  check_all(*engine, contexts);
}

TEST_CASE("open: a directory in use is locked, and the error names the process that has it") {
  TempDirectory parent(fast_parent());
  const std::string directory = parent.path("data");
  const std::string pid = std::to_string(::getpid());
  fill(directory, false);

  // The second process is made while this one has no engine, so no other thread: a fork keeps the locks others hold.
  std::array<int, 2> go{};
  std::array<int, 2> pipe{};
  REQUIRE(::pipe(go.data()) == 0);
  REQUIRE(::pipe(pipe.data()) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::close(go[1]);
    char told = 0;
    const bool started = ::read(go[0], &told, 1) == 1;
    const std::string answer = why(Engine::open(directory));
    const bool sent = ::write(pipe[1], answer.data(), answer.size()) == static_cast<ssize_t>(answer.size());
    ::_exit(started && sent ? 0 : 1);
  }
  ::close(go[0]);

  auto engine = Engine::open(directory);
  REQUIRE_MESSAGE(engine.ok(), why(engine));
  const auto second = Engine::open(directory);
  CHECK(second.code() == Errc::locked);
  CHECK_MESSAGE(says(why(second), pid), why(second));
  CHECK(verify_directory(directory).code() == Errc::locked);

  ::close(pipe[1]);
  REQUIRE(::write(go[1], "!", 1) == 1);
  ::close(go[1]);
  std::string answer;
  std::array<char, 512> buffer{};
  for (ssize_t size = 0; (size = ::read(pipe[0], buffer.data(), buffer.size())) > 0;)
    answer.append(buffer.data(), static_cast<std::size_t>(size));
  ::close(pipe[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK_MESSAGE(says(answer, "locked"), answer);
  CHECK_MESSAGE(says(answer, pid), answer);

  CHECK(engine->store(numbered_event("c", 1, 1)).ok()); // undisturbed
  REQUIRE(engine->close().ok());
  CHECK(Engine::open(directory).ok());
}

TEST_CASE("open: damaged shards fail it with a list of all of them, or are left out if that is allowed") {
  TempDirectory parent(fast_parent());
  const std::string directory = parent.path("data");
  const auto contexts = fill(directory, true);
  // Shard 1: a byte in the middle of its sealed log. Shard 3: its segment is gone, or has another size.
  const std::string log = directory + "/" + wal::file_path(1, 1);
  const std::string segment = segment_of(directory, "003");
  const std::string segment_name = segment.substr(directory.size() + 1);
  std::string saved;
  flip_byte(log, wal::data_offset + 3'000);
  SUBCASE("a segment that was deleted") {
    fs::remove(segment);
  }
  SUBCASE("a segment that was truncated") {
    fs::resize_file(segment, fs::file_size(segment) - 1);
  }
  const auto before = content(directory);

  const auto refused = Engine::open(directory);
  REQUIRE(refused.code() == Errc::corruption);
  const std::string text = why(refused);
  CHECK_MESSAGE(says(text, "shard 1"), text);
  CHECK_MESSAGE(says(text, wal::file_path(1, 1) + ":"), text); // and the offset
  CHECK_MESSAGE(says(text, "shard 3"), text);
  CHECK_MESSAGE(says(text, segment_name), text);
  CHECK_FALSE(says(text, "shard 0"));
  CHECK_FALSE(says(text, "shard 2"));

  std::vector<std::string> findings;
  CHECK(verify_directory(directory, &findings).code() == Errc::corruption);
  REQUIRE(findings.size() == 2);
  CHECK(says(findings[0] + findings[1], wal::file_path(1, 1)));
  CHECK(says(findings[0] + findings[1], segment_name));

  EngineOptions options;
  options.allow_failed_shards = true;
  auto engine = Engine::open(directory, options);
  REQUIRE_MESSAGE(engine.ok(), why(engine));
  std::uint64_t healthy = 0;
  for (const std::string& context : contexts) {
    const ShardId shard = engine->shard_of(context);
    if (shard == 1 || shard == 3) {
      const auto replay = read_all(*engine, context);
      CHECK(replay.code() == Errc::shard_failed);
      CHECK_MESSAGE(says(why(replay), shard == 1 ? wal::file_path(1, 1) : segment_name), why(replay));
      CHECK(engine->store(numbered_event(context, 1, 1)).code() == Errc::shard_failed);
      CHECK(engine->store_async(numbered_event(context, 1, 1)).wait().code() == Errc::shard_failed);
      CHECK(engine->try_store(numbered_event(context, 1, 1)).wait().code() == Errc::shard_failed);
    } else {
      healthy += read_dense(*engine, context).size();
      CHECK(engine->store(numbered_event(context, 1, 1)).ok());
      ++healthy;
    }
  }
  CHECK(healthy > 0);
  CHECK(engine->query("QUERY * COUNT").code() == Errc::shard_failed);
  QueryOptions partial;
  partial.allow_partial = true;
  CHECK(count_of(engine->query("QUERY * COUNT", partial)) == healthy);
  CHECK(engine->flush().code() == Errc::shard_failed); // not all of it could be
  const Health health = engine->health();
  CHECK_FALSE(health.ok);
  REQUIRE(health.shards.size() == 4);
  for (const ShardHealth& shard : health.shards) {
    const bool failed = shard.shard == 1 || shard.shard == 3;
    CHECK(shard.readable == !failed);
    CHECK(shard.error.has_value() == failed);
    CHECK(engine->stats().shards[shard.shard].failed == failed);
  }
  CHECK(engine->close().ok());

  // Every file of the damaged shards is as it was.
  const auto after = content(directory);
  for (const auto& file : before)
    if (says(file.first, "/wal/001/") || says(file.first, "/segments/001/") || says(file.first, "/wal/003/") ||
        says(file.first, "/segments/003/"))
      CHECK_MESSAGE(same_bytes(after, file), file.first);
  engine = Engine::open(directory, options);
  REQUIRE_MESSAGE(engine.ok(), why(engine));
  CHECK(count_of(engine->query("QUERY * COUNT", partial)) == healthy);
}

TEST_CASE("open: without its catalog a directory that holds data is damaged, not empty") {
  TempDirectory parent(fast_parent());
  const std::string directory = parent.path("data");
  const auto contexts = fill(directory, true);
  const std::string catalog = directory + "/catalog.db", aside = parent.path("aside.db");
  fs::rename(catalog, aside);
  SUBCASE("missing") {
  }
  SUBCASE("empty") {
    std::ofstream(catalog).flush();
  }
  const auto before = content(directory);
  const auto refused = Engine::open(directory); // it may create what is missing
  CHECK(refused.code() == Errc::corruption);
  CHECK_MESSAGE(says(why(refused), "catalog.db"), why(refused));
  CHECK(verify_directory(directory).code() == Errc::corruption);
  for (const auto& file : before)
    if (!says(file.first, "/LOCK"))
      CHECK(same_bytes(content(directory), file));
  fs::rename(aside, catalog);
  check_all(*Engine::open(directory), contexts);
}

TEST_CASE("open: a flipped byte in a segment is found by the read that meets it and by verify, and never shown") {
  TempDirectory parent(fast_parent());
  const std::string directory = parent.path("data");
  const auto contexts = fill(directory, true);
  const std::string segment = segment_of(directory, "002");
  const std::string segment_name = segment.substr(directory.size() + 1);
  std::map<std::string, std::vector<StoredEvent>> good;
  {
    auto engine = Engine::open(directory);
    REQUIRE_MESSAGE(engine.ok(), why(engine));
    for (const std::string& context : contexts)
      good[context] = read_dense(*engine, context);
  }
  std::uint64_t met = 0;
  for (std::uint64_t offset = 0; offset < fs::file_size(segment); offset += fs::file_size(segment) / 12) {
    CAPTURE(offset);
    flip_byte(segment, offset);
    {
      auto engine = Engine::open(directory);
      REQUIRE_MESSAGE(engine.ok(), why(engine)); // footers are read on first use
      for (const auto& [context, events] : good) {
        const auto read = read_all(*engine, context);
        if (read)
          CHECK((*read == events));
        else
          ++met;
        if (!read) {
          CHECK(read.code() == Errc::corruption);
          CHECK_MESSAGE(says(why(read), segment_name), why(read));
          CHECK(engine->shard_of(context) == 2);
        }
      }
    }
    const Status verified = verify_directory(directory);
    CHECK(verified.code() == Errc::corruption);
    CHECK_MESSAGE(says(why(verified), segment_name), why(verified));
    flip_byte(segment, offset);
  }
  CHECK(met > 0);
  CHECK(verify_directory(directory).ok());
  check_all(*Engine::open(directory), contexts);
}
