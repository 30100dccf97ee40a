// What an engine does when one of its actors ends before it should. Nothing here runs by itself: the test plays every
// thread.
#include "actors/engine_core.hpp"
#include "engine/io/manual_clock.hpp"
#include "engine/io/manual_executor.hpp"
#include "engine/io/memory_file_system.hpp"
#include "tests/api/simulated_engine.hpp"
#include "tests/api/stored.hpp"
#include "tests/support/why.hpp"

#include <weir/actors.hpp>

#include <caf/scheduler/test_coordinator.hpp>
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

using namespace weir;
using namespace weir::test;

namespace {

struct TestConfig : caf::actor_system_config {
  TestConfig() { set("scheduler.policy", caf::atom("testing")); }
};

class SteppedEngine {
public:
  SteppedEngine() : mail_(dynamic_cast<caf::scheduler::test_coordinator&>(system_.scheduler())) { open(); }
  ~SteppedEngine() {
    end_process();
    settle();
  }

  void open() {
    end_process();
    auto clock = std::make_unique<io::ManualClock>();
    EngineSeams seams;
    seams.fs = fs_.share();
    seams.clock = std::move(clock);
    seams.random = io::make_seeded_random(42);
    seams.open_catalog = open_sqlite_catalog;
    seams.make_executor = [this](std::size_t) -> std::unique_ptr<io::IoExecutor> {
      auto executor = std::make_unique<io::ManualExecutor>();
      executors_.push_back(executor.get());
      return executor;
    };
    seams.stepped = Stepped{&system_, [this] { return step(); }};
    EngineOptions options;
    options.shards = 2;
    auto core = EngineCore::open(std::move(seams), options);
    REQUIRE_MESSAGE(core.ok(), why(core));
    engine_ = Engine::adopt(std::move(*core));
    for (caf::resumable* job : mail_.jobs) // each of its actors is to be started
      if (auto* const actor = dynamic_cast<caf::scheduled_actor*>(job))
        actors_[actor->name()] = actor->address();
    settle();
  }

  bool step() {
    return mail_.try_run_once() || std::any_of(executors_.begin(), executors_.end(),
                                               [](io::ManualExecutor* executor) { return executor->run_one(); });
  }
  void settle() {
    while (step()) {
    }
  }
  /// Ends the actor of that name, of several the last.
  void end(const std::string& name) {
    REQUIRE(actors_.count(name) == 1);
    caf::anon_send_exit(actors_[name], caf::exit_reason::kill);
  }
  Result<Receipt> store(const std::string& context, std::uint64_t number) {
    const Ticket ticket = engine_->store_async(numbered_event(context, 1, number));
    settle();
    REQUIRE(ticket.ready());
    return ticket.wait();
  }
  std::shared_ptr<std::vector<Errc>> ask_flush() {
    const auto answers = std::make_shared<std::vector<Errc>>();
    system_.spawn(
        [answers](caf::event_based_actor* self, const EngineActor& engine) {
          self->request(engine, caf::infinite, flush_atom_v)
              .then([answers] { answers->push_back(Errc::ok); },
                    [answers](const caf::error& error) { answers->push_back(to_error(error).code); });
        },
        spawn_engine_actor(system_, *engine_));
    return answers;
  }
  std::vector<Errc> flush() {
    const auto answers = ask_flush();
    settle();
    return *answers;
  }
  Engine& engine() { return *engine_; }
  io::MemoryFileSystem& fs() { return fs_; }

private:
  void end_process() {
    engine_.reset();
    executors_.clear(); // they went with it
  }

  TestConfig config_;
  caf::actor_system system_{config_};
  caf::scheduler::test_coordinator& mail_;
  io::MemoryFileSystem fs_;
  std::vector<io::ManualExecutor*> executors_;
  std::map<std::string, caf::actor_addr> actors_;
  std::optional<Engine> engine_;
};

} // namespace

TEST_CASE("actor death: a shard whose actor ends refuses its stores, the other one goes on, and nothing is lost") {
  SteppedEngine engine;
  const std::string dead = context_in_shard(engine.engine(), 1), alive = context_in_shard(engine.engine(), 0);
  REQUIRE(engine.store(dead, 1).ok());
  const Ticket before = engine.engine().store_async(numbered_event(dead, 1, 2)); // in the log already
  engine.end("weir-shard");
  engine.settle();
  REQUIRE(before.ready());
  CHECK(before.wait().ok());
  CHECK(engine.store(dead, 3).code() == Errc::shard_failed);
  CHECK(engine.store(alive, 1).ok());
  CHECK(engine.flush() == std::vector{Errc::closing}); // nobody is there to flush the one
  CHECK(read_dense(engine.engine(), dead).size() == 2);
  const Health health = engine.engine().health();
  CHECK(!health.ok);
  CHECK(health.shards[1].error.has_value());
  CHECK(!health.shards[0].error.has_value());
  CHECK(engine.engine().close().code() == Errc::shard_failed);
  engine.open();
  CHECK(read_dense(engine.engine(), dead).size() == 2);
  CHECK(engine.store(dead, 3).ok());
  CHECK(read_dense(engine.engine(), alive).size() == 1);
}

TEST_CASE("actor death: without manager or flusher no store is taken, and no store, flush or close is left waiting") {
  for (const char* who : {"weir-manager", "weir-flusher"}) {
    CAPTURE(who);
    SteppedEngine engine;
    REQUIRE(engine.store("c", 1).ok());
    engine.end(who);
    engine.settle();
    CHECK(engine.store("c", 2).code() == Errc::shard_failed);
    const std::vector<Errc> flushed = engine.flush();
    REQUIRE(flushed.size() == 1);
    CHECK(flushed.front() != Errc::ok);
    CHECK(read_dense(engine.engine(), "c").size() == 1);
    CHECK(engine.engine().close().code() == Errc::shard_failed);
    engine.open();
    CHECK(read_dense(engine.engine(), "c").size() == 1);
    CHECK(engine.store("c", 2).ok());
    CHECK(engine.flush() == std::vector{Errc::ok});
  }
}

TEST_CASE("actor death: without a compactor all goes on, and health() says so") {
  SteppedEngine engine;
  engine.end("weir-compactor");
  engine.settle();
  CHECK(engine.store("c", 1).ok());
  CHECK(engine.flush() == std::vector{Errc::ok});
  CHECK(engine.engine().health().warnings.size() == 1);
  CHECK(engine.engine().close().ok());
}

TEST_CASE("close: a flush that still waits is answered, though a replay keeps what it reads from alive") {
  SteppedEngine engine;
  REQUIRE(engine.store("c", 1).ok());
  const auto stream = engine.engine().replay("c");
  REQUIRE_MESSAGE(stream.ok(), why(stream));
  engine.fs().set_hook([](const io::Call& call) -> std::optional<Error> {
    if (call.operation == io::Operation::write && call.path.find("segments/") == 0)
      return fail(Errc::io_error, "made to fail");
    return std::nullopt;
  });
  CHECK(engine.flush() == std::vector{Errc::io_error});
  const auto waiting = engine.ask_flush(); // for the next try, which never comes: time stands still
  engine.settle();
  CHECK(waiting->empty());
  CHECK(engine.engine().close().code() == Errc::deadline_exceeded);
  engine.settle();
  CHECK(*waiting == std::vector{Errc::closing});
}
