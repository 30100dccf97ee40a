#include "trust/support/disk/judge_records.hpp"

#include "engine/context_walk.hpp"
#include "engine/retention_judge.hpp"
#include "engine/schema/checker.hpp"
#include "trust/support/disk/catalog_texts.hpp"
#include "trust/support/disk/judge_parts.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace weir::trust {

namespace {

bool asked_for(const Ledger& ledger, const char* name) {
  return std::any_of(ledger.records().begin(), ledger.records().end(),
                     [name](const AskedRecord& asked) { return asked.name == name; });
}

void check_texts(const PlainEngine& engine, const Ledger& ledger) {
  const auto possible = possible_texts(ledger.records());
  const auto check = [&](const char* invariant, const char* name, const std::string& text) {
    const auto texts = possible.find(name); // what nobody asked for here somebody else may have
    need(texts == possible.end() || texts->second.contains(text),
         std::string(invariant) + ": the catalog says of " + name + ": " + text);
  };
  check("I16", schema_record, text_of_versions(engine.parts.schemas, Ledger::event_type));
  check("I17", retention_record, text_of(engine.parts.retention.record()));
}

/// The call that this payload was sent with.
std::optional<std::size_t> call_of(const Ledger& ledger, std::string_view payload) {
  for (std::size_t number = 0; number < ledger.calls().size(); ++number) {
    const auto& payloads = ledger.calls()[number].payloads;
    if (std::find(payloads.begin(), payloads.end(), payload) != payloads.end())
      return number;
  }
  return std::nullopt;
}

void check_schema_of(const schema::Registry& schemas, const EventView& event, const Ledger& ledger) {
  const std::string what = "sequence " + std::to_string(event.sequence) + " of " + std::string(event.context_id);
  if (event.payload.front() != '{')
    return; // a stub
  if (event.schema_version != 0) {
    const SchemaVersion* const version = schemas.find(event.event_type, event.schema_version);
    need(version != nullptr, "I16: " + what + " was judged by a version that is not there");
    must(schema::check_payload(*version, event.payload), "I16: " + what);
  }
  must(schemas.upcast(event), "I16: reading " + what);
  const auto number = call_of(ledger, event.payload);
  for (const SchemaInForce& each : ledger.books().schemas)
    need(!number || *number < each.calls || event.schema_version >= each.version,
         "I16: " + what + " was stored after version " + std::to_string(each.version) + " and not judged by it");
}

void check_schemas(PlainEngine& engine, const Ledger& ledger) {
  std::set<std::string> contexts;
  for (const StoredCall& call : ledger.calls())
    if (contexts.insert(call.context_id).second) {
      EventBatch batch;
      static_cast<void>(must(read_context(engine.shard(call.shard).table->view(), call.context_id, {},
                                          {calls_max * calls_max, 1U << 30U}, batch),
                             "a replay of " + call.context_id));
      for (const EventView& event : batch)
        check_schema_of(engine.parts.schemas, event, ledger);
    }
}

RetentionVerdict verdict_on(PlainEngine& engine, const std::string& context_id, const RetentionRecord& record) {
  const ShardParts& shard = engine.shard(engine.parts.router->shard_of(context_id));
  return must(judge_retention(shard.table->view(), context_id, record.rules, *record.point, [] { return Status(); }),
              "I17: retention of " + context_id);
}

/// Decides once more what the run has decided.
void check_retention(PlainEngine& engine, const Ledger& ledger) {
  const RetentionRecord record = engine.parts.retention.record();
  const auto decided = ledger.books().retained.find(text_of_run(record));
  if (!record.point || decided == ledger.books().retained.end())
    return;
  for (const auto& [context, first_to_stay] : decided->second) {
    const RetentionVerdict verdict = verdict_on(engine, context, record);
    need(verdict.first_to_stay == first_to_stay, "I17: retention of " + context + " was to go to " +
                                                     std::to_string(first_to_stay) + " and now is to go to " +
                                                     std::to_string(verdict.first_to_stay));
    need(!record.applied || verdict.first_live == first_to_stay,
         "I17: a run of retention has ended that has not removed all of " + context);
  }
}

Status answer_to_probe(PlainEngine& engine, const std::string& context_id, std::size_t bytes) {
  Ledger probes("schema-probe");
  engine.submit(probes.call(context_id, engine.parts.router->shard_of(context_id), Durability::synced, 1, bytes));
  engine.settle();
  const StoredCall& probe = probes.calls().back();
  need(probe.answers == 1, "I9: a store is not answered");
  return *probe.answer ? Status() : Status(probe.answer->error());
}

} // namespace

void check_records(PlainEngine& engine, const Ledger& ledger) {
  check_texts(engine, ledger);
  if (asked_for(ledger, schema_record))
    check_schemas(engine, ledger);
  check_retention(engine, ledger);
}

void check_schema_in_force(PlainEngine& engine, const Ledger& ledger) {
  if (!asked_for(ledger, schema_record))
    return;
  const std::string context_id = engine.context_in(0, "schema");
  const SchemaVersion* const latest = engine.parts.schemas.latest(Ledger::event_type);
  const bool strict = latest != nullptr && latest->schema.fields.size() == 3 && !latest->schema.open;
  need(answer_to_probe(engine, context_id, 0).ok(), "I16: what fits every version is refused");
  const Status longer = answer_to_probe(engine, context_id, 200);
  need(longer.code() == (strict ? Errc::schema_violation : Errc::ok),
       "I16: what fits " + std::string(strict ? "no" : "the newest") + " version is answered with " +
           std::string(to_string(longer.code())));
  Schema next = latest != nullptr ? latest->schema : Schema{.event_type = Ledger::event_type, .fields = {}};
  next.fields.emplace_back("news", FieldKind::bool_, true);
  std::optional<Result<std::uint32_t>> defined;
  engine.define_schema(next, [&defined](const Result<std::uint32_t>& version) { defined = version; });
  engine.settle();
  need(defined.has_value(), "I16: a definition is not answered");
  need(must(*defined, "I16: a new version") == (latest == nullptr ? 1 : latest->version + 1),
       "I16: a new version has another number than the next");
}

void finish_retention(PlainEngine& engine, const Ledger& ledger) {
  const RetentionRecord record = engine.parts.retention.record();
  if (!record.point || record.applied || !asked_for(ledger, retention_record))
    return;
  std::map<std::string, Sequence> decided;
  for (const std::string& prefix : prefixes_of(record.rules))
    must(walk_contexts(engine.views(), prefix,
                       [&](std::string_view context) -> Status {
                         decided[std::string(context)] = verdict_on(engine, std::string(context), record).first_to_stay;
                         return {};
                       }),
         "I17: walking over contexts");
  Ledger removals("retention");
  for (const auto& [context, first_to_stay] : decided)
    engine.submit(removals.removal(context, {first_to_stay, false}));
  engine.settle();
  for (const AskedRemoval& removal : removals.removals())
    need(removal.answer && removal.answer->ok(), "I17: a run that was cut short cannot go on");
  for (const auto& [context, first_to_stay] : decided) {
    const RetentionVerdict verdict = verdict_on(engine, context, record);
    need(verdict.first_live == first_to_stay && verdict.first_to_stay == first_to_stay,
         "I17: a run that was cut short does not end with what it decided for " + context);
  }
}

} // namespace weir::trust
