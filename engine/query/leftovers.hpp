// What a run no longer needs, kept until somebody has time to free it.
//
// Purpose: freeing millions of groups takes longer than a cancelled query may take to say so. Whoever runs the query
// frees what is in here after the answer.
// Owner: whoever runs the query. Threading: any thread.
#pragma once

#include <memory>
#include <mutex>
#include <type_traits>
#include <utility>
#include <vector>

namespace weir::query {

class Leftovers {
public:
  template <class T> void add(T&& what) {
    std::shared_ptr<void> kept = std::make_shared<std::decay_t<T>>(std::forward<T>(what));
    const std::lock_guard lock(mutex_);
    kept_.push_back(std::move(kept));
  }
  [[nodiscard]] bool empty() const {
    const std::lock_guard lock(mutex_);
    return kept_.empty();
  }

private:
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<void>> kept_;
};

/// Adds `what` to `leftovers` at the end of a scope, however it is left. Without leftovers it is freed as always.
template <class T> class HandOver {
public:
  HandOver(T& what, Leftovers* leftovers) : what_(what), leftovers_(leftovers) {}
  HandOver(const HandOver&) = delete;
  HandOver& operator=(const HandOver&) = delete;
  ~HandOver() {
    if (leftovers_ != nullptr)
      leftovers_->add(std::move(what_));
  }

private:
  T& what_;
  Leftovers* leftovers_;
};

} // namespace weir::query
