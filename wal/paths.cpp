#include "wal/paths.hpp"

#include "engine/text.hpp"

#include <algorithm>

namespace weir::wal {
namespace {

constexpr std::size_t digits = 16;
constexpr std::string_view spare_prefix = "spare-";

} // namespace

std::string root_directory() {
  return "wal";
}

std::string shard_directory(ShardId shard) {
  return weir::format("wal/{:03}", shard);
}

std::string file_path(ShardId shard, std::uint64_t number) {
  return weir::format("wal/{:03}/{:016}.wal", shard, number);
}

std::string spare_path(ShardId shard, std::uint64_t number) {
  return weir::format("wal/{:03}/spare-{:016}.wal", shard, number);
}

std::string unfinished_spare_path(ShardId shard, std::uint64_t number) {
  return weir::format("wal/{:03}/spare-{:016}.tmp", shard, number);
}

std::optional<ParsedName> parse_name(std::string_view name) {
  const bool spare = name.substr(0, spare_prefix.size()) == spare_prefix;
  if (spare)
    name.remove_prefix(spare_prefix.size());
  if (name.size() <= digits)
    return std::nullopt;

  ParsedName parsed;
  for (const char c : name.substr(0, digits)) {
    if (c < '0' || c > '9')
      return std::nullopt;
    parsed.number = parsed.number * 10 + static_cast<std::uint64_t>(c - '0');
  }
  if (parsed.number == 0)
    return std::nullopt;

  const std::string_view suffix = name.substr(digits);
  if (suffix == ".wal")
    parsed.kind = spare ? NameKind::spare : NameKind::file;
  else if (spare && suffix == ".tmp")
    parsed.kind = NameKind::unfinished_spare;
  else
    return std::nullopt;
  return parsed;
}

std::string place(const std::string& path, std::uint64_t offset) {
  return weir::format("{}:{}", path, offset);
}

} // namespace weir::wal
