#include "trust/support/disk/workloads.hpp"

#include <utility>

namespace weir::trust {

Life::Life(std::string name, EngineOptions options, std::uint64_t seed)
    : options_(std::move(options)), ledger_(std::move(name)), random_(io::make_seeded_random(seed)),
      fs_(std::make_unique<io::MemoryFileSystem>()) {
}

Life::~Life() {
  vanish();
}

bool Life::open() {
  auto opened = PlainEngine::open(*fs_, options_);
  if (opened)
    engine_ = std::move(*opened);
  if (opened)
    subscribe();
  return opened.ok();
}

void Life::subscribe() {
  SubscribeOptions options;
  options.from = QueueStart::at(ledger_.checkpoint());
  auto cursor = QueueCursor::open(std::shared_ptr<SharedQueue>(std::shared_ptr<void>(), engine_->parts.queue.get()),
                                  std::move(options));
  if (!cursor)
    return; // a shard is not there
  subscriber_.emplace(std::move(*cursor));
  engine_->after_step = [this] { observe(); };
  observe();
}

void Life::observe() {
  while (true) {
    const auto batch = subscriber_->read();
    if (!batch)
      return; // the disk says no, or the queue has ended
    for (const EventView& event : batch->events)
      ledger_.seen(event.position, event.payload);
    ledger_.seen_up_to(batch->next);
    if (batch->caught_up)
      return;
  }
}

void Life::store(const std::string& context_id, unsigned events, std::size_t bytes, Durability durability) {
  engine_->submit(ledger_.call(context_id, engine_->parts.router->shard_of(context_id), durability, events, bytes));
}

void Life::store_now(const std::string& context_id, unsigned events, std::size_t bytes, Durability durability) {
  store(context_id, events, bytes, durability);
  settle();
}

void Life::store_once(const std::string& context_id, unsigned events, std::size_t bytes, Durability durability) {
  const ShardId shard = engine_->parts.router->shard_of(context_id);
  engine_->submit(ledger_.call(context_id, shard, durability, events, bytes, true));
}

void Life::store_together(const std::string& one, const std::string& other, unsigned events, std::size_t bytes,
                          Durability durability) {
  const ShardId shard = engine_->parts.router->shard_of(one);
  engine_->submit(ledger_.together(one, other, shard, durability, events, bytes, true));
}

void Life::retry(std::size_t number, Durability durability) {
  const auto told = [this, number](const Result<Receipt>& answer) {
    if (!answer || !answer->duplicate)
      return;
    ++retries_known_;
    if (answer->durability == Durability::synced)
      ledger_.vouch_for(CallSet().set(number));
  };
  engine_->submit(ledger_.again(number, durability, Completion(told)));
}

void Life::remove(const std::string& context_id, Sequence before, bool closes) {
  engine_->submit(ledger_.removal(context_id, {before, closes}));
}

void Life::flush(ShardId shard) {
  static_cast<void>(engine_->flush(shard));
}

void Life::flush_now(ShardId shard) {
  flush(shard);
  settle();
}

void Life::merge_now(ShardId shard) {
  static_cast<void>(engine_->merge(shard));
  settle();
}

void Life::reserve_positions() {
  engine_->parts.reserve_positions();
  settle();
}

void Life::steps(unsigned count) {
  while (count-- > 0 && engine_->step(*random_)) {
  }
}

void Life::settle() {
  engine_->settle();
}

void Life::pass(std::chrono::milliseconds time) {
  engine_->pass(time);
}

void Life::close() {
  static_cast<void>(engine_->close().ok());
  ledger_.end_life();
  end_engine();
}

void Life::crash() {
  auto left = fs_->crash_image(io::CrashPolicy::random_subset(random_->next()));
  vanish();
  ledger_.end_machine();
  fs_ = std::move(left);
}

void Life::vanish() {
  ledger_.end_life();
  fs_->set_hook([](const io::Call&) { return std::optional(fail(Errc::io_error, "the process is dead")); });
  end_engine();
  fs_->set_hook({});
}

void Life::end_engine() {
  subscriber_.reset();
  if (engine_)
    engine_->after_step = nullptr; // what is posted still runs
  engine_.reset();
}

std::string Life::context(ShardId shard, unsigned number) const {
  return engine_->context_in(shard, "a", number);
}

} // namespace weir::trust
