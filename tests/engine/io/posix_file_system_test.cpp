#include "engine/io/memory_file_system.hpp"
#include "engine/io/posix_descriptor.hpp"
#include "engine/io/posix_file.hpp"
#include "engine/io/posix_file_system.hpp"
#include "tests/support/bytes.hpp"
#include "tests/support/temp_directory.hpp"

#include <doctest/doctest.h>

#include <array>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace weir::io {

namespace {

using test::as_bytes;
using test::as_text;
using test::read_text;
using namespace std::string_literals;

std::unique_ptr<FileSystem> opened(const std::string& directory) {
  auto fs = open_posix_file_system(directory, false);
  REQUIRE_MESSAGE(fs.ok(), (fs.ok() ? "" : to_string(fs.error())));
  return std::move(fs).value();
}

std::unique_ptr<File> opened(FileSystem& fs, const std::string& path, OpenMode mode) {
  auto file = fs.open(path, mode);
  REQUIRE_MESSAGE(file.ok(), (file.ok() ? "" : to_string(file.error())));
  return std::move(file).value();
}

unsigned mode_of(const std::string& path) {
  struct stat info = {};
  REQUIRE(::lstat(path.c_str(), &info) == 0);
  return info.st_mode & 07777U;
}

class Umask {
public:
  explicit Umask(mode_t mask) : before_(::umask(mask)) {}
  ~Umask() { ::umask(before_); }

private:
  mode_t before_;
};

} // namespace

TEST_CASE("posix: a missing data directory is not found, or made when asked") {
  const test::TempDirectory temp;
  const auto missing = open_posix_file_system(temp.path("data"), false);
  REQUIRE(missing.code() == Errc::not_found);
  CHECK(missing.error().where == temp.path("data"));
  CHECK(missing.error().message.find("No such file or directory") != std::string::npos);

  CHECK(open_posix_file_system(temp.path("data/"), true).ok());
  CHECK(std::filesystem::is_directory(temp.path("data")));
  CHECK(open_posix_file_system(temp.path("data"), true).ok());
  CHECK(open_posix_file_system(temp.path("no/parent"), true).code() == Errc::not_found);
  CHECK(open_posix_file_system("", true).code() == Errc::invalid_argument);
}

TEST_CASE("posix: a data directory that is a file or a symbolic link is refused") {
  const test::TempDirectory temp;
  std::ofstream(temp.path("file")) << "x";
  std::filesystem::create_directory(temp.path("real"));
  std::filesystem::create_directory_symlink(temp.path("real"), temp.path("link"));
  for (const auto* name : {"file", "link", "link/"}) {
    const auto fs = open_posix_file_system(temp.path(name), true);
    REQUIRE(fs.code() == Errc::invalid_argument);
    CHECK(fs.error().message.find("is not a directory") != std::string::npos);
  }
}

TEST_CASE("posix: a data directory that others may write is refused, one they may read is not") {
  const test::TempDirectory temp;
  for (const mode_t mode : {0720U, 0702U, 0777U, 01777U}) {
    REQUIRE(::chmod(temp.path().c_str(), mode) == 0);
    const auto fs = open_posix_file_system(temp.path(), false);
    REQUIRE(fs.code() == Errc::invalid_argument);
    CHECK(fs.error().message.find("may be written by others") != std::string::npos);
  }
  REQUIRE(::chmod(temp.path().c_str(), 0755) == 0);
  CHECK(open_posix_file_system(temp.path(), false).ok());
}

TEST_CASE("posix: somebody else's data directory is refused") {
  const test::TempDirectory temp;
  const auto root = ::geteuid() == 0;
  if (root)
    REQUIRE(::chown(temp.path().c_str(), 1, 1) == 0);
  const auto fs = open_posix_file_system(root ? temp.path() : "/", false);
  REQUIRE(fs.code() == Errc::invalid_argument);
  CHECK(fs.error().message == "the data directory belongs to user " + std::string(root ? "1" : "0") +
                                  ", this process runs as " + std::to_string(::geteuid()));
}

TEST_CASE("posix: files are 0600 and directories 0700 whatever the umask") {
  for (const mode_t mask : {000U, 022U, 077U, 0277U, 0777U}) {
    CAPTURE(mask);
    const test::TempDirectory temp;
    const Umask umask(mask);
    auto made = open_posix_file_system(temp.path("data"), true);
    REQUIRE(made.ok());
    auto& fs = **made;
    REQUIRE(fs.create_directory("sub").ok());
    opened(fs, "sub/file", OpenMode::create);
    const auto lock = fs.lock("LOCK");
    REQUIRE(lock.ok());
    CHECK(mode_of(temp.path("data")) == 0700);
    CHECK(mode_of(temp.path("data/sub")) == 0700);
    CHECK(mode_of(temp.path("data/sub/file")) == 0600);
    CHECK(mode_of(temp.path("data/LOCK")) == 0600);
  }
}

TEST_CASE("posix: symbolic links, devices and pipes are never opened, nor walked through") {
  const test::TempDirectory outside;
  std::ofstream(outside.path("secret")) << "secret";
  const test::TempDirectory temp;
  std::filesystem::create_symlink(outside.path("secret"), temp.path("link"));
  std::filesystem::create_symlink("nowhere", temp.path("dangling"));
  std::filesystem::create_directory_symlink(outside.path(), temp.path("folder"));
  REQUIRE(::mkfifo(temp.path("pipe").c_str(), 0600) == 0);
  std::filesystem::create_directory(temp.path("directory"));
  const auto fs = opened(temp.path());
  for (const auto* path : {"link", "dangling", "folder/secret", "pipe", "directory"}) {
    CAPTURE(path);
    for (const auto mode : {OpenMode::read_only, OpenMode::read_write, OpenMode::create})
      CHECK(fs->open(path, mode).code() == Errc::io_error);
    CHECK(fs->lock(path).code() == Errc::io_error);
  }
  CHECK(fs->open("folder/new", OpenMode::create).code() == Errc::io_error);
  CHECK(fs->unlink("folder/secret").code() == Errc::io_error);
  CHECK(fs->list("folder").code() == Errc::io_error);
  CHECK(fs->create_directory("folder").code() == Errc::io_error);
  CHECK(std::filesystem::exists(outside.path("secret")));
  CHECK_FALSE(std::filesystem::exists(temp.path("nowhere")));
}

TEST_CASE("posix: the directory stays the same one when it is renamed") {
  const test::TempDirectory temp;
  std::filesystem::create_directory(temp.path("data"));
  const auto fs = opened(temp.path("data"));
  std::filesystem::rename(temp.path("data"), temp.path("moved"));
  opened(*fs, "file", OpenMode::create);
  CHECK(std::filesystem::exists(temp.path("moved/file")));
}

TEST_CASE("posix: directories list their entries by name and kind, files their size and links") {
  const test::TempDirectory temp;
  const auto fs = opened(temp.path());
  REQUIRE(fs->create_directory("b").ok());
  REQUIRE(fs->create_directory("b").ok());
  REQUIRE(opened(*fs, "c", OpenMode::create)->append(as_bytes("1234")).ok());
  std::filesystem::create_symlink("c", temp.path("a"));
  std::filesystem::create_hard_link(temp.path("c"), temp.path("b/c"));
  const auto entries = fs->list("");
  REQUIRE(entries.ok());
  REQUIRE(entries->size() == 3);
  CHECK((*entries)[0].name == "a");
  CHECK((*entries)[0].kind == EntryKind::other);
  CHECK((*entries)[1].name == "b");
  CHECK((*entries)[1].kind == EntryKind::directory);
  CHECK((*entries)[2].name == "c");
  CHECK((*entries)[2].kind == EntryKind::file);
  CHECK(fs->list("b")->size() == 1);
  CHECK(fs->list("none").code() == Errc::not_found);

  const auto info = fs->stat("b/c");
  REQUIRE(info.ok());
  CHECK(info->kind == EntryKind::file);
  CHECK(info->size_bytes == 4);
  CHECK(info->link_count == 2);
  CHECK(fs->stat(".")->kind == EntryKind::directory);
  CHECK(fs->stat("a")->kind == EntryKind::other);
  CHECK(fs->create_directory("c").code() == Errc::io_error);
  CHECK(fs->create_directory("none/sub").code() == Errc::not_found);
}

TEST_CASE("posix: a file gets a second name in another directory, a link or pipe does not") {
  test::TempDirectory one, two;
  const auto from = opened(one.path());
  const auto to = opened(two.path());
  REQUIRE(opened(*from, "f", OpenMode::create)->append(as_bytes("text")).ok());
  REQUIRE(to->create_directory("d").ok());
  REQUIRE(link_file(*from, "f", *to, "d/g").ok());
  CHECK(read_text(*to, "d/g") == "text");
  CHECK(from->stat("f")->link_count == 2);
  CHECK(link_file(*from, "f", *to, "d/g").code() == Errc::io_error); // there is one
  CHECK(link_file(*from, "none", *to, "h").code() == Errc::not_found);
  CHECK(link_file(*from, "f", *to, "none/h").code() == Errc::not_found);
  std::filesystem::create_symlink(one.path("f"), one.path("s"));
  CHECK(link_file(*from, "s", *to, "h").code() == Errc::io_error);
  REQUIRE(::mkfifo(one.path("p").c_str(), 0600) == 0);
  CHECK(link_file(*from, "p", *to, "h").code() == Errc::io_error);
  MemoryFileSystem memory;
  CHECK(link_file(memory, "f", *to, "h").code() == Errc::unsupported);
  CHECK(link_file(*from, "f", memory, "h").code() == Errc::unsupported);
}

TEST_CASE("posix: a lock excludes a second one in the same process and names its holder") {
  const test::TempDirectory temp;
  const auto first = opened(temp.path());
  const auto second = opened(temp.path());
  auto held = first->lock("LOCK");
  REQUIRE(held.ok());
  CHECK(read_text(*first, "LOCK") == std::to_string(::getpid()) + "\n");
  for (auto* fs : {first.get(), second.get()}) {
    const auto refused = fs->lock("LOCK");
    REQUIRE(refused.code() == Errc::locked);
    CHECK(refused.error().message == "directory is in use by process " + std::to_string(::getpid()));
    CHECK(refused.error().where == "LOCK");
  }
  held.value().reset();
  CHECK(second->lock("LOCK").ok());
}

TEST_CASE("posix: a lock names a holder in another process and goes with it") {
  const test::TempDirectory temp;
  int ready[2];
  int leave[2];
  REQUIRE(::pipe(ready) == 0);
  REQUIRE(::pipe(leave) == 0);
  const auto fs = opened(temp.path());
  std::ofstream(temp.path("LOCK")) << "4000000000 and more than a pid\n";
  const auto child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const auto lock = fs->lock("LOCK");
    char byte = lock.ok() ? 'y' : 'n';
    if (::write(ready[1], &byte, 1) != 1 || ::read(leave[0], &byte, 1) != 1)
      ::_exit(2);
    ::_exit(0); // As a death would: no destructor runs.
  }
  char byte = 0;
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  CHECK(byte == 'y');
  const auto refused = fs->lock("LOCK");
  CHECK(refused.code() == Errc::locked);
  CHECK((refused.ok() ? "" : refused.error().message) == "directory is in use by process " + std::to_string(child));
  CHECK(::write(leave[1], &byte, 1) == 1);
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK(fs->lock("LOCK").ok());
  CHECK(read_text(*fs, "LOCK") == std::to_string(::getpid()) + "\n");
  for (const auto number : {ready[0], ready[1], leave[0], leave[1]})
    ::close(number);
}

TEST_CASE("posix: a write cut short is continued, and what stops it is an error with its offset") {
  const test::TempDirectory temp;
  const auto fs = opened(temp.path());
  const auto child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    // The limit makes the kernel take 1000 bytes of 4096 first and refuse the rest with EFBIG.
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit = {1000, 1000};
    auto file = fs->open("file", OpenMode::create);
    if (!file || ::setrlimit(RLIMIT_FSIZE, &limit) != 0)
      ::_exit(2);
    const auto status = (*file)->pwrite(as_bytes(std::string(4096, 'x')), 0);
    ::_exit(status.code() == Errc::disk_full && status.error().where == "file:1000" ? 0 : 1);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK(read_text(*fs, "file") == std::string(1000, 'x'));
}

TEST_CASE("posix: a full disk and a used-up quota are disk_full, whatever the call") {
  CHECK(system_error(ENOSPC, "cannot write", "file:1").code == Errc::disk_full);
  CHECK(system_error(EDQUOT, "cannot create", "file").code == Errc::disk_full);
  CHECK(system_error(EFBIG, "cannot write", "file").code == Errc::disk_full); // RLIMIT_FSIZE
  CHECK(to_string(system_error(EIO, "cannot sync", "file")) == "io_error: cannot sync: Input/output error (file)");
  // The kernel's own full disk.
  PosixFile full(Descriptor(::open("/dev/full", O_WRONLY | O_CLOEXEC)), "full");
  const auto status = full.pwrite(as_bytes("x"), 3);
  REQUIRE(status.code() == Errc::disk_full);
  CHECK(status.error().message == "cannot write: No space left on device");
  CHECK(status.error().where == "full:3");
}

TEST_CASE("posix: reads and syncs that are begun ahead change nothing, wherever they point") {
  const test::TempDirectory temp;
  const auto fs = opened(temp.path());
  const auto file = opened(*fs, "file", OpenMode::create);
  REQUIRE(file->append(as_bytes("content")));
  for (const std::uint64_t offset : {std::uint64_t{0}, std::uint64_t{3}, std::uint64_t{1} << 40, UINT64_MAX}) {
    file->begin_read(offset, 4);
    file->begin_sync(offset, 4);
  }
  CHECK(file->sync_data().ok());
  CHECK(read_text(*fs, "file") == "content");
}

TEST_CASE("posix: a file whose sync failed is never synced again") {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const Descriptor reader(ends[0]);
  PosixFile pipe(Descriptor(ends[1]), "pipe"); // What cannot be synced.
  const auto first = pipe.sync_data();
  REQUIRE(first.code() == Errc::io_error);
  CHECK(first.error().message == "cannot sync: Invalid argument");
  const auto second = pipe.sync_data();
  REQUIRE(second.code() == Errc::io_error);
  CHECK(second.error().message == "cannot sync: an earlier sync of this file failed");
}

TEST_CASE("posix: an interrupted call is repeated, any other failure is not") {
  int calls = 0;
  CHECK(retry_interrupted([&] {
          errno = EINTR;
          return ++calls < 3 ? -1 : 7;
        }) == 7);
  CHECK(calls == 3);
  CHECK(retry_interrupted([&] {
          errno = EIO;
          ++calls;
          return -1;
        }) == -1);
  CHECK(calls == 4);
}

TEST_CASE("posix: free space is the file system's, native paths are absolute") {
  const test::TempDirectory temp;
  const auto fs = opened(temp.path());
  const auto space = std::filesystem::space(temp.path());
  const auto free = fs->free_bytes();
  REQUIRE(free.ok());
  CHECK(*free <= space.capacity);
  CHECK((*free > 0) == (space.available > 0));
  CHECK(fs->native_path("") == temp.path());
  CHECK(fs->native_path("models/a.db") == temp.path("models/a.db"));
}

} // namespace weir::io
