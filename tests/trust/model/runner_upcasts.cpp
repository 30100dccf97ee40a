// A type whose versions break with those before, in random sequences: everything that hands payloads out says what the
// upcasters made of them, whatever was stored.
#include "trust/model/runner.hpp"

#include "engine/text.hpp"

#include <algorithm>

namespace weir::trust {

using test::pick;

namespace {

constexpr const char* renewed = "renewed";
constexpr std::uint32_t renewals_max = 8;

/// Each version wants a field of its own in the place of the one before.
std::string wanted_field(std::uint32_t version) {
  return "up" + std::to_string(version);
}

Schema renewed_version(std::uint32_t version) {
  return {renewed, {{wanted_field(version), FieldKind::int64}}, true};
}

std::string renew(std::string payload, std::uint32_t from) {
  const std::string before = "\"" + wanted_field(from) + "\":";
  return payload.replace(payload.find(before), before.size(), "\"" + wanted_field(from + 1) + "\":");
}

} // namespace

void Reference::upcast(const std::string& event_type, const std::function<std::string(const std::string&)>& apply) {
  if (mistake_ == Mistake::payloads_stay_as_stored)
    return;
  for (auto& [context, events] : contexts_)
    for (test::KnownEvent& known : events)
      if (known.event.event_type == event_type) {
        as_stored_.emplace(known.event.position, known.event.payload); // the first time
        known.event.payload = apply(known.event.payload);
        test::name_core_fields(known);
      }
}

const std::string& Reference::as_stored(const test::StoredEvent& event) const {
  const auto found = as_stored_.find(event.position);
  return found == as_stored_.end() ? event.payload : found->second;
}

void Runner::register_upcasters() {
  std::vector<Upcaster> upcasters;
  for (std::uint32_t from = 1; from < renewals_max; ++from)
    upcasters.push_back(
        {from, [from](std::string_view payload) -> Result<std::string> { return renew(std::string(payload), from); }});
  const Status registered = engine_->register_upcasters(renewed, std::move(upcasters));
  expect(registered.ok(), "upcasters: " + (registered.ok() ? "" : to_string(registered.error())));
}

void Runner::define_upcast() {
  const std::uint32_t version = known_.upcast_version + 1;
  note(format("define version {}, which breaks with those before", version));
  ++tally_.definitions;
  const auto defined = engine_->define_schema(renewed_version(version));
  expect(defined.ok() && *defined == version,
         format("define: version {}: {}", version, defined ? std::to_string(*defined) : to_string(defined.error())));
  known_.upcast_version = version;
  if (version == 1)
    register_upcasters();
  else
    reference_->upcast(renewed, [&](const std::string& payload) { return renew(payload, version - 1); });
}

/// Stores to the newest version, or makes the next one; and reads some context as it was stored.
void Runner::upcast() {
  settle();
  if (known_.upcast_version == 0 || (known_.upcast_version < renewals_max && pick(random_, 4) == 0))
    define_upcast();
  Reference::Events events = random_call(1 + pick(random_, 3));
  for (test::KnownEvent& known : events) {
    known.event.event_type = renewed;
    known.event.event_id.clear(); // what is stored again is what is handed out
    known.event.payload.insert(1, format("\"{}\":{},", wanted_field(known_.upcast_version), pick(random_, 5)));
    ++tally_.upcast_events;
  }
  const std::string context = events.front().event.context_id;
  make_call(context, std::move(events), {});
  std::vector<std::string> expected, given;
  for (const test::StoredEvent* event : reference_->replay(context, {}))
    expected.push_back(reference_->as_stored(*event));
  auto stream = engine_->replay(context, {.as_stored = true});
  while (stream) {
    const auto batch = stream->next();
    if (!batch)
      throw Mismatch(format("{}: as stored: {}", context, to_string(batch.error())));
    if (batch->empty())
      break;
    for (const EventView& event : *batch)
      given.emplace_back(event.payload);
  }
  expect(stream.ok() && given == expected, context + ": read as stored it is something else");
}

} // namespace weir::trust
