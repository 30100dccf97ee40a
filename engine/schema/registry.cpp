#include "engine/schema/registry.hpp"

#include "engine/hash.hpp"
#include "engine/sabotage.hpp"
#include "engine/schema/checker.hpp"
#include "engine/schema/evolution.hpp"
#include "engine/text.hpp"

#include <weir/limits.hpp>

#include <algorithm>
#include <utility>

namespace weir::schema {

const Registry::Type* Registry::find_type(std::string_view event_type) const noexcept {
  const std::uint64_t hash = hash64(event_type, 0);
  const Type* type = buckets_[hash % buckets_.size()].load(std::memory_order_acquire);
  while (type != nullptr && type->name != event_type)
    type = type->next;
  return type;
}

const SchemaVersion* Registry::latest(std::string_view event_type) const noexcept {
  if (types_count_.load(std::memory_order_acquire) == 0)
    return nullptr;
  const Type* const type = find_type(event_type);
  return type == nullptr ? nullptr : &type->latest.load(std::memory_order_acquire)->value;
}

const SchemaVersion* Registry::find(std::string_view event_type, std::uint32_t version) const noexcept {
  const Type* const type = find_type(event_type);
  const Version* found = type == nullptr ? nullptr : type->latest.load(std::memory_order_acquire);
  while (found != nullptr && found->value.version != version)
    found = found->before;
  return found == nullptr ? nullptr : &found->value;
}

std::vector<const SchemaVersion*> Registry::all() const {
  std::vector<const SchemaVersion*> found;
  for (const auto& bucket : buckets_)
    for (const Type* type = bucket.load(std::memory_order_acquire); type != nullptr; type = type->next)
      found.push_back(&type->latest.load(std::memory_order_acquire)->value);
  std::sort(found.begin(), found.end(),
            [](const SchemaVersion* a, const SchemaVersion* b) { return a->schema.event_type < b->schema.event_type; });
  return found;
}

Result<std::vector<std::uint32_t>> Registry::judge(std::span<const Event> events) const {
  std::vector<std::uint32_t> versions;
  if (types_count_.load(std::memory_order_acquire) == 0)
    return versions;
  for (std::size_t i = 0; i < events.size(); ++i) {
    const SchemaVersion* const version = latest(events[i].event_type);
    if (version == nullptr)
      continue;
    if (i != 0 && sabotaged(Sabotage::check_first_event_only))
      break;
    if (Status valid = check_payload(*version, events[i].payload); !valid) {
      Error error = std::move(valid).error();
      if (events.size() > 1)
        error.where = format("event {}, {}", i, error.where);
      return error;
    }
    if (sabotaged(Sabotage::forget_schema_versions))
      continue;
    versions.resize(events.size());
    versions[i] = version->version;
  }
  return versions;
}

void Registry::add(Schema schema, std::size_t text_bytes) {
  text_bytes_ += text_bytes;
  const std::uint64_t hash = hash64(schema.event_type, 0);
  auto& bucket = buckets_[hash % buckets_.size()];
  Type* const first = bucket.load(std::memory_order_relaxed);
  Type* type = nullptr;
  for (Type& each : types_) // definitions are rare
    if (each.name == schema.event_type)
      type = &each;
  const Version* const before = type == nullptr ? nullptr : type->latest.load(std::memory_order_relaxed);
  const std::uint32_t number = before == nullptr ? 1 : before->value.version + 1;
  const bool breaks = before != nullptr && !check_evolution(before->value.schema, schema);
  const Version& made = versions_.emplace_back(Version{{std::move(schema), number}, before, breaks});
  if (breaks)
    upcasts_.store(true, std::memory_order_release); // before there can be an event of the new version
  if (type != nullptr) {
    type->latest.store(&made, std::memory_order_release);
  } else { // readers find the type only once all of it is there
    bucket.store(&types_.emplace_back(made.value.schema.event_type, &made, first), std::memory_order_release);
    types_count_.fetch_add(1, std::memory_order_release);
  }
  // Last: who has seen this number and then reads, reads by the new version.
  changes_.fetch_add(1, std::memory_order_acq_rel);
}

Status Registry::load(std::span<const SchemaRecord> records) {
  const std::lock_guard lock(adding_);
  for (const SchemaRecord& record : records) {
    const std::string place = format("catalog: schema of {}, version {}", record.event_type, record.version);
    auto schema = parse_schema(record.definition);
    if (!schema || schema->event_type != record.event_type || to_text(*schema) != record.definition)
      return fail(Errc::corruption,
                  schema ? "the definition is another type's or not as it is written"
                         : format("the definition cannot be read: {}", schema.error().message),
                  place);
    const SchemaVersion* const before = latest(record.event_type);
    if (record.version != (before == nullptr ? 1 : before->version + 1))
      return fail(Errc::corruption, "versions are not in turn", place);
    add(std::move(*schema), record.definition.size());
  }
  return {};
}

Result<std::uint32_t> Registry::define(Schema schema, CatalogStore& catalog, MayBreak may_break) {
  WEIR_TRY(schema.validate());
  const std::lock_guard lock(adding_);
  const SchemaVersion* const current = latest(schema.event_type);
  if (current != nullptr) {
    for (const Version* known = find_type(schema.event_type)->latest.load(); known != nullptr; known = known->before)
      if (same_meaning(known->value.schema, schema))
        return known->value.version;
    const Chain* const upcasters = find_type(schema.event_type)->upcasters.load();
    const bool upcast =
        upcasters != nullptr && std::any_of(upcasters->begin(), upcasters->end(),
                                            [&](const Upcaster& each) { return each.from == current->version; });
    if (Status may_follow = check_evolution(current->schema, schema);
        !may_follow && !upcast && may_break == MayBreak::no && !sabotaged(Sabotage::accept_incompatible_schema)) {
      Error error = std::move(may_follow).error();
      error.message =
          format("not compatible with version {} of {}: {}", current->version, schema.event_type, error.message);
      return error;
    }
  } else if (types_.size() == limits::schema_types_max) {
    return fail(Errc::too_large, format("more than {} types with a schema", limits::schema_types_max));
  }
  const SchemaRecord record{schema.event_type, current == nullptr ? 1 : current->version + 1, to_text(schema)};
  const std::size_t text_bytes = record.definition.size();
  if (text_bytes_ + text_bytes > limits::schemas_text_bytes_max)
    return fail(Errc::too_large,
                format("definitions of more than {} bytes in one directory", limits::schemas_text_bytes_max));
  if (sabotaged(Sabotage::publish_schema_before_commit))
    add(schema, text_bytes);
  if (!sabotaged(Sabotage::keep_schema_in_memory_only))
    WEIR_TRY(catalog.add_schema(record));
  if (!sabotaged(Sabotage::publish_schema_before_commit))
    add(std::move(schema), text_bytes);
  return record.version;
}

} // namespace weir::schema
