#include "trust/support/load/load.hpp"

#include <weir/actors.hpp>

#include <chrono>
#include <deque>
#include <utility>

namespace weir::trust {

namespace {

using Clock = std::chrono::steady_clock;

struct ActorLoad {
  EngineActor engine;
  Book* book = nullptr;
  std::function<std::vector<Event>(std::size_t context, std::uint32_t& number)> make;
  const std::atomic<bool>* stop = nullptr;
  std::vector<std::size_t> contexts;
  std::size_t window = 0;
  std::uint64_t calls_max = 0, made = 0, under_way = 0;
  bool done = false;
};

void pump(caf::stateful_actor<ActorLoad>* self) {
  ActorLoad& load = self->state;
  while (!load.done && load.under_way < load.window) {
    const std::size_t context = load.contexts[load.made % load.contexts.size()];
    if (*load.stop || load.made == load.calls_max || !load.book->has_room(context)) {
      load.done = true;
      break;
    }
    std::uint32_t number = 0;
    std::vector<Event> events = load.make(context, number);
    ++load.made;
    ++load.under_way;
    const auto answered = [self, context, number](const Result<Receipt>& receipt) {
      self->state.book->answered(context, number, receipt);
      --self->state.under_way;
      pump(self);
    };
    self->request(load.engine, caf::infinite, store_atom_v, load.book->context_id(context), std::move(events),
                  StoreOptions{})
        .then([answered](const Receipt& receipt) { answered(receipt); },
              [answered](const caf::error& error) { answered(to_error(error)); });
  }
  if (load.under_way == 0)
    self->quit();
}

} // namespace

struct Load::Actors {
  caf::actor_system_config config;
  caf::actor_system system;
  EngineActor engine;

  explicit Actors(const Engine& served)
      : system(config.set("scheduler.max-threads", std::size_t{2})), engine(spawn_engine_actor(system, served)) {}
};

Load::Load(Engine& engine, Book& book, std::function<void(std::uint64_t)> offered)
    : engine_(engine), book_(book), offered_(std::move(offered)) {
}

Load::~Load() {
  stop();
}

void Load::start(std::function<void()> run) {
  threads_.emplace_back(std::move(run));
}

std::vector<Event> Load::make(std::size_t context, std::uint32_t& number) {
  number = book_.begin(context);
  std::vector<Event> events = book_.events(context, number);
  if (offered_) {
    std::uint64_t bytes = 0;
    for (const Event& event : events)
      bytes += event.payload.size();
    offered_(bytes);
  }
  return events;
}

void Load::at_pace(const std::vector<std::size_t>& contexts, const Pace& pace,
                   const std::function<void(std::size_t context)>& call) {
  const auto began = Clock::now();
  for (std::uint64_t made = 0; made < pace.calls_max && !stop_; ++made) {
    const std::size_t context = contexts[made % contexts.size()];
    if (!book_.has_room(context))
      break;
    // A sender that was kept waiting catches up: the pace is what is offered, not what could be.
    const std::chrono::duration<double> due(static_cast<double>(made) / pace.calls_per_s);
    if (!await_turn(began + std::chrono::duration_cast<Clock::duration>(due)))
      break;
    call(context);
    add_one(made_);
    made_one_.notify_all();
  }
  const std::scoped_lock lock(mutex_);
  if (--still_making_ == 0) {
    none_left_.notify_all();
    made_one_.notify_all();
  }
}

bool Load::await_turn(std::chrono::steady_clock::time_point due) {
  if (Clock::now() >= due)
    return true;
  std::unique_lock lock(mutex_);
  return !stopped_.wait_until(lock, due, [this] { return stop_.load(); });
}

bool Load::await_calls(std::uint64_t more) {
  std::unique_lock lock(mutex_);
  const std::uint64_t until = made_ + more;
  made_one_.wait(lock, [&] { return made_ >= until || still_making_ == 0; });
  return made_ >= until;
}

bool Load::await_all_made(std::chrono::milliseconds longest) {
  std::unique_lock lock(mutex_);
  return none_left_.wait_for(lock, longest, [this] { return still_making_ == 0; });
}

void Load::await_all_made() {
  std::unique_lock lock(mutex_);
  none_left_.wait(lock, [this] { return still_making_ == 0; });
}

void Load::add_one(std::uint64_t& what) {
  const std::scoped_lock lock(mutex_);
  ++what;
}

void Load::paced(std::vector<std::size_t> contexts, const Pace& pace) {
  add_one(still_making_);
  start([this, contexts = std::move(contexts), pace] {
    at_pace(contexts, pace, [&](std::size_t context) {
      std::uint32_t number = 0;
      std::vector<Event> events = make(context, number);
      add_one(outstanding_);
      engine_.store_async(book_.context_id(context), std::move(events),
                          [this, context, number](const Result<Receipt>& receipt) {
                            book_.answered(context, number, receipt);
                            const std::scoped_lock lock(mutex_);
                            if (--outstanding_ == 0)
                              none_left_.notify_all();
                          });
    });
  });
}

void Load::trying(std::vector<std::size_t> contexts, const Pace& pace) {
  add_one(still_making_);
  start([this, contexts = std::move(contexts), pace] {
    struct Tried {
      std::size_t context;
      std::uint32_t number;
      Ticket ticket;
    };
    std::deque<Tried> open;
    const auto take_answer = [&] {
      book_.answered(open.front().context, open.front().number, open.front().ticket.wait());
      open.pop_front();
    };
    at_pace(contexts, pace, [&](std::size_t context) {
      while (!open.empty() && open.front().ticket.ready())
        take_answer();
      std::uint32_t number = 0;
      std::vector<Event> events = make(context, number);
      Ticket ticket = engine_.try_store(book_.context_id(context), std::move(events));
      if (ticket.ready()) // refused: nothing to keep
        book_.answered(context, number, ticket.wait());
      else
        open.push_back({context, number, std::move(ticket)});
    });
    while (!open.empty())
      take_answer();
  });
}

void Load::waiting(std::vector<std::size_t> contexts) {
  start([this, contexts = std::move(contexts)] {
    StoreOptions briefly;
    briefly.timeout_ms = std::chrono::milliseconds(50);
    for (std::size_t next = 0; !stop_; ++next) {
      const std::size_t context = contexts[next % contexts.size()];
      if (!book_.has_room(context))
        break;
      std::uint32_t number = 0;
      std::vector<Event> events = make(context, number);
      book_.answered(
          context, number,
          engine_.store(book_.context_id(context), std::move(events), next % 2 == 0 ? briefly : StoreOptions{}));
    }
  });
}

void Load::actor(std::vector<std::size_t> contexts, std::size_t window, std::uint64_t calls_max) {
  if (!actors_)
    actors_ = std::make_unique<Actors>(engine_);
  ActorLoad load;
  load.engine = actors_->engine;
  load.book = &book_;
  load.make = [this](std::size_t context, std::uint32_t& number) { return make(context, number); };
  load.stop = &stop_;
  load.contexts = std::move(contexts);
  load.window = window;
  load.calls_max = calls_max;
  actors_->system.spawn(
      [](caf::stateful_actor<ActorLoad>* self, const ActorLoad& given) {
        self->state = given;
        pump(self);
      },
      load);
}

void Load::stop() {
  {
    const std::scoped_lock lock(mutex_); // nobody is between the look at it and the wait
    stop_ = true;
  }
  stopped_.notify_all();
  for (std::thread& thread : threads_)
    thread.join();
  threads_.clear();
  if (actors_) {
    caf::anon_send(actors_->engine, detach_atom_v);
    actors_->system.await_all_actors_done(); // an actor ends with its last answer
    actors_.reset();
  }
  std::unique_lock lock(mutex_);
  none_left_.wait(lock, [this] { return outstanding_ == 0; }); // callbacks that still come use what is ours
}

} // namespace weir::trust
