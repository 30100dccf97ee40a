#include "engine/event_queue/shared_queue.hpp"

#include <condition_variable>

namespace weir {

namespace {

/// Work that helpers may join until it is closed; those inside are waited for.
struct SharedWork {
  const std::function<void()>* work;
  std::mutex mutex;
  std::condition_variable left;
  std::size_t inside = 0;
  bool closed = false;

  void help() {
    {
      const std::lock_guard lock(mutex);
      if (closed)
        return;
      ++inside;
    }
    (*work)();
    const std::lock_guard lock(mutex);
    --inside;
    left.notify_one();
  }
};

} // namespace

void SharedQueue::run_with_help(const std::function<void()>& work) const {
  const auto shared = std::make_shared<SharedWork>();
  shared->work = &work;
  for (std::size_t i = 0; i < helpers_.count; ++i)
    helpers_.post([shared] { shared->help(); });
  work();
  std::unique_lock lock(shared->mutex);
  shared->closed = true;
  shared->left.wait(lock, [&] { return shared->inside == 0; });
}

void SharedQueue::end(Error why) {
  const bool closing = why.code == Errc::closing;
  {
    const std::lock_guard lock(mutex_);
    if (!ended_)
      ended_ = std::move(why);
  }
  watermark_.end();
  if (closing) // otherwise there may be much to read yet, which is still to be bounded
    pinned_->end();
}

std::optional<Error> SharedQueue::ended() const {
  const std::lock_guard lock(mutex_);
  return ended_;
}

} // namespace weir
