// Many threads, one commit: what turns a store with one writer into one that many can wait for.
//
// Purpose: rows that arrive while a commit is on its way to the disk form the next one. Given to every peer that has
// no group commit of its own, so that none loses for want of it. Owner: the adapter. Threading: append() from any
// thread; the commit function is called by one of them at a time. Invariants: a row is committed exactly once; append()
// returns after the commit that holds its row, and throws what that commit threw.
#pragma once

#include "bench/workload.hpp"

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <span>

namespace weir::bench {

class GroupCommit {
public:
  /// Stores all rows and makes them as durable as is asked for. Throws if it cannot.
  using Commit = std::function<void(std::span<const Row* const> rows)>;

  explicit GroupCommit(Commit commit);
  ~GroupCommit();
  GroupCommit(const GroupCommit&) = delete;
  GroupCommit& operator=(const GroupCommit&) = delete;

  /// Returns when `row` is committed, together with those of other threads.
  void append(const Row& row);

private:
  struct Group;

  std::size_t lead(const std::shared_ptr<Group>& group);

  const Commit commit_;
  std::mutex committing_; ///< Held by the leader of the group that is being committed.
  std::mutex mutex_;      ///< Guards the rest.
  std::shared_ptr<Group> forming_;
};

} // namespace weir::bench
