// A model whose writes are events: the same objects as a JsonModel's, and a log that says how they came to be.
//
// Purpose: set, update and remove store an event `es/<model>` and return once it is applied; reads are those of the
// model's table. Owner: its EventSourcingDB. Threading: thread-safe. Writes wait, so they are `invalid_argument` from
// inside callbacks and the functions of models (there: TransactContext). Ids of new objects: the one given; else what
// the id column computes; else the next integer, or a UUID where ids are texts. An integer once used never comes again.
#pragma once

#include <weir/event.hpp>
#include <weir/event_sourcing.hpp>
#include <weir/json_model.hpp>
#include <weir/json_value.hpp>
#include <weir/result.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

class EventSourcingDB;
struct Dispatched;

/// How one write differs.
struct WriteOptions {
  Json metadata{};                                       ///< Kept in the event beside the object: who and why.
  std::optional<std::chrono::milliseconds> timeout_ms{}; ///< Longest the call may take.
};

class ESModel {
public:
  ESModel(EventSourcingDB& db, const ModelDefinition& definition, JsonModel& rows);
  ~ESModel();
  ESModel(const ESModel&) = delete;
  ESModel& operator=(const ESModel&) = delete;

  [[nodiscard]] const std::string& name() const noexcept { return rows_.name(); }
  /// The table, for reading.
  [[nodiscard]] const JsonModel& rows() const noexcept { return rows_; }

  // Reading: as JsonModel.
  using Found = JsonModel::Found;
  Result<Found> get(const Json& id, std::string_view column = {}) const { return rows_.get(id, column); }
  Result<std::vector<Found>> get_all(std::span<const Json> ids, std::string_view column = {}) const {
    return rows_.get_all(ids, column);
  }
  Result<Found> get_cached(ModelCache& cache, const Json& id, std::string_view column = {},
                           std::span<const Json> prefetch = {}) const {
    return rows_.get_cached(cache, id, column, prefetch);
  }
  void clear_cache(ModelCache& cache, const Json& id = {}, std::string_view column = {}) const {
    rows_.clear_cache(cache, id, column);
  }
  Result<std::vector<Json>> all() const { return rows_.all(); }
  Result<SearchResult> search(const Json& attributes = {}, const SearchOptions& options = {}) const {
    return rows_.search(attributes, options);
  }
  Result<Found> search_one(const Json& attributes = {}, const SearchOptions& options = {}) const {
    return rows_.search_one(attributes, options);
  }
  Result<std::vector<Json>> search_all(const Json& attributes = {}, const SearchOptions& options = {}) const {
    return rows_.search_all(attributes, options);
  }
  Result<bool> exists(const Json& id_or_attributes = {}) const { return rows_.exists(id_or_attributes); }
  Result<std::uint64_t> count(const Json& attributes = {}, const SearchOptions& options = {}) const {
    return rows_.count(attributes, options);
  }
  Result<std::optional<double>> min(std::string_view column, const Json& attributes = {},
                                    const SearchOptions& options = {}) const {
    return rows_.min(column, attributes, options);
  }
  Result<std::optional<double>> max(std::string_view column, const Json& attributes = {},
                                    const SearchOptions& options = {}) const {
    return rows_.max(column, attributes, options);
  }
  Result<std::optional<double>> sum(std::string_view column, const Json& attributes = {},
                                    const SearchOptions& options = {}) const {
    return rows_.sum(column, attributes, options);
  }
  Result<std::optional<double>> average(std::string_view column, const Json& attributes = {},
                                        const SearchOptions& options = {}) const {
    return rows_.average(column, attributes, options);
  }
  Status each(const JsonModel::Visit& visit, const Json& attributes = {}, const EachOptions& options = {}) const {
    return rows_.each(visit, attributes, options);
  }

  // Writing. Durable and applied when they return. Errors, beside those of JsonModel: those of Engine::store;
  // `projection_failed` if the projection has stopped and `deadline_exceeded` if it was too late: then the event is
  // stored all the same, and Error::conflicts holds its receipt.

  /// The object as the event left it. `insert_only`: `condition_failed`,
  /// "<model>.set <id>: EEXIST", if there is one with the id already; the event is stored and changes nothing.
  Result<Json> set(const Json& object, bool insert_only = false, const WriteOptions& options = {});
  /// `not_found`, "<model>.update <id>: ENOENT", if there is none and not `upsert`.
  Result<Json> update(const Json& changes, bool upsert = false, const WriteOptions& options = {});
  /// Of one that is not there: fine.
  Status remove(const Json& id, const WriteOptions& options = {});

  /// The same, answered later: `done` is called exactly once, in a thread of the engine or before this returns, and
  /// must not block. The id alone comes back, since the object would have to be read. `timeout_ms` is not for these.
  using WriteDone = std::function<void(Result<Json> id)>;
  void set_async(const Json& object, WriteDone done, bool insert_only = false, const WriteOptions& options = {});
  void update_async(const Json& changes, WriteDone done, bool upsert = false, const WriteOptions& options = {});
  void remove_async(const Json& id, WriteDone done, const WriteOptions& options = {});

  /// An integer no object has, and that this process gives nobody else.
  Result<std::int64_t> get_next_id();

  // The events themselves, for EventSourcingDB::dispatch.
  [[nodiscard]] ModelEvent event_set(const Json& object, bool insert_only = false, Json metadata = {}) const;
  [[nodiscard]] ModelEvent event_update(const Json& changes, bool upsert = false, Json metadata = {}) const;
  [[nodiscard]] ModelEvent event_remove(const Json& id, Json metadata = {}) const;

private:
  struct State;
  Result<Dispatched> write(ModelEvent event, const WriteOptions& options);
  Result<Dispatched> write_new(Json object, const WriteOptions& options);
  Result<Json> written(Result<Dispatched>&& done, std::string_view operation) const;
  struct Later;
  void write_object_later(Later write, bool may_be_new);
  void write_later(std::shared_ptr<Later> write);
  void send_later(std::shared_ptr<Later> write);
  [[nodiscard]] std::optional<std::int64_t> reserve_id();
  Result<std::int64_t> reserve_first_id();
  EventSourcingDB& db_;
  const JsonModel& rows_;
  std::unique_ptr<State> state_;
};

} // namespace weir
