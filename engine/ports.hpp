// The interfaces through which the core reaches what lies above it: segments and the catalog.
//
// Purpose: engine/ includes nothing of ours, yet replay, query and flush need segment files and the catalog. They speak
// to these interfaces; `segments/` implements them, tests put simple ones in their place.
// Threading: SegmentReader is immutable and thread-safe. SegmentStore is thread-safe. CatalogStore is for one thread at
// a time (the flush lane, and open before that lane exists).
#pragma once

#include <weir/event.hpp>
#include <weir/limits.hpp>
#include <weir/result.hpp>
#include <weir/retention.hpp>

#include "engine/columns.hpp"
#include "engine/context_mark.hpp"
#include "engine/hash.hpp"
#include "engine/io/slab_pool.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir::io {
class FileSystem;
}

namespace weir {

/// What the catalog knows of a live segment; enough to skip it without any I/O.
struct SegmentMeta {
  ShardId shard = 0;
  std::uint64_t number = 0;     ///< File name; per shard, never reused. Says nothing about the order of segments.
  std::uint64_t file_bytes = 0; ///< The file is exactly this long.
  std::uint64_t footer_offset = 0;
  std::uint64_t footer_checksum = 0; ///< Ties the catalog to this very file: an older generation does not fit.
  std::uint64_t event_count = 0;
  std::uint64_t context_count = 0;
  std::uint64_t payload_bytes = 0; ///< Sum over payloads, for statistics.
  Position position_min = 0, position_max = 0;
  Timestamp timestamp_min{}, timestamp_max{};
  Timestamp recorded_at_min{}, recorded_at_max{};

  friend bool operator==(const SegmentMeta&, const SegmentMeta&) = default;
};

/// The events of one context inside one segment.
struct ContextRange {
  Sequence first_sequence = 0;
  Sequence last_sequence = 0;
  std::uint64_t first_row = 0; ///< Rows of a segment are sorted by context, then sequence.
  std::uint64_t rows = 0;
};

/// Bounds of one step of a read; at least one event is returned if there is one.
struct ReadBounds {
  std::size_t events_max = 1'024;
  std::size_t bytes_max = 1u << 20;
};

/// A selection of sequences of one context.
struct SequenceRange {
  Sequence from = 1;          ///< Inclusive.
  Sequence to = sequence_max; ///< Inclusive.
  bool backward = false;      ///< Highest sequence first.
};

/// Columns a scan wants; what is not asked for is left empty in the EventView.
enum ColumnBit : std::uint32_t {
  column_context = 1u << 0,
  column_sequence = 1u << 1,
  column_position = 1u << 2,
  column_recorded_at = 1u << 3,
  column_timestamp = 1u << 4,
  column_type = 1u << 5,
  column_event_id = 1u << 6,
  column_metadata = 1u << 7,
  column_payload = 1u << 8,
};
using ColumnSet = std::uint32_t;
inline constexpr ColumnSet columns_all = (1u << 9) - 1;

/// What is asked of the numbers in one core column: that they lie in one of `ranges`.
struct CoreCondition {
  ColumnBit column{};
  std::span<const NumberRange> ranges;
};

/// Rows of a segment that may meet some conditions, a bit each as in RowWords.
struct SelectedRows {
  std::vector<std::uint64_t> rows;
  std::vector<std::uint64_t> unsure; ///< Those of `rows` that may not meet them. Empty: none.
};

/// Pruning metadata of one zone: consecutive rows of a segment.
struct ZoneMeta {
  std::uint64_t first_row = 0;
  std::uint32_t rows = 0;
  Sequence sequence_min = 0, sequence_max = 0;
  Position position_min = 0, position_max = 0;
  Timestamp recorded_at_min{}, recorded_at_max{};
  Timestamp timestamp_min{}, timestamp_max{};
  std::vector<std::uint64_t> type_bits; ///< Bit i: a row has type i of the segment's dictionary.
  [[nodiscard]] bool has_type(std::size_t type) const noexcept {
    return type / 64 < type_bits.size() && ((type_bits[type / 64] >> (type % 64)) & 1u) != 0;
  }
};

/// Rows of one zone, the wanted columns filled. Keeps the blocks it points into alive.
class ZoneRows {
public:
  virtual ~ZoneRows() = default;
  [[nodiscard]] virtual std::uint32_t rows() const noexcept = 0;
  /// Row `i` (0 ... rows()-1) of the zone; views valid while this object or a pin of it lives.
  [[nodiscard]] virtual EventView row(std::uint32_t i) const = 0;
  /// Of rows that were wanted, those before this one have their texts.
  [[nodiscard]] virtual std::uint32_t texts_end() const noexcept { return rows(); }
};

/// Whoever wants some rows of a zone gets texts of so many bytes at a time, about, or of one row: a zone may hold
/// thousands of the largest payloads.
inline constexpr std::uint64_t zone_texts_bytes_max = 8 * MiB;

/// An event that was looked for by its id.
struct FoundId {
  Sequence sequence = 0; ///< 0: not found.
  Position position = 0; ///< 0: neither this nor the rest is known.
  Timestamp timestamp{};
  Hash128 content{}; ///< See content_hash().
};

/// A selection of positions of one segment.
struct PositionRange {
  Position from = 0;        ///< Inclusive.
  Position to = UINT64_MAX; ///< Exclusive.
  bool backward = false;    ///< Where bounds cut it short, the upper end is wanted.
};

/// Events of one segment that follow each other in position order, decoded. Keeps what its views point into.
class PositionRun {
public:
  /// So many events lie side by side, from each multiple of it on.
  static constexpr std::size_t chunk_events = 8'192;

  PositionRun() = default;
  /// `size` events by ascending position in `chunks`, alive as long as one of `owners`. `bytes`: how much memory all of
  /// it takes, about. `pool`: where much of it is from.
  PositionRun(std::vector<const EventView*> chunks, std::size_t size, std::vector<std::shared_ptr<const void>> owners,
              std::uint64_t bytes, std::optional<io::SlabPool> pool = {})
      : chunks_(std::move(chunks)), size_(size), owners_(std::move(owners)), bytes_(bytes), pool_(std::move(pool)) {}

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  /// Event `i` in position order.
  [[nodiscard]] const EventView& operator[](std::size_t i) const noexcept {
    return chunks_[i / chunk_events][i % chunk_events];
  }
  /// The events from `i` on that lie side by side. Precondition: i < size().
  [[nodiscard]] std::span<const EventView> side_by_side(std::size_t i) const noexcept {
    return {&(*this)[i], std::min(chunk_events - i % chunk_events, size_ - i)};
  }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
  /// See SlabPool::keep_warm(), for who will read a run like this one next. Null where it takes little memory.
  [[nodiscard]] std::shared_ptr<const void> keep_warm() const { return pool_ ? pool_->keep_warm() : nullptr; }
  /// Asks for the memory of an event's payload: payloads lie about, and who reads them in order would wait for each.
  static void prefetch_payload(const EventView& event) noexcept {
    constexpr std::size_t bytes_max = 320, line_bytes = 64;
    for (std::size_t at = 0; at < std::min(event.payload.size(), bytes_max); at += line_bytes)
      __builtin_prefetch(event.payload.data() + at, 0, 2);
  }

private:
  std::vector<const EventView*> chunks_;
  std::size_t size_ = 0;
  std::vector<std::shared_ptr<const void>> owners_;
  std::uint64_t bytes_ = 0;
  std::optional<io::SlabPool> pool_;
};

/// Runs `work` in the calling thread and, where threads have nothing else to do, in some of them at the same time;
/// returns when all of them are through. The first to come does all if nobody else does.
using WithHelp = std::function<void(const std::function<void()>& work)>;

/// Asked now and then by work that takes long, on its own thread: an error ends the work with that error.
using MayGoOn = std::function<Status()>;

/// The columns of a segment, zone by zone. Footers are read on first use, so every call may do I/O and may answer
/// `corruption` (with file and offset) or `io_error`.
class ColumnReader {
public:
  virtual ~ColumnReader() = default;
  /// Event types of this segment; the index is the bit in ZoneMeta::type_bits.
  virtual Result<std::span<const std::string>> types() const = 0;
  virtual Result<std::span<const ZoneMeta>> zones() const = 0;
  /// The payload fields that are columns here; a field's number is its place. Empty in segments of older formats.
  virtual Result<std::span<const FieldInfo>> fields() const { return std::span<const FieldInfo>(); }
  /// What is known of field `field` in each zone, by zone. Precondition: it is one of fields().
  virtual Result<std::span<const FieldZone>> field_zones(std::size_t /*field*/) const {
    return std::span<const FieldZone>();
  }
  /// False: certainly no row of the zone has `text` in this field. Precondition: a string column there, or a
  /// text_filter.
  virtual Result<bool> may_hold(std::size_t /*zone*/, std::size_t /*field*/, std::string_view /*text*/) const {
    return true;
  }
  /// Columns of a zone as arrays: of `core` those of context, sequence, position, recorded_at, timestamp and type, and
  /// the fields with these numbers. Elements of rows that are not `wanted` may hold anything. `unsupported` by readers
  /// that know no arrays: read_zone() then.
  virtual Result<std::shared_ptr<const ZoneColumns>> read_columns(std::size_t /*zone*/, ColumnSet /*core*/,
                                                                  std::span<const std::size_t> /*fields*/,
                                                                  RowWords /*wanted*/ = {}) const {
    return fail(Errc::unsupported, "this segment reader has no columns");
  }
  /// Adds to `out` those of `rows` whose number in a core column lies in one of `ranges`: what an array of the column
  /// would tell, without one; `rows` are as many words as the zone's rows take. Types are their places in types().
  /// False: this reader cannot, and nothing was done.
  virtual Result<bool> mark_rows(std::size_t /*zone*/, ColumnBit /*column*/, std::span<const NumberRange> /*ranges*/,
                                 RowWords /*rows*/, std::span<std::uint64_t> /*out*/) const {
    return false;
  }
  /// Adds how many of `rows` have each event type, by its place in types(), to `counts`. False: this reader cannot, and
  /// nothing was done.
  virtual Result<bool> count_types(std::size_t /*zone*/, RowWords /*rows*/, std::span<std::uint64_t> /*counts*/) const {
    return false;
  }
  /// As mark_rows() for the field with this number: adds those of `rows` to `out` that are what each part of it says.
  /// False also where the field's values in this zone are of another form than `ranges`.
  virtual Result<bool> mark_field(std::size_t /*zone*/, std::size_t /*field*/, const FieldRanges& /*ranges*/,
                                  RowWords /*rows*/, const FieldMarks& /*out*/) const {
    return false;
  }
};

/// One immutable segment. Every call may do I/O, as those of its columns.
class SegmentReader : public ColumnReader {
public:
  [[nodiscard]] virtual const SegmentMeta& meta() const noexcept = 0;
  /// Where the context's rows are; nothing if it has none here. A filter answers most misses without reading the index.
  virtual Result<std::optional<ContextRange>> find_context(std::string_view context_id) const = 0;
  /// Appends events of the context to `out`, in the order and within the sequences of `range`, until a bound is met.
  /// Returns true if the segment may hold more of them.
  virtual Result<bool> read_context(std::string_view context_id, const SequenceRange& range, const ReadBounds& bounds,
                                    EventBatch& out) const = 0;
  /// Finds events of the context by their ids: where `found` has no sequence it becomes the context's event with the id
  /// at the same place of `event_ids`, if there is one here. A filter answers most misses.
  virtual Status find_event_ids(std::string_view context_id, std::span<const std::string_view> event_ids,
                                std::span<FoundId> found) const = 0;
  /// True: certainly no event of the context here has this id, and memory alone could tell. Never does I/O.
  [[nodiscard]] virtual bool excludes_event_id(std::string_view context_id, std::string_view event_id) const = 0;
  /// Events within the positions of `range`, lower positions first: those at its beginning (backward: at its end) that
  /// fit into `bounds`, of which `bytes_max` means memory here. At least one if there is one. Many of them are decoded
  /// with `help`, if there is any.
  virtual Result<std::shared_ptr<const PositionRun>>
  read_positions(const PositionRange& range, const ReadBounds& bounds, const WithHelp& help = {}) const = 0;
  /// Whether contexts are marked here.
  virtual Result<bool> has_marks() const { return false; }
  /// The context's mark, if it has one here. A filter answers most misses.
  virtual Result<std::optional<ContextMark>> find_mark(std::string_view) const { return std::optional<ContextMark>(); }
  /// Rows of a zone. Texts (event id, metadata, payload) of rows that are not `wanted` may be missing, and of those
  /// that are from ZoneRows::texts_end() on, which is behind the first of them. With nothing in `wanted` all are there.
  virtual Result<std::shared_ptr<const ZoneRows>> read_zone(std::size_t zone, ColumnSet columns,
                                                            RowWords wanted = {}) const = 0;
  /// Reads every byte and checks every checksum, count, order and index entry.
  virtual Status verify() const = 0;
  /// The same rows in other zones, each of which has its own stretch of positions, and so mostly of time. Of core
  /// columns only timestamps and types are there, and there may be fewer fields. Lives as long as this. Null: none are.
  virtual Result<const ColumnReader*> by_position() const { return nullptr; }
  /// Rows of the whole segment among which all are that meet all of `conditions`. Nothing: finding them here takes as
  /// long as reading the columns. Asks `may_go_on` now and then.
  virtual Result<std::optional<SelectedRows>> select_rows(std::span<const CoreCondition> /*conditions*/,
                                                          const MayGoOn& /*may_go_on*/) const {
    return std::optional<SelectedRows>();
  }
};

/// Yields the rows of a new segment sorted by context (bytes), then sequence, and after them its marks.
class SortedEvents {
public:
  virtual ~SortedEvents() = default;
  /// False at the end, and at an error. Views are valid until the next call.
  virtual bool next(EventView& event) = 0;
  /// After the rows: the marks of contexts, by context (bytes), ascending strictly. False at the end, and at an error.
  virtual bool next_mark(std::string_view& /*context_id*/, ContextMark& /*mark*/) { return false; }
  /// Why next() or next_mark() said false, if that was not the end.
  virtual Status status() const { return {}; }
};

/// Tells a merge what is removed of a context; nothing: no event is. What it says must be durable: in live segments.
using MarkLookup = std::function<std::optional<ContextMark>(std::string_view context_id)>;

/// What a merge is told of removed events.
struct RemovedEvents {
  MarkLookup mark{}; ///< Empty: none are.
  /// Whether segments older than the inputs may hold rows of the context; empty: none do. Rows of a context follow each
  /// other without a hole in every segment, so nothing may be left out behind rows that a later merge may bring along.
  std::function<bool(std::string_view context_id)> older_rows{};
};

/// What a merge left out.
struct Dropped {
  std::uint64_t events = 0;
  std::uint64_t payload_bytes = 0;
};

/// What a merge of one segment alone would give back.
struct Reclaimable {
  std::uint64_t events = 0; ///< Removed and still there with all they are.
  std::uint64_t of = 0;     ///< All that are.
  std::uint64_t stubs = 0;  ///< Beside them.
};

struct MergedSegment {
  SegmentMeta meta;
  Dropped dropped;
};

class SegmentStore {
public:
  virtual ~SegmentStore() = default;
  /// Writes a segment durably under its final name (temp name, write, fdatasync, rename, directory sync); it is live
  /// only once the catalog says so. On an error nothing but a temp file is left, which it tries to remove.
  virtual Result<SegmentMeta> write(ShardId shard, std::uint64_t number, SortedEvents& events) = 0;
  /// Checks that the file is there and has the recorded size; reads no footer.
  virtual Result<std::shared_ptr<const SegmentReader>> open(const SegmentMeta& meta) = 0;
  /// Writes the events of `inputs` (segments of one shard, neighbours, oldest first) into a new segment `number`, as
  /// write() does: order, sequences and positions stay. Before the file gets its name it is read back and compared with
  /// what the inputs hold. Removed events are left out, or become stubs (engine/stub.hpp) where their ids may be asked
  /// for; then the new segment holds the marks that say so. Gives up soon after `may_go_on` says no, with what it says.
  virtual Result<MergedSegment> merge(std::span<const SegmentMeta> inputs, std::uint64_t number,
                                      const MayGoOn& may_go_on, const RemovedEvents& removed) = 0;
  /// How much of a segment is removed, by what `removed` says. Reads its context index; gives up as merge() does.
  virtual Result<Reclaimable> reclaimable(const SegmentMeta& /*segment*/, const MayGoOn& /*may_go_on*/,
                                          const MarkLookup& /*removed*/) {
    return Reclaimable{};
  }
  /// Removes the file of a segment that is live no more and has no reader any more.
  virtual Status remove(const SegmentMeta& meta) = 0;
  /// Removes what an earlier life left behind: temp files, and segments below `next_segment` that are not live, whose
  /// events others hold. Any other file that no live segment owns is moved to `quarantine/`.
  virtual Status sweep(ShardId shard, std::span<const SegmentMeta> live, std::uint64_t next_segment) = 0;
};

/// Durable facts about one shard beside its segments.
struct ShardRecord {
  ShardId shard = 0;
  std::uint64_t wal_first_file = 1; ///< First live WAL file; older ones hold only what segments hold.
  std::uint64_t wal_cut_record = 0; ///< Records up to this number are in segments.
  std::uint64_t next_segment = 1;   ///< Numbers below belonged to a published segment.
};

/// One version of one type's schema; none is ever changed or removed.
struct SchemaRecord {
  std::string event_type;
  std::uint32_t version = 0; ///< 1, 2, 3 ... for each type.
  std::string definition;    ///< As to_text(Schema) writes it.

  friend bool operator==(const SchemaRecord&, const SchemaRecord&) = default;
};

/// What the catalog knows of retention.
struct RetentionRecord {
  std::vector<RetentionRule> rules;    ///< By context prefix, then type (bytes); no two for the same.
  std::optional<RetentionPoint> point; ///< Of the last run.
  bool applied = false;                ///< That run came to its end.

  friend bool operator==(const RetentionRecord&, const RetentionRecord&) = default;
};

/// A query that is kept up to date under a name.
struct ViewRecord {
  std::string name;
  std::string query; ///< As to_text(Query) writes it.

  friend bool operator==(const ViewRecord&, const ViewRecord&) = default;
};

struct CatalogState {
  std::uint32_t format_version = 0;
  std::uint32_t shard_count = 0;
  std::uint64_t directory_seed = 0;
  Position positions_reserved = 1; ///< Positions below this were given or may have been.
  std::vector<ShardRecord> shards;
  std::vector<SegmentMeta> segments; ///< By shard, then position; inside a shard positions never overlap.
  std::vector<SchemaRecord> schemas; ///< By type (bytes), then version.
  RetentionRecord retention;
  std::vector<ViewRecord> views; ///< By name (bytes).
};

/// The durable truth about what is live. Every call is one transaction, durable when it returns.
class CatalogStore {
public:
  virtual ~CatalogStore() = default;
  virtual Result<CatalogState> load() = 0;
  /// Raises positions_reserved. Precondition: not lower than before.
  virtual Status reserve_positions(Position until) = 0;
  /// Makes `segment` live, raises the shard's next_segment above it and moves the shard's cut: all or nothing.
  virtual Status publish_segment(const SegmentMeta& segment, std::uint64_t wal_cut_record,
                                 std::uint64_t wal_first_file) = 0;
  /// Makes `merged` live in the place of `inputs`, live neighbours of one shard, oldest first: all or nothing.
  /// `dropped` of what they held is not in `merged`.
  virtual Status replace_segments(std::span<const SegmentMeta> inputs, const SegmentMeta& merged,
                                  const Dropped& dropped) = 0;
  /// Adds the next version of a type's schema.
  virtual Status add_schema(const SchemaRecord& schema) = 0;
  /// Takes the place of what was recorded.
  virtual Status set_retention(const RetentionRecord& retention) = 0;
  /// Adds a view, whose name must be new.
  virtual Status add_view(const ViewRecord& /*view*/) { return fail(Errc::unsupported, "no views are kept here"); }
  /// Removes the view of that name, which must be there.
  virtual Status remove_view(std::string_view /*name*/) { return fail(Errc::unsupported, "no views are kept here"); }
  /// Writes what the catalog holds now into a new file `path` of `to`, whole and without a journal. The file's name is
  /// the caller's to sync. `unsupported` where the catalog is no file.
  virtual Status copy_to(io::FileSystem& /*to*/, const std::string& path) {
    return fail(Errc::unsupported, "this catalog is no file that could be copied", path);
  }
  /// Checkpoints and closes; later calls fail with `closing`.
  virtual Status close() = 0;
};

} // namespace weir
