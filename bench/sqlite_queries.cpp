#include "bench/sqlite_queries.hpp"

#include <utility>

namespace weir::bench {

namespace {

bool build(SqliteConnection& connection, SqliteQueries::Indexes indexes) {
  connection.execute("CREATE TABLE facts AS SELECT type, timestamp, context, sequence, "
                     "CAST(round(json_extract(CAST(payload AS TEXT), '$.amount') * 100) AS INTEGER) AS hundredths, "
                     "json_extract(CAST(payload AS TEXT), '$.customer_id') AS customer FROM events");
  connection.execute(indexes == SqliteQueries::Indexes::covering
                         ? "CREATE INDEX facts_by_time ON facts(type, timestamp, hundredths);"
                           "CREATE INDEX facts_by_context ON facts(type, context, hundredths);"
                           "CREATE INDEX facts_by_customer ON facts(customer, sequence, type);"
                         : "CREATE INDEX facts_by_time ON facts(type, timestamp);"
                           "CREATE INDEX facts_by_context ON facts(context);"
                           "CREATE INDEX facts_by_amount ON facts(hundredths);"
                           "CREATE INDEX facts_by_customer ON facts(customer);");
  connection.execute("ANALYZE facts");
  return true;
}

} // namespace

SqliteQueries::SqliteQueries(SqliteConnection& connection, Indexes indexes)
    : built_(build(connection, indexes)), type_(connection.get(), "SELECT id FROM types WHERE name = ?1"),
      count_(connection.get(), "SELECT count(*) FROM facts WHERE type = ?1 AND timestamp >= ?2 AND timestamp < ?3 AND "
                               "hundredths >= ?4"),
      by_type_(connection.get(), "SELECT t.name, c.events FROM (SELECT type, count(*) AS events FROM facts GROUP BY "
                                 "type) c JOIN types t ON t.id = c.type"),
      top_sums_(connection.get(), "SELECT c.name, s.total FROM (SELECT context, sum(hundredths) AS total FROM facts "
                                  "WHERE type = ?1 AND hundredths IS NOT NULL GROUP BY context) s JOIN contexts c ON "
                                  "c.id = s.context ORDER BY s.total DESC, c.name LIMIT ?2"),
      steps_(connection.get(), "SELECT customer, type FROM facts WHERE type IN (?1, ?2, ?3) ORDER BY customer, "
                               "sequence") {
}

Answer SqliteQueries::ask(const Question& question) {
  switch (question.topic) {
  case Topic::count: return count(question);
  case Topic::by_type: return by_type();
  case Topic::top_sums: return top_sums(question);
  case Topic::three_steps: return count_sequences();
  }
  return {};
}

std::int64_t SqliteQueries::type_number(std::string_view name) {
  type_.bind_text(1, name);
  const std::int64_t number = type_.step() ? type_.integer(0) : -1;
  type_.reset();
  return number;
}

Answer SqliteQueries::count(const Question& question) {
  count_.bind(1, type_number(question.event_type));
  count_.bind(2, question.from_us);
  count_.bind(3, question.until_us);
  count_.bind(4, std::int64_t{100} * question.amount_min);
  count_.step();
  const std::int64_t events = count_.integer(0);
  count_.reset();
  return {{"", events}};
}

Answer SqliteQueries::by_type() {
  Answer answer;
  while (by_type_.step())
    answer.emplace_back(by_type_.bytes(0), by_type_.integer(1));
  by_type_.reset();
  return in_order(Topic::by_type, std::move(answer));
}

Answer SqliteQueries::top_sums(const Question& question) {
  Answer answer;
  top_sums_.bind(1, type_number(question.event_type));
  top_sums_.bind(2, static_cast<std::int64_t>(top_rows));
  while (top_sums_.step())
    answer.emplace_back(top_sums_.bytes(0), top_sums_.integer(1));
  top_sums_.reset();
  return in_order(Topic::top_sums, std::move(answer));
}

Answer SqliteQueries::count_sequences() {
  std::int64_t numbers[3];
  for (int step = 0; step < 3; ++step) {
    numbers[step] = type_number(three_steps[step]);
    steps_.bind(step + 1, numbers[step]);
  }
  std::int64_t sequences = 0;
  std::string customer;
  StepCounter counter;
  while (steps_.step()) {
    if (steps_.bytes(0) != customer) {
      customer = steps_.bytes(0);
      counter = {};
    }
    const std::int64_t type = steps_.integer(1);
    const std::size_t step = type == numbers[0] ? 0 : type == numbers[1] ? 1 : 2;
    sequences += counter.add(step) ? 1 : 0;
  }
  steps_.reset();
  return {{"", sequences}};
}

} // namespace weir::bench
