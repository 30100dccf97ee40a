#include "wal/salvage.hpp"

#include "wal/paths.hpp"

#include <weir/limits.hpp>

#include "engine/lz4.hpp"
#include "engine/text.hpp"

#include <algorithm>
#include <optional>
#include <span>

namespace weir::wal {
namespace {

/// Log files are at most this long, but for one call more.
constexpr std::uint64_t file_bytes_max = 1024 * MiB + limits::encoded_call_bytes_max + 64 * KiB;

/// The whole file and where in it the reading is.
class Scan {
public:
  Scan(std::string_view bytes, std::string path, std::uint64_t identity,
       const std::function<Status(std::string_view body)>& visit)
      : bytes_(bytes), path_(std::move(path)), identity_(identity), visit_(visit) {}

  Result<FileSalvage> run() {
    std::size_t at = data_offset;
    while (const auto next = next_group(at)) {
      if (*next != at)
        damaged(at, format("no whole group up to offset {}", *next));
      const auto group = load<GroupHeader>(bytes_.data() + *next);
      WEIR_TRY(read_group(*next, group));
      at = static_cast<std::size_t>(std::min<std::uint64_t>(bytes_.size(), *next + group.group_bytes));
    }
    return std::move(found_);
  }

private:
  void damaged(std::size_t at, std::string what) {
    found_.damaged.push_back(fail(Errc::corruption, std::move(what), place(path_, at)));
  }

  /// The first whole group header at or behind `at`.
  std::optional<std::size_t> next_group(std::size_t at) const {
    constexpr char magic_byte = static_cast<char>(group_magic & 0xFF);
    for (at = bytes_.find(magic_byte, at); at != bytes_.npos && bytes_.size() - at >= sizeof(GroupHeader);
         at = bytes_.find(magic_byte, at + 1)) {
      if (valid(load<GroupHeader>(bytes_.data() + at), identity_, at))
        return at;
    }
    return std::nullopt;
  }

  Status read_group(std::size_t offset, const GroupHeader& group) {
    const std::size_t begin = offset + sizeof group;
    const std::size_t end =
        static_cast<std::size_t>(std::min<std::uint64_t>(bytes_.size(), offset + group.group_bytes));
    const std::string_view stored = bytes_.substr(begin, end - begin);
    const std::uint64_t before = found_.records;
    WEIR_TRY(group.raw_bytes == 0 ? read_records(stored, begin, group) : read_compressed(stored, begin, group));
    if (found_.records - before != group.records)
      damaged(offset, format("{} of the {} records of a group are damaged", group.records - (found_.records - before),
                             group.records));
    return {};
  }

  Status read_records(std::string_view stored, std::size_t begin, const GroupHeader& group) {
    const char* at = stored.data();
    const char* const end = at + stored.size();
    Record record;
    // A bad record's length may yet be right: the next one's check tells.
    for (std::uint32_t i = 0; i < group.records && take_record(at, end, record); ++i) {
      const std::uint64_t offset = begin + static_cast<std::uint64_t>(record.body.data() - stored.data());
      if (record.check == check_of_bytes(record.body, identity_, offset))
        WEIR_TRY(hand_out(record.body));
    }
    return {};
  }

  Status read_compressed(std::string_view stored, std::size_t begin, const GroupHeader& group) {
    if (stored.size() < sizeof(Check))
      return {};
    const std::string_view block = stored.substr(sizeof(Check));
    if (load<Check>(stored.data()) != check_of_bytes(block, identity_, begin + sizeof(Check)))
      return {};
    std::string raw(group.raw_bytes, '\0');
    if (!lz4::decompress(block, {raw.data(), raw.size()}))
      return {};
    const char* at = raw.data();
    Record record;
    for (std::uint32_t i = 0; i < group.records && take_record(at, raw.data() + raw.size(), record); ++i)
      WEIR_TRY(hand_out(record.body));
    return {};
  }

  Status hand_out(std::string_view body) {
    ++found_.records;
    return visit_(body);
  }

  std::string_view bytes_;
  std::string path_;
  std::uint64_t identity_;
  const std::function<Status(std::string_view body)>& visit_;
  FileSalvage found_;
};

} // namespace

bool belongs_to(const FileHeader& header, std::uint64_t directory_seed) noexcept {
  const std::uint64_t identity = file_identity(directory_seed, identity_kind, header.shard, header.number);
  return header.magic == file_magic && header.check == check_of(header, identity, 0);
}

Result<FileSalvage> salvage_file(io::FileSystem& fs, const std::string& path, ShardId shard, std::uint64_t number,
                                 std::uint64_t directory_seed,
                                 const std::function<Status(std::string_view body)>& visit) {
  const auto content = io::read_whole_file(fs, path, file_bytes_max);
  if (!content)
    return content.error();
  const std::string_view bytes(reinterpret_cast<const char*>(content->data()), content->size());
  std::uint64_t identity = file_identity(directory_seed, identity_kind, shard, number);
  if (bytes.size() >= sizeof(FileHeader)) {
    const auto header = load<FileHeader>(bytes.data());
    // A recycled file keeps the header of its earlier life until its first group is written.
    const bool earlier_life = header.shard == shard && header.number < number;
    if (belongs_to(header, directory_seed) && !earlier_life)
      identity = file_identity(directory_seed, identity_kind, header.shard, header.number);
  }
  return Scan(bytes, path, identity, visit).run();
}

} // namespace weir::wal
