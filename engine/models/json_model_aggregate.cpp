// JsonModel: numbers over all objects that are found.
#include "engine/models/json_model_state.hpp"
#include "engine/models/run_search.hpp"

#include <weir/model_database.hpp>

namespace weir {
namespace {

Result<SqlValue> value_of(const JsonModel& model, const SqlText& text) {
  auto lease = model.database().connections().read();
  if (!lease)
    return std::move(lease).error();
  auto value = first_value(*lease, text);
  if (!value)
    return std::move(value).error();
  return *value ? std::move(**value) : SqlValue(); // No row: a trusted text has grouped them.
}

Result<std::optional<double>> aggregate(const JsonModel& model, const ModelTable& table, std::string_view what,
                                        std::string_view column, const Json& attributes, const SearchOptions& options) {
  const auto over = table.need(column);
  if (!over)
    return over.error();
  const auto select = SelectText::make(table, attributes, options);
  if (!select)
    return select.error();
  const auto value = value_of(model, select->aggregate(what, **over));
  if (!value)
    return value.error();
  const double* number = std::get_if<double>(&*value);
  return number ? std::optional(*number) : std::nullopt;
}

} // namespace

Result<std::uint64_t> JsonModel::count(const Json& attributes, const SearchOptions& options) const {
  const auto select = SelectText::make(state_->table, attributes, options);
  if (!select)
    return select.error();
  const auto value = value_of(*this, select->count(true));
  if (!value)
    return value.error();
  const auto* count = std::get_if<std::int64_t>(&*value);
  return count ? static_cast<std::uint64_t>(*count) : 0;
}

Result<std::optional<double>> JsonModel::min(std::string_view column, const Json& attributes,
                                             const SearchOptions& options) const {
  return aggregate(*this, state_->table, "min", column, attributes, options);
}

Result<std::optional<double>> JsonModel::max(std::string_view column, const Json& attributes,
                                             const SearchOptions& options) const {
  return aggregate(*this, state_->table, "max", column, attributes, options);
}

Result<std::optional<double>> JsonModel::sum(std::string_view column, const Json& attributes,
                                             const SearchOptions& options) const {
  return aggregate(*this, state_->table, "sum", column, attributes, options);
}

Result<std::optional<double>> JsonModel::average(std::string_view column, const Json& attributes,
                                                 const SearchOptions& options) const {
  return aggregate(*this, state_->table, "avg", column, attributes, options);
}

} // namespace weir
