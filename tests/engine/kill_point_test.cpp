#include "engine/kill_point.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

using namespace weir;

TEST_CASE("kill point: names are different, and say first who and then when") {
  std::vector<std::string_view> names(std::begin(kill_point_names), std::end(kill_point_names));
  CHECK(names.size() >= 40);
  for (const std::string_view name : names) {
    CAPTURE(std::string(name));
    CHECK(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_.") == name.npos);
    CHECK(std::count(name.begin(), name.end(), '.') == 1);
  }
  std::sort(names.begin(), names.end());
  CHECK(std::adjacent_find(names.begin(), names.end()) == names.end());
}

TEST_CASE("kill point: a name stands for its place in the list") {
  static_assert(KillPoint("create.after_directory").index() == 0);
  constexpr KillPoint point("flush.after_catalog");
  CHECK(kill_point_names[point.index()] == "flush.after_catalog");
}

#ifdef WEIR_TEST_POINTS

namespace {
std::vector<std::size_t> hit;
} // namespace

TEST_CASE("kill point: the hook is told which one was reached, as long as it is set") {
  hit.clear();
  kill_point("flush.begin");
  kill_hook.store([](std::size_t point) noexcept { hit.push_back(point); });
  kill_point("log.before_write");
  kill_point("close.begin");
  kill_hook.store(nullptr);
  kill_point("flush.begin");
  CHECK(hit == std::vector{KillPoint("log.before_write").index(), KillPoint("close.begin").index()});
}

#else

TEST_CASE("kill point: in shipped builds it is nothing") {
  static_assert((kill_point("flush.begin"), true), "the call is a constant, so it leaves no code behind");
}

#endif
