#include "bench/figures.hpp"

#include <array>
#include <charconv>
#include <stdexcept>

namespace weir::bench {

namespace {

template <class T> T parsed(const std::string& text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size())
    throw std::runtime_error("figures: '" + text + "' is no number");
  return value;
}

template <class T> std::string text_of(T value) {
  std::array<char, 40> buffer{};
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return error == std::errc{} ? std::string(buffer.data(), end) : std::string();
}

} // namespace

void Figures::set(const std::string& name, double value) {
  values_[name] = text_of(value);
}

void Figures::set(const std::string& name, const Tally& tally) {
  values_[name + ".events"] = text_of(tally.events);
  values_[name + ".checksum"] = text_of(tally.checksum);
}

const std::string& Figures::value(const std::string& name) const {
  const auto found = values_.find(name);
  if (found == values_.end())
    throw std::runtime_error("figures: there is no '" + name + "'");
  return found->second;
}

double Figures::number(const std::string& name) const {
  return parsed<double>(value(name));
}

Tally Figures::tally(const std::string& name) const {
  return {parsed<std::uint64_t>(value(name + ".events")), parsed<std::uint64_t>(value(name + ".checksum"))};
}

std::string Figures::to_text() const {
  std::string text;
  for (const auto& [name, value] : values_)
    text += name + '=' + value + '\n';
  return text;
}

Figures Figures::parse(std::string_view text) {
  Figures figures;
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    const auto equals = line.find('=');
    if (equals == std::string_view::npos)
      throw std::runtime_error("figures: no '=' in '" + std::string(line) + "'");
    figures.values_[std::string(line.substr(0, equals))] = line.substr(equals + 1);
    text.remove_prefix(std::min(text.size(), line.size() + 1));
  }
  return figures;
}

} // namespace weir::bench
