// tests/trust/kills/dump_log.py, which was written from the documents alone, reads what the engine writes.
#include "engine/text.hpp"
#include "tests/support/temp_directory.hpp"

#include <weir/engine.hpp>

#include <doctest/doctest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <sys/wait.h>
#include <vector>

using namespace weir;
using namespace weir::test;

namespace {

struct Dump {
  int exit_code = -1;
  std::string text; ///< Errors included.
};

Dump dump(const std::string& directory, const std::string& option) {
  Dump result;
  const std::string command = format("'{}' -B '{}' '{}' {} 2>&1", WEIR_PYTHON, WEIR_DUMP_LOG, directory, option);
  std::FILE* const pipe = ::popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  char buffer[4096];
  for (std::size_t n; (n = std::fread(buffer, 1, sizeof buffer, pipe)) != 0;)
    result.text.append(buffer, n);
  const int status = ::pclose(pipe);
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return result;
}

EngineOptions small_options() {
  EngineOptions options;
  options.shards = 1;
  options.wal_file_bytes = 64 * KiB;
  return options;
}

/// 2 to about 1,800 bytes, so that the checksum goes through all its ways.
std::string payload(std::size_t number) {
  return number % 3 == 0
             ? "{}"
             : format("{{\"n\":{},\n\t\"text\":\"{}\\u0041\"}}", number, std::string(number % 250 * 7, 'x'));
}

std::vector<Event> events(std::size_t first, std::size_t count) {
  std::vector<Event> made;
  for (std::size_t number = first; number < first + count; ++number) {
    Event event;
    event.event_type = number % 2 == 0 ? "even" : "odd";
    event.payload = payload(number);
    if (number % 4 != 0)
      event.timestamp = Timestamp(std::chrono::microseconds(number));
    if (number % 5 == 0)
      event.event_id = format("id-{}", number);
    if (number % 7 == 0)
      event.metadata = format(R"({{"trace":{}}})", number);
    made.push_back(std::move(event));
  }
  return made;
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text)
    out += c == '\\' ? "\\\\" : c == '\t' ? "\\t" : c == '\n' ? "\\n" : std::string(1, c);
  return out;
}

/// The dumper's line for an event, without the number of its record.
std::string line_of(const EventView& event) {
  return format("{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}", event.context_id, event.sequence, event.position,
                event.recorded_at.time_since_epoch().count(), event.event_type,
                event.timestamp.time_since_epoch().count(), event.event_id, escaped(event.metadata),
                escaped(event.payload));
}

std::vector<std::string> replayed(const Engine& engine, const std::string& context, Sequence from) {
  std::vector<std::string> lines;
  ReplayOptions options;
  options.from = from;
  auto stream = engine.replay(context, options);
  REQUIRE(stream);
  for (auto batch = stream->next(); batch && !batch->empty(); batch = stream->next())
    for (const EventView& event : *batch)
      lines.push_back(line_of(event));
  return lines;
}

/// The dumped events, as line_of() puts them.
std::vector<std::string> dumped(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0, end; (end = text.find('\n', at)) != text.npos; at = end + 1) {
    std::string_view line = std::string_view(text).substr(at, end - at);
    if (!line.starts_with("event\t0\t"))
      continue;
    line.remove_prefix(8);
    lines.emplace_back(line.substr(line.find('\t') + 1));
  }
  return lines;
}

void flip(const std::string& path, std::size_t offset) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(offset));
  const int byte = file.get();
  REQUIRE(byte >= 0);
  file.seekp(static_cast<std::streamoff>(offset));
  file.put(static_cast<char>(byte ^ 1));
  REQUIRE(file.flush());
}

} // namespace

TEST_CASE("log dumper: it reads what the engine has logged and not flushed, byte for byte, and tells where damage is") {
  const TempDirectory scratch;
  const std::string directory = scratch.path("data");
  {
    auto engine = Engine::open(directory, small_options());
    REQUIRE(engine);
    REQUIRE(engine->store("flushed", events(0, 20)));
    REQUIRE(engine->flush());
    for (std::size_t i = 0; i < 200; ++i)
      REQUIRE(engine->store("one", events(i * 3, 1 + i % 3)));
    StoreOptions unsynced;
    unsynced.durability = Durability::written;
    REQUIRE(engine->store("compressed", events(0, 200), unsynced));

    std::vector<std::string> wanted = replayed(*engine, "one", 1);
    for (std::string& line : replayed(*engine, "compressed", 1))
      wanted.push_back(std::move(line));
    const Dump alive = dump(directory, "--events");
    CHECK(alive.exit_code == 0);
    CHECK(dumped(alive.text) == wanted);
    CHECK(dump(directory, "--records").text.find("bytes compressed") != std::string::npos);
    REQUIRE(engine->close());
    CHECK(dumped(dump(directory, "--events").text) == wanted); // closing seals
  }

  const std::string file = directory + "/wal/000/0000000000000001.wal";
  REQUIRE(std::filesystem::exists(file));
  flip(file, 5000);
  const Dump damaged = dump(directory, "--events");
  CHECK(damaged.exit_code == 1);
  CAPTURE(damaged.text);
  CHECK(damaged.text.find("dump_log: wal/000/0000000000000001.wal:") != std::string::npos);
  CHECK(damaged.text.find("\nend\t") == std::string::npos);
  const auto refused = Engine::open(directory, small_options());
  CHECK(refused.code() == Errc::corruption);
  // Both name the same place.
  const std::size_t place = damaged.text.find("wal/000/");
  const std::string where = damaged.text.substr(place, damaged.text.find(": ", place) - place);
  CHECK(refused.error().message.find(where) != std::string::npos);
}

TEST_CASE("log dumper: it says what is no directory of weir's") {
  const TempDirectory scratch;
  CHECK(dump(scratch.path("nowhere"), "").exit_code == 2);
  const Dump empty = dump(scratch.path(), "");
  CHECK(empty.exit_code == 0);
  CHECK(empty.text.find("never completed") != std::string::npos);
  CHECK(dump(scratch.path(), "--help").text.find("docs/formats/wal.md") != std::string::npos);
}
