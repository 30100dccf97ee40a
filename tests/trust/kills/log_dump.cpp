#include "trust/kills/log_dump.hpp"

#include "trust/kills/process.hpp"

#include <charconv>
#include <chrono>
#include <string_view>

namespace weir::trust {

namespace {

constexpr std::chrono::minutes dump_patience{5};

/// Takes the next of some tab separated fields.
std::string_view take_field(std::string_view& line) {
  const std::string_view field = line.substr(0, line.find('\t'));
  line.remove_prefix(std::min(line.size(), field.size() + 1));
  return field;
}

std::uint64_t take_number(std::string_view& line) {
  const std::string_view field = take_field(line);
  std::uint64_t value = 0;
  std::from_chars(field.data(), field.data() + field.size(), value);
  return value;
}

} // namespace

LogDump dump_log(const std::string& directory) {
  LogDump dump;
  std::uint64_t shards = 0, events = 0;
  HostProcess dumper({WEIR_PYTHON, "-B", WEIR_DUMP_LOG, directory, "--events"});
  const auto give_up_at = std::chrono::steady_clock::now() + dump_patience;
  std::string_view line;
  HostProcess::Heard heard{};
  while ((heard = dumper.hear(line, give_up_at)) == HostProcess::Heard::line) {
    const std::string_view kind = take_field(line);
    if (kind == "shard") {
      (void)take_number(line); // they come in order
      (void)take_number(line);
      LogDump::Shard& shard = dump.shards.emplace_back();
      shard.cut_record = take_number(line);
      shard.position_max = take_number(line);
    } else if (kind == "event") {
      LogDump::DumpedEvent& event = dump.events.emplace_back();
      event.shard = static_cast<ShardId>(take_number(line));
      (void)take_number(line); // record
      event.context = take_field(line);
      event.sequence = take_number(line);
      event.position = take_number(line);
      (void)take_number(line); // recorded_at
      event.fields = line;
    } else if (kind == "removal") {
      LogDump::DumpedRemoval& removal = dump.removals.emplace_back();
      (void)take_number(line); // shard
      (void)take_number(line); // record
      removal.context = take_field(line);
      (void)take_number(line); // next sequence
      removal.position = take_number(line);
      (void)take_number(line); // recorded_at
      removal.first_live = take_number(line);
      removal.closes = take_number(line) != 0;
    } else if (kind == "end") {
      shards = take_number(line);
      events = take_number(line);
    } else {
      dump.error = "the dumper says: " + std::string(line);
    }
  }
  if (heard == HostProcess::Heard::silence) {
    dumper.kill();
    dump.error = "the dumper does not end";
  } else if (const int code = dumper.exit_code(); code != 0) {
    dump.error = "the dumper ended with code " + std::to_string(code) + ", see above";
  } else if (shards != dump.shards.size() || events != dump.events.size()) {
    dump.error = "the dumper did not finish";
  }
  return dump;
}

} // namespace weir::trust
