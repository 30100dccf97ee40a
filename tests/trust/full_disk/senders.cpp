#include "trust/full_disk/senders.hpp"

#include <deque>
#include <random>

namespace weir::trust {

namespace {

constexpr unsigned refusals_enough = 3;
constexpr std::size_t tickets_max = 16;

} // namespace

Senders::Senders(Engine& engine, Book& book, std::size_t threads, std::uint64_t seed)
    : engine_(engine), book_(book), count_(threads), seed_(seed) {
}

Senders::~Senders() {
  stop();
  join();
}

void Senders::until_refused() {
  join();
  ++round_;
  stop_ = false;
  running_ = count_;
  for (std::size_t thread = 0; thread < count_; ++thread)
    threads_.emplace_back([this, thread] {
      run(thread, seed_ + round_ * 1'000 + thread);
      --running_;
      moved();
    });
}

void Senders::moved() {
  { const std::scoped_lock lock(mutex_); }
  moved_.notify_all();
}

void Senders::join() {
  for (std::thread& thread : threads_)
    thread.join();
  threads_.clear();
}

void Senders::run(std::size_t thread, std::uint64_t seed) {
  struct Sent {
    std::size_t context;
    std::uint32_t number;
    Ticket ticket;
  };
  std::mt19937_64 dice(seed);
  std::deque<Sent> open;
  unsigned refused = 0;
  const auto take_answer = [&] {
    const auto answer = open.front().ticket.wait();
    refused += answer.ok() ? 0 : 1;
    book_.answered(open.front().context, open.front().number, answer);
    open.pop_front();
    moved();
  };
  const std::size_t mine = (book_.contexts() - thread + count_ - 1) / count_;
  while (refused < refusals_enough && !stop_) {
    const std::size_t context = thread + dice() % mine * count_;
    if (!book_.has_room(context))
      break;
    switch (dice() % 4) {
    case 0:
      refused += store_one(engine_, book_, context).ok() ? 0 : 1;
      moved();
      break;
    case 1: {
      const std::uint32_t number = book_.begin(context);
      open.push_back({context, number, engine_.try_store(book_.context_id(context), book_.events(context, number))});
      break;
    }
    default: {
      const std::uint32_t number = book_.begin(context);
      open.push_back({context, number, engine_.store_async(book_.context_id(context), book_.events(context, number))});
    }
    }
    while (open.size() > tickets_max)
      take_answer();
  }
  while (!open.empty())
    take_answer();
}

Result<Receipt> store_one(Engine& engine, Book& book, std::size_t context, const StoreOptions& options) {
  const std::uint32_t number = book.begin(context);
  auto receipt = engine.store(book.context_id(context), book.events(context, number), options);
  book.answered(context, number, receipt);
  return receipt;
}

} // namespace weir::trust
