#include "trust/kills/orders.hpp"

#include "trust/kills/speech.hpp"

#include <stdexcept>
#include <string_view>

namespace weir::trust {

namespace {

RemovableCall again_of(std::string_view text) {
  RemovableCall call;
  call.context = static_cast<std::uint32_t>(number(take_word(text)));
  call.life = static_cast<std::uint32_t>(number(take_word(text)));
  call.number = static_cast<std::uint32_t>(number(text));
  return call;
}

} // namespace

std::vector<std::string> arguments_of(const std::string& host, const HostOrders& orders) {
  std::vector<std::string> arguments{host,
                                     "directory=" + orders.directory,
                                     "board=" + orders.board,
                                     "seed=" + std::to_string(orders.seed),
                                     "life=" + std::to_string(orders.life),
                                     "calls_per_flush=" + std::to_string(orders.calls_per_flush),
                                     "writers=" + std::to_string(orders.writers)};
  if (orders.point) {
    arguments.push_back("point=" + std::to_string(*orders.point));
    arguments.push_back("hit=" + std::to_string(orders.hit));
  }
  if (orders.acks_until_kill != 0)
    arguments.push_back("acks_until_kill=" + std::to_string(orders.acks_until_kill));
  if (orders.acks_until_close != 0)
    arguments.push_back("acks_until_close=" + std::to_string(orders.acks_until_close));
  if (orders.idle)
    arguments.emplace_back("idle=1");
  if (orders.early)
    arguments.emplace_back("early=1");
  for (const Sequence from : orders.show)
    arguments.push_back("show=" + std::to_string(from));
  for (const Position place : orders.read)
    arguments.push_back("read=" + std::to_string(place));
  for (const RemovableCall& call : orders.again)
    arguments.push_back("again=" + std::to_string(call.context) + " " + std::to_string(call.life) + " " +
                        std::to_string(call.number));
  if (!orders.handler.empty()) {
    arguments.push_back("handler=" + orders.handler);
    arguments.push_back("handler_dies=" + std::to_string(static_cast<int>(orders.handler_dies)));
    arguments.push_back("handler_hit=" + std::to_string(orders.handler_hit));
  }
  if (!orders.backups.empty())
    arguments.push_back("backups=" + orders.backups);
  if (!orders.restore.empty())
    arguments.push_back("restore=" + orders.restore);
  return arguments;
}

HostOrders orders_of(int argc, char** argv) {
  HostOrders orders;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const std::size_t equals = argument.find('=');
    const std::string_view name = argument.substr(0, equals);
    const std::string_view value = equals == argument.npos ? "" : argument.substr(equals + 1);
    if (name == "directory")
      orders.directory = value;
    else if (name == "board")
      orders.board = value;
    else if (name == "seed")
      orders.seed = number(value);
    else if (name == "life")
      orders.life = static_cast<std::uint32_t>(number(value));
    else if (name == "calls_per_flush")
      orders.calls_per_flush = static_cast<std::uint32_t>(number(value));
    else if (name == "writers")
      orders.writers = static_cast<std::uint32_t>(number(value));
    else if (name == "point")
      orders.point = number(value);
    else if (name == "hit")
      orders.hit = static_cast<std::uint32_t>(number(value));
    else if (name == "acks_until_kill")
      orders.acks_until_kill = number(value);
    else if (name == "acks_until_close")
      orders.acks_until_close = number(value);
    else if (name == "idle")
      orders.idle = number(value) != 0;
    else if (name == "early")
      orders.early = number(value) != 0;
    else if (name == "show")
      orders.show.push_back(number(value));
    else if (name == "read")
      orders.read.push_back(number(value));
    else if (name == "again")
      orders.again.push_back(again_of(value));
    else if (name == "handler")
      orders.handler = value;
    else if (name == "handler_dies")
      orders.handler_dies = static_cast<HandlerMoment>(number(value));
    else if (name == "handler_hit")
      orders.handler_hit = static_cast<std::uint32_t>(number(value));
    else if (name == "backups")
      orders.backups = value;
    else if (name == "restore")
      orders.restore = value;
    else
      throw std::runtime_error("unknown argument " + std::string(argument));
  }
  return orders;
}

} // namespace weir::trust
