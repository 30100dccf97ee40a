#include "engine/models/corrections.hpp"

#include "engine/json/json.hpp"
#include "engine/text.hpp"

#include <weir/json_value.hpp>

#include <utility>

namespace weir {

std::string correction_payload(Position position, std::string_view type, std::string_view payload) {
  std::string text = format("{{\"position\":{},\"type\":", position);
  json::append_string(text, type);
  text += ",\"data\":";
  text += payload;
  text += '}';
  return text;
}

Query corrections_query() {
  return Query::types({std::string(correction_event_type)}).returning({"position", "payload"}).order_by("position");
}

Result<std::map<Position, Correction>> read_corrections(const QueryResult& rows) {
  std::map<Position, Correction> corrections;
  for (const std::vector<Value>& row : rows.rows) {
    const auto text = row.at(1).as_json();
    auto said = Json::parse(text ? *text : std::string_view());
    const std::uint64_t position = said ? (*said)["position"].unsigned_integer() : 0;
    if (position == 0 || !(*said)["type"].is_string() || !(*said)["data"].is_object())
      return fail(Errc::corruption, "an event of this type is no correction", std::string(correction_event_type));
    corrections.insert_or_assign(position,
                                 Correction{std::string((*said)["type"].string()), (*said)["data"].to_text()});
  }
  return corrections;
}

} // namespace weir
