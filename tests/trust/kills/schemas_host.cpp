#include "trust/kills/schemas_host.hpp"

#include "trust/kills/replay_host.hpp"
#include "trust/kills/speech.hpp"
#include "trust/kills/workload.hpp"

#include <string>

namespace weir::trust {

namespace {

constexpr std::uint32_t defined_types = 3;
constexpr std::uint32_t versions_most = 200; // each has a field more than the one before
constexpr std::uint64_t acks_of_a_definition = 40;

std::string type_name(std::uint32_t type) {
  return format("defined-{}", type);
}

std::string field_name(std::uint32_t number) {
  return format("field_{}", number);
}

/// A strict object with so many fields that may be left out: who takes the last of them judges by this version.
Schema version_of(std::uint32_t type, std::uint32_t version) {
  Schema schema{type_name(type), {}};
  for (std::uint32_t field = 1; field <= version; ++field)
    schema.fields.emplace_back(field_name(field), FieldKind::int64, true);
  return schema;
}

} // namespace

/// The store expects what cannot be, so that it is refused at the latest then.
bool Definer::takes(std::uint32_t type, const std::string& field) {
  Event event;
  event.context_id = "judged";
  event.event_type = type_name(type);
  event.payload = format(R"({{"{}":1}})", field);
  StoreOptions options;
  options.expect = Expectation::exactly(1'000'000);
  const auto refused = engine_.store(std::move(event), options);
  if (refused.code() != Errc::schema_violation && refused.code() != Errc::sequence_conflict)
    give_up(format("a store of {}: {}", type_name(type), refused ? "done" : to_string(refused.error())));
  return refused.code() == Errc::sequence_conflict;
}

void Definer::show(std::uint32_t type) {
  const auto schema = engine_.schema(type_name(type));
  if (!schema && schema.code() != Errc::not_found)
    give_up("schema: " + to_string(schema.error()));
  const std::uint32_t version = schema ? schema->version : 0;
  if (takes(type, "of_nobody"))
    return say(format("schema {} {} any", type, version));
  std::uint32_t judged_by = version + 1;
  while (judged_by > 0 && !takes(type, field_name(judged_by)))
    --judged_by;
  say(format("schema {} {} {}", type, version, judged_by));
}

void Definer::show() {
  for (std::uint32_t type = 0; type < defined_types; ++type)
    show(type);
}

void Definer::begin() {
  thread_ = std::thread([this] {
    Dice dice(orders_.seed * 47 + orders_.life);
    while (wait_for_stores(stored_, stopping_, dice.below(acks_of_a_definition))) {
      const auto type = static_cast<std::uint32_t>(dice.below(defined_types));
      const auto schema = engine_.schema(type_name(type));
      const std::uint32_t next = schema ? schema->version + 1 : 1;
      if (next > versions_most)
        continue;
      say(format("defines {} {}", type, next));
      const auto defined = engine_.define_schema(version_of(type, next));
      if (!defined)
        give_up("define_schema: " + to_string(defined.error()));
      say(format("defined {} {}", type, *defined));
      show(type);
    }
  });
}

void Definer::join() {
  if (thread_.joinable())
    thread_.join();
}

} // namespace weir::trust
