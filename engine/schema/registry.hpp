// The schemas in force, and every version before them.
//
// Purpose: each store asks for its types' schemas, from any thread, while one is being defined. Looking one up takes
// no lock; where no schema is defined at all it takes one load. Owner: the engine. Threading: any thread reads; one at
// a time adds (the flush lane, and open before that lane exists). Invariants: versions of a type are dense from 1;
// nothing is removed before the registry is, so pointers stay valid as long as it.
#pragma once

#include <weir/event.hpp>
#include <weir/schema.hpp>

#include "engine/ports.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::schema {

class Registry {
public:
  Registry() = default;
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  /// The type's newest version, or one by its number; nullptr if there is none.
  [[nodiscard]] const SchemaVersion* latest(std::string_view event_type) const noexcept;
  [[nodiscard]] const SchemaVersion* find(std::string_view event_type, std::uint32_t version) const noexcept;
  /// The newest version of every type, by type (bytes).
  [[nodiscard]] std::vector<const SchemaVersion*> all() const;

  /// Judges the events of one call, which passed validate_call, each by the newest version of its type. Error:
  /// `schema_violation`; `where` is the path, after "event 3, " when there are several.
  Status check(std::span<const Event> events) const;

  /// What the catalog holds, into an empty registry. Error: `corruption` naming type and version.
  Status load(std::span<const SchemaRecord> records);
  /// Makes `schema` its type's next version: judges it, has it written to the catalog, then puts it in force. A store
  /// that begins after this returned is judged by it; one that is under way may be judged by the version before.
  /// What takes just what some version of the type takes answers that version and changes nothing, so that a program
  /// may define its whole history each time it starts. Errors: `incompatible` (see check_evolution),
  /// `invalid_argument`, `too_large`, the catalog's.
  Result<std::uint32_t> define(Schema schema, CatalogStore& catalog);

private:
  struct Version {
    SchemaVersion value;
    const Version* before;
  };
  struct Type {
    Type(std::string name_, const Version* latest_, const Type* next_)
        : name(std::move(name_)), latest(latest_), next(next_) {}
    const std::string name;
    std::atomic<const Version*> latest;
    const Type* const next; // of the same bucket
  };

  [[nodiscard]] const Type* find_type(std::string_view event_type) const noexcept;
  void add(Schema schema, std::size_t text_bytes);

  std::array<std::atomic<Type*>, 1'024> buckets_{};
  std::atomic<std::size_t> types_count_{0};
  // Whoever adds owns these; a deque's elements stay where they are.
  std::deque<Type> types_;
  std::deque<Version> versions_;
  std::size_t text_bytes_ = 0;
};

} // namespace weir::schema
