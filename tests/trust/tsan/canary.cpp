// Planted races: the thread sanitizer must report them, or its silence about weir says nothing.
//
//   weir_tsan_canary threads    two threads count in one variable
//   weir_tsan_canary actors     two actors on different workers count in one variable
//   weir_tsan_canary clean      the same, with the variable handed over properly: nothing to report
//
// The two of a pair meet before they count, so that neither is done before the other begins: the race is there in every
// run. They meet through atomics without order, which hide nothing from the sanitizer. Threading: that is the point.
#include <atomic>
#include <cstddef>
#include <cstdio>
#include <string_view>
#include <thread>

#ifdef WEIR_CANARY_HAS_CAF
#include <caf/all.hpp>
#endif

namespace {

class Meeting {
public:
  void wait_for_the_other() {
    here_.fetch_add(1, std::memory_order_relaxed);
    while (here_.load(std::memory_order_relaxed) < 2)
      std::this_thread::yield();
  }

private:
  std::atomic<int> here_{0};
};

struct Shared {
  Meeting meeting;
  int unguarded = 0;
  std::atomic<int> guarded{0};
};

void count(Shared& shared, bool race) {
  shared.meeting.wait_for_the_other();
  for (int i = 0; i < 1'000; ++i)
    if (race)
      ++shared.unguarded;
    else
      ++shared.guarded;
}

void with_threads(bool race) {
  Shared shared;
  std::thread one([&] { count(shared, race); }), other([&] { count(shared, race); });
  one.join();
  other.join();
}

#ifdef WEIR_CANARY_HAS_CAF

void with_actors(bool race) {
  Shared shared;
  caf::actor_system_config config;
  config.set("scheduler.policy", caf::atom("sharing"));
  config.set("scheduler.max-threads", std::size_t{2});
  caf::actor_system system(config);
  // With an argument: CAF 0.17.6 dereferences a null pointer for a function spawned without any.
  const auto counter = [](caf::event_based_actor* self, Shared* counted, bool racing) -> caf::behavior {
    return {[counted, racing, self](int) {
      count(*counted, racing);
      self->quit();
    }};
  };
  const caf::actor one = system.spawn(counter, &shared, race), other = system.spawn(counter, &shared, race);
  caf::anon_send(one, 1);
  caf::anon_send(other, 1);
  system.await_all_actors_done();
}

// What is handed over in messages is no race, though two workers see it: CAF's own synchronisation is understood.
void hand_over() {
  int passed = 0;
  caf::actor_system_config config;
  config.set("scheduler.policy", caf::atom("sharing"));
  config.set("scheduler.max-threads", std::size_t{2});
  caf::actor_system system(config);
  const auto player = [](caf::event_based_actor* self, int* counted) -> caf::behavior {
    return {[counted, self](int left, const caf::actor& next) {
      ++*counted;
      self->send(next, left - 1, caf::actor_cast<caf::actor>(self));
      if (left <= 1)
        self->quit();
    }};
  };
  const caf::actor one = system.spawn(player, &passed), other = system.spawn(player, &passed);
  caf::anon_send(one, 10'000, other);
  system.await_all_actors_done();
  std::printf("%d messages passed\n", passed);
}

#endif

} // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc == 2 ? argv[1] : "";
  if (what == "threads") {
    with_threads(true);
    return 0;
  }
#ifdef WEIR_CANARY_HAS_CAF
  if (what == "actors") {
    with_actors(true);
    return 0;
  }
#endif
  if (what == "clean") {
    with_threads(false);
#ifdef WEIR_CANARY_HAS_CAF
    with_actors(false);
    hand_over();
#endif
    return 0;
  }
  std::fprintf(stderr, "usage: %s threads|actors|clean\n", argv[0]);
  return 2;
}
