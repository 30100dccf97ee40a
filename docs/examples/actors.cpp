// A service with CAF actors of its own: they speak to weir through an actor in their own system.
// docs/guides/embedding.md quotes from it.
#include <weir/actors.hpp>

#include <caf/all.hpp>

#include <cstdlib>
#include <iostream>
#include <string>

CAF_BEGIN_TYPE_ID_BLOCK(shop, caf::id_block::weir::end)
CAF_ADD_ATOM(shop, shop, place_atom, "place")
CAF_ADD_ATOM(shop, shop, load_atom, "load")
CAF_END_TYPE_ID_BLOCK(shop)

namespace {

[[noreturn]] void give_up(const caf::error& error) {
  std::cerr << to_string(weir::to_error(error)) << '\n';
  std::exit(1);
}

weir::Event placed(const std::string& order, int total) {
  return {.context_id = order, .event_type = "order_placed", .payload = R"({"total":)" + std::to_string(total) + "}"};
}

// Takes orders from its clients; weir answers them, this actor does not wait.
caf::behavior order_desk(caf::event_based_actor* self, const weir::EngineActor& engine) {
  return {
      [=](shop::place_atom, const std::string& order, int total) {
        return self->delegate(engine, weir::store_atom_v, placed(order, total));
      },
  };
}

// Stores many events with at most `window` in flight: enough to share syncs, and a bound on its own memory.
struct LoaderState {
  static constexpr int window = 256;

  caf::event_based_actor* self = nullptr;
  weir::EngineActor engine;
  caf::response_promise done;
  int total = 0;
  int sent = 0;
  int answered = 0;

  void fill() {
    for (; sent < total && sent - answered < window; ++sent)
      self->request(engine, caf::infinite, weir::store_atom_v, placed("bulk-" + std::to_string(sent % 10), sent))
          .then(
              [this](const weir::Receipt&) {
                if (++answered == total)
                  done.deliver(total);
                else
                  fill();
              },
              [this](const caf::error& error) { done.deliver(error); });
  }
};

caf::behavior loader(caf::stateful_actor<LoaderState>* self, const weir::EngineActor& engine) {
  self->state.self = self;
  self->state.engine = engine;
  return {
      [self](shop::load_atom, int total) {
        self->state.total = total;
        self->state.done = self->make_response_promise();
        self->state.fill();
        return self->state.done;
      },
  };
}

void print_events(caf::scoped_actor& self, const weir::EngineActor& engine, const std::string& order) {
  weir::ReplayActor replay;
  self->request(engine, caf::infinite, weir::replay_atom_v, order, weir::ReplayOptions{})
      .receive([&](const weir::ReplayActor& opened) { replay = opened; }, give_up);
  for (bool more = true; more;)
    // Each request is a credit for one batch; an empty one is the end.
    self->request(replay, caf::infinite, weir::next_atom_v)
        .receive(
            [&](const weir::EventBatchPtr& batch) {
              more = !batch->empty();
              for (const auto& event : *batch)
                std::cout << event.context_id << ' ' << event.sequence << ' ' << event.payload << '\n';
            },
            give_up);
}

} // namespace

int main(int argc, char** argv) {
  caf::actor_system_config config;
  caf::actor_system system(config); // yours; weir has one of its own inside
  auto opened = weir::Engine::open(argc > 1 ? argv[1] : "orders");
  if (!opened) {
    std::cerr << to_string(opened.error()) << '\n';
    return 1;
  }
  auto engine = weir::spawn_engine_actor(system, *opened);

  caf::scoped_actor self(system);
  auto desk = self->spawn(order_desk, engine);
  self->request(desk, caf::infinite, shop::place_atom_v, "order-42", 12)
      .receive([](const weir::Receipt& receipt) { std::cout << "stored as " << receipt.sequence << '\n'; }, give_up);
  self->request(self->spawn(loader, engine), caf::infinite, shop::load_atom_v, 5'000)
      .receive([](int stored) { std::cout << stored << " stored\n"; }, give_up);
  print_events(self, engine, "order-42");
  self->request(engine, caf::infinite, weir::query_atom_v, "QUERY order_placed WHERE payload.total < 100 COUNT")
      .receive(
          [](const weir::QueryResultPtr& result) { std::cout << to_json(result->rows[0][0]) << " small orders\n"; },
          give_up);

  // In this order: the door, the actors that use it, the engine; the system goes last, by itself.
  self->send(engine, weir::detach_atom_v);
  self->send_exit(desk, caf::exit_reason::user_shutdown);
  if (auto status = opened->close(); !status) {
    std::cerr << to_string(status.error()) << '\n';
    return 1;
  }
}
