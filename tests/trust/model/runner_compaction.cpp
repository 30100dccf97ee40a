// Compaction that is asked for in random sequences: it changes nothing that anybody reads.
#include "trust/model/runner.hpp"

#include "engine/text.hpp"

namespace weir::trust {

using test::pick;

void Runner::compact() {
  settle();
  ++tally_.compactions;
  switch (pick(random_, 4)) {
  case 0:
    note("pause compaction");
    engine_->pause_compaction();
    return;
  case 1:
    note("resume compaction");
    engine_->resume_compaction();
    return;
  default: break;
  }
  const bool all = pick(random_, 2) == 0;
  note(all ? "compact all" : "compact");
  const auto report = engine_->compact({.all = all});
  if (!report)
    throw Mismatch("compact: " + to_string(report.error()));
  expect(report->merges == 0 || report->segments_after <= report->segments_before, "compact: it made more segments");
  reference_->all_safe(); // it flushes first
  check_everything();
}

} // namespace weir::trust
