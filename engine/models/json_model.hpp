// Objects without a schema, in a table with real, indexed, searchable columns where they are wanted.
//
// Purpose: the model of the field's document layers over SQLite: an object is a row of its id, a JSON text and the
// columns it is told to keep apart. Owner: the ModelDatabase it was added to, which it does not outlive. Threading:
// thread-safe; writes take their turn, and inside ModelDatabase::transaction() belong to it. Errors: messages begin
// with the model's name, and name the column concerned. Names are checked and quoted, values always bound; only options
// that say so ("trusted text") become part of SQL.
//
//   auto db = weir::ModelDatabase::create({.file = "shop.db"});
//   auto* const items = *(*db)->add_model({.name = "items", .columns = {{.name = "id", .type = ColumnType::integer},
//                                                                       {.name = "count", .index =
//                                                                       ColumnIndex::all}}});
//   items->set(Json::object({{"id", 5}, {"name", "hi"}, {"count", 3}}));
//   auto found = items->search(Json::object({{"count", 3}}));
#pragma once

#include <weir/column.hpp>
#include <weir/json_value.hpp>
#include <weir/result.hpp>
#include <weir/search.hpp>
#include <weir/sql_value.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir {

class ModelDatabase;

/// A change of a database that is made once, inside the one transaction of all that are due, which run by the order of
/// the text "key group".
struct Migration {
  std::string key{};
  std::function<Status(ModelDatabase&)> up{};
};

struct JsonModelOptions {
  std::string name{}; ///< Of the table: 1-128 bytes of UTF-8 without control characters, no "sqlite_" or "{".
  std::vector<Column> columns{}; ///< Without one named id_column it is a text.
  std::string id_column = "id";
  /// A text id beside a hidden rowId that stays when the file is vacuumed; without, the id is the primary key itself.
  bool keep_row_id = true;
  /// Of the model's own, in its group, after those that make table and columns, whose keys begin with '!': these must
  /// begin with what sorts behind it.
  std::vector<Migration> migrations{};
  /// Makes text ids where there is none; empty: time-based UUIDs.
  std::function<std::string()> make_id{};
};

/// Objects loaded together and kept for one request: see JsonModel::get_cached. For one thread at a time.
class ModelCache {
public:
  ModelCache();
  ~ModelCache();
  ModelCache(ModelCache&&) noexcept;
  ModelCache& operator=(ModelCache&&) noexcept;

private:
  friend class JsonModel;
  struct State;
  std::unique_ptr<State> state_;
};

class JsonModel {
public:
  ~JsonModel();
  JsonModel(const JsonModel&) = delete;
  JsonModel& operator=(const JsonModel&) = delete;

  [[nodiscard]] const std::string& name() const noexcept;
  [[nodiscard]] const std::string& id_column() const noexcept;
  /// Of a model that may only be read a database that may only be read.
  [[nodiscard]] ModelDatabase& database() noexcept;
  [[nodiscard]] const ModelDatabase& database() const noexcept;
  [[nodiscard]] const JsonModelOptions& options() const noexcept;

  // --- reading ---

  using Found = std::optional<Json>; ///< Nothing: there is no such object.
  /// The object whose `column` (empty: the id) is `id`; the first by id if several are. Errors: `invalid_argument` for
  /// null and for an unknown column.
  Result<Found> get(const Json& id, std::string_view column = {}) const;
  /// One for each of `ids`, in their order; repeated ones repeated.
  Result<std::vector<Found>> get_all(std::span<const Json> ids, std::string_view column = {}) const;
  /// As get(), out of `cache` if it was loaded before; `prefetch` has ids that will be wanted too, loaded in the same
  /// statement, at most 100 at a time.
  Result<Found> get_cached(ModelCache& cache, const Json& id, std::string_view column = {},
                           std::span<const Json> prefetch = {}) const;
  /// Forgets what `cache` has of the model, or of one id.
  void clear_cache(ModelCache& cache, const Json& id = {}, std::string_view column = {}) const;
  /// Puts an object into `cache`, as if it had been loaded.
  void prime_cache(ModelCache& cache, const Json& id, Found object, std::string_view column = {}) const;
  /// Every object, by id.
  Result<std::vector<Json>> all() const;

  /// Objects whose columns have the values of `attributes` (an object; null members count for nothing). Errors:
  /// `invalid_argument` for an unknown column, a cursor of another sort or a damaged one, and wrong values.
  Result<SearchResult> search(const Json& attributes = {}, const SearchOptions& options = {}) const;
  /// The first one.
  Result<Found> search_one(const Json& attributes = {}, const SearchOptions& options = {}) const;
  /// The items alone.
  Result<std::vector<Json>> search_all(const Json& attributes = {}, const SearchOptions& options = {}) const;
  /// Whether there is one: any at all, one with this id (anything but an object), or one with these attributes.
  Result<bool> exists(const Json& id_or_attributes = {}) const;
  /// With a cursor: of what is behind it.
  Result<std::uint64_t> count(const Json& attributes = {}, const SearchOptions& options = {}) const;

  /// Over a column as numbers: text counts as the number it begins with or 0, NULL for nothing; of nothing: nothing.
  Result<std::optional<double>> min(std::string_view column, const Json& attributes = {},
                                    const SearchOptions& options = {}) const;
  Result<std::optional<double>> max(std::string_view column, const Json& attributes = {},
                                    const SearchOptions& options = {}) const;
  Result<std::optional<double>> sum(std::string_view column, const Json& attributes = {},
                                    const SearchOptions& options = {}) const;
  Result<std::optional<double>> average(std::string_view column, const Json& attributes = {},
                                        const SearchOptions& options = {}) const;
  /// Calls `visit` for each object that search() would find, batch by batch, never holding more than one. An error ends
  /// it once the batch is through, and is returned.
  using Visit = std::function<Status(const Json& item, std::uint64_t index)>;
  Status each(const Visit& visit, const Json& attributes = {}, const EachOptions& options = {}) const;

  // --- writing ---

  /// Stores `object` in the place of what its id has, and returns it as a get() would. Errors: `invalid_argument` (a
  /// required value, a wrong id), `sequence_conflict` never; a taken id with `insert_only` and a taken unique value are
  /// `condition_failed` naming the column.
  Result<Json> set(const Json& object, bool insert_only = false);
  /// As set(), for those who do not want the object back.
  Status put(const Json& object, bool insert_only = false);
  /// Changes members of the object with this id: null removes one. Errors: also `not_found`, unless `upsert`.
  Result<Json> update(const Json& changes, bool upsert = false);
  /// As update(), for those who do not want the object back.
  Status merge(const Json& changes, bool upsert = false);
  /// True if there was one. `id` may be an object that has it.
  Result<bool> remove(const Json& id);
  /// Errors: `invalid_argument` for null, `not_found`, `condition_failed` if the new one is taken.
  Status change_id(const Json& old_id, const Json& new_id);
  /// The highest integer id and 1.
  Result<std::int64_t> next_id() const;

private:
  friend class ModelDatabase;
  friend class ModelAccess;
  struct State;
  explicit JsonModel(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Text as a part of an address: "Straße & Söhne" becomes strasse-sohne; at most 30 bytes of [a-z0-9.!*-]; empty where
/// nothing is left.
[[nodiscard]] std::string slugify(std::string_view text);

} // namespace weir
