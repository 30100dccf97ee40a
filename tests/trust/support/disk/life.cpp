#include "trust/support/disk/judge_queries.hpp"
#include "trust/support/disk/workloads.hpp"

#include <stdexcept>
#include <utility>

namespace weir::trust {

using namespace std::chrono_literals;

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

void Life::store_if(const std::string& context_id, const Terms& terms, unsigned events, Durability durability) {
  const ShardId shard = engine_->parts.router->shard_of(context_id);
  engine_->submit(ledger_.call(context_id, shard, durability, events, 60, true, terms));
}

void Life::store_together(const std::string& one, const std::string& other, unsigned events, std::size_t bytes,
                          Durability durability, const Terms& of_one, const Expectation& of_other) {
  const ShardId shard = engine_->parts.router->shard_of(one);
  engine_->submit(ledger_.together(one, other, shard, durability, events, bytes, true, of_one, of_other));
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

bool Life::compact(bool all, const std::function<void(unsigned step)>& meanwhile) {
  constexpr unsigned steps_max = 500; // on a disk that does not get well it goes on for ever
  CompactOptions options;
  options.all = all;
  options.cancel = std::make_shared<std::atomic<bool>>(false);
  unsigned step = 0;
  const auto report = engine_->compact(options, [&] {
    meanwhile(step);
    if (++step == steps_max)
      options.cancel->store(true);
    step_or_wait();
    return true;
  });
  return report.ok();
}

void Life::remember(const std::string& name, const std::string& text) {
  const auto query = parse_query(text);
  if (!query)
    throw std::runtime_error(to_string(query.error()));
  engine_->remember(name, *query, ledger_.view(name, to_text(*query)));
}

void Life::forget(const std::string& name) {
  engine_->forget(name, ledger_.view(name, ""));
}

void Life::show(const std::string& name) {
  check_view(*engine_, name, MayFail::yes);
}

void Life::reserve_positions() {
  engine_->parts.reserve_positions();
  settle();
}

void Life::step_or_wait() {
  if (!engine_->step(*random_))
    engine_->pass(100ms);
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
