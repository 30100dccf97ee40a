#include "engine/json/json.hpp"
#include "engine/json/number.hpp"
#include "engine/json/walk.hpp"

namespace weir::json {

namespace {

/// Sees the elements of the outermost array, and of what is inside of them only that it is there.
class Elements final : public Visitor {
public:
  explicit Elements(const std::function<bool(const Scalar&)>& visit) : visit_(visit) {}

  bool null() override { return scalar(std::monostate{}); }
  bool boolean(bool value) override { return scalar(value); }
  bool number(std::string_view text) override {
    if (depth_ != 1)
      return depth_ != 0;
    Scalar value;
    if (!detail::read_number(text, value))
      return false;
    return element(value);
  }
  bool string(std::string_view text) override { return depth_ == 1 ? element(std::string(text)) : depth_ != 0; }
  bool key(std::string_view) override { return true; }
  bool begin_object() override { return begin(false); }
  bool end_object() override { return --depth_, true; }
  bool begin_array() override { return begin(true); }
  bool end_array() override { return --depth_, true; }

  /// The visitor's answer ended the walk.
  [[nodiscard]] bool answered() const { return answered_; }

private:
  template <class T> bool scalar(T value) { return depth_ == 1 ? element(Scalar(value)) : depth_ != 0; }
  bool begin(bool array) {
    if (depth_ == 0 && !array)
      return false;
    if (depth_ == 1 && !element(Composite{}))
      return false;
    ++depth_;
    return true;
  }
  bool element(const Scalar& value) {
    answered_ = !visit_(value);
    return !answered_;
  }

  const std::function<bool(const Scalar&)>& visit_;
  std::size_t depth_ = 0;
  bool answered_ = false;
};

} // namespace

bool for_each_element(std::string_view text, const std::function<bool(const Scalar&)>& visit) {
  Elements elements(visit);
  return walk(text, elements) == Walked::whole || elements.answered();
}

} // namespace weir::json
