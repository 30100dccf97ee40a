// RocksDB as an event store: one key an event, {context, 0, sequence}, so that a context is one range.
#include "bench/group_commit.hpp"
#include "bench/peer_support.hpp"
#include "bench/visiting_adapter.hpp"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstring>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace weir::bench {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::size_t buffered_rows_per_batch = 256;

void check(const rocksdb::Status& status) {
  if (!status.ok())
    throw std::runtime_error("rocksdb: " + status.ToString());
}

rocksdb::Slice slice(std::string_view text) {
  return {text.data(), text.size()};
}
std::string_view view(const rocksdb::Slice& slice) {
  return {slice.data(), slice.size()};
}

/// The context of a key, which is all before the first 0 byte (no context has one).
class ContextOfKey final : public rocksdb::SliceTransform {
public:
  const char* Name() const override { return "weir.bench.context"; }
  rocksdb::Slice Transform(const rocksdb::Slice& key) const override { return {key.data(), context_bytes(key)}; }
  bool InDomain(const rocksdb::Slice& key) const override { return context_bytes(key) < key.size(); }

private:
  static std::size_t context_bytes(const rocksdb::Slice& key) {
    const void* end = std::memchr(key.data(), 0, key.size());
    return end == nullptr ? key.size() : static_cast<std::size_t>(static_cast<const char*>(end) - key.data());
  }
};

void event_key(std::string& key, std::string_view context_id, std::uint64_t sequence) {
  key.assign(context_id);
  key.push_back('\0');
  const std::uint64_t big_endian = __builtin_bswap64(sequence);
  key.append(reinterpret_cast<const char*>(&big_endian), sizeof big_endian);
}

std::uint64_t sequence_of(std::string_view key) {
  std::uint64_t big_endian = 0;
  std::memcpy(&big_endian, key.data() + key.size() - sizeof big_endian, sizeof big_endian);
  return __builtin_bswap64(big_endian);
}

/// What stands before the payload.
struct ValueHeader {
  std::int64_t timestamp_us;
  std::int64_t recorded_at_us;
  std::uint16_t type;
};
constexpr std::size_t value_header_bytes = 18;

void event_value(std::string& value, const Row& row, std::uint16_t type, std::int64_t recorded_at_us) {
  std::array<char, value_header_bytes> header;
  std::memcpy(header.data(), &row.timestamp_us, 8);
  std::memcpy(header.data() + 8, &recorded_at_us, 8);
  std::memcpy(header.data() + 16, &type, 2);
  value.assign(header.data(), header.size());
  value.append(row.payload);
}

ValueHeader header_of(std::string_view value) {
  if (value.size() < value_header_bytes)
    throw std::runtime_error("rocksdb: an event is too short");
  ValueHeader header;
  std::memcpy(&header.timestamp_us, value.data(), 8);
  std::memcpy(&header.recorded_at_us, value.data() + 8, 8);
  std::memcpy(&header.type, value.data() + 16, 2);
  return header;
}

/// Type names as they are kept under keys {0, number}, before all events.
constexpr std::size_t type_key_bytes = 3;

rocksdb::Options tuned() {
  rocksdb::BlockBasedTableOptions table;
  table.block_size = 32 * 1024; // About a context: one read when cold, and it packs better than 16 KiB.
  table.block_cache = rocksdb::NewLRUCache(64u << 20);
  table.filter_policy.reset(rocksdb::NewRibbonFilterPolicy(10));
  table.whole_key_filtering = false; // Nobody asks for a single event.
  table.optimize_filters_for_memory = true;
  table.format_version = 5;

  rocksdb::Options options;
  options.create_if_missing = true;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.prefix_extractor = std::make_shared<ContextOfKey>();
  options.compression = rocksdb::kLZ4Compression;
  options.write_buffer_size = 64u << 20;
  options.max_write_buffer_number = 3;
  options.level_compaction_dynamic_level_bytes = true;
  options.max_background_jobs = 2;
  options.max_open_files = -1;
  options.bytes_per_sync = 1u << 20;
  options.recycle_log_file_num = 4; // Logs are written over old ones: a sync then has no metadata to write.
  // Groups come from one thread at a time, so inserts need no care for others, and the place of a context's last key is
  // the place of its next one.
  options.allow_concurrent_memtable_write = false;
  options.memtable_insert_with_hint_prefix_extractor = options.prefix_extractor;
  options.avoid_flush_during_recovery = true; // What the log holds goes to the memtable again, and open returns.
  options.stats_dump_period_sec = 0;
  options.info_log_level = rocksdb::WARN_LEVEL;
  return options;
}

class RocksdbAdapter final : public VisitingAdapter<RocksdbAdapter> {
public:
  RocksdbAdapter()
      : group_commit_([this](std::span<const Row* const> rows) {
          Batch batch(*this);
          for (const Row* row : rows)
            batch.put(*row);
          batch.commit();
        }) {}

  void open(const Settings& settings) override {
    durable_ = settings.durable;
    rocksdb::Options options = tuned();
    rocksdb::DB* database = nullptr;
    check(rocksdb::DB::Open(options, settings.directory + "/rocksdb", &database));
    database_.reset(database);
    write_options_.sync = durable_;
    read_types();
  }

  void append(const Row& row) override { group_commit_.append(row); }

  void append_stream(const RowSource& source, std::size_t in_flight, const Acknowledge& acknowledge) override {
    const std::size_t rows = durable_ ? in_flight : std::max(in_flight, buffered_rows_per_batch);
    stream_in_groups(source, rows, durable_, acknowledge, [this] { return Batch(*this); });
  }

  void flush() override { check(database_->Flush(rocksdb::FlushOptions())); }

  void settle() override {
    while (running("rocksdb.mem-table-flush-pending") || running("rocksdb.num-running-flushes") ||
           running("rocksdb.compaction-pending") || running("rocksdb.num-running-compactions"))
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }

  void replay(std::string_view context_id, const Visit& visit) override {
    std::string first, end;
    event_key(first, context_id, 0);
    event_key(end, context_id, UINT64_MAX);
    const rocksdb::Slice upper = end;
    rocksdb::ReadOptions options;
    options.iterate_upper_bound = &upper;
    options.prefix_same_as_start = true;
    const std::unique_ptr<rocksdb::Iterator> events(database_->NewIterator(options));
    const std::shared_lock lock(types_mutex_);
    for (events->Seek(first); events->Valid(); events->Next())
      visit(row_of(context_id, view(events->value())));
    check(events->status());
  }

  /// For VisitingAdapter.
  template <class Take> void visit_all(Take take) {
    rocksdb::ReadOptions options;
    options.total_order_seek = true;
    options.fill_cache = false;
    options.readahead_size = 2u << 20;
    const std::unique_ptr<rocksdb::Iterator> events(database_->NewIterator(options));
    for (events->Seek(std::string_view("\1")); events->Valid(); events->Next()) {
      const std::string_view key = view(events->key());
      take(row_of(key.substr(0, key.size() - 9), view(events->value())));
    }
    check(events->status());
  }

  void close() override {
    check(database_->Close());
    database_.reset();
  }

private:
  /// Rows on their way into one WriteBatch. One at a time.
  class Batch {
  public:
    explicit Batch(RocksdbAdapter& owner)
        : owner_(owner), lock_(owner.writer_mutex_), recorded_at_us_(wall_clock_us()) {}
    void put(const Row& row) {
      ContextEntry& context =
          owner_.contexts_.find(row.context_id, [this](std::string_view id) { return owner_.load(id); });
      event_key(owner_.key_, row.context_id, ++context.last_sequence);
      event_value(owner_.value_, row, owner_.type_number(row.event_type), recorded_at_us_);
      check(owner_.batch_.Put(owner_.key_, owner_.value_));
    }
    void commit() {
      check(owner_.database_->Write(owner_.write_options_, &owner_.batch_));
      owner_.batch_.Clear();
    }

  private:
    RocksdbAdapter& owner_;
    std::unique_lock<std::mutex> lock_;
    std::int64_t recorded_at_us_;
  };

  ContextEntry load(std::string_view context_id) {
    std::string last;
    event_key(last, context_id, UINT64_MAX);
    const std::unique_ptr<rocksdb::Iterator> events(database_->NewIterator(rocksdb::ReadOptions()));
    events->SeekForPrev(last);
    check(events->status());
    ContextEntry entry;
    if (events->Valid()) {
      const std::string_view key = view(events->key());
      if (key.size() == last.size() && key.starts_with(context_id))
        entry.last_sequence = sequence_of(key);
    }
    return entry;
  }

  /// The number of a type; a new one joins the batch that is being built.
  std::uint16_t type_number(std::string_view name) {
    if (const auto found = type_numbers_.find(name); found != type_numbers_.end())
      return found->second;
    const std::unique_lock lock(types_mutex_);
    const auto number = static_cast<std::uint16_t>(type_names_.size());
    std::array<char, type_key_bytes> key{};
    std::memcpy(key.data() + 1, &number, sizeof number);
    check(batch_.Put(rocksdb::Slice(key.data(), key.size()), slice(name)));
    type_names_.emplace_back(name);
    return type_numbers_.emplace(name, number).first->second;
  }

  void read_types() {
    rocksdb::ReadOptions options;
    options.total_order_seek = true;
    const std::unique_ptr<rocksdb::Iterator> types(database_->NewIterator(options));
    for (types->SeekToFirst(); types->Valid() && types->key()[0] == '\0'; types->Next()) {
      std::uint16_t number = 0;
      std::memcpy(&number, types->key().data() + 1, sizeof number);
      if (type_names_.size() <= number)
        type_names_.resize(number + 1u);
      type_names_[number] = types->value().ToString();
      type_numbers_.emplace(type_names_[number], number);
    }
    check(types->status());
  }

  Row row_of(std::string_view context_id, std::string_view value) const {
    const ValueHeader header = header_of(value);
    return {context_id, type_names_.at(header.type), value.substr(value_header_bytes), header.timestamp_us};
  }

  bool running(const char* property) {
    std::uint64_t count = 0;
    return database_->GetIntProperty(property, &count) && count > 0;
  }

  bool durable_ = true;
  std::unique_ptr<rocksdb::DB> database_;
  rocksdb::WriteOptions write_options_;
  GroupCommit group_commit_;
  std::mutex writer_mutex_; ///< Guards what Batch and load() use.
  ContextTable contexts_;
  TextMap<std::uint16_t> type_numbers_;
  rocksdb::WriteBatch batch_;
  std::string key_, value_;
  std::shared_mutex types_mutex_;
  std::vector<std::string> type_names_;
};

} // namespace

std::vector<Peer> rocksdb_peers() {
  return {{"rocksdb", "WriteOptions::sync, group commit",
           "log not synced: acknowledged events survive the process, not the machine",
           [] { return std::make_unique<RocksdbAdapter>(); }}};
}

} // namespace weir::bench
