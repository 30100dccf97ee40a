#include "engine/json/walk.hpp"

#include "engine/json/sax.hpp"

#include <weir/limits.hpp>

namespace weir::json {

namespace {

class Adapter : public detail::Handler {
public:
  explicit Adapter(Visitor& visitor) : visitor_(visitor) {}

  bool Null() { return visitor_.null(); }
  bool Bool(bool value) { return visitor_.boolean(value); }
  bool RawNumber(const char* text, rapidjson::SizeType size, bool) { return visitor_.number({text, size}); }
  bool String(const char* text, rapidjson::SizeType size, bool) { return visitor_.string({text, size}); }
  bool Key(const char* text, rapidjson::SizeType size, bool) { return visitor_.key({text, size}); }
  bool StartObject() { return enter() && visitor_.begin_object(); }
  bool EndObject(rapidjson::SizeType) {
    --depth_;
    return visitor_.end_object();
  }
  bool StartArray() { return enter() && visitor_.begin_array(); }
  bool EndArray(rapidjson::SizeType) {
    --depth_;
    return visitor_.end_array();
  }

  [[nodiscard]] bool too_deep() const { return depth_ > limits::json_depth_max; }

private:
  bool enter() { return ++depth_ <= limits::json_depth_max; } // the parser recurses

  Visitor& visitor_;
  std::size_t depth_ = 0;
};

} // namespace

Walked walk(std::string_view document, Visitor& visitor) {
  Adapter adapter(visitor);
  detail::Input input(document);
  switch (detail::parse<detail::Descent::recursive>(input, document.size(), adapter).end) {
  case detail::Outcome::End::complete: return Walked::whole;
  case detail::Outcome::End::stopped_by_handler: return adapter.too_deep() ? Walked::malformed : Walked::stopped;
  case detail::Outcome::End::malformed: break;
  }
  return Walked::malformed;
}

} // namespace weir::json
