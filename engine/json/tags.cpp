#include "engine/json/json.hpp"
#include "engine/json/sax.hpp"
#include "engine/text.hpp"

namespace weir::json {

namespace {

/// Takes the strings of the member "tags" of the outermost object.
class TagReader : public detail::Handler {
public:
  explicit TagReader(std::vector<std::string>& tags) : tags_(tags) {}

  bool Null() { return other(); }
  bool Bool(bool) { return other(); }
  bool RawNumber(const char*, rapidjson::SizeType, bool) { return other(); }
  bool String(const char* text, rapidjson::SizeType size, bool) {
    if (!inside_)
      return other();
    tags_.emplace_back(text, size);
    return true;
  }
  bool Key(const char* text, rapidjson::SizeType size, bool) {
    named_ = depth_ == 1 && std::string_view(text, size) == "tags";
    return true;
  }
  bool StartObject() {
    ++depth_;
    return depth_ == 1 || other();
  }
  bool EndObject(rapidjson::SizeType) {
    --depth_;
    return true;
  }
  bool StartArray() {
    ++depth_;
    if (inside_ || !named_)
      return other();
    inside_ = true;
    named_ = false;
    return true;
  }
  bool EndArray(rapidjson::SizeType) {
    --depth_;
    return !inside_; // nothing else is of interest
  }
  [[nodiscard]] bool well_formed() const noexcept { return well_formed_; }

private:
  /// A value that is no tag: wrong in the place of the tags and in their array.
  bool other() {
    well_formed_ = well_formed_ && !named_ && !inside_;
    return well_formed_;
  }

  std::vector<std::string>& tags_;
  std::size_t depth_ = 0;
  bool named_ = false;  // the next value is that of "tags"
  bool inside_ = false; // its array
  bool well_formed_ = true;
};

} // namespace

bool read_tags(std::string_view metadata, std::vector<std::string>& tags) {
  tags.clear();
  if (metadata.find("tags") == std::string_view::npos && metadata.find('\\') == std::string_view::npos)
    return true; // by far the usual case; an escape may spell it otherwise
  detail::Input input(metadata);
  TagReader reader(tags);
  static_cast<void>(detail::parse(input, metadata.size(), reader));
  return reader.well_formed();
}

} // namespace weir::json
