#include <weir/consumer_types.hpp>

#include "engine/text.hpp"

namespace weir {

std::string_view to_string(ConsumerKind kind) noexcept {
  return kind == ConsumerKind::single ? "single consumer" : "group";
}

namespace {

Status in_range(std::string_view name, std::uint64_t value, std::uint64_t min, std::uint64_t max) {
  if (value >= min && value <= max)
    return {};
  return fail(Errc::invalid_argument, format("{} is {}, allowed are {} to {}", name, value, min, max),
              std::string(name));
}

} // namespace

Status GroupOptions::validate() const {
  const auto timeout_ms = ack_timeout_ms.count();
  WEIR_TRY(in_range("ack_timeout_ms", timeout_ms < 0 ? 0 : static_cast<std::uint64_t>(timeout_ms), 1, 86'400'000));
  WEIR_TRY(in_range("deliveries_max", deliveries_max, 1, 1'000));
  WEIR_TRY(in_range("in_flight_max", in_flight_max, 1, 4'096));
  WEIR_TRY(in_range("parked_max", parked_max, 1, 1'000'000));
  if (on_park != OnPark::context_waits && on_park != OnPark::context_goes_on)
    return fail(Errc::invalid_argument, "on_park has an unknown value", "on_park");
  SubscribeOptions events;
  events.types = types;
  events.context_prefix = context_prefix;
  events.where = where;
  return events.validate();
}

} // namespace weir
