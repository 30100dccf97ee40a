// Projections by typed events: what a service computes from its own event structs.
//
// Purpose: a model that is filled by functions of the service's event types, each called with the event already read,
// under the same exactly-once checkpoint as every other model. Owner: the service; it becomes a ModelDefinition.
// Threading: plain values; the functions run in the projection's thread.
//
//   struct OrderPlaced {
//     static constexpr std::string_view event_type = "order_placed";
//     static Result<OrderPlaced> from_json(const Json& data);
//     std::string customer;
//     std::int64_t cents = 0;
//   };
//   weir::Fold sales({.name = "sales"});
//   sales.on<OrderPlaced>([](const OrderPlaced& placed, const ModelEvent&, DeriveContext& context) -> Status {
//     JsonModel& model = context.model("sales");
//     ...
//   });
//   std::vector<ModelDefinition> models{std::move(sales).definition()};
#pragma once

#include <weir/event_sourcing.hpp>
#include <weir/json_model.hpp>
#include <weir/result.hpp>

#include <concepts>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace weir {

/// An event struct: its `event_type`, and `from_json`, whose error fails the event.
template <class E>
concept FoldEvent = requires(const Json& data) {
  { E::event_type } -> std::convertible_to<std::string_view>;
  { E::from_json(data) } -> std::same_as<Result<E>>;
};

class Fold {
public:
  explicit Fold(JsonModelOptions model) : model_(std::move(model)) {}

  /// Calls `function(const E&, const ModelEvent&, DeriveContext&) -> Status` for each event of E's type. Several
  /// functions of one type run in the order they were given.
  template <FoldEvent E, class Function>
  requires std::is_invocable_r_v<Status, const Function&, const E&, const ModelEvent&, DeriveContext&> Fold&
  on(Function function) {
    handlers_[std::string(E::event_type)].push_back(
        [function = std::move(function)](const ModelEvent& event, DeriveContext& context) -> Status {
          const Result<E> read = E::from_json(event.data);
          if (!read)
            return read.error();
          return function(*read, event, context);
        });
    return *this;
  }

  /// What an EventSourcingDB takes: a model without writes of its own.
  [[nodiscard]] ModelDefinition definition() &&;

private:
  using Handler = std::function<Status(const ModelEvent&, DeriveContext&)>;
  JsonModelOptions model_;
  std::map<std::string, std::vector<Handler>, std::less<>> handlers_; // by event type
};

} // namespace weir
