#include "bench/row_feed.hpp"

#include "bench/usage.hpp"

#include <algorithm>

namespace weir::bench {

double row_cost_us(const Workload& workload) {
  const std::size_t rows = std::min<std::size_t>(workload.size(), 200'000);
  const double before = cpu_us();
  std::size_t bytes = 0;
  RowFeed feed(workload, 0);
  feed.at_most(rows);
  const RowSource source = feed.source();
  for (Row row; source(row);)
    bytes += row.payload.size();
  // The sum is of use to nobody; saying so to the compiler keeps the loop.
  const volatile std::size_t keep = bytes;
  static_cast<void>(keep);
  return (cpu_us() - before) / static_cast<double>(rows);
}

std::vector<std::vector<std::uint32_t>> rows_by_shard(const Workload& workload, std::size_t count,
                                                      const Adapter& adapter, unsigned shards) {
  std::vector<std::vector<std::uint32_t>> rows(shards);
  for (std::size_t i = 0; i < count; ++i)
    rows[adapter.shard_of(workload.row(i).context_id)].push_back(static_cast<std::uint32_t>(i));
  return rows;
}

} // namespace weir::bench
