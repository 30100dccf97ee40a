// A crash before every call of every workload, and what is left recovered and judged.
//
// Purpose: makes the images of one workload, each distinct one once, and counts. Owner: the stage. Threading: one
// thread. Memory: a hash and a set of calls for each image.
#pragma once

#include "trust/support/disk/images.hpp"
#include "trust/support/disk/judge.hpp"
#include "trust/support/disk/workloads.hpp"
#include "trust/support/stage.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>

namespace weir::trust {

struct CrashCounts {
  std::unordered_set<std::uint64_t> distinct; ///< By content, over all workloads; kills are not counted.
  std::uint64_t boundaries = 0;
  std::uint64_t tried = 0;       ///< Images made, equal ones too.
  std::uint64_t recovered = 0;   ///< Of these: opened and judged.
  std::uint64_t in_recovery = 0; ///< Of these: from a second crash.
  std::uint64_t acknowledged_lost = 0;
  std::uint64_t wrong_answers = 0;

  [[nodiscard]] std::uint64_t findings() const noexcept { return acknowledged_lost + wrong_answers; }
};

struct CrashPlan {
  std::uint64_t seed = 1;
  unsigned variants = 1;          ///< Of workloads that differ by chance.
  std::string only;               ///< A label: just that image. "flush#0@120/lost", "flush#0@120/lost>31/kept"
  unsigned random_subsets = 0;    ///< Of each boundary.
  std::uint64_t every = 1;        ///< Of all images only each n-th, spread evenly.
  std::uint64_t second_every = 0; ///< Of the recovered images each n-th is crashed again; 0: none.
  bool kills_again = false;       ///< And each that a kill left.
  unsigned second_random_subsets = 0;
  bool until_first_finding = false; ///< Nothing is tried any more after it.
  bool quiet = false;               ///< Findings are counted, not printed: they are what is wanted.
};

class CrashRun {
public:
  CrashRun(const Workload& workload, const CrashPlan& plan, CrashCounts& counts)
      : workload_(workload), plan_(plan), counts_(counts) {}

  /// Throws if the workload, left alone, does not do what it is for.
  void run();

private:
  void run_variant(unsigned variant);
  void at_boundary(io::MemoryFileSystem& fs, std::uint64_t call, const std::string& before);
  void try_image(io::MemoryFileSystem& fs, const CrashImage& crash, const std::string& label, bool second);
  [[nodiscard]] bool wanted(const std::string& label, bool second);
  void watch_recovery(io::MemoryFileSystem& image, const CrashImage& first, const std::string& label);
  void report(const std::string& label, const std::string& what);

  const Workload& workload_;
  const CrashPlan plan_;
  CrashCounts& counts_;
  Ledger* ledger_ = nullptr;
  EngineOptions options_;
  std::uint64_t seen_ = 0;
  bool machine_lost_ = false; ///< Of a second crash: the first one was a power cut.
  /// What opening an image of this content showed; nothing while it is being opened.
  std::unordered_map<std::uint64_t, std::optional<CallSet>> shown_;
};

} // namespace weir::trust
