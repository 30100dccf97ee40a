#include "engine/io/posix_file_system.hpp"

#include "engine/io/path.hpp"
#include "engine/io/posix_descriptor.hpp"
#include "engine/io/posix_file.hpp"
#include "engine/kill_point.hpp"
#include "engine/text.hpp"

#include <algorithm>
#include <array>
#include <dirent.h>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <utility>

namespace weir::io {

namespace {

constexpr mode_t file_mode = 0600;
constexpr mode_t directory_mode = 0700;
constexpr int directory_flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

Descriptor open_at(int directory, const std::string& name, int flags, mode_t mode = 0) {
  return Descriptor(retry_interrupted([&] { return ::openat(directory, name.c_str(), flags, mode); }));
}

EntryKind kind_of(mode_t mode) {
  return S_ISREG(mode) ? EntryKind::file : S_ISDIR(mode) ? EntryKind::directory : EntryKind::other;
}

class PosixFileLock final : public FileLock {
public:
  explicit PosixFileLock(std::unique_ptr<File> file) : file_(std::move(file)) {}

private:
  std::unique_ptr<File> file_; // Closing it releases the lock.
};

/// Where a path ends: the directory that holds its last name, and that name.
struct Place {
  Descriptor parent;
  std::string name;
};

class PosixFileSystem final : public FileSystem {
public:
  PosixFileSystem(Descriptor root, std::string native_root)
      : root_(std::move(root)), native_root_(std::move(native_root)) {}

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status unlink(const std::string& path) override;
  Status create_directory(const std::string& path) override;
  Status sync_directory(const std::string& path) override;
  Result<std::vector<DirectoryEntry>> list(const std::string& path) override;
  Result<FileInfo> stat(const std::string& path) override;
  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override;
  Result<std::uint64_t> free_bytes() override;
  std::optional<std::string> native_path(const std::string& path) const override;
  /// See link_file().
  static Status link(PosixFileSystem& source, const std::string& from, PosixFileSystem& target, const std::string& to);

private:
  Result<Descriptor> open_directory(const std::string& path) const;
  Result<Descriptor> walk(std::span<const std::string_view> names, const std::string& path) const;
  Result<Place> find(const std::string& path) const;
  /// `flags` and O_CREAT decide whether the file may or must exist.
  Result<Descriptor> open_regular(const std::string& path, int flags) const;

  Descriptor root_;
  std::string native_root_;
};

/// Name by name: O_NOFOLLOW guards only the last name of what a single call is given.
Result<Descriptor> PosixFileSystem::walk(std::span<const std::string_view> names, const std::string& path) const {
  auto directory = open_at(root_.get(), ".", directory_flags);
  for (const auto name : names) {
    if (!directory.valid())
      break;
    directory = open_at(directory.get(), std::string(name), directory_flags);
  }
  if (!directory.valid())
    return system_error(errno, "cannot open the directory", path);
  return directory;
}

Result<Descriptor> PosixFileSystem::open_directory(const std::string& path) const {
  const auto names = split_path(path);
  return names ? walk(*names, path) : names.error();
}

Result<Place> PosixFileSystem::find(const std::string& path) const {
  const auto names = split_path(path);
  if (!names)
    return names.error();
  if (names->empty())
    return fail(Errc::invalid_argument, "a name inside the data directory is needed", path);
  auto parent = walk(std::span(*names).first(names->size() - 1), path);
  if (!parent)
    return std::move(parent).error();
  return Place{std::move(parent).value(), std::string(names->back())};
}

Result<Descriptor> PosixFileSystem::open_regular(const std::string& path, int flags) const {
  const auto place = find(path);
  if (!place)
    return place.error();
  // O_NONBLOCK: a FIFO planted under the name must not hold us until somebody opens its other end.
  auto file =
      open_at(place->parent.get(), place->name, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, file_mode);
  if (!file.valid() && errno == ELOOP)
    return fail(Errc::io_error, "cannot open: it is a symbolic link", path);
  if (!file.valid())
    return system_error(errno, "cannot open", path);
  struct stat info = {};
  if (::fstat(file.get(), &info) != 0)
    return system_error(errno, "cannot open", path);
  if (!S_ISREG(info.st_mode))
    return fail(Errc::io_error, "cannot open: it is not a regular file", path);
  if ((flags & O_CREAT) != 0 && ::fchmod(file.get(), file_mode) != 0)
    return system_error(errno, "cannot set the mode", path);
  return file;
}

Result<std::unique_ptr<File>> PosixFileSystem::open(const std::string& path, OpenMode mode) {
  int flags = O_RDONLY;
  if (mode == OpenMode::read_write)
    flags = O_RDWR;
  else if (mode == OpenMode::create)
    flags = O_RDWR | O_CREAT | O_EXCL;
  auto file = open_regular(path, flags);
  if (!file)
    return std::move(file).error();
  return std::unique_ptr<File>(std::make_unique<PosixFile>(std::move(file).value(), path));
}

Status PosixFileSystem::rename(const std::string& from, const std::string& to) {
  const auto source = find(from);
  if (!source)
    return source.error();
  const auto target = find(to);
  if (!target)
    return target.error();
  if (::renameat(source->parent.get(), source->name.c_str(), target->parent.get(), target->name.c_str()) != 0)
    return system_error(errno, format("cannot rename to {}", to), from);
  return {};
}

Status PosixFileSystem::unlink(const std::string& path) {
  const auto place = find(path);
  if (!place)
    return place.error();
  if (::unlinkat(place->parent.get(), place->name.c_str(), 0) != 0)
    return system_error(errno, "cannot remove", path);
  return {};
}

Error cannot_link(const std::string& to) {
  return fail(Errc::unsupported, "cannot link: a file cannot have names in both places", to);
}

Status PosixFileSystem::link(PosixFileSystem& source, const std::string& from, PosixFileSystem& target,
                             const std::string& to) {
  const auto info = source.stat(from);
  if (!info)
    return info.error();
  if (info->kind != EntryKind::file)
    return fail(Errc::io_error, "cannot link: it is not a regular file", from);
  const auto old_place = source.find(from);
  if (!old_place)
    return old_place.error();
  const auto new_place = target.find(to);
  if (!new_place)
    return new_place.error();
  if (::linkat(old_place->parent.get(), old_place->name.c_str(), new_place->parent.get(), new_place->name.c_str(), 0) ==
      0)
    return {};
  const int error_number = errno;
  for (const int cannot : {EXDEV, EPERM, EMLINK, EOPNOTSUPP, ENOSYS})
    if (error_number == cannot)
      return cannot_link(to);
  return system_error(error_number, "cannot link", to);
}

Status PosixFileSystem::create_directory(const std::string& path) {
  const auto place = find(path);
  if (!place)
    return place.error();
  const auto parent = place->parent.get();
  const auto* name = place->name.c_str();
  if (::mkdirat(parent, name, directory_mode) == 0) {
    if (::fchmodat(parent, name, directory_mode, 0) != 0)
      return system_error(errno, "cannot set the mode", path);
    return {};
  }
  if (errno != EEXIST)
    return system_error(errno, "cannot create the directory", path);
  struct stat info = {};
  if (::fstatat(parent, name, &info, AT_SYMLINK_NOFOLLOW) != 0)
    return system_error(errno, "cannot create the directory", path);
  if (!S_ISDIR(info.st_mode))
    return fail(Errc::io_error, "cannot create the directory: something else has its name", path);
  return {};
}

Status PosixFileSystem::sync_directory(const std::string& path) {
  const auto directory = open_directory(path);
  if (!directory)
    return directory.error();
  if (retry_interrupted([&] { return ::fsync(directory->get()); }) != 0)
    return system_error(errno, "cannot sync the directory", path);
  return {};
}

Result<std::vector<DirectoryEntry>> PosixFileSystem::list(const std::string& path) {
  auto directory = open_directory(path);
  if (!directory)
    return std::move(directory).error();
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(directory->get()), ::closedir);
  if (!stream)
    return system_error(errno, "cannot list", path);
  const auto number = directory->release(); // The stream owns and closes it now.
  std::vector<DirectoryEntry> entries;
  for (;;) {
    errno = 0;
    const auto* entry = ::readdir(stream.get());
    if (entry == nullptr && errno != 0)
      return system_error(errno, "cannot list", path);
    if (entry == nullptr)
      break;
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..")
      continue;
    struct stat info = {};
    if (::fstatat(number, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) // Removed since the directory was read.
        continue;
      return system_error(errno, "cannot list", path);
    }
    entries.push_back({std::string(name), kind_of(info.st_mode)});
  }
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return entries;
}

Result<FileInfo> PosixFileSystem::stat(const std::string& path) {
  const auto names = split_path(path);
  if (!names)
    return names.error();
  struct stat info = {};
  int status = 0;
  if (names->empty()) {
    status = ::fstat(root_.get(), &info);
  } else {
    const auto place = find(path);
    if (!place)
      return place.error();
    status = ::fstatat(place->parent.get(), place->name.c_str(), &info, AT_SYMLINK_NOFOLLOW);
  }
  if (status != 0)
    return system_error(errno, "cannot read the file's data", path);
  return FileInfo{kind_of(info.st_mode), static_cast<std::uint64_t>(info.st_size),
                  static_cast<std::uint64_t>(info.st_nlink)};
}

/// The pid in a lock file, or nothing where there is none yet or something else is written.
std::string read_holder(const File& file) {
  std::array<std::byte, 16> bytes = {};
  const auto read_bytes = file.pread(bytes, 0);
  std::string pid;
  for (std::size_t i = 0; read_bytes && i < *read_bytes; ++i) {
    const auto letter = static_cast<char>(bytes[i]);
    if (letter < '0' || letter > '9')
      break;
    pid += letter;
  }
  return pid;
}

Result<std::unique_ptr<FileLock>> PosixFileSystem::lock(const std::string& path) {
  auto opened = open_regular(path, O_RDWR | O_CREAT);
  if (!opened)
    return std::move(opened).error();
  struct stat info = {};
  if (::fstat(opened->get(), &info) != 0)
    return system_error(errno, "cannot lock", path);
  if (info.st_nlink != 1) // what else it is called is not ours to write to
    return fail(Errc::io_error, format("cannot lock: the file has {} names (hard links)", info.st_nlink), path);
  // flock locks belong to the open description: a second one in this process excludes the first, and, unlike with
  // fcntl's record locks, closing some other descriptor of the file releases nothing.
  const auto status = retry_interrupted([&] { return ::flock(opened->get(), LOCK_EX | LOCK_NB); });
  const auto error_number = errno;
  auto file = std::make_unique<PosixFile>(std::move(opened).value(), path);
  if (status != 0 && error_number == EWOULDBLOCK) {
    const auto pid = read_holder(*file);
    return fail(Errc::locked,
                pid.empty() ? "directory is in use by another process"
                            : format("directory is in use by process {}", pid),
                path);
  }
  if (status != 0)
    return system_error(error_number, "cannot lock", path);
  // Written before the rest is cut off: whoever looks meanwhile finds a pid.
  const auto text = format("{}\n", ::getpid());
  if (const Status written = file->pwrite(std::as_bytes(std::span(text)), 0); written.code() == Errc::disk_full)
    WEIR_TRY(file->truncate(0)); // the lock is ours all the same, and no pid is better than that of another
  else
    WEIR_TRY(written.ok() ? file->truncate(text.size()) : written);
  return std::unique_ptr<FileLock>(std::make_unique<PosixFileLock>(std::move(file)));
}

Result<std::uint64_t> PosixFileSystem::free_bytes() {
  struct statvfs info = {};
  if (retry_interrupted([&] { return ::fstatvfs(root_.get(), &info); }) != 0)
    return system_error(errno, "cannot read the free space", native_root_);
  return static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize;
}

std::optional<std::string> PosixFileSystem::native_path(const std::string& path) const {
  return path.empty() || path == "." ? native_root_ : native_root_ + '/' + path;
}

/// Others must not be able to change what we trust, nor we to fill somebody else's directory.
Status check_directory(const Descriptor& root, const std::string& directory) {
  struct stat info = {};
  if (::fstat(root.get(), &info) != 0)
    return system_error(errno, "cannot open the data directory", directory);
  if (info.st_uid != ::geteuid())
    return fail(Errc::invalid_argument,
                format("the data directory belongs to user {}, this process runs as {}", info.st_uid, ::geteuid()),
                directory);
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return fail(Errc::invalid_argument,
                format("the data directory may be written by others: its mode is {:o}, expected 700",
                       static_cast<unsigned>(info.st_mode & 07777U)),
                directory);
  return {};
}

/// True if the directory was made, false if it was there.
Result<bool> make_directory(const std::string& directory) {
  if (::mkdir(directory.c_str(), directory_mode) != 0) {
    if (errno == EEXIST)
      return false;
    return system_error(errno, "cannot create the data directory", directory);
  }
  if (::chmod(directory.c_str(), directory_mode) != 0)
    return system_error(errno, "cannot set the data directory's mode", directory);
  kill_point("create.after_directory");
  const auto parent = std::filesystem::path(directory).parent_path();
  const auto opened = open_at(AT_FDCWD, parent.empty() ? "." : parent.string(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (!opened.valid() || retry_interrupted([&] { return ::fsync(opened.get()); }) != 0)
    return system_error(errno, "cannot sync the parent of the data directory", directory);
  return true;
}

} // namespace

Status link_file(FileSystem& source, const std::string& from, FileSystem& target, const std::string& to) {
  auto* const old_place = dynamic_cast<PosixFileSystem*>(&source);
  auto* const new_place = dynamic_cast<PosixFileSystem*>(&target);
  return old_place != nullptr && new_place != nullptr ? PosixFileSystem::link(*old_place, from, *new_place, to)
                                                      : Status(cannot_link(to));
}

Result<std::unique_ptr<FileSystem>> open_posix_file_system(const std::string& directory, bool create) {
  // Without the slashes: "link/" would be followed in spite of O_NOFOLLOW.
  auto path = directory;
  while (path.size() > 1 && path.back() == '/')
    path.pop_back();
  if (path.empty() || path.find('\0') != std::string::npos)
    return fail(Errc::invalid_argument, "the data directory needs a path", directory);

  auto made = false;
  auto root = open_at(AT_FDCWD, path, directory_flags);
  if (!root.valid() && errno == ENOENT && create) {
    const auto status = make_directory(path);
    if (!status)
      return status.error();
    made = *status;
    root = open_at(AT_FDCWD, path, directory_flags);
  }
  if (!root.valid()) {
    if (errno == ENOTDIR || errno == ELOOP)
      return fail(Errc::invalid_argument, format("{} is not a directory", path), path);
    return system_error(errno, "cannot open the data directory", path);
  }
  if (!made)
    WEIR_TRY(check_directory(root, path));
  std::error_code error;
  const auto native_root = std::filesystem::canonical(path, error);
  if (error)
    return system_error(error.value(), "cannot resolve the data directory", path);
  return std::unique_ptr<FileSystem>(std::make_unique<PosixFileSystem>(std::move(root), native_root.string()));
}

} // namespace weir::io
