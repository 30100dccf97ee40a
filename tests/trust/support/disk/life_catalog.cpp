// What a life asks of schemas and retention; the rest of it is in life.cpp.

#include "engine/context_walk.hpp"
#include "engine/retention_judge.hpp"
#include "trust/support/disk/catalog_texts.hpp"
#include "trust/support/disk/judge.hpp"
#include "trust/support/disk/planted.hpp"
#include "trust/support/disk/workloads.hpp"

#include <functional>
#include <map>
#include <utility>

namespace weir::trust {

void Life::define(Schema schema) {
  std::string text = text_of_versions(engine_->parts.schemas, schema.event_type);
  const std::string added = to_text(schema) + "\n";
  // The catalog is not asked about a version that is known, so one that it refused before may still turn up.
  const bool known = text.find(added) != std::string::npos;
  const std::function<void(const Status&)> told =
      known ? [](const Status&) {} : ledger_.record(schema_record, text += added);
  const auto answered = [this, told](const Result<std::uint32_t>& version) {
    told(version ? Status() : version.error());
    if (version)
      ledger_.books().schemas.push_back({*version, ledger_.calls().size()});
  };
  if (is_planted(Planted::schema_not_kept))
    answered(1U);
  else
    engine_->define_schema(std::move(schema), answered);
}

/// False if that failed.
bool Life::keep_retention(const RetentionRecord& record) {
  const auto told = ledger_.record(retention_record, text_of(record));
  bool kept = false;
  const auto answered = [told, &kept](const Status& status) {
    told(status);
    kept = status.ok();
  };
  if (is_planted(Planted::retention_not_kept))
    answered({});
  else
    engine_->set_retention(record, answered);
  settle();
  return kept;
}

void Life::set_rules(std::vector<RetentionRule> rules) {
  RetentionRecord record = engine_->parts.retention.record();
  record.rules = std::move(rules);
  record.applied = true;
  static_cast<void>(keep_retention(record));
}

/// As EngineCore::apply_retention.
void Life::retain() {
  RetentionRecord record = engine_->parts.retention.record();
  if (!record.point || record.applied) {
    record.point = {engine_->parts.watermark->now(), engine_->parts.clock->now()};
    record.applied = false;
    if (!keep_retention(record))
      return;
  }
  auto& decided = ledger_.books().retained[text_of_run(record)];
  std::map<std::string, Sequence> to_remove;
  const auto visit = [&](std::string_view context) -> Status {
    const std::string context_id(context);
    const ShardParts& shard = engine_->shard(engine_->parts.router->shard_of(context));
    const auto verdict =
        judge_retention(shard.table->view(), context, record.rules, *record.point, [] { return Status(); });
    if (!verdict)
      return verdict.error();
    const bool known = !decided.emplace(context_id, verdict->first_to_stay).second;
    need(!known || decided[context_id] == verdict->first_to_stay,
         "I17: retention goes on with another decision about " + context_id);
    if (is_planted(Planted::retention_one_too_many))
      ++decided[context_id];
    if (verdict->first_to_stay != verdict->first_live)
      to_remove[context_id] = verdict->first_to_stay;
    return {};
  };
  for (const std::string& prefix : prefixes_of(record.rules))
    if (!walk_contexts(engine_->views(), prefix, visit))
      return;
  const std::size_t first = ledger_.removals().size();
  for (const auto& [context, first_to_stay] : to_remove) {
    remove(context, first_to_stay);
    steps(2);
  }
  settle();
  for (std::size_t i = first; i < ledger_.removals().size(); ++i)
    if (!ledger_.removals()[i].answer || !ledger_.removals()[i].answer->ok())
      return;
  record.applied = true;
  static_cast<void>(keep_retention(record));
}

} // namespace weir::trust
