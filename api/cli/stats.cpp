#include "api/cli/command.hpp"
#include "api/cli/progress.hpp"
#include "engine/text.hpp"

#include <memory>

namespace weir::cli {
namespace {

struct StatsCommand {
  std::string directory;
  std::optional<Format> format;
};

std::uint64_t ShardStats::*const sums[] = {&ShardStats::memtable_events, &ShardStats::memtable_bytes,
                                           &ShardStats::segments,        &ShardStats::segment_events,
                                           &ShardStats::segment_bytes,   &ShardStats::payload_bytes};
/// Of the background since the directory was opened; shown for the whole engine.
std::uint64_t ShardStats::*const work_sums[] = {&ShardStats::flushed_bytes, &ShardStats::compactions,
                                                &ShardStats::merge_read_bytes, &ShardStats::merge_written_bytes};

ShardStats total_of(const EngineStats& stats) {
  ShardStats total;
  for (const ShardStats& shard : stats.shards) {
    for (const auto member : sums)
      total.*member += shard.*member;
    for (const auto member : work_sums)
      total.*member += shard.*member;
    total.failed = total.failed || shard.failed;
  }
  return total;
}

std::vector<Value> shard_row(Value name, const ShardStats& shard) {
  std::vector<Value> row{std::move(name), shard.segment_events + shard.memtable_events};
  for (const auto member : sums)
    row.emplace_back(shard.*member);
  row.emplace_back(shard.failed ? "failed" : "ok");
  return row;
}

/// What belongs to the whole engine: columns of the total in JSON and CSV, a line below a table.
std::vector<std::pair<Column, Value>> engine_values(const EngineStats& stats) {
  const ShardStats total = total_of(stats);
  return {{{"next_position", true}, stats.next_position},
          {{"recovered_events", true}, stats.recovered_events},
          {{"open_ms", true}, stats.open_ms},
          {{"disk_free_bytes", true}, stats.disk_free_bytes},
          {{"flushed_bytes", true}, total.flushed_bytes},
          {{"merges", true}, total.compactions},
          {{"merges_running", true}, stats.compactions_running},
          {{"merges_pending", true}, stats.compactions_pending},
          {{"merge_read_bytes", true}, total.merge_read_bytes},
          {{"merge_written_bytes", true}, total.merge_written_bytes},
          {{"write_amplification", true}, stats.write_amplification()}};
}

/// The same for people: nothing of what has not happened since the directory was opened, a moment ago.
std::string engine_text(const EngineStats& stats) {
  const ShardStats total = total_of(stats);
  std::string text =
      format("\nopened in {} ms, {} events read back from the logs, {} MiB of disk free\n", stats.open_ms,
             with_separators(stats.recovered_events), with_separators(stats.disk_free_bytes / MiB));
  text += format("shards with segments to merge: {}; since it was opened {} merges have read {} and written {} bytes\n",
                 stats.compactions_pending, total.compactions, with_separators(total.merge_read_bytes),
                 with_separators(total.merge_written_bytes));
  if (stats.write_amplification() != 0)
    text += format("written for each byte of payload: {:.2f} bytes\n", stats.write_amplification());
  return text;
}

Status print_stats(const EngineStats& stats, Format format_wanted, Streams& streams) {
  std::vector<Column> columns = {{"shard"},          {"events"},        {"memtable_events"},
                                 {"memtable_bytes"}, {"segments"},      {"segment_events"},
                                 {"segment_bytes"},  {"payload_bytes"}, {"state"}};
  const bool table = format_wanted == Format::table;
  const auto of_engine = engine_values(stats);
  if (!table)
    for (const auto& [column, value] : of_engine)
      columns.push_back(column);

  const std::size_t width = columns.size();
  Rows rows(streams.out, format_wanted, std::move(columns));
  for (const ShardStats& shard : stats.shards) {
    std::vector<Value> row = shard_row(shard.shard, shard);
    row.resize(width);
    WEIR_TRY(rows.add(row));
  }
  std::vector<Value> total = shard_row("total", total_of(stats));
  if (!table)
    for (const auto& [column, value] : of_engine)
      total.push_back(value);
  WEIR_TRY(rows.add(total));
  WEIR_TRY(rows.flush());
  if (table)
    streams.out.buffer() += engine_text(stats);
  return streams.out.flush();
}

Result<ExitCode> stats(const StatsCommand& command, Streams& streams) {
  auto engine = open_existing(command.directory);
  if (!engine)
    return std::move(engine).error();
  WEIR_TRY(print_stats(engine->stats(), chosen_format(command.format, streams.out), streams));
  return close_after(*engine, ExitCode::success);
}

} // namespace

void add_stats(CLI::App& program, Action& chosen) {
  const Command command(program, chosen, "stats", "Show what each shard holds", "weir stats data --format table");
  const auto options = std::make_shared<StatsCommand>();
  command.positional("DIR", options->directory, "The data directory");
  command.format(options->format);
  command.runs([options](Streams& streams) { return stats(*options, streams); });
}

} // namespace weir::cli
