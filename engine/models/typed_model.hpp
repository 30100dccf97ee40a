// A model seen as structs of the service's own.
//
// Purpose: what goes into a model and comes out of it is a T instead of JSON, with the model's rules, ids and searches
// as they are. Owner: the service, as long as the model lives. Threading: as the model. Errors: those of the model, and
// what T::from_json says of an object that it cannot read.
//
//   struct Customer {
//     static Result<Customer> from_json(const Json& object);
//     [[nodiscard]] Json to_json() const;
//     std::string id, city;
//   };
//   weir::TypedModel<Customer, ESModel> customers(*db->model("customers"));
//   const Result<Customer> ann = customers.set({"ann", "Aarhus"});
//
// `Model`: JsonModel, ESModel, or one of both that is const, for reading.
#pragma once

#include <weir/json_model.hpp>
#include <weir/json_value.hpp>
#include <weir/result.hpp>
#include <weir/search.hpp>

#include <concepts>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir {

/// A struct for objects of a model.
template <class T>
concept ModelObject = requires(const T& object, const Json& json) {
  { T::from_json(json) } -> std::same_as<Result<T>>;
  { object.to_json() } -> std::convertible_to<Json>;
};

template <ModelObject T, class Model = JsonModel> class TypedModel {
public:
  /// `model` outlives this.
  explicit TypedModel(Model& model) : model_(&model) {}

  // Reading: see JsonModel.

  using Found = std::optional<T>; ///< Nothing: there is no such object.
  Result<Found> get(const Json& id, std::string_view column = {}) const { return read(model_->get(id, column)); }
  Result<std::vector<T>> all() const { return read(model_->all()); }
  struct Page { ///< As SearchResult.
    std::vector<T> items{};
    std::string cursor{}, previous_cursor{};
    std::optional<std::uint64_t> total{};
  };
  Result<Page> search(const Json& attributes = {}, const SearchOptions& options = {}) const {
    auto found = model_->search(attributes, options);
    if (!found)
      return std::move(found).error();
    auto items = read(Result<std::vector<Json>>(std::move(found->items)));
    if (!items)
      return std::move(items).error();
    return Page{*std::move(items), std::move(found->cursor), std::move(found->previous_cursor), found->total};
  }
  Result<Found> search_one(const Json& attributes = {}, const SearchOptions& options = {}) const {
    return read(model_->search_one(attributes, options));
  }
  Result<std::vector<T>> search_all(const Json& attributes = {}, const SearchOptions& options = {}) const {
    return read(model_->search_all(attributes, options));
  }
  /// An object that cannot be read ends it, as an error of `visit` does.
  Status each(const std::function<Status(const T& item, std::uint64_t index)>& visit, const Json& attributes = {},
              const EachOptions& options = {}) const {
    return model_->each(
        [&visit](const Json& object, std::uint64_t index) -> Status {
          const Result<T> item = T::from_json(object);
          return item ? visit(*item, index) : Status(item.error());
        },
        attributes, options);
  }

  // Writing: see JsonModel, or ESModel. An object that is stored but cannot be read back is an error, too.

  Result<T> set(const T& object, bool insert_only = false) {
    return read_one(model_->set(object.to_json(), insert_only));
  }
  /// `changes`: the id, and what is to be other than it is.
  Result<T> update(const Json& changes, bool upsert = false) { return read_one(model_->update(changes, upsert)); }

  /// For all else.
  [[nodiscard]] Model& model() const noexcept { return *model_; }

private:
  static Result<T> read_one(Result<Json>&& object) {
    return object ? T::from_json(*object) : Result<T>(std::move(object).error());
  }
  static Result<Found> read(Result<std::optional<Json>>&& found) {
    if (!found)
      return std::move(found).error();
    if (!*found)
      return Found();
    auto object = T::from_json(**found);
    if (!object)
      return std::move(object).error();
    return Found(*std::move(object));
  }
  static Result<std::vector<T>> read(Result<std::vector<Json>>&& found) {
    if (!found)
      return std::move(found).error();
    std::vector<T> objects;
    objects.reserve(found->size());
    for (const Json& each : *found) {
      auto object = T::from_json(each);
      if (!object)
        return std::move(object).error();
      objects.push_back(*std::move(object));
    }
    return objects;
  }

  Model* model_;
};

} // namespace weir
