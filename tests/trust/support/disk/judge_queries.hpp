// Whether queries of an engine give what is there, by columns and without them, asked afresh and remembered.
//
// Purpose: the part of the judgement on an opened engine that is about answers to queries (I6) and about what is
// remembered (I14). Owner: judge(), and workloads that look at their own views. Threading: one thread.
#pragma once

#include "trust/support/disk/ledger.hpp"
#include "trust/support/disk/plain_engine.hpp"

#include <cstdint>
#include <string>

namespace weir::trust {

/// On a disk that is broken.
enum class MayFail : std::uint8_t { no, yes };

/// Queries of payload fields give what the payloads say, with columns and pruning and without. Throws Broken.
void check_columns(const PlainEngine& engine);
/// The view, if it is there, shows what its query gives. Throws Broken.
void check_view(PlainEngine& engine, const std::string& name, MayFail may_fail);
void check_all_views(PlainEngine& engine);
/// Definitions that were acknowledged are there, those that were acknowledged as forgotten are not, and none is there
/// that nobody asked for. Throws Broken.
void check_definitions(const PlainEngine& engine, const Ledger& ledger);

} // namespace weir::trust
