#include "engine/models/change_apply.hpp"

#include "engine/models/phase_errors.hpp"
#include "engine/text.hpp"

#include <string_view>
#include <utility>
#include <vector>

namespace weir {

namespace {

/// Where objects of a model have their id.
class IdPlace {
public:
  explicit IdPlace(const JsonModel& model) : path_(model.id_column()) {
    for (const Column& column : model.options().columns)
      if (column.name == model.id_column()) {
        computed_ = static_cast<bool>(column.value);
        if (!column.path.empty())
          path_ = column.path;
      }
  }

  [[nodiscard]] Status check(const Json& object) const {
    if (!object.is_object())
      return fail(Errc::invalid_argument, "it is no object");
    if (!computed_ && find(object).is_null())
      return fail(Errc::invalid_argument, format("there is no {}", path_));
    return {};
  }

private:
  [[nodiscard]] const Json& find(const Json& object) const {
    const Json* found = &object;
    for (std::string_view rest = path_;;) {
      const auto dot = rest.find('.');
      found = &(*found)[rest.substr(0, dot)];
      if (dot == std::string_view::npos)
        return *found;
      rest.remove_prefix(dot + 1);
    }
  }

  std::string_view path_;
  bool computed_ = false; // by a function that finds the same id whenever it is asked
};

template <class Write> void each_object(PhaseErrors& errors, std::string_view name, const std::vector<Json>& objects,
                                        const IdPlace& id, const Write& write) {
  for (std::size_t i = 0; i < objects.size(); ++i) {
    Status done = id.check(objects[i]);
    if (done)
      if (auto written = write(objects[i]); !written)
        done = std::move(written).error();
    if (!done)
      errors.add(format("{}[{}]", name, i), std::move(done).error());
  }
}

} // namespace

Status apply_change(const Change& change, JsonModel& model) {
  PhaseErrors errors;
  const IdPlace id_place(model);
  for (std::size_t i = 0; i < change.rm.size(); ++i) {
    const Json& id = change.rm[i];
    if (!id.is_string() && !id.is_integer())
      errors.add(format("rm[{}]", i), fail(Errc::invalid_argument, "it is no id"));
    else if (auto removed = model.remove(id); !removed)
      errors.add(format("rm[{}]", i), std::move(removed).error());
  }
  each_object(errors, "ins", change.ins, id_place, [&](const Json& object) { return model.put(object, true); });
  each_object(errors, "set", change.set, id_place, [&](const Json& object) { return model.put(object); });
  each_object(errors, "upd", change.upd, id_place, [&](const Json& changes) { return model.merge(changes); });
  each_object(errors, "sav", change.sav, id_place, [&](const Json& changes) { return model.merge(changes, true); });
  return std::move(errors).status();
}

} // namespace weir
