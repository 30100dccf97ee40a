// Manifests of a backup with any content, whose checksum the mutator mostly puts right: a restore and a check answer an
// error, or the very bytes the manifest tells of. Nothing is read by a length nobody checked, nothing is written but
// under names of a data directory, and where a restore is refused nothing is left.
#include "trust/fuzz/small_backup.hpp"

#include "actors/restore.hpp"

#include <weir/limits.hpp>

#include <algorithm>

using namespace weir;
using namespace weir::fuzz;

namespace {

constexpr std::uint64_t read_bytes_max = 1 * MiB;

struct Made {
  io::MemoryFileSystem fs;
  BackupManifest manifest = write_small_backup(fs);
};
const Made& made() {
  static const Made made;
  return made;
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::string line_of(const BackupFile& file) {
  BackupManifest one{{}, 0, 1, {file}};
  return lines_of(format_manifest(one))[3];
}

/// Its kind, shard and number.
std::string_view name_of(std::string_view line) {
  for (std::size_t at = 0, spaces = 0; at < line.size(); ++at)
    if (line[at] == ' ' && ++spaces == 3)
      return line.substr(0, at + 1);
  return line;
}

/// A line goes, comes twice, changes its place, or has another number.
void change_line(std::vector<std::string>& lines, Random& random) {
  if (lines.empty())
    return;
  const std::size_t at = random() % lines.size(), other = random() % lines.size();
  const auto here = lines.begin() + static_cast<std::ptrdiff_t>(at);
  const std::string numbers[] = {"0", "1", "2", "63", "64", "18446744073709551615", "4294967296", "01", "-1", "../1"};
  switch (random() % 6) {
  case 0: lines.erase(here); break;
  case 1: lines.insert(here, std::string(lines[other])); break;
  case 2: std::swap(lines[at], lines[other]); break;
  case 3: { // one that means the same
    const std::size_t space = here->find(' ');
    here->insert(std::min(here->size(), space + 1), 1, '0');
    break;
  }
  default: {
    std::size_t from = 0;
    for (std::size_t words = random() % 4; words != 0 && from != std::string::npos; --words)
      from = here->find(' ', from + 1);
    if (from == std::string::npos)
      return;
    const std::size_t to = std::min(here->find(' ', from + 1), here->size());
    here->replace(from, to - from, " " + numbers[random() % std::size(numbers)]);
  }
  }
}

void repair(std::string& input, Random& random) {
  std::vector<std::string> lines = lines_of(input);
  if (!lines.empty() && lines.back().starts_with("end "))
    lines.pop_back();
  if (random() % 2 == 0)
    change_line(lines, random);
  if (random() % 2 == 0) // files that are there are as they are
    for (const BackupFile& file : made().manifest.files)
      for (std::string& line : lines)
        if (const std::string right = line_of(file); name_of(line) == name_of(right))
          line = right;
  input.clear();
  for (const std::string& line : lines)
    input += line + '\n';
  const std::size_t head = 3;
  const Hash128 checksum = hash128(input, 0);
  input += format("end {} {:016x}{:016x}\n", lines.size() - std::min(lines.size(), head), checksum.high, checksum.low);
}

/// What docs/formats/backup.md calls it.
std::string path_of(const BackupFile& file) {
  const char* const databases[] = {"catalog.db", "consumers.db", "snapshots.db"};
  switch (file.kind) {
  case BackupFile::Kind::database:
    require(file.number < std::size(databases), "a database has a name");
    return databases[file.number];
  case BackupFile::Kind::log: return format("wal/{:03}/{:016}.wal", file.shard, file.number);
  case BackupFile::Kind::segment: break;
  }
  return format("segments/{:03}/{:016}.seg", file.shard, file.number);
}

/// By path, however deep.
void files_in(io::FileSystem& fs, const std::string& directory, std::vector<std::string>& files) {
  const auto entries = fs.list(directory);
  require(entries.ok(), "a directory is listed");
  for (const io::DirectoryEntry& entry : *entries) {
    const std::string path = directory.empty() ? entry.name : directory + "/" + entry.name;
    if (entry.kind == io::EntryKind::directory)
      files_in(fs, path, files);
    else if (path != "LOCK")
      files.push_back(path);
  }
}

/// Every name that is touched in the target is one of a data directory.
void require_inside(std::string_view path) {
  const bool known = path.empty() || path == "." || path == "LOCK" || path == "catalog.restoring" ||
                     path == "catalog.db" || path == "consumers.db" || path == "snapshots.db" ||
                     path.starts_with("wal") || path.starts_with("segments");
  require(known && path.find("..") == std::string_view::npos && path.find('\0') == std::string_view::npos &&
              path.size() < 64,
          "a restore touches nothing but files of a data directory");
}

void check_restored(const BackupManifest& manifest, io::FileSystem& backup, io::FileSystem& target) {
  std::vector<std::string> wanted, found;
  for (const BackupFile& file : manifest.files) {
    const std::string path = path_of(file), bytes = read_file(target, path);
    require(bytes == read_file(backup, path) && bytes.size() == file.size_bytes && hash128(bytes, 0) == file.checksum,
            "a restored file has the bytes the manifest tells of");
    wanted.push_back(path);
  }
  files_in(target, "", found);
  std::sort(wanted.begin(), wanted.end());
  std::sort(found.begin(), found.end());
  require(found == wanted, "a restore writes the files of the manifest, and no other");
}

/// A refusal tells of the manifest or of a file in it, and leaves nothing.
void check_refused(const Error& error, const Result<BackupManifest>& manifest, io::FileSystem& target) {
  require_honest(error);
  std::vector<std::string> found;
  files_in(target, "", found);
  require(found.empty(), "a refused restore leaves no file");
  if (!manifest)
    require(error.code == manifest.code() && error.where.starts_with("backup.manifest"), "a bad manifest is named");
  else
    require(std::any_of(manifest->files.begin(), manifest->files.end(),
                        [&](const BackupFile& file) { return error.where.starts_with(path_of(file) + ":"); }),
            "a bad file is named");
}

Result<BackupManifest> check(std::string_view text) {
  const auto backup = made().fs.crash_image(io::CrashPolicy::keep_everything());
  fuzz::write_file(*backup, "backup.manifest", text);
  backup->set_hook([](const io::Call& call) -> std::optional<Error> {
    require(call.operation != io::Operation::read || call.size_bytes <= read_bytes_max, "a read has a bound");
    return std::nullopt;
  });
  io::MemoryFileSystem target;
  target.set_hook([](const io::Call& call) -> std::optional<Error> {
    require_inside(call.path);
    require_inside(call.rename_to);
    return std::nullopt;
  });
  const std::uint64_t before = backup->content_hash();
  auto manifest = parse_manifest(text);
  if (manifest)
    require(format_manifest(*manifest) == text, "a manifest has one text");
  const auto restored = restore_files(*backup, target, [](auto) { return Status(); });
  if (restored) {
    require(manifest.ok() && *restored == *manifest, "a restore says what it has restored");
    check_restored(*manifest, *backup, target);
  } else {
    check_refused(restored.error(), manifest, target);
  }
  std::vector<Error> findings;
  const Status verified = verify_backup(*backup, &findings, {});
  require(restored.ok() || !verified.ok(), "what is verified can be restored");
  require(!verified.ok() || findings.empty(), "what is verified has no findings");
  for (const Error& finding : findings)
    require(!finding.where.empty(), "a finding has a place");
  require(backup->content_hash() == before, "a backup is not changed");
  return verified.ok() ? std::move(manifest) : Result<BackupManifest>(verified.error());
}

} // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t size_max,
                                               unsigned seed) {
  if (seed % 2 == 0)
    return mutate_and_repair(data, size, size_max, seed, repair);
  // Lines alone, so that most of it can still be read.
  Random random(seed);
  std::string input(text_of(data, size));
  repair(input, random);
  input.resize(std::min(input.size(), size_max));
  std::copy(input.begin(), input.end(), data);
  return input.size();
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // The corpus may be of another SQLite, whose files are others: the very manifest is always among what is tried.
  static const bool whole = check(format_manifest(made().manifest)).ok();
  require(whole, "a whole backup is found to be whole");
  static_cast<void>(check(text_of(data, size)).ok());
  return 0;
}
