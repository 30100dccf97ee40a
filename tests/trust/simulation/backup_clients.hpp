// Who makes backups while everybody stores, and restores them.
//
// Purpose: makes backups at random, upon earlier ones or not, cancelled or cut short by a power cut of the target's
// machine or of the engine's, and restores what there is of them onto an empty disk. What comes of an answered backup
// is each shard's beginning, with everything that was safe before it was asked for; what is half is refused. Owner: one
// schedule. Threading: one thread; its calls wait (Machine::wait_for), and take steps of the whole machine between two
// files. Invariants: the judgement is made at once, so that what the engine shows is at most a few steps younger.
#pragma once

#include "trust/simulation/journal.hpp"
#include "trust/simulation/machine.hpp"
#include "trust/simulation/mistake.hpp"
#include "trust/simulation/removals.hpp"

#include "engine/io/memory_file_system.hpp"
#include "trust/support/disk/plain_engine.hpp"

#include <weir/backup.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <string>

namespace weir::trust {

class BackupClients {
public:
  struct Counts {
    std::uint64_t made = 0, upon_others = 0, refused = 0, restored = 0;
  };

  BackupClients(Machine& machine, Journal& journal, Removals& removals, std::uint64_t seed, Mistake mistake)
      : machine_(machine), journal_(journal), removals_(removals), chance_(seed), planted_(mistake, chance_.pick(2)) {}

  void act();

  [[nodiscard]] const Counts& counts() const noexcept { return counts_; }

private:
  using Disk = std::unique_ptr<io::MemoryFileSystem>;
  /// What a backup that is asked for now must hold.
  struct Asked {
    CallSet calls;
    std::map<std::string, Sequence> first_live; ///< At least.
  };
  /// By sequence, from the first that is live on.
  struct Shown {
    Sequence first_live = 1;
    Rows rows;
  };

  [[nodiscard]] Asked asked_now() const;
  Result<BackupReport> make(io::MemoryFileSystem& target, Disk& half, bool& stopped);
  void check_half(const io::MemoryFileSystem& half, const Asked& asked);
  /// Of a backup; null if it is refused, and that leaves nothing that could be opened.
  Disk restore(const io::MemoryFileSystem& backup, Error& refused);
  void check_restored(const io::MemoryFileSystem& disk, const Asked& asked);
  void check_context(const std::string& context, const Shown& restored, const Shown& there, Position up_to,
                     const Asked& asked);

  Machine& machine_;
  Journal& journal_;
  Removals& removals_;
  Chance chance_;
  Planted planted_;
  Counts counts_;
  Disk last_; ///< The last one that was answered.
};

} // namespace weir::trust
