// Writes the seeds of all fuzz targets: weir_fuzz_corpus DIRECTORY. Made from real encodings, so run it again when a
// format changes; `make fuzz` then finds what lies beyond.
// Files named *-older are of earlier formats, which are still read: they cannot be made again, and stay.
#include "trust/fuzz/databases.hpp"
#include "trust/fuzz/segment_files.hpp"
#include "trust/fuzz/small_backup.hpp"
#include "trust/fuzz/wal_files.hpp"

#include "engine/consumers/consumer_store.hpp"
#include "engine/event_codec.hpp"
#include "segments/bytes.hpp"
#include "segments/catalog.hpp"
#include "wal/paths.hpp"
#include "wal/writer.hpp"

#include <cstdio>
#include <filesystem>
#include <fstream>

using namespace weir;
using namespace weir::fuzz;

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t*, std::size_t size, std::size_t) {
  return size; // Nothing is mutated here.
}

namespace {

class Corpus {
public:
  explicit Corpus(std::filesystem::path root) : root_(std::move(root)) {}
  void add(const std::string& target, const std::string& name, const std::string& input) const {
    std::filesystem::create_directories(root_ / target);
    std::ofstream file(root_ / target / name, std::ios::binary);
    file << input;
    require(file.flush().good(), "a seed is written");
  }

private:
  std::filesystem::path root_;
};

std::string call_of(const std::string& context, Sequence first, Position position, std::size_t count,
                    std::size_t payload_bytes = 20) {
  std::vector<Event> events;
  for (std::size_t i = 0; i < count; ++i) {
    Event event;
    event.event_type = i % 2 == 0 ? "paid" : "sent";
    event.payload = format(R"({{"n":{},"pad":"{}"}})", i, std::string(payload_bytes, 'x'));
    if (i % 2 == 1)
      event.timestamp = Timestamp(std::chrono::microseconds(1'700'000'000'000'000 + static_cast<std::int64_t>(i)));
    if (i % 3 == 1)
      event.event_id = format("id-{}", i);
    if (i % 3 == 2)
      event.metadata = R"({"user":"me"})";
    events.push_back(std::move(event));
  }
  std::string encoded;
  encode_call(context, events, encoded);
  const CallNumbers numbers{first, position, Timestamp(std::chrono::microseconds(1'700'000'000'000'000))};
  std::string call(numbered_call_bytes(encoded.size(), numbers), '\0');
  number_call(encoded, numbers, call.data());
  return call;
}

std::string removal_of(std::string_view context, Sequence next, Sequence first_live, bool closes) {
  std::string encoded;
  encode_removal(context, first_live, closes, encoded);
  const CallNumbers numbers{next, 70'000, Timestamp(std::chrono::microseconds(1'700'000'000'000'000))};
  std::string call(numbered_call_bytes(encoded.size(), numbers), '\0');
  number_call(encoded, numbers, call.data());
  return call;
}

void add_calls(const Corpus& corpus) {
  corpus.add("call", "one", call_of("order-1", 1, 1, 1));
  corpus.add("call", "several", call_of("order-2", 300, 70'000, 4));
  corpus.add("call", "truncation", removal_of("order-2", 300, 200, false));
  corpus.add("call", "deletion", removal_of("order-2", 300, 300, true));
}

enum class LogEnd { sealed, open, abandoned };

std::string log_of(std::size_t groups, std::size_t payload_bytes, wal::Compression compression, LogEnd end) {
  io::MemoryFileSystem fs;
  require(fs.create_directory(wal::root_directory()).ok(), "a directory is made");
  wal::Writer writer(fs, {.shard = 0, .directory_seed = directory_seed, .file_bytes = 8 * 1024}, {});
  Position position = 1;
  std::vector<Sequence> next(2, 1);
  for (std::size_t i = 0; i < groups; ++i) {
    wal::Group group(256);
    for (std::size_t calls = 1 + i % 3; calls != 0; --calls) {
      const std::size_t context = calls % 2, events = 1 + i % 2;
      group.add(call_of(format("c{}", context), next[context], position, events, payload_bytes));
      next[context] += events;
      position += events;
    }
    require(writer.append(group, compression).ok() && (i % 2 == 0 || writer.sync().ok()), "a group is written");
  }
  if (end == LogEnd::sealed)
    require(writer.seal().ok(), "a log is sealed");
  std::vector<std::string> files;
  for (std::uint64_t number = 1; fs.stat(wal::file_path(0, number)).ok(); ++number)
    files.push_back(fold_wal_file(read_file(fs, wal::file_path(0, number))));
  if (end == LogEnd::abandoned)
    files.back().resize(files.back().size() - 9); // torn
  return pack(files);
}

void add_logs(const Corpus& corpus) {
  corpus.add("wal", "one-group", log_of(1, 10, wal::Compression::none, LogEnd::open));
  corpus.add("wal", "sealed", log_of(4, 10, wal::Compression::none, LogEnd::sealed));
  corpus.add("wal", "chain", log_of(6, 500, wal::Compression::none, LogEnd::sealed));
  corpus.add("wal", "open-chain", log_of(7, 400, wal::Compression::none, LogEnd::open));
  corpus.add("wal", "torn", log_of(3, 10, wal::Compression::none, LogEnd::abandoned));
  // Two damages at once: the end of the first file, and the header of the second, whose groups say they were synced.
  std::vector<std::string> files = unpack(log_of(5, 400, wal::Compression::none, LogEnd::open));
  files[0].resize(files[0].size() - 60);
  files[1].replace(sizeof(std::uint32_t), 8, 8, 'x');
  corpus.add("wal", "two-damages", pack(files));
  corpus.add("wal", "compressed", log_of(3, 3'000, wal::Compression::allowed, LogEnd::sealed));
}

/// Owns what the views of the rows point to.
struct Rows final : SortedEvents {
  std::vector<Event> events;
  std::vector<EventView> views;
  std::size_t at = 0;
  bool next(EventView& event) override {
    if (at == views.size())
      return false;
    event = views[at++];
    return true;
  }
};

void add_segment(const Corpus& corpus, const std::string& name, std::size_t contexts, std::size_t per_context,
                 bool rich, segments::SegmentOptions options = segment_options, bool payloads = true,
                 bool merged = false) {
  Rows rows;
  rows.events.reserve(contexts * per_context);
  for (std::size_t i = 0; i < contexts * per_context; ++i) {
    Event& event = rows.events.emplace_back();
    event.context_id = format("order-{}", 100 + i / per_context);
    event.event_type = format("type-{}", i % 3);
    event.payload = !payloads ? "{}"
                              : format(R"({{"n":{},"id":"{:016x}","price":{}.25,"deep":{{"flag":{}}},"note":{}}})", i,
                                       i, i, i % 2 == 0, i % 3 == 0 ? "null" : "\"x\"");
    if (rich && i % 2 == 0)
      event.event_id = format("id-{}", i);
    if (rich && i % 3 == 0)
      event.metadata = format(R"({{"user":"u{}"}})", i);
    const Timestamp recorded(std::chrono::microseconds(1'700'000'000'000'000 + static_cast<std::int64_t>(i) * 10));
    rows.views.push_back({event.context_id, 1 + i % per_context,
                          1'000 + 3 * (i % per_context) * contexts + i / per_context, recorded,
                          rich ? recorded - std::chrono::seconds(i) : recorded, event.event_type, event.event_id,
                          event.metadata, event.payload});
  }
  io::MemoryFileSystem fs;
  segments::BlockCache cache(1 * MiB);
  segments::SegmentFiles files(fs, cache, options);
  auto meta = files.write(0, merged ? 2 : 1, rows);
  require(meta.ok(), "a segment is written");
  if (merged) {
    const auto joined = files.merge({&*meta, 1}, 1, [] { return Status(); }, {});
    require(joined.ok(), "a segment is merged");
    meta = joined->meta;
  }
  corpus.add("segment", name, fold_segment(read_file(fs, segments::segment_path(0, 1)), *meta));
  SegmentMeta plain_meta;
  const std::string plain = uncompressed(fs, *meta, plain_meta);
  corpus.add("segment", name + "-plain", fold_segment(plain, plain_meta));
}

void add_documents(const Corpus& corpus) {
  const std::vector<std::string> documents = {
      R"({})",
      R"({"a":1,"b":{"a":-2.5e3,"c":[1,"x",null,true,false,{}]}})",
      R"({"a":{"b":"\u00e9\ud83d\ude00\n\"\\\/"},"":0})",
      R"({"a":18446744073709551615,"b":-9223372036854775808,"c":1e300,"d":0.1})",
      R"({"context_id":"order-1","event_type":"paid","payload":{"a":1}})",
      R"({"payload":{"a":{"b":[]}},"metadata":{"user":"x"},"event_id":"7","timestamp":"2024-02-29T12:00:00.5+01:00","event_type":"t","context_id":"ä"})",
      R"( {"timestamp":1700000000000,"context_id":"a\u0041","event_type":"t","payload":{} } )",
  };
  for (std::size_t i = 0; i < documents.size(); ++i)
    corpus.add("json", std::to_string(i), documents[i]);
}

void add_queries(const Corpus& corpus) {
  const std::vector<std::string> queries = {
      "QUERY *",
      "QUERY type-1, 'type-2' FOR context-3 SINCE '2023-11-14T22:13:20Z' UNTIL 1700000000300 LIMIT 5 OFFSET 1",
      "QUERY * WHERE payload.a >= 1.5 AND NOT (payload.b.c = 'a' OR metadata.user IN (1, null, 'b', true))",
      "query * where payload.\"odd key\" != null return [context_id, payload, payload.a] order by payload.a desc, "
      "position",
      "QUERY * COUNT BY event_type, payload.a ORDER BY count DESC, event_type LIMIT 3",
      "QUERY * WHERE timestamp < '2023-11-14T22:13:20.2Z' AND sequence IN (1,2,3) AND position <= 9e1 COUNT",
      "QUERY * FOR \"it\"\"s\" WHERE event_id = 'id-7' RETURN recorded_at",
  };
  for (std::size_t i = 0; i < queries.size(); ++i)
    corpus.add("query", std::to_string(i), queries[i]);
}

void add_language(const Corpus& corpus) {
  const std::vector<std::string> texts = {
      R"_(QUERY type-1, 'type-2' FOR context-3, 'it''s' SINCE '2023-11-14T22:13:20Z' UNTIL 1700000000300 USING TIME payload."at x" LIMIT 5 OFFSET 1)_",
      R"_(QUERY * FOR PREFIX order- WHERE payload.a + 1 * -payload.b / 2 % 3 > -5 AND NOT (lower(payload.c) LIKE 'a\%_%' OR length(payload.d) <> 2))_",
      R"_(query * where payload.a not in (1, -2.5, null, time(0)) or payload.b is not null and exists payload.c and payload.d contains 'x' and payload.e not between 1 and 2)_",
      R"_(QUERY * WHERE timestamp BETWEEN 0 AND '2023-11-14T22:13:20Z' AND date_trunc('week', recorded_at) = 0 AND time(payload.t) IN (0, '2023-11-14T22:13:20Z') AND round(payload.r, 2) = abs(payload.r))_",
      R"_(QUERY a COUNT AS n, COUNT UNIQUE payload.u, TOTAL payload.t AS total, AVG payload.t, MIN timestamp, P95 payload.t, LAST payload.t PER WEEK BY event_type, payload.b HAVING TOTAL payload.t > 1 AND week > 0 AND min timestamp < 5 AND n = 1 ORDER BY total DESC, COUNT, WEEK LIMIT 3)_",
      R"_(QUERY a AS x FOLLOWED BY b AS y FOLLOWED BY 'two words' AS z LINKED BY payload."order id" WITHIN 90 MINUTES WHERE y.payload.t - x.payload.t > 1 AND z.timestamp > 0 RETURN [x.payload AS p, y.position] ORDER BY p DESC)_",
      R"_(QUERY b PRECEDED BY a LINKED BY context_id WITHIN 1 DAY COUNT)_",
      R"_(QUERY ? FOR ? WHERE timestamp > ?)_",
      R"_(QUERY * WHERE payload.n = :n AND payload.m IN (:n, -:n) LIMIT :n)_",
      R"_(EXPLAIN ANALYZE QUERY * COUNT;)_",
      R"_(STORE order_placed FOR order-42 AT '2023-11-14T22:13:20Z' ID e-1 METADATA {"user": "x"} PAYLOAD {"a": "}\"{", "b": [{}]};)_",
      R"_(STORE a FOR b PAYLOAD :json METADATA '{"it''s": 1}')_",
      R"_(REPLAY order-42 FROM 2 TO 9 TYPES a, 'b c' BACKWARD LIMIT 3)_",
      R"_(REMEMBER QUERY a COUNT AS n PER DAY AS by_day)_",
      R"_(SHOW 'stats')_",
      R"_(DEFINE 'it''s' FIELDS { "odd key": enum('x', "y"), d: date, t: timestamp OPTIONAL };)_",
  };
  for (std::size_t i = 0; i < texts.size(); ++i)
    corpus.add("language", std::to_string(i), texts[i]);
}

void add_schemas(const Corpus& corpus) {
  // A definition, the next one and a payload, between separators.
  const std::vector<std::string> schemas = {
      "DEFINE a FIELDS { a: int64 }\x1e"
      "define a fields OPEN {a: int64 optional}\x1e"
      R"({"a":1})",
      "DEFINE 'it''s' FIELDS { \"odd key\": enum('x', \"y\"), d: date, t: timestamp OPTIONAL }\x1e"
      "DEFINE 'it''s' FIELDS { \"odd key\": string, d: string, t: timestamp OPTIONAL, u: uint64 OPTIONAL }\x1e"
      R"({"odd key":"x","d":"2024-02-29","t":null})",
      "DEFINE a/b FIELDS {\n  l: array(array(object OPEN { b: bool, d: double })),\n  s: string OPTIONAL\n}\x1e\x1e"
      R"({"l":[[{"b":true,"d":1e3,"more":[{}]}],[]],"s":"t"})"};
  for (std::size_t i = 0; i < schemas.size(); ++i)
    corpus.add("schema", std::to_string(i), schemas[i]);
}

SegmentMeta small_segment(std::uint64_t number, Position position) {
  SegmentMeta meta;
  meta.number = number;
  meta.file_bytes = 200;
  meta.footer_offset = 100;
  meta.event_count = meta.context_count = 3;
  meta.position_min = position;
  meta.position_max = position + 5;
  return meta;
}

void add_catalogs(const Corpus& corpus) {
  io::MemoryFileSystem fs;
  auto made = Catalog::create(fs, "catalog.db", 2, 7);
  require(made.ok() && (*made)->reserve_positions(200).ok() &&
              (*made)->publish_segment(small_segment(1, 10), 5, 1).ok() &&
              (*made)->add_view({"vv", "QUERY * COUNT BY payload.n"}).ok(),
          "a catalog is filled");
  const auto folded = [&](const std::vector<std::string>& files) { return '\0' + pack(files); };
  corpus.add("catalog", "left-open", folded({read_file(fs, "catalog.db"), read_file(fs, "catalog.db-wal")}));
  require((*made)->close().ok(), "a catalog is closed");
  corpus.add("catalog", "closed", folded({read_file(fs, "catalog.db")}));
  // Records: head, two shards, two segments, then changes: see catalog_target.cpp for the order of fields.
  const std::string segment_1 = {0, 1, 100, 50, 9, 3, 2, 60, 10, 20, 1, 2, 1, 2};
  const std::string segment_2 = {0, 2, 100, 50, 9, 3, 2, 60, 30, 40, 1, 2, 1, 2};
  const std::string merged = {0, 5, 100, 50, 9, 6, 2, 120, 10, 40, 1, 2, 1, 2};
  corpus.add("catalog", "views", '\1' + std::string{1, 7, 100, 0, 1, 0, 1, 5, 3, 0, 5, 2, 5, 3, 6, 2, 5, 2});
  corpus.add("catalog", "records",
             '\1' + std::string{2, 7, 100, 0, 2, 0, 1, 5, 3, 1, 1, 0, 1, 2} + segment_1 + segment_2 +
                 std::string{0, 120} + std::string{2, 0, 2} + merged + '\1' +
                 std::string{0, 5, 100, 50, 9, 1, 1, 6, 50, 50, 1, 2, 1, 2, 9, 2});
}

using Write = void (*)(io::FileSystem&);

/// A database as it is, and changes of it: see databases.cpp for the order of bytes.
void add_database(const Corpus& corpus, const std::string& target, const std::string& path, Write write) {
  io::MemoryFileSystem fs;
  write(fs);
  corpus.add(target, "closed", '\0' + pack({read_file(fs, path)}));
  Random random(5);
  const auto bytes = [&random](std::size_t count) {
    std::string text;
    for (; count != 0; --count)
      text += static_cast<char>(random() >> 8U);
    return text;
  };
  for (int i = 0; i < 4; ++i) {
    const std::string number = std::to_string(i);
    std::string rows = "\1\4";
    rows += static_cast<char>(i % 2); // signed or not
    for (int change = 0; change < 4; ++change)
      rows += bytes(4) + static_cast<char>(12 * static_cast<int>(random() % 8) + 2 * i + change % 2);
    corpus.add(target, "rows-" + number, rows + '\0' + bytes(40));
    corpus.add(target, "pages-" + number, '\1' + std::string(1, '\0') + static_cast<char>(1 + i) + bytes(60));
  }
  corpus.add(target, "as-written", '\1' + std::string(2, '\0') + bytes(40));
}

/// Left by a process that died: what was written last is in the journal.
void add_consumers_left_open(const Corpus& corpus) {
  io::MemoryFileSystem fs;
  ConsumerStore store(fs, consumers_path, databases_seed);
  require(store.create("group", ConsumerKind::group, 1).ok() && store.create("single", ConsumerKind::single, 7).ok(),
          "consumers are made");
  corpus.add("consumers", "left-open",
             '\0' + pack({read_file(fs, consumers_path), read_file(fs, consumers_path + "-wal")}));
}

void add_backups(const Corpus& corpus) {
  io::MemoryFileSystem fs;
  const BackupManifest whole = write_small_backup(fs);
  corpus.add("backup", "whole", format_manifest(whole));
  BackupManifest part = whole;
  part.files.resize(1);
  corpus.add("backup", "catalog-alone", format_manifest(part));
  part = whole;
  part.files.push_back({BackupFile::Kind::segment, 1, 18'446'744'073'709'551'615U, 1'000'000'000'000, {}});
  corpus.add("backup", "too-much", format_manifest(part));
  std::string newer = format_manifest(whole);
  newer[newer.find('1')] = '2';
  corpus.add("backup", "newer", newer);
}

void add_imports(const Corpus& corpus) {
  const std::string order = R"({"context_id":"order-1","event_type":"paid","payload":{"a":1})";
  const std::string cloud =
      R"({"specversion":"1.0","id":"7","source":"/shop","type":"paid","subject":"order-1","time":"2024-02-29T12:00:00.5+01:00")";
  // '0': engines take part, and skip bad lines; '4': they stop at one; '1': none takes part.
  const std::vector<std::string> files = {
      "0" + order + "}\n" + order + R"(,"event_id":"1","timestamp":1700000000000})" + "\r\n\n" + order +
          R"(,"metadata":{"user":"x"},"timestamp":"2024-02-29T12:00:00.5+01:00"})",
      R"(0{"context_id":"a\u0041","event_type":"t","payload_text":"{\n \"b\":[]\r}","metadata_text":"{\n}"})"
      "\n",
      "0" + order + R"(,"event_id":"1"})" + "\n" + order + R"(,"event_id":"1"})" + "\n" + order + "\n[]\n{}\n" + order +
          R"(,"event_id":""})" + "\n" + order + R"(,"x":1})" + "\n" +
          R"({"context_id":"order-1","event_type":"paid","payload":{"a":2},"event_id":"1"})",
      "4" + order + "}\n" + order + "\n" + order + "}",
      "0" + cloud + R"(,"data":{"a":[1,{"b":null}]}})" + "\n" + cloud + R"(,"data":{}})" + "\n" + cloud + "}\n" +
          cloud + R"(,"datacontenttype":"text/plain","n":-1.5e3,"flag":true,"data":{"a":1}})",
      "0" + cloud +
          R"(,"weirexport":"1","sequence":"00000000000000000001","idgenerated":true,"metadata":"{\"user\":\"x\"}","datatext":"{\n}","data":{ }})" +
          "\n" + cloud + R"(,"weirexport":"1","metadata":"no object","data":{}})" + "\n" + cloud +
          R"(,"data_base64":"AA=="})" + "\n" + cloud + R"(,"data":[]})" + "\n" + cloud + R"(,"id":"8"})" + "\n" +
          R"({"specversion":"0.3"})" + "\n" + R"({"specversion":"1.0","id":"8","source":"/","type":"a"})",
      "1" + order + R"(,"metadata":")" + std::string(900, 'x') + "\"}\n" + order + "}",
  };
  for (std::size_t i = 0; i < files.size(); ++i)
    corpus.add("import", std::to_string(i), files[i]);
}

void add_operations(const Corpus& corpus) {
  Random random(3);
  const auto some = [&random] { return static_cast<char>(random() >> 8U); };
  for (int i = 0; i < 4; ++i) {
    std::string input;
    for (int j = 0; j < 60; ++j)
      input += some();
    corpus.add("operations", std::to_string(i), input);
  }
  // Every kind of operation, three times, in three orders: see operations_target.cpp.
  for (const int step : {1, 7, 18}) {
    std::string input{some(), some()};
    for (int kind = 0; kind < 75; ++kind)
      input += {static_cast<char>(kind * step % 25), some(), some()};
    corpus.add("operations", "every-kind-" + std::to_string(step), input);
  }
}

} // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
    return 2;
  }
  const Corpus corpus(argv[1]);
  add_calls(corpus);
  add_logs(corpus);
  add_segment(corpus, "one", 1, 1, false);
  add_segment(corpus, "several", 5, 4, true);
  add_segment(corpus, "zones", 3, 20, true);
  segments::SegmentOptions wide = segment_options;
  wide.zone_rows = 80; // of fewer ids a zone has a column, and no filter
  add_segment(corpus, "filters", 2, 45, false, wide);
  wide.zone_rows = 500;
  add_segment(corpus, "times", 4, 512, false, wide, false);                // many enough for a time index
  add_segment(corpus, "pages", 40, 14, true, segment_options, true, true); // merged, and large enough for them
  add_documents(corpus);
  add_queries(corpus);
  add_language(corpus);
  add_schemas(corpus);
  add_catalogs(corpus);
  add_database(corpus, "consumers", consumers_path, write_consumers);
  add_consumers_left_open(corpus);
  add_database(corpus, "snapshots", snapshots_path, write_snapshots);
  add_backups(corpus);
  add_imports(corpus);
  add_operations(corpus);
  return 0;
}
