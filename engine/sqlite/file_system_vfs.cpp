#include "engine/sqlite/file_system_vfs.hpp"

#include "engine/io/path.hpp"

#include "engine/check.hpp"
#include "engine/text.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <span>
#include <utility>

namespace weir::sqlite {

namespace {

constexpr int path_bytes_max = 512;
constexpr int sector_bytes = 4096; // what SQLite assumes of a disk

int errno_of(const Error& error) {
  switch (error.code) {
  case Errc::disk_full: return ENOSPC;
  case Errc::not_found: return ENOENT;
  default: return EIO;
  }
}

} // namespace

/// The C face: SQLite hands back the pointers it was given.
struct FileSystemVfs::Methods {
  struct File : sqlite3_file {
    FileSystemVfs* owner = nullptr;
    std::string path;
    std::unique_ptr<io::File> file;
    bool sync_name = false; // The first sync also makes the name durable.
    bool remove_at_close = false;
  };

  static FileSystemVfs& owner(sqlite3_vfs* vfs) { return *static_cast<FileSystemVfs*>(vfs->pAppData); }
  static File& file(sqlite3_file* base) { return *static_cast<File*>(base); }

  static int failed(FileSystemVfs& self, const Error& error, int code) {
    self.last_errno_ = errno_of(error);
    return code;
  }

  static int open(sqlite3_vfs* vfs, const char* name, sqlite3_file* base, int flags, int* out_flags) {
    FileSystemVfs& self = owner(vfs);
    base->pMethods = nullptr; // Nothing to close until it is set.
    if (name == nullptr)
      return failed(self, fail(Errc::unsupported, "no temporary files"), SQLITE_CANTOPEN);
    const bool create = (flags & SQLITE_OPEN_CREATE) != 0;
    const bool read_only = (flags & SQLITE_OPEN_READONLY) != 0;
    auto opened = self.fs_.open(name, read_only ? io::OpenMode::read_only : io::OpenMode::read_write);
    if (opened.code() == Errc::not_found && create)
      opened = self.fs_.open(name, io::OpenMode::create);
    if (!opened)
      return failed(self, opened.error(), SQLITE_CANTOPEN);
    auto* const made = new (base) File;
    made->pMethods = &io_methods;
    made->owner = &self;
    made->path = name;
    made->file = std::move(*opened);
    made->sync_name = create && (flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL)) != 0;
    made->remove_at_close = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0;
    if (out_flags != nullptr)
      *out_flags = flags;
    return SQLITE_OK;
  }

  static int remove(sqlite3_vfs* vfs, const char* name, int sync_directory) {
    FileSystemVfs& self = owner(vfs);
    if (const Status removed = self.fs_.unlink(name); !removed)
      return failed(self, removed.error(),
                    removed.code() == Errc::not_found ? SQLITE_IOERR_DELETE_NOENT : SQLITE_IOERR_DELETE);
    if ((sync_directory & 1) != 0)
      if (const Status synced = self.fs_.sync_directory(io::directory_of(name)); !synced)
        return failed(self, synced.error(), SQLITE_IOERR_DIR_FSYNC);
    return SQLITE_OK;
  }

  static int access(sqlite3_vfs* vfs, const char* name, int flags, int* answer) {
    const auto info = owner(vfs).fs_.stat(name);
    // An empty journal is none.
    *answer = info.ok() && (flags != SQLITE_ACCESS_EXISTS || info->kind != io::EntryKind::file || info->size_bytes > 0);
    return SQLITE_OK;
  }

  static int full_path(sqlite3_vfs*, const char* name, int bytes, char* out) {
    const std::size_t size = std::strlen(name) + 1;
    if (size > static_cast<std::size_t>(bytes))
      return SQLITE_CANTOPEN;
    std::memcpy(out, name, size);
    return SQLITE_OK;
  }

  static int randomness(sqlite3_vfs*, int bytes, char* out) {
    std::memset(out, 0, static_cast<std::size_t>(bytes)); // SQLite asks the default VFS, never this one
    return bytes;
  }
  static int sleep(sqlite3_vfs*, int microseconds) { return microseconds; }
  static int current_time(sqlite3_vfs*, double* julian_day) {
    *julian_day = 2440587.5; // 1970: weir's times come from its own clock
    return SQLITE_OK;
  }
  static int last_error(sqlite3_vfs* vfs, int, char*) { return owner(vfs).last_errno_; }

  static int close(sqlite3_file* base) {
    File& self = file(base);
    self.file.reset();
    if (self.remove_at_close)
      static_cast<void>(self.owner->fs_.unlink(self.path).ok());
    self.~File();
    return SQLITE_OK;
  }

  static int read(sqlite3_file* base, void* out, int bytes, sqlite3_int64 offset) {
    File& self = file(base);
    const std::span<std::byte> wanted(static_cast<std::byte*>(out), static_cast<std::size_t>(bytes));
    const auto got = self.file->pread(wanted, static_cast<std::uint64_t>(offset));
    if (!got)
      return failed(*self.owner, got.error(), SQLITE_IOERR_READ);
    if (*got == wanted.size())
      return SQLITE_OK;
    std::fill(wanted.begin() + static_cast<std::ptrdiff_t>(*got), wanted.end(), std::byte{0}); // as the interface asks
    return SQLITE_IOERR_SHORT_READ;
  }

  static int write(sqlite3_file* base, const void* data, int bytes, sqlite3_int64 offset) {
    File& self = file(base);
    const std::span<const std::byte> all(static_cast<const std::byte*>(data), static_cast<std::size_t>(bytes));
    const Status written = self.file->pwrite(all, static_cast<std::uint64_t>(offset));
    if (!written)
      return failed(*self.owner, written.error(), written.code() == Errc::disk_full ? SQLITE_FULL : SQLITE_IOERR_WRITE);
    return SQLITE_OK;
  }

  static int truncate(sqlite3_file* base, sqlite3_int64 bytes) {
    File& self = file(base);
    const Status done = self.file->truncate(static_cast<std::uint64_t>(bytes));
    return done ? SQLITE_OK : failed(*self.owner, done.error(), SQLITE_IOERR_TRUNCATE);
  }

  static int sync(sqlite3_file* base, int) {
    File& self = file(base);
    if (const Status synced = self.file->sync_data(); !synced) {
      // Our files refuse a second sync for good. SQLite's own would try it on the same descriptor, and may be told that
      // it worked: so it is here, with a new one.
      if (auto again = self.owner->fs_.open(self.path, io::OpenMode::read_write))
        self.file = std::move(*again);
      return failed(*self.owner, synced.error(), SQLITE_IOERR_FSYNC);
    }
    if (std::exchange(self.sync_name, false))
      static_cast<void>(
          self.owner->fs_.sync_directory(io::directory_of(self.path)).ok()); // ignored by the original, too
    return SQLITE_OK;
  }

  static int size(sqlite3_file* base, sqlite3_int64* bytes) {
    File& self = file(base);
    const auto size = self.file->size();
    if (!size)
      return failed(*self.owner, size.error(), SQLITE_IOERR_FSTAT);
    *bytes = static_cast<sqlite3_int64>(*size);
    return SQLITE_OK;
  }

  static int lock(sqlite3_file*, int) { return SQLITE_OK; }
  static int check_lock(sqlite3_file*, int* taken) {
    *taken = 0;
    return SQLITE_OK;
  }
  static int control(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
  static int sector_size(sqlite3_file*) { return sector_bytes; }
  // As of a real disk: a torn write leaves what lies beside it alone.
  static int characteristics(sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }

  static const sqlite3_io_methods io_methods;
};

const sqlite3_io_methods FileSystemVfs::Methods::io_methods = [] {
  sqlite3_io_methods methods = {};
  methods.iVersion = 1; // no shared memory
  methods.xClose = close;
  methods.xRead = read;
  methods.xWrite = write;
  methods.xTruncate = truncate;
  methods.xSync = sync;
  methods.xFileSize = size;
  methods.xLock = lock;
  methods.xUnlock = lock;
  methods.xCheckReservedLock = check_lock;
  methods.xFileControl = control;
  methods.xSectorSize = sector_size;
  methods.xDeviceCharacteristics = characteristics;
  return methods;
}();

FileSystemVfs::FileSystemVfs(io::FileSystem& fs)
    : fs_(fs), name_(format("weir-{:x}", reinterpret_cast<std::uintptr_t>(this))),
      vfs_(std::make_unique<sqlite3_vfs>()) {
  vfs_->iVersion = 1;
  vfs_->szOsFile = sizeof(Methods::File);
  vfs_->mxPathname = path_bytes_max;
  vfs_->zName = name_.c_str();
  vfs_->pAppData = this;
  vfs_->xOpen = Methods::open;
  vfs_->xDelete = Methods::remove;
  vfs_->xAccess = Methods::access;
  vfs_->xFullPathname = Methods::full_path;
  vfs_->xRandomness = Methods::randomness;
  vfs_->xSleep = Methods::sleep;
  vfs_->xCurrentTime = Methods::current_time;
  vfs_->xGetLastError = Methods::last_error;
  WEIR_CHECK(sqlite3_vfs_register(vfs_.get(), 0) == SQLITE_OK); // it fails only for want of memory
}

FileSystemVfs::~FileSystemVfs() {
  sqlite3_vfs_unregister(vfs_.get());
}

} // namespace weir::sqlite
