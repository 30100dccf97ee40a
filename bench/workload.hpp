// The events every peer is given: the workload "orders".
//
// Purpose: one definition, seeded, so that all peers do the same work and anyone gets the same bytes again. Built
// before the clock starts, in memory that is not the measured process's own (shared pages), so that it neither costs
// time nor counts as a peer's memory. Owner: the harness. Threading: immutable once made. Invariants: same options,
// same bytes, on every machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

namespace weir::bench {

struct WorkloadOptions {
  std::uint64_t seed = 1;
  std::size_t events = 1'000'000;
  std::size_t contexts = 10'000;
  /// Exponent of the Zipf distribution of contexts; 0 is uniform.
  double zipf = 0.99;
};

/// One event as a caller holds it. Views into the workload.
struct Row {
  std::string_view context_id;
  std::string_view event_type;
  std::string_view payload;
  std::int64_t timestamp_us = 0;
  std::string_view event_id{};                  ///< Of guarded ingest alone; empty: none.
  std::optional<std::uint64_t> expected_last{}; ///< Of guarded ingest alone: the context's last sequence.
};

class Workload {
public:
  explicit Workload(const WorkloadOptions& options);
  ~Workload();
  Workload(const Workload&) = delete;
  Workload& operator=(const Workload&) = delete;

  [[nodiscard]] std::size_t size() const noexcept;
  [[nodiscard]] std::size_t contexts() const noexcept;
  [[nodiscard]] Row row(std::size_t i) const noexcept;
  /// Context number `c` of 0 .. contexts() - 1, most frequent first.
  [[nodiscard]] std::string_view context_id(std::size_t c) const noexcept;
  [[nodiscard]] std::uint64_t payload_bytes() const noexcept; ///< Sum over all rows.
  [[nodiscard]] const WorkloadOptions& options() const noexcept;
  /// Reads a byte of every page, so that a process has them mapped before the clock starts.
  void touch() const noexcept;

private:
  struct Data;
  std::unique_ptr<Data> data_;
};

/// Order-free checksum of events: the sum over events of a hash of context, type, timestamp and payload. Two stores
/// hold the same events if count and checksum agree.
struct Tally {
  std::uint64_t events = 0;
  std::uint64_t checksum = 0;
  void add(const Row& row) noexcept;
  void add(const Tally& other) noexcept {
    events += other.events;
    checksum += other.checksum;
  }
  bool operator==(const Tally&) const = default;
};

} // namespace weir::bench
