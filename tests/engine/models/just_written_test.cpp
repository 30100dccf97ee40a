#include "engine/models/just_written.hpp"

#include <doctest/doctest.h>

#include <string>
#include <thread>

using namespace weir;

TEST_CASE("es_model: what a thread has just written is taken once, by itself, and for this payload alone") {
  const std::string payload = R"({"n":1})";
  CHECK_FALSE(JustWritten::take(payload));
  {
    JustWritten written(payload, Json::object({{"n", 1}}));
    CHECK_FALSE(JustWritten::take(R"({"n":2})"));
    CHECK_FALSE(JustWritten::take(""));
    std::thread([&] { CHECK_FALSE(JustWritten::take(payload)); }).join();
    const auto taken = JustWritten::take(payload);
    REQUIRE(taken);
    CHECK(taken->to_text() == payload);
    CHECK_FALSE(JustWritten::take(payload));
  }
  CHECK_FALSE(JustWritten::take(payload));
}

TEST_CASE("es_model: a write within another one's has its own payload, and the outer one is there again behind it") {
  JustWritten outer("1", 1);
  {
    JustWritten inner("2", 2);
    CHECK_FALSE(JustWritten::take("1"));
    CHECK(JustWritten::take("2") == Json(2));
  }
  CHECK(JustWritten::take("1") == Json(1));
}
