#include <weir/event_sourcing.hpp>

#include <string_view>
#include <utility>

namespace weir {

Json Change::to_json() const& {
  return Change(*this).to_json();
}

Json Change::to_json() && {
  Json json = Json::object();
  const auto add = [&json](std::string_view key, std::vector<Json>& items) {
    if (!items.empty())
      json.set(key, Json(std::move(items)));
  };
  add("rm", rm);
  add("ins", ins);
  add("set", set);
  add("upd", upd);
  add("sav", sav);
  if (!es_fail.empty())
    json.set("es_fail", std::move(es_fail));
  return json;
}

} // namespace weir
