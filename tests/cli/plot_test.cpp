#include "api/cli/plot.hpp"
#include "api/cli/plot_bar.hpp"
#include "api/cli/printable.hpp"
#include "engine/time_text.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

using namespace weir;
using cli::BarScale;
using cli::PlotStyle;

namespace {

Timestamp at(const std::string& date, const std::string& time = "00:00:00") {
  return parse_timestamp(date + "T" + time + "Z").value();
}

Query per(TimeUnit unit, std::vector<std::string> by = {}) {
  Query query;
  query.per_unit = unit;
  query.group_by = std::move(by);
  query.aggregates.push_back({Aggregate::Kind::count, {}, {}});
  return query;
}

QueryResult answer(std::vector<std::string> columns, std::vector<std::vector<Value>> rows) {
  QueryResult result;
  result.columns = std::move(columns);
  result.rows = std::move(rows);
  return result;
}

std::string drawn(const BarScale& scale, double number) {
  std::string out;
  const std::size_t columns = scale.append(out, number);
  CHECK(cli::display_width(out) == columns);
  return out;
}

constexpr PlotStyle ascii{60, false};
constexpr PlotStyle blocks{60, true};

} // namespace

TEST_CASE("plot: a bar for each time, days without rows as gaps") {
  const auto result = answer({"day", "count"}, {{at("2024-02-28"), 10}, {at("2024-03-01"), 5}, {at("2024-03-10"), 1}});
  CHECK(cli::plot(per(TimeUnit::day), result, ascii).value() ==
        "count per day\n"
        "2024-02-28  ############################################  10\n"
        "2024-02-29\n"
        "2024-03-01  ######################                         5\n"
        "            no rows for 8 days\n"
        "2024-03-10  ####                                           1\n");
}

TEST_CASE("plot: UTF-8 bars are exact to an eighth of a column") {
  const auto result =
      answer({"month", "count"}, {{at("2024-01-01"), 1000}, {at("2024-02-01"), 501}, {at("2024-03-01"), 1}});
  const std::string text = cli::plot(per(TimeUnit::month), result, blocks).value();
  CHECK(text == "count per month\n"
                "2024-01  █████████████████████████████████████████████  1000\n"
                "2024-02  ██████████████████████▌                         501\n"
                "2024-03  ▏                                                 1\n");
}

TEST_CASE("plot: groups are told apart at each time") {
  const auto result = answer({"hour", "payload.country", "count"},
                             {{at("2024-01-01", "10:00:00"), Value(), 1},
                              {at("2024-01-01", "10:00:00"), "NO", 2},
                              {at("2024-01-01", "11:00:00"), "a name that is far too long to stand here", 2}});
  CHECK(cli::plot(per(TimeUnit::hour, {"payload.country"}), result, {64, false}).value() ==
        "count per hour\n"
        "2024-01-01 10:00  null            ##############               1\n"
        "                  NO              ###########################  2\n"
        "2024-01-01 11:00  a name that i…  ###########################  2\n");
}

TEST_CASE("plot: each column with numbers is drawn, others are not") {
  const auto result = answer({"year", "last payload.state", "total payload.amount"},
                             {{at("2023-01-01"), "open", 2.5}, {at("2024-01-01"), Value(), Value()}});
  const std::string text = cli::plot(per(TimeUnit::year), result, ascii).value();
  CHECK(text == "total payload.amount per year\n"
                "2023  #################################################  2.5\n"
                "2024\n");
  const auto two = answer({"year", "count", "count unique payload.user"}, {{at("2023-01-01"), 2, 1}});
  const std::string both = cli::plot(per(TimeUnit::year), two, ascii).value();
  CHECK(both.find("count per year\n2023  ") == 0);
  CHECK(both.find("\n\ncount unique payload.user per year\n2023  ") != std::string::npos);
}

TEST_CASE("plot: negative numbers go to the left of zero") {
  const auto result =
      answer({"day", "total payload.amount"}, {{at("2024-01-01"), -10}, {at("2024-01-02"), 10}, {at("2024-01-03"), 0}});
  CHECK(cli::plot(per(TimeUnit::day), result, ascii).value() ==
        "total payload.amount per day\n"
        "2024-01-01  ######################                       -10\n"
        "2024-01-02                        #####################   10\n"
        "2024-01-03                                                 0\n");
}

TEST_CASE("plot: rows are put in the order of time, those without one come last") {
  const auto result = answer({"day", "count"}, {{Value(), 3}, {at("2024-01-02"), 2}, {at("2024-01-01"), 1}});
  const std::string text = cli::plot(per(TimeUnit::day), result, ascii).value();
  const auto place = [&](const char* part) { return text.find(part); };
  CHECK(place("2024-01-01") < place("2024-01-02"));
  CHECK(place("2024-01-02") < place("no time"));
}

TEST_CASE("plot: what cannot be plotted says why") {
  Query plain;
  CHECK(cli::plot(plain, answer({"count"}, {{1}}), ascii).error().message.find("a query with PER") !=
        std::string::npos);
  const auto texts = answer({"day", "min payload.a"}, {{at("2024-01-01"), "x"}});
  CHECK(cli::plot(per(TimeUnit::day), texts, ascii).error().message.find("no column of the answer has numbers") !=
        std::string::npos);
  std::vector<std::vector<Value>> rows;
  for (int i = 0; i < 8; ++i)
    rows.push_back({at("2024-01-01"), i, 1});
  CHECK(cli::plot(per(TimeUnit::day, {"payload.n"}), answer({"day", "payload.n", "count"}, rows), ascii).ok());
  rows.push_back({at("2024-01-02"), 8, 1});
  CHECK(cli::plot(per(TimeUnit::day, {"payload.n"}), answer({"day", "payload.n", "count"}, rows), ascii).code() ==
        Errc::invalid_argument);
  CHECK(cli::plot(per(TimeUnit::day), answer({"day", "count"}, {}), ascii).value() == "count per day\nno rows\n");
}

TEST_CASE("plot: no line is wider than the terminal, whatever the numbers") {
  const double numbers[] = {0,        1,         -1, 1e300, -1e300, 1.7e308, -1.7e308, 5e-324, 1e-9, 123456789.125,
                            INFINITY, -INFINITY, NAN};
  for (const bool utf8 : {false, true})
    for (const std::size_t width : {0, 60, 61, 79, 200})
      for (const double first : numbers)
        for (const double second : numbers) {
          const auto result = answer({"minute", "payload.a", "payload.b", "avg payload.x"},
                                     {{at("2024-01-01", "00:01:00"), "\x1b[2J", 7, first},
                                      {at("9999-01-01", "00:00:00"), "b", Value(), second}});
          const auto text = cli::plot(per(TimeUnit::minute, {"payload.a", "payload.b"}), result, {width, utf8});
          REQUIRE(text.ok());
          std::istringstream lines(*text);
          for (std::string line; std::getline(lines, line);)
            REQUIRE_MESSAGE(cli::display_width(line) <= std::max(width, cli::plot_width_min), line);
          REQUIRE(text->find('\x1b') == std::string::npos);
        }
}

TEST_CASE("plot bars: what is not zero is seen, and the largest fills the width") {
  const BarScale scale(0, 1000, 8, true);
  CHECK(drawn(scale, 1000) == "████████");
  CHECK(drawn(scale, 500) == "████");
  CHECK(drawn(scale, 0.001) == "▏");
  CHECK(drawn(scale, 0) == "");
  const BarScale below(-3, 0, 6, false);
  CHECK(drawn(below, -3) == "######");
  CHECK(drawn(below, -0.001) == "     #");
  const BarScale uneven(-1, 1000, 10, false);
  CHECK(drawn(uneven, -1) == "#");
  CHECK(drawn(uneven, 1000) == " #########");
}

TEST_CASE("plot numbers: integers in full, others with two digits") {
  CHECK(cli::number_text(UINT64_MAX) == "18446744073709551615");
  CHECK(cli::number_text(2.0) == "2");
  CHECK(cli::number_text(2.345678) == "2.35");
  CHECK(cli::number_text(-100.5) == "-100.5");
  CHECK(cli::number_text(0.00123456) == "0.00123");
  CHECK(cli::number_text(1e20) == "1e+20");
  CHECK(cli::number_text(0.0) == "0");
}

TEST_CASE("plot times: steps of months and years, before 1970 too") {
  CHECK(cli::units_between(at("1969-11-01"), at("1970-02-01"), TimeUnit::month) == 3);
  CHECK(cli::time_after(at("1969-11-01"), 3, TimeUnit::month) == at("1970-02-01"));
  CHECK(cli::time_after(at("1970-02-01"), -3, TimeUnit::month) == at("1969-11-01"));
  CHECK(cli::units_between(at("1968-01-01"), at("2024-01-01"), TimeUnit::year) == 56);
  CHECK(cli::time_after(at("1968-01-01"), 56, TimeUnit::year) == at("2024-01-01"));
  CHECK(cli::units_between(at("2024-02-26"), at("2024-03-11"), TimeUnit::week) == 2);
  CHECK(cli::time_label(at("2024-03-01", "12:05:00"), TimeUnit::minute) == "2024-03-01 12:05");
  CHECK(cli::time_label(at("2024-03-01"), TimeUnit::year) == "2024");
}
