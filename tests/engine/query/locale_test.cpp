// A service may have set any locale; what a query computes and prints does not depend on it.
#include "engine/query/arithmetic.hpp"
#include "tests/support/shared_data.hpp"
#include "tests/support/temp_directory.hpp"
#include <weir/query_result.hpp>

#include <doctest/doctest.h>

#include <clocale>
#include <cstdlib>
#include <fstream>
#include <string>

using namespace weir;
using namespace weir::query;

namespace {

/// While it lives, numbers of the C library have a comma where others have a point, if such a locale can be made here.
class DecimalComma {
public:
  DecimalComma() {
    std::ofstream(directory_.path("source")) << "LC_NUMERIC\ndecimal_point \",\"\nthousands_sep \"\"\ngrouping -1\n"
                                                "END LC_NUMERIC\n";
    const std::string command =
        "localedef -c -i " + directory_.path("source") + " -f UTF-8 " + directory_.path("comma") + " >/dev/null 2>&1";
    // It warns of all that it is not told, which is no failure here.
    [[maybe_unused]] const int code = std::system(command.c_str());
    ::setenv("LOCPATH", directory_.path().c_str(), 1);
    set_ = std::setlocale(LC_NUMERIC, "comma") != nullptr;
  }
  ~DecimalComma() {
    std::setlocale(LC_NUMERIC, "C");
    ::unsetenv("LOCPATH");
  }
  DecimalComma(const DecimalComma&) = delete;
  DecimalComma& operator=(const DecimalComma&) = delete;

  [[nodiscard]] bool set() const noexcept { return set_; }

private:
  test::TempDirectory directory_;
  bool set_ = false;
};

} // namespace

TEST_CASE("query functions: round and printed numbers know no decimal comma") {
  const DecimalComma locale;
  if (!locale.set())
    return test::skip_test("localedef is not there, or knows no UTF-8");
  REQUIRE(std::string(std::localeconv()->decimal_point) == ",");
  CHECK(to_value(rounded(ValueView::of_real(2.345678), 2)) == Value(2.35));
  CHECK(to_value(rounded(ValueView::of_real(0.125), 2)) == Value(0.13));
  CHECK(to_json(Value(2.5)) == "2.5");
}
