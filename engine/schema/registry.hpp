// The schemas in force, and every version before them.
//
// Purpose: each store asks for its types' schemas, from any thread, while one is being defined. Looking one up takes
// no lock; where no schema is defined at all it takes one load. Owner: the engine. Threading: any thread. Invariants:
// versions of a type are dense from 1; nothing is removed before the registry is, so pointers stay valid as long as it.
#pragma once

#include <weir/event.hpp>
#include <weir/schema.hpp>

#include "engine/ports.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::schema {

/// Whether a new version may refuse what the one before takes, even if no upcaster is there.
enum class MayBreak : bool { no, yes };

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

  /// Judges the events of one call, which passed validate_call, each by the newest version of its type, and says which
  /// versions these were (0: the type has none); nothing if they are all 0. Error: `schema_violation`; `where` is the
  /// path, after "event 3, " when there are several.
  Result<std::vector<std::uint32_t>> judge(std::span<const Event> events) const;

  /// What the catalog holds, into an empty registry. Error: `corruption` naming type and version.
  Status load(std::span<const SchemaRecord> records);
  /// Makes `schema` its type's next version: judges it, has it written to the catalog, then puts it in force. A store
  /// that begins after this returned is judged by it; one that is under way may be judged by the version before.
  /// What takes just what some version of the type takes answers that version and changes nothing, so that a program
  /// may define its whole history each time it starts. Errors: `incompatible` (see check_evolution) unless an upcaster
  /// leads from the newest version, `invalid_argument`, `too_large`, the catalog's.
  Result<std::uint32_t> define(Schema schema, CatalogStore& catalog, MayBreak may_break = MayBreak::no);

  /// Registers all upcasters of a type, once: see Engine::register_upcasters.
  Status register_upcasters(std::string_view event_type, std::vector<Upcaster> upcasters);
  /// The payload of a stored event as the newest version of its type has it; nothing if that is how it is stored.
  /// Errors, with the event's context and sequence: `schema_violation` (an upcaster failed, threw, or made what does
  /// not fit), `unsupported` (one is needed and not registered), `corruption` (a version that nobody defined).
  Result<std::optional<std::string>> upcast(const EventView& event) const;
  /// The same for every event of a batch.
  Status upcast(EventBatch& batch) const;
  /// Grows whenever a read may make something else of a stored payload than before.
  [[nodiscard]] std::uint64_t changes() const noexcept { return changes_.load(std::memory_order_acquire); }
  /// False: no payload of any event differs from what is stored.
  [[nodiscard]] bool upcasts() const noexcept { return upcasts_.load(std::memory_order_acquire); }
  /// Whether upcasters are registered for this type.
  [[nodiscard]] bool upcasts(std::string_view event_type) const noexcept;

private:
  struct Version {
    SchemaVersion value;
    const Version* before;
    bool breaks; ///< What fits the version before need not fit this one.
  };
  using Chain = std::vector<Upcaster>; ///< By version.
  struct Type {
    Type(std::string name_, const Version* latest_, const Type* next_)
        : name(std::move(name_)), latest(latest_), next(next_) {}
    const std::string name;
    std::atomic<const Version*> latest;
    std::atomic<const Chain*> upcasters{nullptr};
    const Type* const next; // of the same bucket
  };

  [[nodiscard]] const Type* find_type(std::string_view event_type) const noexcept;
  void add(Schema schema, std::size_t text_bytes);

  std::array<std::atomic<Type*>, 1'024> buckets_{};
  std::atomic<std::size_t> types_count_{0};
  std::atomic<bool> upcasts_{false};
  std::atomic<std::uint64_t> changes_{0};
  std::mutex adding_; // held over define(), by whom it may take a while, and register_upcasters()
  // Whoever adds owns these; a deque's elements stay where they are.
  std::deque<Type> types_;
  std::deque<Version> versions_;
  std::deque<Chain> chains_;
  std::size_t text_bytes_ = 0;
};

} // namespace weir::schema
