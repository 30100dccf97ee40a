#include "bench/group_commit.hpp"

#include <atomic>
#include <exception>
#include <utility>
#include <vector>

namespace weir::bench {

struct GroupCommit::Group {
  std::vector<const Row*> rows;
  std::exception_ptr error;  // Set before `done`.
  std::atomic<int> done = 0; // An int: waiting is then a futex on it and nothing else.
};

GroupCommit::GroupCommit(Commit commit) : commit_(std::move(commit)) {
}
GroupCommit::~GroupCommit() = default;

void GroupCommit::append(const Row& row) {
  std::shared_ptr<Group> group;
  bool leads = false;
  {
    const std::lock_guard lock(mutex_);
    if (!forming_) {
      forming_ = std::make_shared<Group>();
      leads = true;
    }
    group = forming_;
    group->rows.push_back(&row);
  }
  if (leads) {
    const std::size_t rows = lead(group);
    if (rows > 1) {
      group->done.store(1, std::memory_order_release);
      group->done.notify_all();
    }
  } else {
    group->done.wait(0, std::memory_order_acquire);
  }
  if (group->error)
    std::rethrow_exception(group->error);
}

std::size_t GroupCommit::lead(const std::shared_ptr<Group>& group) {
  const std::lock_guard one_at_a_time(committing_);
  {
    const std::lock_guard lock(mutex_);
    forming_.reset();
  }
  try {
    commit_(group->rows);
  } catch (...) {
    group->error = std::current_exception();
  }
  return group->rows.size();
}

} // namespace weir::bench
