#include "api/cli/console.hpp"
#include "api/cli/printable.hpp"
#include "api/cli/progress.hpp"

#include <doctest/doctest.h>

using namespace weir;
using namespace std::chrono_literals;

TEST_CASE("progress: events, rate, part done and time left") {
  CHECK(cli::progress_text("import", {.events = 50'000, .done = 250, .total = 1000, .elapsed = 2s}) ==
        "import  50,000 events  25,000/s  25 %  about 6 s left");
  CHECK(cli::progress_text("import", {.events = 1, .done = 1, .total = 1001, .elapsed = 1s}) ==
        "import  1 events  1/s  0 %  about 16 min 40 s left");
}

TEST_CASE("progress: what nobody can know is left out") {
  CHECK(cli::progress_text("import", {.events = 1000, .done = 500, .total = 0, .elapsed = 1s}) ==
        "import  1,000 events  1,000/s");
  CHECK(cli::progress_text("import", {.events = 0, .done = 0, .total = 10, .elapsed = 0s}) == "import  0 events  0/s");
  CHECK(cli::progress_text("import", {.events = 5, .done = 11, .total = 10, .elapsed = 1s}) == "import  5 events  5/s");
  CHECK(cli::progress_text("import", {.events = 5, .done = 10, .total = 10, .elapsed = 1s}) ==
        "import  5 events  5/s  100 %");
}

TEST_CASE("progress: numbers and durations as people write them") {
  CHECK(cli::with_separators(0) == "0");
  CHECK(cli::with_separators(999) == "999");
  CHECK(cli::with_separators(1000) == "1,000");
  CHECK(cli::with_separators(UINT64_MAX) == "18,446,744,073,709,551,615");
  CHECK(cli::duration_text(0ms) == "0.00 s");
  CHECK(cli::duration_text(1'239ms) == "1.23 s");
  CHECK(cli::duration_text(9'999ms) == "9.99 s");
  CHECK(cli::duration_text(10s) == "10 s");
  CHECK(cli::duration_text(61s) == "1 min 01 s");
  CHECK(cli::duration_text(3'900s) == "1 h 05 min");
  CHECK(cli::rate_per_second(1000, 0ms) == 0);
  CHECK(cli::rate_per_second(3, 2ms) == 1500);
}

TEST_CASE("console: an error is one line, whatever it quotes") {
  CHECK(cli::error_line(fail(Errc::io_error, "reading failed", "a.jsonl")) == "weir: reading failed (a.jsonl)");
  CHECK(cli::error_line(fail(Errc::io_error, "two\nlines \x1b[31m")) == "weir: two\\nlines \\u001b[31m");
}

TEST_CASE("printable: cutting counts characters and never splits one") {
  const auto cut = [](std::string text, std::size_t width) {
    cli::cut_to_width(text, width);
    return text;
  };
  CHECK(cut("abc", 3) == "abc");
  CHECK(cut("abcd", 3) == "ab\xe2\x80\xa6");
  CHECK(cut("\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f", 3) == "\xc3\xa4\xc3\xb6\xe2\x80\xa6");
  CHECK(cut("abcd", 1) == "\xe2\x80\xa6");
}
