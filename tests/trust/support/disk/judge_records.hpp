// Whether schemas and retention are what was promised of them.
//
// Purpose: the part of the judgement that is about schemas (I16: one that was answered is in force, any other is there
// whole or not at all, and what is stored fits the version it was judged by) and about retention (I17: rules and runs
// that were answered hold, and one that was cut short decides the same and comes to its end). Owner: judge().
// Threading: one thread.
#pragma once

#include "trust/support/disk/ledger.hpp"
#include "trust/support/disk/plain_engine.hpp"

namespace weir::trust {

/// What is there; changes nothing. Throws Broken.
void check_records(PlainEngine& engine, const Ledger& ledger);
/// The schema in force judges stores, and a new version takes its place. Throws Broken.
void check_schema_in_force(PlainEngine& engine, const Ledger& ledger);
/// Brings a run that was cut short to its end. Throws Broken.
void finish_retention(PlainEngine& engine, const Ledger& ledger);

} // namespace weir::trust
