#include <weir/result.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <set>
#include <string>

namespace weir {

namespace {

Status fails_with(Errc code) {
  WEIR_TRY(code == Errc::ok ? Status{} : Status{fail(code, "inside")});
  return fail(Errc::not_found, "went on");
}

} // namespace

TEST_CASE("result: holds a value or an error, and says which") {
  Result<int> good = 5;
  CHECK(good.ok());
  CHECK(*good == 5);
  CHECK(good.code() == Errc::ok);

  Result<int> bad = fail(Errc::disk_full, "no space", "wal/000/1.wal");
  CHECK_FALSE(bad.ok());
  CHECK(bad.code() == Errc::disk_full);
  CHECK(bad.error().message == "no space");
  CHECK(bad.error().where == "wal/000/1.wal");
}

TEST_CASE("result: a value that can only be moved moves through") {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(3);
  const std::unique_ptr<int> value = *std::move(result);
  CHECK(*value == 3);
}

TEST_CASE("status: success holds no error, and WEIR_TRY leaves at the first failure") {
  CHECK(Status{}.ok());
  CHECK(Status{}.code() == Errc::ok);
  CHECK(fails_with(Errc::locked).code() == Errc::locked);
  CHECK(fails_with(Errc::ok).code() == Errc::not_found);
}

TEST_CASE("errors: each code has a name of its own, and a text names code, message and place") {
  std::set<std::string_view> names;
  for (unsigned code = 0; code <= static_cast<unsigned>(Errc::unsupported); ++code)
    names.insert(to_string(static_cast<Errc>(code)));
  CHECK(names.size() == static_cast<unsigned>(Errc::unsupported) + 1);
  CHECK_FALSE(names.contains("unknown"));
  CHECK(to_string(static_cast<Errc>(200)) == "unknown");

  CHECK(to_string(fail(Errc::corruption, "block checksum differs", "a.seg:16384")) ==
        "corruption: block checksum differs (a.seg:16384)");
  CHECK(to_string(fail(Errc::closing, "the engine is closing")) == "closing: the engine is closing");
}

} // namespace weir
