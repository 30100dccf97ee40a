// LMDB as an event store: one key an event, {number of the context, sequence}, so that a context is one range.
#include "bench/group_commit.hpp"
#include "bench/peer_support.hpp"
#include "bench/visiting_adapter.hpp"

#include <lmdb.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::bench {
namespace {

constexpr std::size_t map_bytes = std::size_t{64} << 30; // Address space, not memory.
constexpr std::size_t buffered_rows_per_transaction = 16'384;

void check(int code) {
  if (code != MDB_SUCCESS)
    throw std::runtime_error(std::string("lmdb: ") + mdb_strerror(code));
}

MDB_val value_of(std::string_view bytes) {
  return {bytes.size(), const_cast<char*>(bytes.data())};
}
std::string_view view(const MDB_val& value) {
  return {static_cast<const char*>(value.mv_data), value.mv_size};
}

/// Big-endian, so that bytes compare as numbers do.
class EventKey {
public:
  EventKey(std::uint64_t context, std::uint64_t sequence) {
    const std::uint32_t context_be = __builtin_bswap32(static_cast<std::uint32_t>(context));
    const std::uint64_t sequence_be = __builtin_bswap64(sequence);
    std::memcpy(bytes_.data(), &context_be, 4);
    std::memcpy(bytes_.data() + 4, &sequence_be, 8);
  }
  MDB_val value() { return {bytes_.size(), bytes_.data()}; }
  static std::uint32_t context_of(const MDB_val& key) {
    std::uint32_t context_be = 0;
    std::memcpy(&context_be, key.mv_data, 4);
    return __builtin_bswap32(context_be);
  }
  static std::uint64_t sequence_of(const MDB_val& key) {
    std::uint64_t sequence_be = 0;
    std::memcpy(&sequence_be, static_cast<const char*>(key.mv_data) + 4, 8);
    return __builtin_bswap64(sequence_be);
  }

private:
  std::array<char, 12> bytes_{};
};

/// Before the payload stand timestamp, recorded_at and type.
constexpr std::size_t value_header_bytes = 18;

std::uint32_t number_in(const MDB_val& value) {
  std::uint32_t number = 0;
  if (value.mv_size != sizeof number)
    throw std::runtime_error("lmdb: a number is not one");
  std::memcpy(&number, value.mv_data, sizeof number);
  return number;
}

struct Tables {
  MDB_dbi events = 0;
  MDB_dbi contexts = 0; ///< Name to number.
  MDB_dbi types = 0;    ///< Name to number.
};

/// A read transaction that is parked between uses, so that its next use costs no system call and no allocation.
class Reader {
public:
  Reader(MDB_env* environment, const Tables& tables) : tables_(tables) {
    check(mdb_txn_begin(environment, nullptr, MDB_RDONLY, &transaction_));
    check(mdb_cursor_open(transaction_, tables.events, &events_));
    mdb_txn_reset(transaction_);
  }
  ~Reader() {
    mdb_cursor_close(events_);
    mdb_txn_abort(transaction_);
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  void renew() {
    check(mdb_txn_renew(transaction_));
    check(mdb_cursor_renew(transaction_, events_));
  }
  void park() { mdb_txn_reset(transaction_); }

  std::optional<std::uint32_t> context_number(std::string_view name) {
    MDB_val key = value_of(name), value{};
    const int code = mdb_get(transaction_, tables_.contexts, &key, &value);
    if (code == MDB_NOTFOUND)
      return std::nullopt;
    check(code);
    return number_in(value);
  }
  /// False when there are no more.
  bool step(MDB_val& key, MDB_val& value, MDB_cursor_op how) {
    const int code = mdb_cursor_get(events_, &key, &value, how);
    if (code == MDB_NOTFOUND)
      return false;
    check(code);
    return true;
  }
  std::vector<std::string> names(MDB_dbi table) {
    MDB_cursor* cursor = nullptr;
    check(mdb_cursor_open(transaction_, table, &cursor));
    std::vector<std::string> names;
    MDB_val key{}, value{};
    while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == MDB_SUCCESS) {
      const std::uint32_t number = number_in(value);
      if (names.size() <= number)
        names.resize(number + 1u);
      names[number] = view(key);
    }
    mdb_cursor_close(cursor);
    return names;
  }

private:
  const Tables tables_;
  MDB_txn* transaction_ = nullptr;
  MDB_cursor* events_ = nullptr;
};

class LmdbAdapter final : public VisitingAdapter<LmdbAdapter> {
public:
  LmdbAdapter()
      : group_commit_([this](std::span<const Row* const> rows) {
          Transaction transaction(*this);
          for (const Row* row : rows)
            transaction.put(*row);
          transaction.commit();
        }) {}
  ~LmdbAdapter() override {
    if (environment_ != nullptr)
      LmdbAdapter::close();
  }

  void open(const Settings& settings) override {
    durable_ = settings.durable;
    check(mdb_env_create(&environment_));
    check(mdb_env_set_mapsize(environment_, map_bytes));
    check(mdb_env_set_maxdbs(environment_, 3));
    check(mdb_env_set_maxreaders(environment_, 512));
    const unsigned sync = durable_ ? 0u : MDB_NOSYNC | MDB_WRITEMAP;
    check(mdb_env_open(environment_, file_in(settings.directory).c_str(),
                       sync | MDB_NOSUBDIR | MDB_NOTLS | MDB_NOMEMINIT, 0600));
    MDB_txn* transaction = nullptr;
    check(mdb_txn_begin(environment_, nullptr, 0, &transaction));
    check(mdb_dbi_open(transaction, "events", MDB_CREATE, &tables_.events));
    check(mdb_dbi_open(transaction, "contexts", MDB_CREATE, &tables_.contexts));
    check(mdb_dbi_open(transaction, "types", MDB_CREATE, &tables_.types));
    MDB_stat contexts{};
    check(mdb_stat(transaction, tables_.contexts, &contexts));
    next_context_ = static_cast<std::uint32_t>(contexts.ms_entries);
    check(mdb_txn_commit(transaction));
    with_reader([this](Reader& reader) { type_names_ = reader.names(tables_.types); });
    for (std::size_t number = 0; number < type_names_.size(); ++number)
      type_numbers_.emplace(type_names_[number], static_cast<std::uint16_t>(number));
  }

  void append(const Row& row) override { group_commit_.append(row); }

  void append_stream(const RowSource& source, std::size_t in_flight, const Acknowledge& acknowledge) override {
    const std::size_t rows = durable_ ? in_flight : std::max(in_flight, buffered_rows_per_transaction);
    stream_in_groups(source, rows, durable_, acknowledge, [this] { return Transaction(*this); });
  }

  void flush() override { check(mdb_env_sync(environment_, 1)); }

  void replay(std::string_view context_id, const Visit& visit) override {
    with_reader([&](Reader& reader) {
      const std::optional<std::uint32_t> context = reader.context_number(context_id);
      if (!context)
        return;
      EventKey first(*context, 0);
      MDB_val key = first.value(), value{};
      const std::shared_lock lock(types_mutex_);
      for (bool more = reader.step(key, value, MDB_SET_RANGE); more && EventKey::context_of(key) == *context;
           more = reader.step(key, value, MDB_NEXT))
        visit(row_of(context_id, view(value)));
    });
  }

  /// For VisitingAdapter.
  template <class Take> void visit_all(Take take) {
    with_reader([&](Reader& reader) {
      const std::vector<std::string> contexts = reader.names(tables_.contexts);
      MDB_val key{}, value{};
      for (bool more = reader.step(key, value, MDB_FIRST); more; more = reader.step(key, value, MDB_NEXT))
        take(row_of(contexts.at(EventKey::context_of(key)), view(value)));
    });
  }

  void close() override {
    readers_.clear();
    mdb_env_close(environment_);
    environment_ = nullptr;
  }

  /// With MDB_WRITEMAP the file is as long as the map, and mostly a hole.
  std::uint64_t bytes_at_rest(const std::string& directory) const override {
    struct stat file {};
    if (stat(file_in(directory).c_str(), &file) != 0)
      throw std::runtime_error("lmdb: no file in " + directory);
    return static_cast<std::uint64_t>(file.st_blocks) * 512;
  }

private:
  static std::string file_in(const std::string& directory) { return directory + "/events.mdb"; }

  /// LMDB ties a write transaction to its thread: made, filled and committed by one.
  class Transaction {
  public:
    explicit Transaction(LmdbAdapter& owner) : owner_(owner), recorded_at_us_(wall_clock_us()) {
      check(mdb_txn_begin(owner.environment_, nullptr, 0, &transaction_));
    }
    Transaction(Transaction&& other) = delete;
    ~Transaction() {
      if (transaction_ != nullptr)
        mdb_txn_abort(transaction_);
    }
    void put(const Row& row) {
      ContextEntry& context =
          owner_.contexts_.find(row.context_id, [this](std::string_view id) { return owner_.load(transaction_, id); });
      EventKey event(context.number, ++context.last_sequence);
      const std::uint16_t type = owner_.type_number(transaction_, row.event_type);
      MDB_val key = event.value(), value{value_header_bytes + row.payload.size(), nullptr};
      check(mdb_put(transaction_, owner_.tables_.events, &key, &value, MDB_RESERVE));
      auto* bytes = static_cast<char*>(value.mv_data);
      std::memcpy(bytes, &row.timestamp_us, 8);
      std::memcpy(bytes + 8, &recorded_at_us_, 8);
      std::memcpy(bytes + 16, &type, 2);
      std::memcpy(bytes + value_header_bytes, row.payload.data(), row.payload.size());
    }
    void commit() { check(mdb_txn_commit(std::exchange(transaction_, nullptr))); }

  private:
    LmdbAdapter& owner_;
    std::int64_t recorded_at_us_;
    MDB_txn* transaction_ = nullptr;
  };

  ContextEntry load(MDB_txn* transaction, std::string_view context_id) {
    ContextEntry entry;
    MDB_val name = value_of(context_id), number{};
    const int code = mdb_get(transaction, tables_.contexts, &name, &number);
    if (code == MDB_NOTFOUND) {
      entry.number = next_context_++;
      put_number(transaction, tables_.contexts, context_id, static_cast<std::uint32_t>(entry.number));
      return entry;
    }
    check(code);
    entry.number = number_in(number);
    // The last event of a context stands before the place of the first one of the next.
    MDB_cursor* events = nullptr;
    check(mdb_cursor_open(transaction, tables_.events, &events));
    EventKey after(entry.number + 1, 0);
    MDB_val key = after.value(), value{};
    const bool beyond = mdb_cursor_get(events, &key, &value, MDB_SET_RANGE) == MDB_NOTFOUND;
    check(mdb_cursor_get(events, &key, &value, beyond ? MDB_LAST : MDB_PREV));
    entry.last_sequence = EventKey::sequence_of(key);
    mdb_cursor_close(events);
    return entry;
  }

  static void put_number(MDB_txn* transaction, MDB_dbi table, std::string_view name, std::uint32_t number) {
    MDB_val key = value_of(name), value{sizeof number, &number};
    check(mdb_put(transaction, table, &key, &value, MDB_NOOVERWRITE));
  }

  std::uint16_t type_number(MDB_txn* transaction, std::string_view name) {
    if (const auto found = type_numbers_.find(name); found != type_numbers_.end())
      return found->second;
    const std::unique_lock lock(types_mutex_);
    const auto number = static_cast<std::uint16_t>(type_names_.size());
    put_number(transaction, tables_.types, name, number);
    type_names_.emplace_back(name);
    return type_numbers_.emplace(name, number).first->second;
  }

  Row row_of(std::string_view context_id, std::string_view value) const {
    if (value.size() < value_header_bytes)
      throw std::runtime_error("lmdb: an event is too short");
    std::int64_t timestamp_us = 0;
    std::uint16_t type = 0;
    std::memcpy(&timestamp_us, value.data(), 8);
    std::memcpy(&type, value.data() + 16, 2);
    return {context_id, type_names_.at(type), value.substr(value_header_bytes), timestamp_us};
  }

  template <class Use> void with_reader(const Use& use) {
    std::unique_ptr<Reader> reader;
    {
      const std::lock_guard lock(readers_mutex_);
      if (!readers_.empty()) {
        reader = std::move(readers_.back());
        readers_.pop_back();
      }
    }
    if (!reader)
      reader = std::make_unique<Reader>(environment_, tables_);
    reader->renew();
    use(*reader);
    reader->park();
    const std::lock_guard lock(readers_mutex_);
    readers_.push_back(std::move(reader));
  }

  bool durable_ = true;
  MDB_env* environment_ = nullptr;
  Tables tables_;
  GroupCommit group_commit_;
  // What follows up to the readers is guarded by LMDB's own lock: only a write transaction uses it.
  ContextTable contexts_;
  std::uint32_t next_context_ = 0;
  TextMap<std::uint16_t> type_numbers_;
  std::shared_mutex types_mutex_;
  std::vector<std::string> type_names_;
  std::mutex readers_mutex_;
  std::vector<std::unique_ptr<Reader>> readers_; ///< Parked ones.
};

} // namespace

std::vector<Peer> lmdb_peers() {
  return {
      {"lmdb", "synced at commit, group commit",
       "MDB_NOSYNC and MDB_WRITEMAP, transactions of 16,384 rows: events of an unfinished transaction are lost with "
       "the process, and a crash of the machine may damage the database",
       [] { return std::make_unique<LmdbAdapter>(); }}};
}

} // namespace weir::bench
