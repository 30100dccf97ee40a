// Stage "full_disk": a disk is filled and freed again and again under one running engine.
//
//   weir_trust_full_disk --full                   100 cycles on a small tmpfs, and every other way to run out of space
//   weir_trust_full_disk --seed 7 --only injected
//
// The cycles with a tmpfs need mounts of their own (root, or unprivileged user namespaces). Where that is not allowed
// they are skipped, which is said and counted, and `cycles_on_a_disk` is 0.
#include "trust/full_disk/full_disk.hpp"
#include "trust/full_disk/small_disk.hpp"
#include "trust/support/stage.hpp"

using namespace weir::trust;

namespace {

StageCounts run(const StageOptions& options) {
  const auto wanted = [&](std::string_view part) {
    return options.only.empty() || part.find(options.only) != std::string_view::npos;
  };
  FullDiskCounts on_disk, all;
  std::string why;
  if (wanted("cycles") || wanted("names")) {
    if (enter_private_mounts(why)) {
      if (wanted("cycles"))
        on_disk = fill_and_free(options.full ? 100 : 10, options.seed);
      if (wanted("names"))
        all.add(run_out_of_names(options.full ? 20 : 3, options.seed + 1));
    } else {
      skipped("full_disk: no small disk can be mounted: " + why);
    }
  }
  if (wanted("injected"))
    all.add(injected(options.full ? 100 : 10, options.seed + 2));
  if (wanted("file_size"))
    all.add(limited_file_size(options.full ? 20 : 3, options.seed + 3));
  const std::uint64_t resume_ms = on_disk.resume_ms_max;
  all.add(on_disk);
  StageCounts counts;
  counts.count = all.cycles;
  counts.acknowledged_lost = all.lost;
  counts.wrong_answers = all.wrong;
  counts.crashes = all.crashes;
  counts.more = {{"cycles_on_a_disk", on_disk.cycles},
                 {"opens_with_no_byte_free", all.opens_with_no_byte_free},
                 {"resume_ms_max", resume_ms},
                 {"acknowledged", all.acknowledged},
                 {"refused", all.refused}};
  return counts;
}

} // namespace

int main(int argc, char** argv) {
  return run_stage("full_disk", argc, argv, run);
}
