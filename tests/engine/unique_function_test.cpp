#include "engine/unique_function.hpp"

#include <doctest/doctest.h>

#include <array>
#include <memory>
#include <utility>

using namespace weir;

TEST_CASE("unique function: small and large callables keep what they own until they are destroyed, once") {
  const auto owned = std::make_shared<int>(7);
  const auto check = [&owned](auto padding) {
    UniqueFunction<int(int)> function = [owned, padding](int add) { return *owned + add + padding[0]; };
    CHECK(owned.use_count() == 2);
    CHECK(function(1) == 8);
    UniqueFunction<int(int)> moved = std::move(function);
    CHECK_FALSE(static_cast<bool>(function));
    CHECK(owned.use_count() == 2);
    CHECK(moved(2) == 9);
    UniqueFunction<int(int)> other = [](int) { return 0; };
    other = std::move(moved);
    CHECK(other(3) == 10);
    CHECK(owned.use_count() == 2);
    other = {};
    CHECK(owned.use_count() == 1);
  };
  check(std::array<char, 1>{});
  check(std::array<char, 256>{});
}

TEST_CASE("unique function: carries what cannot be copied") {
  UniqueFunction<int()> function = [value = std::make_unique<int>(3)] { return *value; };
  UniqueFunction<int()> moved = std::move(function);
  CHECK(moved() == 3);
}
