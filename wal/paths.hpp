// Names of log files: the only place that makes or reads them.
//
// Threading: pure functions. Paths are relative to the data directory.
#pragma once

#include <weir/event.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir::wal {

/// "wal"
[[nodiscard]] std::string root_directory();
/// "wal/003"
[[nodiscard]] std::string shard_directory(ShardId shard);
/// "wal/003/0000000000000042.wal"
[[nodiscard]] std::string file_path(ShardId shard, std::uint64_t number);
/// "wal/003/spare-0000000000000042.wal": a file ready for use.
[[nodiscard]] std::string spare_path(ShardId shard, std::uint64_t number);
/// "wal/003/spare-0000000000000042.tmp": one that may be half written.
[[nodiscard]] std::string unfinished_spare_path(ShardId shard, std::uint64_t number);

enum class NameKind : std::uint8_t { file, spare, unfinished_spare };

struct ParsedName {
  NameKind kind = NameKind::file;
  std::uint64_t number = 0;
};

/// What a name inside a shard's directory stands for; nothing if it is not one of ours, to the letter.
[[nodiscard]] std::optional<ParsedName> parse_name(std::string_view name);

/// "wal/003/0000000000000042.wal:4096", as errors name a place.
[[nodiscard]] std::string place(const std::string& path, std::uint64_t offset);

} // namespace weir::wal
