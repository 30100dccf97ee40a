// Schemas in random sequences: defined again and again, and there after every crash.
#include "trust/model/runner.hpp"

#include "engine/text.hpp"

#include <algorithm>
#include <string>

namespace weir::trust {

using test::pick;

namespace {

constexpr const char* guarded = "guarded";

/// Version 1 has one field; each later one has one more that may be left out.
Schema version_of(std::uint32_t version) {
  Schema schema{guarded, {{"n", FieldKind::int64}}};
  for (std::uint32_t i = 2; i <= version; ++i)
    schema.fields.emplace_back("f" + std::to_string(i), FieldKind::bool_, true);
  return schema;
}

} // namespace

void Runner::define() {
  constexpr std::uint32_t versions_max = 60;
  const bool next = known_.schema_version < versions_max && (known_.schema_version == 0 || pick(random_, 2) == 0);
  const std::uint32_t wanted =
      next ? known_.schema_version + 1 : 1 + static_cast<std::uint32_t>(pick(random_, known_.schema_version));
  note(format("define version {}", wanted));
  ++tally_.definitions;
  const auto version = engine_->define_schema(version_of(wanted));
  expect(version.ok() && *version == wanted,
         format("define: version {}: {}", wanted, version ? std::to_string(*version) : to_string(version.error())));
  known_.schema_version = std::max(known_.schema_version, wanted);
  check_schema();
}

void Runner::check_schema() {
  const auto found = engine_->schema(guarded);
  const std::uint32_t version = found ? found->version : 0;
  expect(version == known_.schema_version,
         format("version {} of a schema is in force, {} was defined", version, known_.schema_version));
  if (version == 0)
    return;
  for (const std::string& payload : {std::string(R"({"n":1.5})"), format(R"({{"n":1,"f{}":true}})", version + 1)}) {
    const auto refused = engine_->store({.context_id = "guarded", .event_type = guarded, .payload = payload});
    expect(refused.code() == Errc::schema_violation, "a payload that does not fit its schema was not refused");
  }
}

} // namespace weir::trust
