#include "actors/freeing.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <thread>

using namespace weir;

TEST_CASE("freeing: the query after those that left much waits until one of them is freed") {
  const auto freeing = std::make_shared<Freeing>();
  const query::QueryControl control;
  auto first = Freeing::begin(freeing);
  REQUIRE(freeing->wait_for_room(control).ok());
  const auto second = Freeing::begin(freeing);
  std::atomic<bool> freed{false};
  std::thread frees([&] {
    freed = true;
    first.reset();
  });
  CHECK(freeing->wait_for_room(control).ok());
  CHECK(freed);
  frees.join();
  CHECK(freeing->wait_for_room(control).ok()); // one is none too many
}

TEST_CASE("freeing: whoever waits can be cancelled, and does not wait for ever") {
  const auto freeing = std::make_shared<Freeing>();
  const auto first = Freeing::begin(freeing), second = Freeing::begin(freeing);
  std::atomic<bool> cancel{true};
  query::QueryControl control;
  control.cancel = &cancel;
  CHECK(freeing->wait_for_room(control).code() == Errc::cancelled);
  cancel = false;
  const auto begun = std::chrono::steady_clock::now();
  CHECK(freeing->wait_for_room(control).ok());
  CHECK(std::chrono::steady_clock::now() - begun >= Freeing::wait_max / 2);
}
