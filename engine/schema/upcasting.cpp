// Payloads of old versions, as the newest version has them.
#include "engine/json/json.hpp"
#include "engine/sabotage.hpp"
#include "engine/schema/checker.hpp"
#include "engine/schema/registry.hpp"
#include "engine/text.hpp"

#include <weir/limits.hpp>

#include <algorithm>
#include <exception>
#include <utility>

namespace weir::schema {

namespace {

std::string place_of(const EventView& event) {
  return format("context {}, sequence {}", event.context_id, event.sequence);
}

/// The upcaster of `from`, or nullptr.
const Upcaster* find_step(const std::vector<Upcaster>* chain, std::uint32_t from) {
  if (chain == nullptr)
    return nullptr;
  const auto found =
      std::find_if(chain->begin(), chain->end(), [from](const Upcaster& step) { return step.from == from; });
  return found == chain->end() ? nullptr : &*found;
}

Error step_failed(const EventView& event, std::uint32_t from, std::string_view how) {
  return fail(Errc::schema_violation, format("the upcaster of {} from version {} {}", event.event_type, from, how),
              place_of(event));
}

/// Runs the service's code; what it throws is a failure like any other.
Result<std::string> run(const Upcaster& step, std::string_view payload, const EventView& event) {
  try {
    auto made = step.apply(payload);
    if (!made)
      return step_failed(event, step.from, format("failed: {}", to_string(made.error())));
    if (made->size() > limits::payload_bytes_max)
      return step_failed(event, step.from,
                         format("made {} bytes, at most {} are allowed", made->size(), limits::payload_bytes_max));
    const std::string_view trimmed = json::trim(*made);
    if (const Status valid = json::validate_object(trimmed, "payload"); !valid)
      return step_failed(event, step.from, format("made no payload: {}", to_string(valid.error())));
    return trimmed.size() == made->size() ? std::move(*made) : std::string(trimmed);
  } catch (const std::exception& e) {
    return step_failed(event, step.from, format("threw: {}", e.what()));
  } catch (...) {
    return step_failed(event, step.from, "threw something that is no std::exception");
  }
}

} // namespace

Status Registry::register_upcasters(std::string_view event_type, std::vector<Upcaster> upcasters) {
  const auto refuse = [&](std::string why) {
    return fail(Errc::invalid_argument, std::move(why), format("upcasters of {}", event_type));
  };
  std::sort(upcasters.begin(), upcasters.end(), [](const Upcaster& a, const Upcaster& b) { return a.from < b.from; });
  const std::lock_guard lock(adding_);
  const auto type =
      std::find_if(types_.begin(), types_.end(), [&](const Type& each) { return each.name == event_type; });
  if (type == types_.end())
    return fail(Errc::not_found, format("no schema is defined for type '{}'", event_type));
  if (type->upcasters.load() != nullptr)
    return refuse("they are registered already");
  const Version* const latest = type->latest.load();
  std::uint32_t expected = latest->value.version; // of those for versions to come: they follow one another
  for (std::size_t i = 0; i < upcasters.size(); ++i) {
    const std::uint32_t from = upcasters[i].from;
    if (!upcasters[i].apply)
      return refuse(format("the one from version {} is empty", from));
    if (i != 0 && from == upcasters[i - 1].from)
      return refuse(format("there are two from version {}", from));
    if (from >= latest->value.version && from != expected++)
      return refuse(format("none leads from version {} to version {}", expected - 1, from));
  }
  for (const Version* version = latest; version != nullptr; version = version->before)
    if (version->breaks && find_step(&upcasters, version->value.version - 1) == nullptr)
      return refuse(format("none leads from version {} to version {}, which takes other payloads",
                           version->value.version - 1, version->value.version));
  if (upcasters.empty())
    return {};
  type->upcasters.store(&chains_.emplace_back(std::move(upcasters)), std::memory_order_release);
  upcasts_.store(true, std::memory_order_release);
  changes_.fetch_add(1, std::memory_order_acq_rel);
  return {};
}

bool Registry::upcasts(std::string_view event_type) const noexcept {
  const Type* const type = upcasts() ? find_type(event_type) : nullptr;
  if (type == nullptr)
    return false;
  if (type->upcasters.load(std::memory_order_acquire) != nullptr)
    return true;
  // Without one the payload of a version that was broken with cannot be told at all: upcast() says so.
  for (const Version* version = type->latest.load(std::memory_order_acquire); version != nullptr;
       version = version->before)
    if (version->breaks)
      return true;
  return false;
}

Result<std::optional<std::string>> Registry::upcast(const EventView& event) const {
  using Upcasted = std::optional<std::string>;
  if (!upcasts())
    return Upcasted();
  const Type* const type = find_type(event.event_type);
  const Version* const latest = type == nullptr ? nullptr : type->latest.load(std::memory_order_acquire);
  const std::uint32_t newest = latest == nullptr ? 0 : latest->value.version;
  if (event.schema_version == newest)
    return Upcasted();
  if (event.schema_version > newest)
    return fail(Errc::corruption,
                format("the event was stored under version {} of {}, and the catalog knows {}", event.schema_version,
                       event.event_type, newest),
                place_of(event));
  const Chain* const chain = type->upcasters.load(std::memory_order_acquire);
  if (event.schema_version == 0 && find_step(chain, 0) == nullptr)
    return Upcasted();               // nobody judged it, so nothing can be expected of it
  std::vector<const Version*> steps; // those that follow the event's version, newest first
  for (const Version* version = latest; version != nullptr && version->value.version > event.schema_version;
       version = version->before)
    steps.push_back(version);
  Upcasted payload;
  for (auto version = steps.rbegin(); version != steps.rend(); ++version) {
    const std::uint32_t from = (*version)->value.version - 1;
    if (const Upcaster* const step = find_step(chain, from)) {
      auto made = run(*step, payload ? std::string_view(*payload) : event.payload, event);
      if (!made)
        return std::move(made).error();
      payload = std::move(*made);
    } else if ((*version)->breaks) {
      return fail(Errc::unsupported,
                  format("no upcaster of {} leads from version {} to version {}; register it, or read as stored",
                         event.event_type, from, from + 1),
                  place_of(event));
    }
  }
  if (!payload)
    return payload; // every version on the way takes it as it is
  if (const Status fits = check_payload(latest->value, *payload); !fits && !sabotaged(Sabotage::trust_upcasters))
    return fail(Errc::schema_violation,
                format("upcast from version {}, but: {}", event.schema_version, fits.error().message),
                format("{}, {}", place_of(event), fits.error().where));
  return payload;
}

Status Registry::upcast(EventBatch& batch) const {
  if (!upcasts())
    return {};
  std::shared_ptr<std::deque<std::string>> made;
  EventBatch changed;
  changed.reserve(batch.size());
  for (const EventView& stored : batch) {
    auto payload = upcast(stored);
    if (!payload)
      return std::move(payload).error();
    EventView event = stored;
    if (*payload) {
      if (!made)
        made = std::make_shared<std::deque<std::string>>();
      event.payload = made->emplace_back(*std::move(*payload));
    }
    changed.add(event);
  }
  if (!made)
    return {};
  changed.pin(std::move(made));
  changed.adopt_pins(std::move(batch));
  batch = std::move(changed);
  return {};
}

} // namespace weir::schema
