// An engine on a simulated disk: tests hold its syncs, break its writes and crash it.
#pragma once

#include "actors/engine_core.hpp"
#include "engine/io/clock.hpp"
#include "engine/io/memory_file_system.hpp"
#include "tests/support/memory_catalog.hpp"

#include <weir/engine.hpp>

#include <memory>
#include <string>

namespace weir::test {

/// The disk outlives the engines opened on it.
class SimulatedDisk {
public:
  /// Where the engines on it keep their catalog: in a structure that is durable at once, or in SQLite on this disk,
  /// which a crash may take apart like everything else.
  enum class CatalogKind { memory, sqlite };
  explicit SimulatedDisk(CatalogKind kind = CatalogKind::memory)
      : kind_(kind), fs_(std::make_shared<io::MemoryFileSystem>()), catalog_(std::make_shared<MemoryCatalogDisk>()) {}

  /// `clock`: the engine's; none: the system's. Its executor is watched: see eventually().
  Result<Engine> open(EngineOptions options = {}, std::unique_ptr<io::Clock> clock = nullptr);
  /// Drops or tears what was not synced, as a power cut now would; engines on the old disk must be gone.
  void crash(const io::CrashPolicy& policy) { fs_ = fs_->crash_image(policy); }
  /// A disk as a power cut at this moment would leave this one, on which engines go on undisturbed.
  [[nodiscard]] SimulatedDisk crash_image(const io::CrashPolicy& policy) const;
  [[nodiscard]] io::MemoryFileSystem& fs() { return *fs_; }
  [[nodiscard]] MemoryCatalogDisk& catalog() { return *catalog_; }

private:
  CatalogKind kind_;
  std::shared_ptr<io::MemoryFileSystem> fs_;
  std::shared_ptr<MemoryCatalogDisk> catalog_;
};

/// Engine::open with an executor that is watched: see eventually().
[[nodiscard]] Result<Engine> open_watched(const std::string& directory, const EngineOptions& options = {});

/// A small event of `context` whose payload says who sent it and as which of his.
[[nodiscard]] Event numbered_event(const std::string& context, std::uint64_t sender, std::uint64_t number);
/// The payload of such an event.
struct SenderNumber {
  std::uint64_t sender = 0, number = 0;
};
[[nodiscard]] SenderNumber sender_number(std::string_view payload);

} // namespace weir::test
