// `raw`: the limit. Logs of checksummed frames, group commit, offsets in memory, and nothing else.
#include "bench/raw_log.hpp"
#include "bench/visiting_adapter.hpp"
#include "engine/hash.hpp"

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>

namespace weir::bench {

namespace {

using Clock = std::chrono::steady_clock;

/// Group commit of blocking threads: the first of a group is its leader and writes it once the group before is done;
/// whoever comes until then joins.
class GroupedLog {
public:
  GroupedLog(const std::string& path, std::uint64_t capacity_bytes) : log(path, capacity_bytes) {}

  void append(const Row& row, bool durable) {
    std::uint64_t mine = 0;
    bool leader = false;
    {
      const std::lock_guard lock(mutex_);
      mine = gathering_number_;
      leader = gathering_.size() == 0;
      gathering_.add(row);
    }
    if (!leader)
      return wait_for(mine);
    wait_for(mine - 1);
    {
      const std::lock_guard lock(mutex_);
      std::swap(gathering_, committing_);
      ++gathering_number_;
    }
    log.commit(committing_, durable);
    committing_.clear();
    done_[mine % 2].store(mine, std::memory_order_release);
    done_[mine % 2].notify_all();
  }

  RawLog log;

private:
  void wait_for(std::uint64_t group) {
    auto& done = done_[group % 2];
    for (auto now = done.load(std::memory_order_acquire); now < group; now = done.load(std::memory_order_acquire))
      done.wait(now, std::memory_order_acquire);
  }

  std::mutex mutex_; ///< Guards gathering_ and its number.
  RawBatch gathering_;
  std::uint64_t gathering_number_ = 2;
  RawBatch committing_; ///< The leader's.
  /// The last even and the last odd group on the disk: nobody is woken for the other group's sake, and who is woken
  /// needs no lock.
  std::atomic<std::uint64_t> done_[2] = {0, 1};
};

class RawAdapter final : public VisitingAdapter<RawAdapter> {
public:
  void open(const Settings& settings) override {
    durable_ = settings.durable;
    for (unsigned shard = 0; shard < settings.shards; ++shard)
      logs_.push_back(std::make_unique<GroupedLog>(settings.directory + "/" + std::to_string(shard) + ".raw",
                                                   settings.expected_bytes / settings.shards));
  }

  void append(const Row& row) override { logs_[shard_of(row.context_id)]->append(row, durable_); }

  void append_stream(const RowSource& source, std::size_t in_flight, const Acknowledge& acknowledge) override {
    std::vector<RawBatch> batches(logs_.size());
    std::vector<Clock::time_point> handed_over;
    Row row;
    for (bool more = true; more;) {
      while (handed_over.size() < in_flight && (more = source(row))) {
        handed_over.push_back(Clock::now());
        batches[shard_of(row.context_id)].add(row);
      }
      for (std::size_t shard = 0; shard < logs_.size(); ++shard) {
        if (batches[shard].size() > 0)
          logs_[shard]->log.commit(batches[shard], durable_);
        batches[shard].clear();
      }
      const auto now = Clock::now();
      for (const auto start : handed_over)
        acknowledge(static_cast<std::uint64_t>(std::chrono::nanoseconds(now - start).count()));
      handed_over.clear();
    }
  }

  [[nodiscard]] unsigned shard_of(std::string_view context_id) const override {
    return logs_.size() == 1 ? 0 : static_cast<unsigned>(hash64(context_id, 1) % logs_.size());
  }

  void flush() override {
    for (const auto& log : logs_)
      log->log.sync();
  }

  void replay(std::string_view context_id, const Visit& visit) override {
    logs_[shard_of(context_id)]->log.read(context_id, visit);
  }

  /// For VisitingAdapter. Reads and checks every frame.
  template <class Take> void visit_all(const Take& take) {
    for (const auto& log : logs_)
      log->log.read_all(take);
  }

  void close() override {
    flush();
    bytes_ = 0;
    for (const auto& log : logs_)
      bytes_ += log->log.bytes();
    logs_.clear();
  }

  /// The frames; the rest of the files is zeros.
  [[nodiscard]] std::uint64_t bytes_at_rest(const std::string& /*directory*/) const override { return bytes_; }

private:
  bool durable_ = true;
  std::vector<std::unique_ptr<GroupedLog>> logs_;
  std::uint64_t bytes_ = 0;
};

} // namespace

std::vector<Peer> raw_peers() {
  return {
      {"raw", "written and fdatasynced", "written to the page cache", [] { return std::make_unique<RawAdapter>(); }}};
}

} // namespace weir::bench
