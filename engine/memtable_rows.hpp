// What a memtable consists of. For its own .cpp files only.
//
// Owner: Memtable. Threading: as memtable.hpp says: published with release stores, never changed afterwards.
#pragma once

#include "engine/memtable.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace weir {

struct Memtable::Row {
  const Context* context = nullptr;
  std::uint64_t number = 0;
  Sequence sequence = 0;
  Position position = 0;
  Timestamp recorded_at{}, timestamp{};
  const char* bytes = nullptr; // type, id, metadata, payload follow one another
  std::uint32_t payload_bytes = 0, metadata_bytes = 0;
  std::uint16_t type_bytes = 0, id_bytes = 0;
  std::uint32_t schema_version = 0;

  // Rows are spread over memory as they came, so whoever walks over those of a context asks for them well before their
  // turn: first for the row, then for the bytes that it points to.
  static constexpr std::size_t rows_ahead = 16, bytes_ahead = 8;
  static void ask_for(const Row* row) noexcept { prefetch(row, sizeof(Row)); }
  void ask_for_bytes() const noexcept {
    constexpr std::size_t most = 512;
    prefetch(bytes, std::min<std::size_t>(type_bytes + id_bytes + metadata_bytes + payload_bytes, most));
  }

private:
  static void prefetch(const void* at, std::size_t size) noexcept {
    constexpr std::size_t line_bytes = 64;
    for (std::size_t i = 0; i < size; i += line_bytes)
      __builtin_prefetch(static_cast<const char*>(at) + i);
  }
};

// The rows of one context; replaced by a larger copy when full. Readers that hold the old one see the same rows.
struct Memtable::Rows {
  std::uint32_t capacity = 0;
  const Row** items = nullptr;
};

struct Memtable::Context {
  std::string_view id;
  Sequence first_sequence = 0;
  std::atomic<Rows*> rows{nullptr};
  std::atomic<std::uint32_t> count{0};
};

// Open addressing; replaced by a larger table when half full. Readers inside the old one find what was there.
struct Memtable::Table {
  struct Slot {
    std::uint64_t hash = 0; // written before `context`
    std::atomic<Context*> context{nullptr};
  };
  std::size_t mask = 0;
  Slot* slots = nullptr;
};

struct Memtable::Page {
  std::atomic<Row*> chunks[chunks_per_page]{};
};

} // namespace weir
