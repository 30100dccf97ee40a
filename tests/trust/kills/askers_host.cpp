#include "trust/kills/askers_host.hpp"

#include "trust/kills/replay_host.hpp"
#include "trust/kills/speech.hpp"
#include "trust/kills/workload.hpp"

#include <string>
#include <string_view>

namespace weir::trust {

namespace {

constexpr std::uint64_t names = 5;
constexpr std::uint64_t acks_of_a_question = 8;
constexpr std::uint64_t acks_of_an_order = 40;

Query query_of(std::uint64_t number) {
  std::string text;
  switch (number % 3) {
  case 0:
    text = format("QUERY * WHERE payload.index >= {} COUNT AS n, TOTAL payload.call BY payload.writer", number % 4);
    break;
  case 1: text = "QUERY opened COUNT AS n, MAX payload.call, COUNT UNIQUE payload.life BY context_id"; break;
  default: text = "QUERY * RETURN [context_id, payload.call, payload.index] ORDER BY position DESC LIMIT 5";
  }
  auto query = parse_query(text);
  if (!query)
    give_up(text + ": " + to_string(query.error()));
  return *std::move(query);
}

Query parsed(const RememberedQuery& view) {
  auto query = parse_query(view.query);
  if (!query)
    give_up("view " + view.name + ": " + to_string(query.error()));
  return *std::move(query);
}

QueryResult must(Result<QueryResult> answer, const std::string& what) {
  if (!answer)
    give_up(what + ": " + to_string(answer.error()));
  return *std::move(answer);
}

/// Events in all groups; nothing for an answer of rows.
std::optional<std::uint64_t> counted(const QueryResult& answer) {
  std::size_t column = 0;
  while (column < answer.columns.size() && answer.columns[column] != "n")
    ++column;
  if (column == answer.columns.size())
    return std::nullopt;
  std::uint64_t events = 0;
  for (const auto& row : answer.rows)
    events += row[column].as_uint64().value_or(0);
  return events;
}

} // namespace

void Askers::check(bool answers) const {
  const std::vector<RememberedQuery> views = engine_.remembered();
  for (const RememberedQuery& view : views)
    say(format("view {} {}", view.name, view.query));
  say("views");
  for (std::size_t again = 0; answers && again < 2; ++again)
    for (const RememberedQuery& view : views) {
      const QueryResult shown = must(engine_.show(view.name), "show " + view.name);
      const QueryResult asked = must(engine_.query(parsed(view)), view.query);
      if (shown.columns != asked.columns || shown.rows != asked.rows)
        give_up(format("view {} shows other rows than {}", view.name, view.query));
      say("showed");
    }
}

void Askers::begin() {
  threads_.emplace_back([this] { ask_about_views(); });
  threads_.emplace_back([this] { compact(); });
}

void Askers::join() {
  for (std::thread& thread : threads_)
    thread.join();
}

/// Nothing is ever removed here, so what others store meanwhile makes an answer larger and never smaller.
void Askers::show(const std::string& name) const {
  const auto ask = [&]() -> std::optional<std::uint64_t> {
    for (const RememberedQuery& view : engine_.remembered())
      if (view.name == name)
        return counted(must(engine_.query(parsed(view)), view.query));
    give_up("view " + name + " is gone");
  };
  const auto before = ask();
  const auto shown = counted(must(engine_.show(name), "show " + name));
  const auto after = ask();
  if (before && (*shown < *before || *shown > *after))
    give_up(
        format("view {} shows {} events; its query found {} before and {} after it", name, *shown, *before, *after));
  say("showed");
}

void Askers::ask_about_views() const {
  Dice dice(orders_.seed * 17 + orders_.life);
  while (wait_for_stores(stored_, stopping_, acks_of_a_question)) {
    const std::string name = format("view-{}", dice.below(names));
    bool known = false;
    for (const RememberedQuery& view : engine_.remembered())
      known = known || view.name == name;
    if (!known) {
      const Query query = query_of(dice.next());
      say(format("remembers {} {}", name, to_text(query)));
      if (const Status status = engine_.remember(name, query); !status)
        give_up("remember: " + to_string(status.error()));
      say("remembered " + name);
    } else if (dice.below(3) == 0) {
      say("forgets " + name);
      if (const Status status = engine_.forget(name); !status)
        give_up("forget: " + to_string(status.error()));
      say("forgotten " + name);
    } else {
      show(name);
    }
  }
}

void Askers::compact() const {
  Dice dice(orders_.seed * 19 + orders_.life);
  while (wait_for_stores(stored_, stopping_, acks_of_an_order / 2 + dice.below(acks_of_an_order))) {
    switch (dice.below(4)) {
    case 0: engine_.set_compaction_rate(dice.below(2) == 0 ? 0 : 8 * MiB); break;
    case 1: engine_.pause_compaction(); break;
    default: {
      engine_.resume_compaction();
      CompactOptions options;
      options.all = dice.below(2) == 0;
      if (const auto report = engine_.compact(options); !report)
        give_up("compact: " + to_string(report.error()));
    }
    }
  }
}

} // namespace weir::trust
