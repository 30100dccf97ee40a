#include "trust/kills/view_oracle.hpp"

#include "engine/text.hpp"
#include "trust/kills/speech.hpp"

#include <utility>

namespace weir::trust {

void ViewTotals::add(const ViewTotals& other) noexcept {
  remembered += other.remembered;
  forgotten += other.forgotten;
  shown += other.shown;
}

bool ViewOracle::take(std::string_view word, std::string_view line) {
  if (word == "views") {
    check_listed();
    return true;
  }
  if (word == "showed") {
    ++totals_.shown;
    return true;
  }
  if (word != "view" && word != "remembers" && word != "remembered" && word != "forgets" && word != "forgotten")
    return false;
  const std::string name(take_word(line));
  if (word == "view") {
    listed_[name] = line;
    return true;
  }
  auto& texts = possible_.try_emplace(name, std::set<std::string>{""}).first->second;
  if (word == "remembers" || word == "forgets") { // from here on until the answer it may be so or as it was
    asked_ = line;
    texts.insert(asked_);
  } else {
    texts = {asked_};
    ++(word == "remembered" ? totals_.remembered : totals_.forgotten);
  }
  return true;
}

void ViewOracle::check_listed() {
  std::map<std::string, std::string> there = std::exchange(listed_, {});
  for (const auto& [name, text] : there)
    if (!possible_.contains(name))
      complain_(format("view {} is there, and nobody asked for it: {}", name, text));
  for (auto& [name, texts] : possible_) {
    const std::string& text = there[name];
    if (!texts.contains(text))
      complain_(text.empty() ? format("view {} is gone", name) : format("view {} is there as {}", name, text));
    texts = {text}; // an open has shown it, so it stays
  }
}

} // namespace weir::trust
