#include "bench/queries.hpp"

#include "bench/meter.hpp"
#include "bench/process.hpp"

#include <chrono>
#include <stdexcept>

namespace weir::bench {

namespace {

constexpr int warm_runs = 1;
constexpr int timed_runs = 5;

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

/// The median of each, under its shape.
Figures ask(const Job& job, std::size_t events) {
  job.workload.touch();
  const auto adapter = job.peer.make();
  adapter->open({.directory = job.directory, .durable = false});
  Figures figures;
  for (const Asked& asked : questions(job.workload, events)) {
    Examiner examiner(asked.question);
    for (std::size_t i = 0; i < events; ++i)
      examiner.add(job.workload.row(i));
    const Answer expected = examiner.answer();
    Series ms;
    for (int run = 0; run < warm_runs + timed_runs; ++run) {
      const auto before = Clock::now();
      const Answer found = adapter->ask(asked.question);
      const double took_ms = std::chrono::duration<double, std::milli>(Clock::now() - before).count();
      if (found != expected)
        throw std::runtime_error(std::string("a wrong answer to query/") + asked.shape);
      if (run >= warm_runs)
        ms.add(took_ms);
    }
    figures.set(asked.shape, ms.median());
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
  for (const Line& line : query_lines(suffix))
    job.add(line, asked.number(line.shape.substr(0, line.shape.size() - suffix.size())));
}

} // namespace weir::bench
