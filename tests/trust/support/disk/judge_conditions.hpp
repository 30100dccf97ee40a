// Whether what calls demanded was heeded, and whether the engine knows them again.
//
// Purpose: the part of the judgement that is about event ids (I11), and about expectations and conditions (I15): a call
// is there only where they held, and one that was refused is not there. Owner: judge(). Threading: one thread.
#pragma once

#include "trust/support/disk/judge.hpp"

#include <map>
#include <string>

namespace weir::trust {

/// No event stood against a call with a condition when it was stored. Throws Broken.
void check_conditions(const std::map<std::string, ContextRows>& contexts, const Ledger& ledger, const CallSet& there);
/// Makes every call with event ids again: what is there answers its place, and refuses other contents; what is not is
/// stored, if what it demands holds now. Throws Broken.
void check_retries(PlainEngine& engine, const Ledger& ledger, const CallSet& there);

} // namespace weir::trust
