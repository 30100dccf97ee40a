#include "bench/adapter.hpp"

#include <exception>
#include <filesystem>
#include <sys/stat.h>
#include <thread>

namespace weir::bench {

void Adapter::append_streams(const std::vector<RowSource>& by_shard, std::size_t in_flight,
                             const Acknowledge& acknowledge) {
  std::vector<std::thread> threads;
  std::vector<std::exception_ptr> failures(by_shard.size());
  for (std::size_t s = 0; s < by_shard.size(); ++s)
    threads.emplace_back([&, s] {
      try {
        append_stream(by_shard[s], in_flight, acknowledge);
      } catch (...) {
        failures[s] = std::current_exception();
      }
    });
  for (auto& thread : threads)
    thread.join();
  for (const auto& failure : failures)
    if (failure)
      std::rethrow_exception(failure);
}

std::uint64_t Adapter::bytes_at_rest(const std::string& directory) const {
  std::uint64_t bytes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    struct stat status {};
    if (entry.is_regular_file() && ::stat(entry.path().c_str(), &status) == 0)
      bytes += static_cast<std::uint64_t>(status.st_blocks) * 512; // a sparse file takes less than its size
  }
  return bytes;
}

std::vector<Peer> all_peers() {
  std::vector<Peer> peers = weir_peers();
  const auto add = [&peers](std::vector<Peer> more) {
    for (auto& peer : more)
      peers.push_back(std::move(peer));
  };
  add(raw_peers());
  add(sqlite_peers());
#ifdef WEIR_BENCH_ROCKSDB
  add(rocksdb_peers());
#endif
#ifdef WEIR_BENCH_LMDB
  add(lmdb_peers());
#endif
  return peers;
}

} // namespace weir::bench
