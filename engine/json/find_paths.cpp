#include "engine/json/json.hpp"
#include "engine/json/number.hpp"
#include "engine/json/sax.hpp"
#include "engine/text.hpp"

namespace weir::json {

namespace {

using detail::Outcome;
using detail::read_number;

/// How far one path has come.
struct Progress {
  std::size_t matched = 0; // Leading segments equal to the keys that lead to where the pass stands.
  std::size_t start = 0;   // Of the container the path names, while `open`.
  bool open = false;
  bool resolved = false; // Found, or known to be absent.
};

class Finder : public detail::Handler {
public:
  Finder(std::string_view document, std::span<const Path> paths, std::vector<Progress>& progress,
         std::vector<Scalar>& out, const detail::Input& input)
      : document_(document), paths_(paths), progress_(progress), out_(out), input_(input), unresolved_(paths.size()) {}

  bool Null() {
    return scalar([](Scalar& out) { out = std::monostate{}; });
  }
  bool Bool(bool value) {
    return scalar([value](Scalar& out) { out = value; });
  }
  bool String(const char* text, rapidjson::SizeType size, bool) {
    return scalar([=](Scalar& out) { out.emplace<std::string>(text, size); });
  }
  bool RawNumber(const char* text, rapidjson::SizeType size, bool) {
    return scalar([=, this](Scalar& out) { bad_number_ |= !read_number({text, size}, out); }) && !bad_number_;
  }
  bool Key(const char* text, rapidjson::SizeType size, bool) {
    // Paths that followed all keys above this object try their next segment; arrays add depth and no segment, so no
    // path gets through one.
    const std::size_t above = depth_ - 1;
    for (std::size_t i = 0; i < paths_.size(); ++i)
      if (progress_[i].matched >= above)
        progress_[i].matched =
            above + (paths_[i].size() > above && paths_[i][above] == std::string_view(text, size) ? 1 : 0);
    return true;
  }
  bool StartObject() {
    start(false);
    return true;
  }
  bool StartArray() {
    start(true);
    return unresolved_ != 0;
  }
  bool EndObject(rapidjson::SizeType) { return end(); }
  bool EndArray(rapidjson::SizeType) { return end(); }

  /// The pass ended because everything was found, not because something was wrong.
  [[nodiscard]] bool done() const { return unresolved_ == 0 && !bad_number_; }

private:
  [[nodiscard]] bool here(std::size_t i) const { return !progress_[i].resolved && progress_[i].matched == depth_; }

  void resolve(std::size_t i) {
    progress_[i].resolved = true;
    --unresolved_;
  }

  template <class Assign> bool scalar(Assign assign) {
    for (std::size_t i = 0; i < paths_.size(); ++i)
      if (here(i)) {
        if (paths_[i].size() == depth_)
          assign(out_[i]);
        resolve(i); // A longer path ends at this scalar, absent.
      }
    return unresolved_ != 0;
  }

  void start(bool array) {
    for (std::size_t i = 0; i < paths_.size(); ++i)
      if (here(i)) {
        if (paths_[i].size() == depth_) {
          progress_[i].open = true;
          progress_[i].start = input_.Tell();
        } else if (array) {
          resolve(i);
        }
      }
    ++depth_;
  }

  bool end() {
    --depth_;
    for (std::size_t i = 0; i < paths_.size(); ++i) {
      if (progress_[i].resolved || progress_[i].matched < depth_)
        continue;
      if (paths_[i].size() > depth_) {
        resolve(i); // All keys of the object on the path were seen, the next segment was not among them.
      } else if (paths_[i].size() == depth_ && progress_[i].open) {
        out_[i] = Composite{std::string(document_.substr(progress_[i].start, input_.Tell() + 1 - progress_[i].start))};
        resolve(i);
      }
    }
    return unresolved_ != 0;
  }

  std::string_view document_;
  std::span<const Path> paths_;
  std::vector<Progress>& progress_;
  std::vector<Scalar>& out_;
  const detail::Input& input_;
  std::size_t unresolved_;
  std::size_t depth_ = 0; // Containers that are open.
  bool bad_number_ = false;
};

} // namespace

Status find_paths(std::string_view document, std::span<const Path> paths, std::vector<Scalar>& out) {
  out.assign(paths.size(), Absent{});
  if (paths.empty())
    return {};
  thread_local std::vector<Progress> progress;
  progress.assign(paths.size(), Progress{});
  detail::Input input(document);
  Finder finder(document, paths, progress, out, input);
  const Outcome outcome = detail::parse(input, document.size(), finder);
  if (outcome.end == Outcome::End::complete || (outcome.end == Outcome::End::stopped_by_handler && finder.done()))
    return {};
  return fail(Errc::corruption,
              format("a stored document is not valid JSON: {}", outcome.end == Outcome::End::malformed
                                                                    ? outcome.expected
                                                                    : "a number beyond the range of a double"),
              format("byte {}", outcome.offset));
}

} // namespace weir::json
