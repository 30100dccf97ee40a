#include "trust/simulation/schema_clients.hpp"

#include "actors/engine_core.hpp"
#include "engine/text.hpp"
#include "trust/simulation/retention_clients.hpp"

#include <algorithm>
#include <utility>

namespace weir::trust {

namespace {

constexpr const char* more_field = "more";

/// Each takes what the one before takes: of a ledger's payloads those without `more`, then all, then any object that
/// begins like one.
std::vector<Schema> versions_of(const std::string& type, std::size_t first) {
  Schema schema{type, {{"from", FieldType::one_of({"s"})}, {"call", FieldKind::int64}, {"event", FieldKind::int64}}};
  std::vector<Schema> all{schema};
  schema.fields.emplace_back(more_field, FieldKind::string, true);
  all.push_back(schema);
  schema.fields.front().type = FieldType::of(FieldKind::string);
  all.push_back(schema);
  schema.open = true;
  all.push_back(schema);
  return {all.begin() + static_cast<std::ptrdiff_t>(first), all.end()};
}

bool has_more(std::string_view payload) {
  return payload.find(format(",\"{}\":", more_field)) != std::string_view::npos;
}

/// The call that sent a payload, which the ledger numbered.
std::size_t call_of(std::string_view payload) {
  constexpr std::string_view before = "\"call\":";
  const std::size_t at = payload.find(before);
  return at == std::string_view::npos ? calls_max : std::stoull(std::string(payload.substr(at + before.size(), 8)));
}

} // namespace

SchemaClients::SchemaClients(Machine& machine, Journal& journal, std::uint64_t seed, Mistake mistake)
    : machine_(machine), journal_(journal), chance_(seed), planted_(mistake, chance_.pick(2)),
      at_work_(planted_.about_schemas() || (chance_.one_in(3) && planted_.is(Mistake::none))) {
  types_[0].name = Ledger::event_type;
  types_[1].name = RetentionClients::other_type;
  for (Type& type : types_)
    type.versions = versions_of(type.name, chance_.any_of<std::size_t>({0, 0, 1, 2}));
}

void SchemaClients::act(const std::string& context) {
  const std::size_t which = chance_.pick(types_.size());
  const Type& type = types_[which];
  switch (chance_.pick(8)) {
  case 0: return define_again(type);
  case 1: return define_incompatible(type);
  case 2:
  case 3: return violate(type, context);
  case 4:
  case 5: return look_at(context);
  default: return define_next(which);
  }
}

void SchemaClients::begin() {
  for (Type& type : types_) {
    const auto latest = machine_.engine().schema(type.name);
    const Version there = latest ? latest->version : 0;
    if (there < type.in_force || there > type.may_be_there)
      journal_.wrong(format("schemas: of {} version {} is there after opening, and {} was defined", type.name, there,
                            type.in_force));
    for (Version version = 1; version <= std::min(there, type.may_be_there); ++version)
      if (const auto found = machine_.engine().schema(type.name, version);
          !found || to_text(found->schema) != to_text(type.versions[version - 1]))
        journal_.wrong(format("schemas: version {} of {} is not as it was defined", version, type.name));
    type.in_force = type.asked = type.may_be_there = there;
  }
}

void SchemaClients::end() {
  ++life_;
  for (auto& [number, call] : calls_)
    if (!std::exchange(call.answered, true))
      for (Sent& event : call.events)
        event.to = types_[event.type].asked;
}

void SchemaClients::sent(std::size_t call, std::span<const Event> events) {
  if (!at_work_)
    return;
  for (const Event& event : events)
    for (std::size_t i = 0; i < types_.size(); ++i)
      if (types_[i].name == event.event_type)
        calls_[call].events.push_back({i, has_more(event.payload), types_[i].in_force, 0});
}

void SchemaClients::answered(std::size_t call, const Result<Receipt>& answer) {
  if (!at_work_ && answer.code() != Errc::schema_violation)
    return;
  Call& asked = calls_[call];
  for (Sent& event : asked.events)
    event.to = types_[event.type].asked;
  asked.answered = true;
  const bool violation = answer.code() == Errc::schema_violation;
  if (!answer && !violation)
    return;
  std::vector<Sent> judged = asked.events;
  // What was stored in one with it was judged with it; the two are answered at one moment.
  if (const auto with = journal_.ledger().calls()[call].with; with && violation)
    for (Sent event : calls_[*with].events) {
      event.to = types_[event.type].asked;
      judged.push_back(event);
    }
  ++counts_.judged;
  const auto accepted = [&](const Sent& event) { return may_be_judged(event, true); };
  const auto refused = [&](const Sent& event) { return may_be_judged(event, false); };
  if (violation && std::none_of(judged.begin(), judged.end(), refused))
    journal_.wrong(format("schemas: call {} is refused, and fits every version that may judge it: {}", call,
                          to_string(answer.error())));
  if (!violation && !std::all_of(judged.begin(), judged.end(), accepted))
    journal_.wrong(format("schemas: call {} is stored, and fits no version that may judge it", call));
}

bool SchemaClients::fits(const Type& type, Version version, bool has_more) {
  return version == 0 || !has_more || type.versions[version - 1].fields.back().name == more_field;
}

bool SchemaClients::may_be_judged(const Sent& sent, bool verdict) const {
  for (Version version = sent.from; version <= sent.to; ++version)
    if (fits(types_[sent.type], version, sent.has_more) == verdict)
      return true;
  return false;
}

void SchemaClients::define(Schema schema, std::function<void(const Result<std::uint32_t>&)> done) {
  const std::uint64_t request = journal_.ask("a definition of " + schema.event_type);
  machine_.core().define_schema(std::move(schema), schema::MayBreak::no,
                                [this, request, life = life_, done = std::move(done)](Result<std::uint32_t> answer) {
                                  journal_.told(request);
                                  if (life == life_)
                                    done(answer);
                                });
}

void SchemaClients::define_next(std::size_t which) {
  Type& type = types_[which];
  if (type.asked != type.in_force || type.in_force == type.versions.size())
    return;
  const Version next = type.in_force + 1;
  if (planted_.now(Mistake::schema_lost)) {
    type.in_force = type.asked = type.may_be_there = next;
    return;
  }
  type.asked = next;
  type.may_be_there = next;
  define(type.versions[next - 1], [this, &type, next](const Result<std::uint32_t>& answer) {
    if (!answer) {
      type.asked = type.in_force;
      return journal_.refused("a definition of " + type.name, answer.error());
    }
    ++counts_.defined;
    type.in_force = next;
    if (*answer != next)
      journal_.wrong(format("schemas: version {} of {} is defined as version {}", next, type.name, *answer));
  });
}

void SchemaClients::define_again(const Type& type) {
  if (type.in_force == 0)
    return;
  const auto version = static_cast<Version>(1 + chance_.pick(type.in_force));
  define(type.versions[version - 1], [this, &type, version](const Result<std::uint32_t>& answer) {
    if (!answer)
      journal_.refused("a definition of " + type.name, answer.error());
    else if (*answer != version)
      journal_.wrong(format("schemas: version {} of {}, defined again, is version {}", version, type.name, *answer));
  });
}

void SchemaClients::define_incompatible(const Type& type) {
  if (type.in_force == 0)
    return;
  Schema other = type.versions[type.in_force - 1];
  if (chance_.one_in(2))
    other.fields.erase(other.fields.begin() + 2);
  else
    other.fields[1].type = FieldType::of(FieldKind::double_);
  define(std::move(other), [this, &type](const Result<std::uint32_t>& answer) {
    ++counts_.not_defined;
    if (answer)
      journal_.wrong(format("schemas: what may not follow is version {} of {}", *answer, type.name));
    else if (answer.code() != Errc::incompatible)
      journal_.refused("a definition of " + type.name, answer.error());
  });
}

/// Sends what no version takes, behind an event that all of them take.
void SchemaClients::violate(const Type& type, const std::string& context) {
  if (type.in_force == 0)
    return;
  ++counts_.violations;
  const bool unseen = planted_.now(Mistake::violation_stored);
  std::vector<Event> events;
  if (chance_.one_in(2))
    events.push_back({.event_type = type.name, .payload = R"({"from":"s","call":0,"event":0})"});
  events.push_back(
      {.event_type = unseen ? "of no schema" : type.name,
       .payload = chance_.one_in(2) ? R"({"from":"s","call":0})" : R"({"from":"s","call":"0","event":0})"});
  const std::uint64_t request = journal_.ask("a store of what fits no schema");
  machine_.engine().store_async(context, std::move(events),
                                [this, request, life = life_, name = type.name](const Result<Receipt>& answer) {
                                  journal_.told(request);
                                  if (life != life_ || answer.code() == Errc::schema_violation)
                                    return;
                                  if (answer)
                                    journal_.wrong("schemas: what fits no version of " + name + " is stored");
                                  else if (answer.code() != Errc::overloaded)
                                    journal_.refused("a store of what fits no schema", answer.error());
                                });
}

/// Each event has the version that judged it.
void SchemaClients::look_at(const std::string& context) {
  auto stream = machine_.engine().replay(context, {});
  while (stream) {
    const auto batch = stream->next();
    if (!batch)
      return journal_.refused("a replay of " + context, batch.error());
    if (batch->empty())
      return;
    for (const EventView& event : *batch) {
      const auto call = calls_.find(call_of(event.payload));
      if (call == calls_.end())
        continue;
      for (Sent sent : call->second.events) {
        const Type& type = types_[sent.type];
        if (type.name != event.event_type || sent.has_more != has_more(event.payload))
          continue;
        if (!call->second.answered)
          sent.to = type.asked;
        if (event.schema_version < sent.from || event.schema_version > sent.to ||
            !fits(type, event.schema_version, sent.has_more))
          journal_.wrong(
              format("schemas: sequence {} of {} is of version {} of {}, and versions {} to {} could judge it",
                     event.sequence, context, event.schema_version, type.name, sent.from, sent.to));
      }
    }
  }
  journal_.refused("a replay of " + context, stream.error());
}

} // namespace weir::trust
