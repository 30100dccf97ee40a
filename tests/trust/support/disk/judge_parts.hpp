// What the parts of the judgement have in common.
//
// Purpose: reading an opened engine, where an error is a broken promise. Owner: judge() and its parts. Threading: one
// thread.
#pragma once

#include "engine/shard_view.hpp"
#include "trust/support/disk/judge.hpp"

#include <weir/result.hpp>

#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>

namespace weir::trust {

template <class T> T must(Result<T> result, const std::string& what) {
  if (!result)
    throw Broken(what + ": " + to_string(result.error()));
  return std::move(result).value();
}

inline void must(const Status& status, const std::string& what) {
  if (!status)
    throw Broken(what + ": " + to_string(status.error()));
}

/// All events of a context, removed ones included.
Rows replay(const ShardView& view, const std::string& context_id);
/// Whether a row is the event that was sent with this payload, or what a merge left of it.
bool is_event(const Row& row, const std::string& sent);
/// By name what the catalog may say after a crash: what was answered last, or what was asked for since. An empty text:
/// nothing.
std::map<std::string, std::set<std::string>> possible_texts(const std::deque<AskedRecord>& asked);
/// Stores one event into every shard, in an old context if there is one, and finds it again. Throws Broken.
void check_goes_on(PlainEngine& engine, const Ledger& ledger, const Shown& before);

} // namespace weir::trust
