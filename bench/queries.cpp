#include "bench/queries.hpp"

#include "bench/meter.hpp"
#include "bench/process.hpp"

#include <chrono>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace weir::bench {

namespace {

// Both at least, whoever answers: five answers of less than a millisecond find a processor that has not woken up yet.
constexpr int warm_runs = 1, timed_runs = 5;
constexpr double warm_ms = 50, timed_ms = 200;

struct Asked {
  const char* shape;
  const char* says;
  Question question;
};

/// What is asked of the workload's first `events`.
std::vector<Asked> questions(const Workload& workload, std::size_t events) {
  constexpr std::int64_t second_us = 1'000'000;
  const std::int64_t begin = workload.row(0).timestamp_us / second_us * second_us;
  const std::int64_t span = workload.row(events - 1).timestamp_us / second_us * second_us - begin;
  const Question whole = {Topic::count, "payment_authorized", begin, begin + span, 1'000};
  const Question tenth = {Topic::count, "payment_authorized", begin + span / 2, begin + span / 2 + span / 10, 1'000};
  return {
      {"tenth-of-time", "count of one type with a numeric condition in a tenth of the time, page cache warm", tenth},
      {"whole-time", "count of one type with a numeric condition over the whole time, page cache warm", whole},
      {"by-type", "count of the events of each type, page cache warm", {.topic = Topic::by_type}},
      {"top-sums",
       "the ten contexts with the largest sum of a field over events of one type, page cache warm",
       {.topic = Topic::top_sums, .event_type = "payment_captured"}},
      {"three-steps",
       "count of sequences of three types linked by a field, none sharing an event, page cache warm",
       {.topic = Topic::three_steps}}};
}

Line line_of(const std::string& shape, const std::string& suffix, const char* says) {
  return {"query", shape + suffix, "flushed", "ms", true, says};
}

constexpr const char* second_prefix = "second/";

/// The median in ms.
double ask_often(Adapter& adapter, const Asked& asked, const Answer& expected) {
  const auto repeat = [&](int runs_min, double ms_min) {
    Series ms;
    double total_ms = 0;
    for (int run = 0; run < runs_min || total_ms < ms_min; ++run) {
      const auto before = Clock::now();
      const Answer found = adapter.ask(asked.question);
      const double took_ms = std::chrono::duration<double, std::milli>(Clock::now() - before).count();
      if (found != expected)
        throw std::runtime_error(std::string("a wrong answer to query/") + asked.shape);
      ms.add(took_ms);
      total_ms += took_ms;
    }
    return ms.median();
  };
  (void)repeat(warm_runs, warm_ms);
  return repeat(timed_runs, timed_ms);
}

/// The median of each, under its shape; those of the second way with a prefix.
Figures ask(const Job& job, std::size_t events) {
  job.workload.touch();
  const auto adapter = job.peer.make();
  adapter->open({.directory = job.directory, .durable = false});
  adapter->settle(); // merges after a load of millions go on for a while; what they cost is asked by mixed/
  Figures figures;
  std::vector<std::pair<Asked, Answer>> all;
  for (const Asked& asked : questions(job.workload, events)) {
    Examiner examiner(asked.question);
    for (std::size_t i = 0; i < events; ++i)
      examiner.add(job.workload.row(i));
    all.emplace_back(asked, examiner.answer());
  }
  for (const auto& [asked, expected] : all)
    figures.set(asked.shape, ask_often(*adapter, asked, expected));
  if (!adapter->second_way().empty()) {
    adapter->take_second_way();
    for (const auto& [asked, expected] : all)
      figures.set(std::string(second_prefix) + asked.shape, ask_often(*adapter, asked, expected));
  }
  adapter->close();
  return figures;
}

} // namespace

std::vector<Line> query_lines(const std::string& suffix) {
  // Their texts do not depend on the events.
  static const Workload one({.events = 1, .contexts = 1});
  std::vector<Line> lines;
  for (const Asked& asked : questions(one, 1))
    lines.push_back(line_of(asked.shape, suffix, asked.says));
  return lines;
}

void measure_queries(const Job& job, std::size_t events, const std::string& suffix) {
  const Figures asked = in_child([&] { return ask(job, events); });
  const std::string second = job.peer.make()->second_way();
  for (const Line& line : query_lines(suffix)) {
    const std::string shape = line.shape.substr(0, line.shape.size() - suffix.size());
    job.add(line, asked.number(shape));
    if (!second.empty())
      job.results.add(line, second, "", asked.number(second_prefix + shape));
  }
}

} // namespace weir::bench
