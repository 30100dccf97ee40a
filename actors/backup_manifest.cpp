#include "actors/backup_manifest.hpp"

#include "engine/check.hpp"
#include "engine/text.hpp"
#include "engine/time_text.hpp"
#include "segments/segment_files.hpp"
#include "wal/paths.hpp"

#include <weir/limits.hpp>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <optional>
#include <tuple>

namespace weir {

namespace {

constexpr std::string_view kind_names[] = {"database", "log", "segment"};
constexpr std::string_view first_line = "weir backup ";

std::string text_of(const Hash128& hash) {
  return format("{:016x}{:016x}", hash.high, hash.low);
}

Hash128 checksum_of(std::string_view text) {
  return hash128(text, 0);
}

/// A text, taken apart from its beginning. Once something does not fit, nothing does.
class Scanner {
public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  [[nodiscard]] bool good() const { return good_; }
  [[nodiscard]] bool at_end() const { return rest_.empty(); }
  [[nodiscard]] std::size_t left() const { return rest_.size(); }

  void literal(std::string_view wanted) {
    good_ = good_ && rest_.starts_with(wanted);
    if (good_)
      rest_.remove_prefix(wanted.size());
  }
  /// Decimal digits without a leading zero.
  std::uint64_t number() {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    const auto digits = static_cast<std::size_t>(end - rest_.data());
    good_ = good_ && error == std::errc() && (digits == 1 || rest_.front() != '0');
    if (good_)
      rest_.remove_prefix(digits);
    return value;
  }
  /// Sixteen lower-case hexadecimal digits.
  std::uint64_t word() {
    const std::string_view text = rest_.substr(0, 16);
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
    good_ = good_ && error == std::errc() && format("{:016x}", value) == text;
    if (good_)
      rest_.remove_prefix(16);
    return value;
  }
  Hash128 hash() {
    const std::uint64_t high = word();
    const std::uint64_t low = word();
    return {low, high};
  }
  Timestamp time() {
    const std::string_view text = rest_.substr(0, rest_.find('\n'));
    const auto value = parse_timestamp(text);
    good_ = good_ && value.ok() && format_timestamp(*value) == text;
    if (!good_)
      return {};
    rest_.remove_prefix(text.size());
    return *value;
  }
  /// The one of `names` that comes next.
  template <std::size_t n> std::size_t one_of(const std::string_view (&names)[n]) {
    const auto found =
        std::find_if(std::begin(names), std::end(names), [this](auto name) { return rest_.starts_with(name); });
    good_ = good_ && found != std::end(names);
    if (good_)
      rest_.remove_prefix(found->size());
    return static_cast<std::size_t>(found - std::begin(names));
  }
  [[nodiscard]] bool next_is(std::string_view text) const { return rest_.starts_with(text); }

private:
  std::string_view rest_;
  bool good_ = true;
};

} // namespace

std::string BackupFile::path() const {
  switch (kind) {
  case Kind::database: WEIR_CHECK(number < std::size(backup_databases)); return std::string(backup_databases[number]);
  case Kind::log: return wal::file_path(shard, number);
  case Kind::segment: break;
  }
  return segments::segment_path(shard, number);
}

bool before(const BackupFile& a, const BackupFile& b) noexcept {
  return std::tie(a.kind, a.shard, a.number) < std::tie(b.kind, b.shard, b.number);
}

std::uint64_t BackupManifest::bytes() const noexcept {
  std::uint64_t sum = 0;
  for (const BackupFile& file : files)
    sum += file.size_bytes;
  return sum;
}

std::string format_manifest(const BackupManifest& manifest) {
  std::string text = format("{}{}\ncreated {}\ndirectory {:016x} {}\n", first_line, BackupManifest::format_version,
                            format_timestamp(manifest.created), manifest.directory_seed, manifest.shards);
  for (const BackupFile& file : manifest.files)
    text += format("{} {} {} {} {}\n", kind_names[static_cast<std::size_t>(file.kind)], file.shard, file.number,
                   file.size_bytes, text_of(file.checksum));
  const Hash128 checksum = checksum_of(text);
  return text + format("end {} {}\n", manifest.files.size(), text_of(checksum));
}

Result<BackupManifest> parse_manifest(std::string_view text) {
  Scanner in(text);
  std::size_t line = 1;
  const auto corrupt = [&line](std::string_view why) {
    return fail(Errc::corruption, format("the manifest is damaged: {}", why), format("line {}", line));
  };
  in.literal(first_line);
  const std::uint64_t version = in.number();
  if (!in.good())
    return corrupt("it does not begin like one");
  if (version != BackupManifest::format_version)
    return fail(Errc::incompatible,
                format("unsupported backup format {}; this program reads {}", version, BackupManifest::format_version));
  BackupManifest manifest;
  in.literal("\ncreated ");
  ++line;
  manifest.created = in.time();
  in.literal("\ndirectory ");
  ++line;
  manifest.directory_seed = in.word();
  in.literal(" ");
  const std::uint64_t shards = in.number();
  in.literal("\n");
  ++line;
  if (!in.good() || shards == 0 || shards > limits::shards_max)
    return corrupt("its head does not fit");
  manifest.shards = static_cast<std::uint32_t>(shards);
  for (; !in.next_is("end "); ++line) {
    BackupFile file;
    file.kind = static_cast<BackupFile::Kind>(in.one_of(kind_names));
    in.literal(" ");
    const std::uint64_t shard = in.number();
    in.literal(" ");
    file.number = in.number();
    in.literal(" ");
    file.size_bytes = in.number();
    in.literal(" ");
    file.checksum = in.hash();
    in.literal("\n");
    const bool database = file.kind == BackupFile::Kind::database;
    if (!in.good() || shard >= (database ? 1 : shards) || (database && file.number >= std::size(backup_databases)))
      return corrupt("a file does not fit");
    file.shard = static_cast<ShardId>(shard);
    if (!manifest.files.empty() && !before(manifest.files.back(), file))
      return corrupt("a file stands twice or in the wrong place");
    manifest.files.push_back(file);
  }
  const Hash128 wanted = checksum_of(text.substr(0, text.size() - in.left()));
  in.literal("end ");
  const std::uint64_t files = in.number();
  in.literal(" ");
  const Hash128 checksum = in.hash();
  in.literal("\n");
  if (!in.good() || !in.at_end() || files != manifest.files.size() || !(checksum == wanted))
    return corrupt("its checksum differs");
  if (manifest.files.empty() || manifest.files.front().kind != BackupFile::Kind::database ||
      manifest.files.front().number != backup_catalog)
    return corrupt("it has no catalog");
  return manifest;
}

} // namespace weir
