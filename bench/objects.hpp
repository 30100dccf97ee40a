// JSON objects in a table, by weir's models and by SQLite itself: what the lines "models/..." write and read.
//
// Purpose: the same rows for both. Threading: the functions are pure; a store says its own. Errors: std::runtime_error.
#pragma once

#include "bench/workload.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace weir::bench {

inline constexpr std::uint64_t object_count = 10'000;
inline constexpr std::uint64_t object_groups = 100; ///< Values of the column that searches ask for.
inline constexpr std::uint64_t page_rows = 20;      ///< That a search gives.

/// An object of some 200 bytes: {"id", "group", "name", "number", "note"}. `number` tells writes to one id apart.
struct Object {
  std::int64_t id = 0;
  std::int64_t group = 0;
  std::string name;
  std::int64_t number = 0;
  std::string note;
};
[[nodiscard]] Object make_object(std::uint64_t id, std::uint64_t number);

/// Where the `number`th write of `writer`, one of `writers`, goes to. No other writer writes there.
[[nodiscard]] std::uint64_t id_of_write(std::uint64_t number, std::uint64_t writer, std::uint64_t writers);
void add_object(Tally& tally, std::int64_t id, std::int64_t number) noexcept;
/// The rows that are left by writes 1 ... writes[w] of each writer w.
[[nodiscard]] Tally objects_left_by(const std::vector<std::uint64_t>& writes);

/// A write on its way: its place, and what is called once it is durable and visible.
struct ObjectWrite {
  std::uint64_t id = 0, number = 0;
  std::function<void()> written{};
};

/// Objects whose writes are durable and visible when they return.
class WrittenObjects {
public:
  virtual ~WrittenObjects() = default;
  virtual void open(const std::string& directory) = 0;
  /// From many threads at once, where the store takes that.
  virtual void write(std::uint64_t id, std::uint64_t number) = 0;
  /// As long as `next` gives some, with `in_flight` on their way; a store that has no such thing makes one transaction
  /// of as many.
  virtual void write_stream(const std::function<bool(ObjectWrite&)>& next, std::size_t in_flight) = 0;
  /// All rows there are.
  virtual Tally tally() = 0;
};

/// Objects 1 ... object_count, which are read. One thread.
class ReadObjects {
public:
  virtual ~ReadObjects() = default;
  virtual void fill(const std::string& directory) = 0;
  virtual void open(const std::string& directory) = 0;
  /// The number of the object with this id.
  virtual std::int64_t get(std::uint64_t id) = 0;
  /// The first page of those with this "group", by name, with their total and what the next page is asked for with.
  struct Page {
    std::size_t rows = 0;
    std::uint64_t total = 0;
    bool more = false;
  };
  virtual Page search(std::uint64_t group) = 0;
};

[[nodiscard]] std::unique_ptr<WrittenObjects> weir_written_objects();
[[nodiscard]] std::unique_ptr<WrittenObjects> sqlite_written_objects();
[[nodiscard]] std::unique_ptr<ReadObjects> weir_read_objects();
[[nodiscard]] std::unique_ptr<ReadObjects> sqlite_read_objects();

} // namespace weir::bench
