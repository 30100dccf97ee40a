// What the events of the workload "orders" say.
//
// Purpose: twelve event types of an order's life and their payloads, some 260 bytes of JSON each, whose fields vary as
// those of a shop do: few countries, many prices, ids that never come back. Threading: pure functions.
#pragma once

#include "bench/random.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace weir::bench {

inline constexpr std::array<std::string_view, 12> order_types = {
    "order_placed",       "item_added",       "item_removed",     "address_changed",
    "payment_authorized", "payment_captured", "payment_refunded", "stock_reserved",
    "parcel_packed",      "parcel_shipped",   "parcel_delivered", "customer_contacted"};

/// Appends the payload of an event of type `type` in context number `context`, and takes what varies from `random`.
void append_order_payload(std::string& out, std::size_t type, std::uint64_t context, Random& random);

} // namespace weir::bench
