#include "trust/support/disk/judge_queries.hpp"

#include "engine/query/executor.hpp"
#include "trust/support/disk/judge_parts.hpp"

#include <cstdio>
#include <map>
#include <set>
#include <utility>
#include <vector>

namespace weir::trust {

namespace {

using ResultRows = std::vector<std::vector<Value>>;

Query parsed(const std::string& text) {
  auto query = parse_query(text);
  if (!query)
    throw std::runtime_error(text + ": " + to_string(query.error()));
  return *std::move(query);
}

/// Column by column what the query gives, with pruning and columns, and without.
QueryResult ask(const std::string& text, const std::vector<ShardView>& views) {
  const Query query = parsed(text);
  query::QueryControl control;
  const auto quick = query::run(query, views, control);
  control.prune = false;
  control.columns = false;
  const auto slow = query::run(query, views, control);
  for (const auto* each : {&quick, &slow})
    need(each->ok(), "I8: " + text + ": " + (each->ok() ? "" : to_string(each->error())));
  need(quick->rows == slow->rows, "I6: columns and payloads differ: " + text);
  return *quick;
}

/// What a payload of the ledger says.
struct Said {
  int call = 0, event = 0;
  bool more = false;
};

Said said_by(std::string_view payload) {
  const std::string text(payload);
  Said said;
  int read = 0;
  need(std::sscanf(text.c_str(), R"({"from":"%*[^"]","call":%d,"event":%d%n)", &said.call, &said.event, &read) == 2,
       "I8: no payload of ours: " + text.substr(0, 60));
  said.more = text[static_cast<std::size_t>(read)] == ',';
  return said;
}

} // namespace

void check_columns(const PlainEngine& engine) {
  const std::vector<ShardView> views = engine.views();
  bool segments = false;
  for (const ShardView& view : views)
    segments = segments || !view.segments->empty();
  if (!segments)
    return; // no columns anywhere
  ResultRows later, bare, longest;
  std::int64_t total = 0;
  std::uint64_t count = 0;
  std::multimap<std::pair<int, std::int64_t>, std::vector<Value>> by_call;
  for (const auto& row :
       ask("QUERY * RETURN [context_id, sequence, position, payload] ORDER BY position", views).rows) {
    const Said said = said_by(*row[3].as_json());
    if (said.event >= 1)
      later.push_back({row[0], row[1], said.call, said.event});
    if (!said.more)
      bare.push_back({row[0], row[1], said.call});
    by_call.insert({{-said.call, *row[2].as_int64()}, {row[2], said.call}});
    total += said.call;
    ++count;
  }
  for (const auto& [key, row] : by_call)
    if (longest.size() < 3)
      longest.push_back(row);
  const auto expect = [&](const std::string& text, const ResultRows& rows) {
    need(ask(text, views).rows == rows, "I6: not what payloads say: " + text);
  };
  expect("QUERY stored WHERE payload.event >= 1 RETURN [context_id, sequence, payload.call, payload.event] "
         "ORDER BY position",
         later);
  expect("QUERY * WHERE payload.more IS NULL RETURN [context_id, sequence, payload.call] ORDER BY position", bare);
  expect("QUERY * RETURN [position, payload.call] ORDER BY payload.call DESC, position LIMIT 3", longest);
  const QueryResult sums = ask("QUERY * COUNT AS n, TOTAL payload.call AS calls BY payload.from", views);
  std::uint64_t counted = 0;
  std::int64_t summed = 0;
  for (std::size_t i = 0; i < sums.rows.size(); ++i) {
    counted += static_cast<std::uint64_t>(*sums.row(i).get<std::int64_t>("n"));
    summed += *sums.row(i).get<std::int64_t>("calls");
  }
  need(counted == count && summed == total, "I6: count and sum by columns are not those of the payloads");
}

void check_view(PlainEngine& engine, const std::string& name, MayFail may_fail) {
  const auto view = engine.parts.views.find(name);
  if (!view)
    return;
  const auto fresh = query::run(view->query, engine.views(), {});
  const auto shown = engine.show(name);
  for (const auto* each : {&fresh, &shown})
    need(each->ok() || may_fail == MayFail::yes,
         "I14: view " + name + (each->ok() ? "" : ": " + to_string(each->error())));
  if (fresh && shown)
    need(shown->columns == fresh->columns && shown->rows == fresh->rows,
         "I14: view " + name + " shows other rows than " + view->text);
}

void check_all_views(PlainEngine& engine) {
  for (const RememberedQuery& view : engine.parts.views.all())
    for (int again = 0; again < 2; ++again)
      check_view(engine, view.name, MayFail::no);
}

void check_definitions(const PlainEngine& engine, const Ledger& ledger) {
  const auto possible = possible_texts(ledger.views());
  std::map<std::string, std::string> there;
  for (const RememberedQuery& view : engine.parts.views.all()) {
    there[view.name] = view.query;
    need(possible.contains(view.name), "I14: there is a view " + view.name + " that nobody asked for");
  }
  for (const auto& [name, texts] : possible)
    need(texts.contains(there[name]),
         "I14: view " + name + (there[name].empty() ? " is gone" : " is there as " + there[name]));
}

} // namespace weir::trust
