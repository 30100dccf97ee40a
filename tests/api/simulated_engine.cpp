#include "tests/api/simulated_engine.hpp"

#include "tests/support/happenings.hpp"

#include <cstdio>

namespace weir::test {

namespace {

// Lets an engine own "its" file system while the disk behind it lives on.
class Borrowed final : public io::FileSystem {
public:
  explicit Borrowed(std::shared_ptr<io::MemoryFileSystem> fs) : fs_(std::move(fs)) {}
  Result<std::unique_ptr<io::File>> open(const std::string& path, io::OpenMode mode) override {
    return told(fs_->open(path, mode));
  }
  Status rename(const std::string& from, const std::string& to) override { return told(fs_->rename(from, to)); }
  Status unlink(const std::string& path) override { return told(fs_->unlink(path)); }
  Status create_directory(const std::string& path) override { return fs_->create_directory(path); }
  Status sync_directory(const std::string& path) override { return fs_->sync_directory(path); }
  Result<std::vector<io::DirectoryEntry>> list(const std::string& path) override { return fs_->list(path); }
  Result<io::FileInfo> stat(const std::string& path) override { return fs_->stat(path); }
  Result<std::unique_ptr<io::FileLock>> lock(const std::string& path) override { return fs_->lock(path); }
  Result<std::uint64_t> free_bytes() override { return fs_->free_bytes(); }
  std::optional<std::string> native_path(const std::string& path) const override { return fs_->native_path(path); }

private:
  // What a job says is done before it ends, or holds on to while it waits, shows in the files it opens and names.
  template <class Done> static Done told(Done done) {
    tell_waiting();
    return done;
  }

  std::shared_ptr<io::MemoryFileSystem> fs_;
};

} // namespace

Result<Engine> SimulatedDisk::open(EngineOptions options, std::unique_ptr<io::Clock> clock) {
  EngineSeams seams;
  seams.fs = std::make_unique<Borrowed>(fs_);
  seams.clock = clock ? std::move(clock) : io::make_system_clock();
  seams.random = io::make_seeded_random(42);
  seams.make_executor = make_watched_executor;
  seams.open_catalog = open_sqlite_catalog;
  if (kind_ == CatalogKind::memory)
    seams.open_catalog = [disk = catalog_](io::FileSystem&, bool, std::uint32_t shards,
                                           std::uint64_t seed) -> Result<std::unique_ptr<CatalogStore>> {
      if (disk->state.shard_count == 0)
        MemoryCatalog::create(*disk, shards, seed);
      return std::unique_ptr<CatalogStore>(std::make_unique<MemoryCatalog>(disk));
    };
  auto core = EngineCore::open(std::move(seams), options);
  if (!core)
    return std::move(core).error();
  return Engine::adopt(std::move(*core));
}

Result<Engine> open_watched(const std::string& directory, const EngineOptions& options) {
  auto seams = system_seams(directory, options);
  if (!seams)
    return std::move(seams).error();
  seams->make_executor = make_watched_executor;
  auto core = EngineCore::open(std::move(*seams), options);
  if (!core)
    return std::move(core).error();
  return Engine::adopt(*std::move(core));
}

SimulatedDisk SimulatedDisk::crash_image(const io::CrashPolicy& policy) const {
  SimulatedDisk image(kind_);
  // While nothing can be published, files and catalog belong to one moment.
  const std::lock_guard lock(catalog_->mutex);
  image.catalog_->state = catalog_->state;
  image.fs_ = fs_->crash_image(policy);
  return image;
}

Event numbered_event(const std::string& context, std::uint64_t sender, std::uint64_t number) {
  Event event;
  event.context_id = context;
  event.event_type = "sent";
  event.payload = "{\"sender\":" + std::to_string(sender) + ",\"number\":" + std::to_string(number) + "}";
  return event;
}

SenderNumber sender_number(std::string_view payload) {
  unsigned long long sender = 0, number = 0;
  const std::string text(payload);
  if (std::sscanf(text.c_str(), "{\"sender\":%llu,\"number\":%llu}", &sender, &number) != 2)
    return {};
  return {sender, number};
}

} // namespace weir::test
