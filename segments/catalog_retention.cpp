#include "segments/catalog_retention.hpp"

#include "engine/sabotage.hpp"
#include "engine/text.hpp"
#include "engine/time_text.hpp"
#include "segments/catalog_rows.hpp"

#include <weir/limits.hpp>

#include <tuple>
#include <utility>

namespace weir::catalog {

using sqlite::Database;
using sqlite::Statement;

namespace {

/// As the table has it: 0 where the rule does not say.
std::int64_t age_of(const RetentionRule& rule) {
  return rule.age ? rule.age->count() : 0;
}

std::uint64_t checksum(const RetentionRule& rule, std::uint64_t seed) noexcept {
  return hash_words({kind_retention_rule, hash64(rule.context_prefix, seed), hash64(rule.event_type, seed),
                     static_cast<std::uint64_t>(age_of(rule)), rule.count.value_or(0)},
                    seed);
}

std::uint64_t checksum(const RetentionPoint& point, bool applied, std::uint64_t seed) noexcept {
  return hash_words({kind_retention_point, point.before, static_cast<std::uint64_t>(microseconds(point.now)),
                     std::uint64_t{applied ? 1u : 0u}},
                    seed);
}

Status read_rules(Database& database, const Head& head, std::uint64_t& sum, std::vector<RetentionRule>& rules) {
  return for_each_row(database,
                      "SELECT context_prefix, event_type, age, count, checksum FROM retention_rules "
                      "ORDER BY context_prefix, event_type",
                      [&](const Statement& row) -> Status {
                        RetentionRule rule{std::string(row.text(0)), std::string(row.text(1)), {}, {}};
                        if (row.integer(2) != 0)
                          rule.age = std::chrono::microseconds(row.integer(2));
                        if (row.u64(3) != 0)
                          rule.count = row.u64(3);
                        if (row.u64(4) != checksum(rule, head.directory_seed) &&
                            !sabotaged(Sabotage::ignore_catalog_checksum))
                          return corrupt(database, checksum_differs,
                                         format("table retention_rules, context prefix '{}' event type '{}'",
                                                rule.context_prefix, rule.event_type));
                        sum += row.u64(4);
                        rules.push_back(std::move(rule));
                        return {};
                      });
}

Status read_point(Database& database, const Head& head, std::uint64_t& sum, RetentionRecord& retention) {
  return for_each_row(database, "SELECT before, now, applied, checksum FROM retention_point",
                      [&](const Statement& row) -> Status {
                        const RetentionPoint point{row.u64(0), Timestamp(std::chrono::microseconds(row.integer(1)))};
                        retention.applied = row.integer(2) == 1;
                        if ((row.u64(3) != checksum(point, retention.applied, head.directory_seed) &&
                             !sabotaged(Sabotage::ignore_catalog_checksum)) ||
                            row.u64(2) > 1)
                          return corrupt(database, checksum_differs, "table retention_point");
                        sum += row.u64(3);
                        retention.point = point;
                        return {};
                      });
}

Status write(Database& database, const RetentionRule& rule, std::uint64_t directory_seed) {
  auto statement = database.prepare(
      "INSERT INTO retention_rules(context_prefix, event_type, age, count, checksum) VALUES(?,?,?,?,?)");
  if (!statement)
    return std::move(statement).error();
  return statement->bind(1, std::string_view(rule.context_prefix))
      .bind(2, std::string_view(rule.event_type))
      .bind(3, age_of(rule))
      .bind_u64(4, rule.count.value_or(0))
      .bind_u64(5, checksum(rule, directory_seed))
      .run();
}

} // namespace

const char* fault(const RetentionRecord& retention) noexcept {
  if (retention.rules.size() > limits::retention_rules_max)
    return "there are too many rules";
  const RetentionRule* before = nullptr;
  for (const RetentionRule& rule : retention.rules) {
    if (rule.context_prefix.size() > limits::context_id_bytes_max ||
        rule.event_type.size() > limits::event_type_bytes_max)
      return "the length of a rule's name is out of range";
    if ((!rule.age && !rule.count) || rule.count == std::uint64_t{0} || rule.count == sequence_max ||
        (rule.age && (rule.age->count() < 1 || *rule.age > limits::retention_age_max)))
      return "a rule's age or count is out of range";
    if (before != nullptr &&
        std::tie(before->context_prefix, before->event_type) >= std::tie(rule.context_prefix, rule.event_type))
      return "the rules are out of order";
    before = &rule;
  }
  if (retention.point && !timestamp_in_range(retention.point->now))
    return "the time of the point is out of range";
  return nullptr;
}

std::uint64_t checksum_sum(const RetentionRecord& retention, std::uint64_t directory_seed) noexcept {
  std::uint64_t sum = retention.point ? checksum(*retention.point, retention.applied, directory_seed) : 0;
  for (const RetentionRule& rule : retention.rules)
    sum += checksum(rule, directory_seed);
  return sum;
}

Result<RetentionRecord> read_retention(Database& database, const Head& head, std::uint64_t& sum) {
  RetentionRecord retention;
  WEIR_TRY(read_rules(database, head, sum, retention.rules));
  WEIR_TRY(read_point(database, head, sum, retention));
  if (const char* why = fault(retention))
    return corrupt(database, why, "retention");
  return retention;
}

Status write(Database& database, const RetentionRecord& retention, std::uint64_t directory_seed) {
  WEIR_TRY(database.execute("DELETE FROM retention_rules"));
  for (const RetentionRule& rule : retention.rules)
    WEIR_TRY(write(database, rule, directory_seed));
  if (!retention.point)
    return database.execute("DELETE FROM retention_point");
  auto statement =
      database.prepare("REPLACE INTO retention_point(id, before, now, applied, checksum) VALUES(1,?,?,?,?)");
  if (!statement)
    return std::move(statement).error();
  return statement->bind_u64(1, retention.point->before)
      .bind(2, microseconds(retention.point->now))
      .bind(3, std::int64_t{retention.applied ? 1 : 0})
      .bind_u64(4, checksum(*retention.point, retention.applied, directory_seed))
      .run();
}

} // namespace weir::catalog
