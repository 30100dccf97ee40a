// A service with actors and an engine on a simulated disk, and how a test asks its actors.
#pragma once

#include "tests/api/opened.hpp"
#include "tests/support/why.hpp"

#include <weir/actors.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>

namespace weir::test {

struct Service {
  SimulatedDisk disk{};
  caf::actor_system_config config{};
  std::optional<caf::actor_system> system{};
  std::optional<Engine> engine{};
  EngineActor door{};
  explicit Service(const EngineOptions& options = {}, std::unique_ptr<io::Clock> clock = nullptr) {
    config.set("scheduler.max-threads", std::size_t{2});
    system.emplace(config);
    engine.emplace(opened(disk, options, std::move(clock)));
    door = spawn_engine_actor(*system, *engine);
  }
  ~Service() {
    if (engine)
      CHECK(engine->close().ok());
    door = nullptr;
  }
};

template <class Answer, class Handle, class... Args>
Result<Answer> ask(caf::scoped_actor& self, const Handle& handle, Args&&... args) {
  Result<Answer> result = fail(Errc::io_error, "no answer at all");
  self->request(handle, caf::infinite, std::forward<Args>(args)...)
      .receive([&](Answer& answer) { result = std::move(answer); },
               [&](const caf::error& error) { result = to_error(error); });
  return result;
}

[[nodiscard]] inline SubscriptionActor subscribed(caf::scoped_actor& self, const EngineActor& door,
                                                  const SubscribeOptions& options) {
  auto subscription = ask<SubscriptionActor>(self, door, subscribe_atom_v, options);
  REQUIRE_MESSAGE(subscription.ok(), why(subscription));
  return *subscription;
}

} // namespace weir::test
