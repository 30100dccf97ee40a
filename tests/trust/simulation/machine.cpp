#include "trust/simulation/machine.hpp"

#include "actors/engine_core.hpp"
#include "engine/hash.hpp"

#include <sqlite3.h>

#include <algorithm>

namespace weir::trust {

namespace {

// The longest anything of the engine waits before it tries again is five minutes.
constexpr unsigned waits_max = 500;
constexpr std::chrono::seconds wait{1};

const caf::mailbox_element* next_message(caf::resumable& receiver) {
  auto* const actor = dynamic_cast<caf::scheduled_actor*>(&receiver);
  return actor == nullptr ? nullptr : actor->mailbox().peek();
}

std::string kind_of(const caf::mailbox_element& message) {
  std::string kind = message.mid.is_response() ? "answer" : "message";
  const auto& content = message.content();
  for (std::size_t i = 0; i < std::min<std::size_t>(content.size(), 1); ++i) {
    kind += ' ';
    if (content.match_element<caf::atom_value>(i))
      kind += caf::to_string(content.get_as<caf::atom_value>(i));
    else if (content.type(i).second != nullptr)
      kind += content.type(i).second->name();
    else
      kind += std::to_string(content.type(i).first);
  }
  return kind;
}

} // namespace

Machine::Machine(std::uint64_t seed)
    : chance_(seed), disk_(std::make_unique<io::MemoryFileSystem>()), now_(std::chrono::seconds{1'700'000'000}),
      mail_weight_(chance_.any_of<std::size_t>({1, 2, 4, 16})),
      work_weight_(chance_.any_of<std::size_t>({1, 2, 4, 16})) {
  config_.set("scheduler.policy", caf::atom("testing"));
  actors_.emplace(config_);
  mail_ = &dynamic_cast<caf::scheduler::test_coordinator&>(actors_->scheduler());
}

Machine::~Machine() {
  static_cast<void>(close());
  while (mail_->try_run_once()) {
  }
}

Status Machine::open(const EngineOptions& options) {
  // SQLite marks each journal with random numbers.
  sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SEED, 1, nullptr);
  seen_.clear();
  dying_ = false;
  auto clock = std::make_unique<io::ManualClock>(now_);
  clock_ = clock.get();
  EngineSeams seams;
  seams.fs = disk_->share();
  seams.clock = std::move(clock);
  seams.random = io::make_seeded_random(chance_.next());
  seams.open_catalog = open_sqlite_catalog;
  seams.make_executor = [this](std::size_t) -> std::unique_ptr<io::IoExecutor> {
    const bool first = executor_ == nullptr;
    auto executor = std::make_unique<io::ManualExecutor>(first ? clock_ : nullptr);
    (first ? executor_ : lookups_) = executor.get();
    return std::make_unique<BlockingExecutor>(std::move(executor), blocking_);
  };
  seams.stepped = Stepped{&*actors_, [this] { return go_on(); }};
  auto core = EngineCore::open(std::move(seams), options);
  if (!core) {
    executor_ = lookups_ = nullptr;
    return std::move(core).error();
  }
  core_ = *core;
  engine_ = Engine::adopt(std::move(*core));
  ingress_ = spawn_engine_actor(*actors_, *engine_);
  waits_in_vain_ = 0;
  return {};
}

Status Machine::close() {
  if (!engine_)
    return {};
  waits_in_vain_ = 0;
  Status closed = engine_->close();
  now_ = clock_->now();
  while (step()) { // who asks now is told that it is closed
  }
  ingress_ = nullptr;
  engine_.reset();
  core_.reset();
  clock_ = nullptr;
  executor_ = lookups_ = nullptr;
  while (step()) { // actors that nobody knows any more end
  }
  return closed;
}

bool Machine::step() {
  const std::size_t mail = mail_->jobs.empty() ? 0 : mail_weight_;
  const std::size_t work = executor_ == nullptr || executor_->pending() == 0 ? 0 : work_weight_;
  const std::size_t looks = lookups_ == nullptr || lookups_->pending() == 0 ? 0 : 1;
  if (mail + work + looks == 0)
    return false;
  const std::size_t which = chance_.pick(mail + work + looks);
  if (which < mail)
    deliver();
  else
    (which < mail + work ? executor_ : lookups_)->run_one(chance_.source());
  waits_in_vain_ = 0;
  return true;
}

bool Machine::go_on() {
  if (step())
    return true;
  if (executor_ == nullptr || executor_->delayed() == 0 || waits_in_vain_ == waits_max)
    return false;
  ++waits_in_vain_;
  executor_->advance(wait);
  return true;
}

void Machine::pass(std::chrono::nanoseconds time) {
  executor_->advance(time);
}

void Machine::let_pass(std::chrono::nanoseconds time) {
  constexpr std::chrono::nanoseconds bit = std::chrono::milliseconds(250);
  for (auto left = time;; left -= bit) {
    while (step()) {
    }
    if (left.count() <= 0)
      return;
    pass(std::min(left, bit));
  }
}

void Machine::deliver() {
  auto& jobs = mail_->jobs;
  std::swap(jobs.front(), jobs[chance_.pick(jobs.size())]);
  note(*jobs.front());
  mail_->run_once();
}

void Machine::note(caf::resumable& receiver) {
  const caf::mailbox_element* const message = next_message(receiver);
  if (message == nullptr) // an actor's first breath
    return;
  auto& actor = dynamic_cast<caf::scheduled_actor&>(receiver);
  if (seen_.find(actor.id()) == seen_.end())
    seen_[actor.id()] = {actor.name(), actor.address()};
  if (!counting_)
    return;
  ++messages_;
  const std::string kind = kind_of(*message);
  order_hash_ = hash64(kind, order_hash_ ^ actor.id());
  if (trace_ != nullptr)
    trace_->push_back(std::string(actor.name()) + " #" + std::to_string(actor.id()) + ": " + kind);
}

bool Machine::end_actor(std::string_view name, caf::exit_reason why) {
  std::vector<caf::actor> alive;
  for (const auto& [id, actor] : seen_)
    if (actor.first.find(name) != std::string::npos)
      if (auto handle = caf::actor_cast<caf::actor>(actor.second))
        alive.push_back(std::move(handle));
  if (alive.empty())
    return false;
  caf::anon_send_exit(alive[chance_.pick(alive.size())], why);
  return true;
}

} // namespace weir::trust
