#include "engine/door.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace weir {

TEST_CASE("door: shut at first, lets in while it is open, and lets those inside leave before shut returns") {
  Door door;
  CHECK_FALSE(Door::Inside(door));
  door.open();
  Door::Inside first(door);
  CHECK(first);
  CHECK(Door::Inside(door)); // also one who is inside already
  std::atomic<bool> shut{false};
  std::thread closer([&] {
    door.shut();
    shut.store(true);
  });
  while (Door::Inside(door))
    std::this_thread::yield();
  CHECK_FALSE(shut.load());
  first.leave();
  closer.join();
  CHECK(shut.load());
  CHECK_FALSE(Door::Inside(door));
}

TEST_CASE("door: nobody is inside once it is shut, however many come and go") {
  for (int round = 0; round < 50; ++round) {
    Door door;
    door.open();
    std::atomic<int> inside{0};
    std::atomic<bool> over{false};
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i)
      threads.emplace_back([&] {
        while (!over.load())
          if (const Door::Inside in(door); in) {
            inside.fetch_add(1);
            inside.fetch_sub(1);
          }
      });
    std::this_thread::yield();
    door.shut();
    const int left = inside.load();
    over.store(true);
    for (std::thread& thread : threads)
      thread.join();
    CHECK(left == 0);
  }
}

} // namespace weir
