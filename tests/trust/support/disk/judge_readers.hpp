// Whether consumers and snapshots are what was promised of them.
//
// Purpose: the part of the judgement that is about consumers (I18: what was acknowledged never comes again, what was
// not comes, what was parked stays so, deliveries are counted, and no checkpoint lies beyond what its reader got) and
// about snapshots (I19: one that is given is one that was saved, of events that are there; whatever a crash left, none
// is an error). Owner: judge(). Threading: one thread.
#pragma once

#include "trust/support/disk/ledger.hpp"
#include "trust/support/disk/plain_engine.hpp"

namespace weir::trust {

/// Opens the consumers again and lets them read everything. Throws Broken.
void check_consumers(PlainEngine& engine, const Ledger& ledger);
/// `must_be_there`: what was saved is in the system's cache at least. Throws Broken.
void check_snapshots(PlainEngine& engine, const Ledger& ledger, bool must_be_there);

} // namespace weir::trust
