#include "actors/backup_files.hpp"

#include "engine/stream_hash.hpp"
#include "engine/text.hpp"
#include "segments/paced_file.hpp"

#include <weir/limits.hpp>

#include <algorithm>
#include <set>
#include <vector>

namespace weir {

namespace {

constexpr std::size_t piece_bytes = 1 * MiB;
constexpr std::uint64_t manifest_bytes_max = 256 * MiB;

/// Reads the first `size_bytes` of a file in order.
Result<Hash128> read_pieces(const io::File& file, const std::string& path, std::uint64_t size_bytes,
                            const BeforePiece& before, const std::function<Status(std::span<const std::byte>)>& take) {
  StreamHash hash;
  std::vector<std::byte> buffer(static_cast<std::size_t>(std::min<std::uint64_t>(piece_bytes, size_bytes)));
  for (std::uint64_t offset = 0; offset < size_bytes;) {
    const auto piece =
        std::span(buffer).first(static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), size_bytes - offset)));
    WEIR_TRY(before(piece.size()));
    const auto got = file.pread(piece, offset);
    if (!got)
      return got.error();
    if (*got < piece.size())
      return fail(Errc::corruption, format("the file ends after {} of {} bytes", offset + *got, size_bytes),
                  format("{}:{}", path, offset + *got));
    hash.add(piece);
    WEIR_TRY(take(piece));
    offset += piece.size();
  }
  return hash.value();
}

Status check_no_files_in(io::FileSystem& fs, const std::string& directory, unsigned depth_left) {
  const auto entries = fs.list(directory);
  if (!entries)
    return entries.error();
  for (const io::DirectoryEntry& entry : *entries) {
    const std::string path = directory.empty() ? entry.name : directory + "/" + entry.name;
    if (path == unfinished_manifest_path || path == unfinished_catalog_path)
      return fail(Errc::invalid_argument, "the directory holds what an interrupted backup or restore left; remove it",
                  path);
    if (entry.kind != io::EntryKind::directory || depth_left == 0)
      return fail(Errc::invalid_argument, "the directory must not exist, or be empty", path);
    WEIR_TRY(check_no_files_in(fs, path, depth_left - 1));
  }
  return {};
}

} // namespace

Result<Hash128> copy_file(io::FileSystem& from, const std::string& from_path, io::FileSystem& to,
                          const std::string& to_path, std::uint64_t size_bytes, const BeforePiece& before) {
  const auto source = from.open(from_path, io::OpenMode::read_only);
  if (!source)
    return source.error();
  auto created = to.open(to_path, io::OpenMode::create);
  if (!created)
    return std::move(created).error();
  segments::PacedFile target(std::move(*created));
  const auto checksum = read_pieces(**source, from_path, size_bytes, before,
                                    [&target](std::span<const std::byte> piece) { return target.append(piece); });
  if (checksum)
    WEIR_TRY(target.sync_data());
  return checksum;
}

Result<Hash128> checksum_of_file(io::FileSystem& fs, const std::string& path, std::uint64_t size_bytes,
                                 const BeforePiece& before) {
  const auto file = fs.open(path, io::OpenMode::read_only);
  if (file.code() == Errc::not_found)
    return fail(Errc::corruption, "a file is missing", path + ":0");
  if (!file)
    return file.error();
  const auto size = (*file)->size();
  if (!size)
    return size.error();
  if (*size != size_bytes)
    return fail(Errc::corruption, format("a file has {} bytes instead of {}", *size, size_bytes),
                format("{}:{}", path, std::min(*size, size_bytes)));
  return read_pieces(**file, path, size_bytes, before, [](std::span<const std::byte>) { return Status(); });
}

Status write_file(io::FileSystem& fs, const std::string& path, std::span<const std::byte> bytes) {
  const auto file = fs.open(path, io::OpenMode::create);
  if (!file)
    return file.error();
  if (!bytes.empty())
    WEIR_TRY((*file)->pwrite(bytes, 0));
  return (*file)->sync_data();
}

Status create_parents(io::FileSystem& fs, const std::string& path) {
  for (std::size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1))
    WEIR_TRY(fs.create_directory(path.substr(0, slash)));
  return {};
}

Status sync_parents(io::FileSystem& fs, const std::vector<BackupFile>& files) {
  std::set<std::string, std::greater<>> directories; // those inside others first
  for (const BackupFile& file : files) {
    const std::string path = file.path();
    for (std::size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1))
      directories.insert(path.substr(0, slash));
  }
  for (const std::string& directory : directories)
    WEIR_TRY(fs.sync_directory(directory));
  return fs.sync_directory("");
}

Result<BackupManifest> read_manifest(io::FileSystem& fs) {
  const auto bytes = io::read_whole_file(fs, manifest_path, manifest_bytes_max);
  if (!bytes)
    return bytes.error();
  auto manifest = parse_manifest({reinterpret_cast<const char*>(bytes->data()), bytes->size()});
  if (!manifest)
    return fail(manifest.code(), manifest.error().message,
                manifest.error().where.empty() ? manifest_path
                                               : format("{}, {}", manifest_path, manifest.error().where));
  return manifest;
}

Status check_no_backup(io::FileSystem& fs) {
  struct Mark {
    const char* path;
    const char* what;
  };
  for (const Mark& mark :
       {Mark{manifest_path, "the directory is a backup; restore it with `weir restore`"},
        Mark{unfinished_manifest_path, "the directory is a backup that was never finished"},
        Mark{unfinished_catalog_path, "a backup was being restored here and that was never finished; "
                                      "remove the directory and restore again"}}) {
    const auto there = fs.stat(mark.path);
    if (there)
      return fail(Errc::incompatible, mark.what, fs.native_path(mark.path).value_or(mark.path));
    if (there.code() != Errc::not_found)
      return there.error();
  }
  return {};
}

Status check_no_files(io::FileSystem& fs) {
  return check_no_files_in(fs, "", 2);
}

} // namespace weir
