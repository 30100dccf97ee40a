#include "bench/workload.hpp"

#include "bench/order_event.hpp"
#include "bench/random.hpp"
#include "bench/shared_memory.hpp"
#include "bench/zipf.hpp"
#include "engine/hash.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>

namespace weir::bench {

namespace {

/// Distinct payloads: as many as the longest history has events (2.7 GB then), for what later events say again comes
/// from any context, where a customer's orders would no longer be those of its contexts.
constexpr std::size_t pool_max = 10'000'000;
constexpr std::size_t payload_bytes_bound = 512;
constexpr std::size_t context_bytes = 14;                          ///< "order-" and 8 hexadecimal digits.
constexpr std::int64_t first_timestamp_us = 1'704'067'200'000'000; // 2024-01-01
constexpr std::int64_t step_us = 2'500;

} // namespace

struct Workload::Data {
  WorkloadOptions options;
  std::size_t pool = 0;
  SharedMemory memory;
  char* contexts = nullptr;
  std::uint32_t* context_of = nullptr;     ///< Of each event.
  std::uint32_t* payload_offset = nullptr; ///< Of each payload, and of the end.
  std::uint8_t* type_of = nullptr;         ///< Of each payload.
  char* payloads = nullptr;
  std::uint64_t payload_bytes = 0;

  [[nodiscard]] std::size_t payload_of(std::size_t i) const noexcept { return i < pool ? i : mixed(i) % pool; }
  [[nodiscard]] std::size_t length_of(std::size_t payload) const noexcept {
    return payload_offset[payload + 1] - payload_offset[payload];
  }
  void make_contexts();
  void make_payloads();
};

void Workload::Data::make_contexts() {
  for (std::size_t c = 0; c < options.contexts; ++c) {
    // Neither in order of frequency nor of making: an odd factor gives each its own number.
    auto number = static_cast<std::uint32_t>(c + 1) * 2'654'435'761U;
    char* const name = contexts + c * context_bytes;
    std::memcpy(name, "order-", 6);
    for (std::size_t digit = 0; digit < 8; ++digit, number >>= 4U)
      name[6 + digit] = "0123456789abcdef"[number & 15U];
  }
  const Zipf zipf(options.contexts, options.zipf);
  Random random(options.seed);
  for (std::size_t i = 0; i < options.events; ++i)
    context_of[i] = static_cast<std::uint32_t>(zipf.rank(random.next()));
}

void Workload::Data::make_payloads() {
  Random random(options.seed + 1);
  std::string payload;
  std::uint32_t end = 0;
  for (std::size_t p = 0; p < pool; ++p) {
    payload.clear();
    type_of[p] = static_cast<std::uint8_t>(random.below(order_types.size()));
    append_order_payload(payload, type_of[p], context_of[p], random);
    if (payload.size() > payload_bytes_bound)
      throw std::runtime_error("workload: a payload of " + std::to_string(payload.size()) + " bytes");
    std::memcpy(payloads + end, payload.data(), payload.size());
    payload_offset[p] = end;
    end += static_cast<std::uint32_t>(payload.size());
  }
  payload_offset[pool] = end;
  for (std::size_t i = 0; i < options.events; ++i)
    payload_bytes += length_of(payload_of(i));
}

Workload::Workload(const WorkloadOptions& options) : data_(std::make_unique<Data>()) {
  if (options.events == 0 || options.contexts == 0)
    throw std::runtime_error("workload: no events or no contexts");
  Data& data = *data_;
  data.options = options;
  data.pool = std::min(options.events, pool_max);
  // Pages that are never touched cost nothing, so the bound may be generous.
  data.memory = SharedMemory(options.events * sizeof(std::uint32_t) + (data.pool + 1) * sizeof(std::uint32_t) +
                             options.contexts * context_bytes + data.pool * (1 + payload_bytes_bound));
  char* next = data.memory.data();
  const auto take = [&next](std::size_t bytes) { return std::exchange(next, next + bytes); };
  data.context_of = reinterpret_cast<std::uint32_t*>(take(options.events * sizeof(std::uint32_t)));
  data.payload_offset = reinterpret_cast<std::uint32_t*>(take((data.pool + 1) * sizeof(std::uint32_t)));
  data.contexts = take(options.contexts * context_bytes);
  data.type_of = reinterpret_cast<std::uint8_t*>(take(data.pool));
  data.payloads = next;
  data.make_contexts();
  data.make_payloads();
}

Workload::~Workload() = default;

std::size_t Workload::size() const noexcept {
  return data_->options.events;
}
std::size_t Workload::contexts() const noexcept {
  return data_->options.contexts;
}
std::uint64_t Workload::payload_bytes() const noexcept {
  return data_->payload_bytes;
}
const WorkloadOptions& Workload::options() const noexcept {
  return data_->options;
}

std::string_view Workload::context_id(std::size_t c) const noexcept {
  return {data_->contexts + c * context_bytes, context_bytes};
}

Row Workload::row(std::size_t i) const noexcept {
  const std::size_t p = data_->payload_of(i);
  Row row;
  row.context_id = context_id(data_->context_of[i]);
  row.event_type = order_types[data_->type_of[p]];
  row.payload = {data_->payloads + data_->payload_offset[p], data_->length_of(p)};
  // Event times come from many tills: nearly, not quite, in order.
  row.timestamp_us =
      first_timestamp_us + static_cast<std::int64_t>(i) * step_us + static_cast<std::int64_t>(mixed(i) % 1'000'000);
  return row;
}

void Workload::touch() const noexcept {
  const char* const begin = data_->memory.data();
  const char* const end = data_->payloads + data_->payload_offset[data_->pool];
  unsigned sum = 0;
  for (const char* page = begin; page < end; page += 4096)
    sum += static_cast<unsigned char>(*static_cast<const volatile char*>(page));
  static_cast<void>(sum);
}

void Tally::add(const Row& row) noexcept {
  ++events;
  checksum +=
      hash64(row.payload, hash64(row.context_id, hash64(row.event_type, static_cast<std::uint64_t>(row.timestamp_us))));
}

} // namespace weir::bench
