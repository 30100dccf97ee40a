#include "trust/models/orders.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace weir::trust {

namespace {

constexpr std::pair<std::string_view, std::uint64_t ModelsOrders::*> numbers[] = {
    {"seed", &ModelsOrders::seed},
    {"life", &ModelsOrders::life},
    {"writers", &ModelsOrders::writers},
    {"acks_until_kill", &ModelsOrders::acks_until_kill},
    {"acks_until_close", &ModelsOrders::acks_until_close},
    {"transactions_until_kill", &ModelsOrders::transactions_until_kill},
    {"swap_kill_permille", &ModelsOrders::swap_kill_permille},
};

} // namespace

std::vector<std::string> arguments_of(const std::string& host, const ModelsOrders& orders) {
  std::vector<std::string> arguments{host, "directory=" + orders.directory};
  for (const auto& [name, member] : numbers)
    arguments.push_back(std::string(name) + '=' + std::to_string(orders.*member));
  return arguments;
}

ModelsOrders models_orders_of(int argc, char** argv) {
  ModelsOrders orders;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const std::size_t equals = argument.find('=');
    const std::string_view name = argument.substr(0, equals);
    const std::string_view text = equals == argument.npos ? "" : argument.substr(equals + 1);
    if (name == "directory") {
      orders.directory = text;
      continue;
    }
    const auto* const known =
        std::find_if(std::begin(numbers), std::end(numbers), [name](const auto& each) { return each.first == name; });
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (known == std::end(numbers) || error != std::errc{} || end != text.data() + text.size())
      throw std::runtime_error("unknown argument " + std::string(argument));
    orders.*known->second = value;
  }
  return orders;
}

} // namespace weir::trust
