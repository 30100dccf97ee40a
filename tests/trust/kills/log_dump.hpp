// What dump_log.py, which shares no code with the engine, reads in the logs of a dead directory.
//
// Threading: plain values.
#pragma once

#include <weir/event.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace weir::trust {

struct LogDump {
  struct Shard {
    std::uint64_t cut_record = 0;
    Position position_max = 0; ///< Events up to it are in segments, those above must be in the log.
  };
  struct DumpedEvent {
    ShardId shard = 0;
    std::string context;
    Sequence sequence = 0;
    Position position = 0;
    std::string fields; ///< As caller_fields() puts them.
  };
  struct DumpedRemoval {
    std::string context;
    Position position = 0;
    Sequence first_live = 0;
    bool closes = false;
  };
  std::vector<Shard> shards;       ///< None if the directory was never completed.
  std::vector<DumpedEvent> events; ///< Those in no segment, shard by shard, in the order of the log.
  std::vector<DumpedRemoval> removals;
  std::string error; ///< Not empty: the dumper found damage, or did not end well.
};

[[nodiscard]] LogDump dump_log(const std::string& directory);

} // namespace weir::trust
