#include "bench/objects.hpp"

#include "bench/random.hpp"
#include "engine/text.hpp"

#include <map>

namespace weir::bench {

Object make_object(std::uint64_t id, std::uint64_t number) {
  const std::uint64_t random = mixed(id * 1'000'003 + number);
  return {static_cast<std::int64_t>(id), static_cast<std::int64_t>(id % object_groups),
          format("customer {:08x}", mixed(id) >> 32U), static_cast<std::int64_t>(number),
          format("{:016x}{:016x}, {:0>90}", random, mixed(random), number)};
}

std::uint64_t id_of_write(std::uint64_t number, std::uint64_t writer, std::uint64_t writers) {
  const std::uint64_t own = object_count / writers;
  return 1 + writer + writers * (mixed(number * writers + writer) % own);
}

void add_object(Tally& tally, std::int64_t id, std::int64_t number) noexcept {
  ++tally.events;
  tally.checksum += mixed(mixed(static_cast<std::uint64_t>(id)) + static_cast<std::uint64_t>(number));
}

Tally objects_left_by(const std::vector<std::uint64_t>& writes) {
  std::map<std::uint64_t, std::uint64_t> last;
  for (std::size_t writer = 0; writer < writes.size(); ++writer)
    for (std::uint64_t number = 1; number <= writes[writer]; ++number)
      last[id_of_write(number, writer, writes.size())] = number;
  Tally tally;
  for (const auto& [id, number] : last)
    add_object(tally, static_cast<std::int64_t>(id), static_cast<std::int64_t>(number));
  return tally;
}

} // namespace weir::bench
