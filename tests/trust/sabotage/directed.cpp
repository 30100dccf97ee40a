#include "trust/sabotage/directed.hpp"

#include "tests/support/sabotages.hpp"
#include "trust/crash_images/crash_images.hpp"
#include "trust/failed_calls/failed_calls.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string_view>

#include <unistd.h>

namespace weir::trust {

namespace {

using Kind = DirectedTest::Kind;

constexpr DirectedTest images(const char* workload) {
  return {Kind::crash_images, workload, ""};
}
constexpr DirectedTest recrashes(const char* workload) {
  return {Kind::recrashes, workload, ""};
}
constexpr DirectedTest failures(const char* workload) {
  return {Kind::failed_calls, workload, ""};
}
constexpr DirectedTest cases(const char* program, const char* names) {
  return {Kind::program, program, names};
}

constexpr std::array table = {
    Directed{Sabotage::skip_log_sync, images("group_commit")},
    Directed{Sabotage::skip_log_name_sync, images("log_change_over")},
    Directed{Sabotage::skip_log_directory_sync, images("first_store")},
    Directed{Sabotage::skip_successor_sync, images("clean_close")},
    Directed{Sabotage::skip_sync_at_change_over, images("written_change_over")},
    Directed{Sabotage::skip_interval_sync, cases("actors", "shard log: a written event survives*")},
    Directed{Sabotage::skip_recovery_sync, recrashes("durabilities")},
    Directed{Sabotage::skip_recovery_name_sync, recrashes("first_store")},
    Directed{Sabotage::skip_segment_sync, images("flush")},
    Directed{Sabotage::skip_segment_name_sync, images("flush")},
    Directed{Sabotage::skip_segment_directory_sync, images("flush")},
    Directed{Sabotage::skip_catalog_sync, images("catalog_commit")},
    Directed{Sabotage::acknowledge_before_write, images("durabilities")},
    Directed{Sabotage::acknowledge_before_sync, images("group_commit")},
    Directed{Sabotage::believe_failed_sync, failures("group_commit")},
    Directed{Sabotage::retry_failed_sync, failures("group_commit")},
    Directed{Sabotage::swallow_error_of_followers, failures("group_commit")},
    Directed{Sabotage::answer_twice, failures("first_store")},
    Directed{Sabotage::keep_numbers_after_failed_write, cases("actors", "shard log: a failed write refuses*")},
    Directed{Sabotage::leave_hole_behind_lost_write, cases("actors", "shard log: after a buffered event could not*")},
    Directed{Sabotage::ignore_disk_reserve, cases("engine", "disk guard: low below the reserve*")},
    Directed{Sabotage::forget_reserved_positions, images("reopen_after_crash")},
    Directed{Sabotage::ignore_group_checksum, images("recycle")},
    Directed{Sabotage::ignore_record_checksum, images("group_commit")},
    Directed{Sabotage::trust_event_count, cases("engine", "event codec: a wrong length or count is corruption")},
    Directed{Sabotage::take_damage_for_torn_tail, cases("wal", "wal recovery: a bad byte before*")},
    Directed{Sabotage::ignore_hole_between_logs, cases("wal", "wal recovery: swapped files*")},
    Directed{Sabotage::leave_recovered_log_unsealed, images("reopen_after_crash")},
    Directed{Sabotage::reuse_record_numbers, cases("wal", "wal writer: after a failed write*")},
    Directed{Sabotage::same_identity_for_all_files, images("recycle")},
    Directed{Sabotage::recycle_linked_file, cases("wal", "wal spares: a file that a backup has linked*")},
    Directed{Sabotage::recycle_too_soon, images("store_during_flush")},
    Directed{Sabotage::cut_log_before_commit, failures("no_byte_left")},
    Directed{Sabotage::cut_one_record_too_many, images("flush")},
    Directed{Sabotage::ignore_block_checksum, cases("segments", "segment damage: every flipped byte*")},
    Directed{Sabotage::ignore_footer_checksum, cases("segments", "segment damage: an older file*")},
    Directed{Sabotage::ignore_catalog_checksum, cases("segments", "catalog: whichever byte*")},
    Directed{Sabotage::ignore_catalog_sum, cases("segments", "catalog: a genuine record of another history*")},
    Directed{Sabotage::merge_drops_row, cases("segments", "merge: random neighbours*")},
    Directed{Sabotage::believe_merge, cases("segments", "merge: a new file that is whole in itself*")},
    Directed{Sabotage::remove_merged_before_commit, images("compaction")},
    Directed{Sabotage::sweep_unknown_files, cases("segments", "segment files: the sweep keeps*")},
    Directed{Sabotage::verify_skips_last_segment, cases("damage", "removals")},
    Directed{Sabotage::recycle_held_files, cases("api", "backup: log files stay until*")},
    Directed{Sabotage::backup_omits_log_tail, cases("api", "backup: a restored one holds*")},
    Directed{Sabotage::believe_backup, cases("api", "restore: a damaged*")},
    Directed{Sabotage::believe_base, cases("api", "backup chain: a base of another life*")},
    Directed{Sabotage::reuse_positions_after_restore, cases("api", "backup: a restored one gives no position*")},
    Directed{Sabotage::export_drops_row, cases("api", "export: random contexts*")},
    Directed{Sabotage::import_ignores_ids, cases("engine", "event line: every field arrives*")},
    Directed{Sabotage::filter_misses_keys, cases("segments", "filter: no key is missed*")},
    Directed{Sabotage::hide_passive_memtables, cases("engine", "shard table: events move*")},
    Directed{Sabotage::show_stores_late, failures("first_store")},
    Directed{Sabotage::route_by_whole_id, cases("engine", "router: contexts with one text*")},
    Directed{Sabotage::forget_event_ids, cases("actors", "shard pump: a retry answers the first receipt*")},
    Directed{Sabotage::overlook_ids_on_their_way, cases("engine", "shard state: an id on its way*")},
    Directed{Sabotage::believe_expectations, cases("engine", "shard state: of calls that expect*")},
    Directed{Sabotage::believe_conditions, cases("api", "engine: a condition fails if*")},
    Directed{Sabotage::ignore_condition_position, cases("api", "engine: a condition fails if*")},
    Directed{Sabotage::tell_stale_sequence, cases("api", "engine: every kind of expectation*")},
    Directed{Sabotage::answer_duplicate_before_sync, cases("actors", "shard pump: a retry of an unsynced event*")},
    Directed{Sabotage::leave_out_last_context, cases("api", "engine: a call for several contexts stores*")},
    Directed{Sabotage::expect_of_first_only, cases("api", "engine: of a call for several contexts all expectations*")},
    Directed{Sabotage::look_in_segments_only, cases("api", "engine: a condition fails if*")},
    Directed{Sabotage::believe_condition_look_up,
             cases("engine", "shard state: what came since a condition was looked up*")},
    Directed{Sabotage::ignore_event_content, cases("actors", "shard pump: a retry answers the first receipt*")},
    Directed{Sabotage::forget_ids_in_merge, cases("segments", "merge: random neighbours*")},
    Directed{Sabotage::ignore_snapshot_checksum, cases("engine", "snapshot file: whichever byte*")},
    Directed{Sabotage::ignore_snapshot_schema_tag, cases("engine", "snapshot file: a state comes back*")},
    Directed{Sabotage::believe_snapshot_of_lost_events, cases("api", "snapshots: one of events that a crash*")},
    Directed{Sabotage::believe_snapshot_of_removed, cases("api", "lifecycle: a snapshot lasts as long*")},
    Directed{Sabotage::older_snapshot_replaces_newer, cases("engine", "snapshot file: an older snapshot*")},
    Directed{Sabotage::hand_out_context_twice, cases("engine", "consumer group: whatever members*")},
    Directed{Sabotage::redeliver_for_ever, cases("engine", "consumer group: whatever members*")},
    Directed{Sabotage::lose_acknowledgement, cases("engine", "consumer desk: members come*")},
    Directed{Sabotage::acknowledge_before_commit, cases("engine", "consumer desk: when a commit fails*")},
    Directed{Sabotage::checkpoint_before_effect, cases("api", "exactly once: rows and position*")},
    Directed{Sabotage::ignore_ack_deadline, cases("engine", "consumer group: what is not acknowledged in time*")},
    Directed{Sabotage::ignore_nack_delay, cases("engine", "consumer group: a refused event holds*")},
    Directed{Sabotage::exceed_in_flight_max, cases("engine", "consumer group: bounds of a member*")},
    Directed{Sabotage::forget_deliveries, cases("engine", "consumer desk: an event that ends the process*")},
    Directed{Sabotage::lose_parked_event, cases("engine", "consumer desk: parked events are replayed*")},
    Directed{Sabotage::lose_checkpoint, cases("engine", "consumer store: a question makes no file*")},
    Directed{Sabotage::lose_reset, cases("engine", "consumer desk: a reset holds*")},
    Directed{Sabotage::settle_before_sync, images("durabilities")},
    Directed{Sabotage::publish_floor_after_draw, cases("actors", "shard watermark: a synced store*")},
    Directed{Sabotage::ignore_watermark, cases("engine", "queue cursor: nothing at the watermark*")},
    Directed{Sabotage::checkpoint_skips_held_back, cases("engine", "queue cursor: nothing at the watermark*")},
    Directed{Sabotage::checkpoint_skips_unread, cases("engine", "queue cursor: a filter that drops very much*")},
    Directed{Sabotage::start_behind_time, cases("engine", "queue cursor: from a time on*")},
    Directed{Sabotage::overlook_own_group, cases("engine", "shard state: a condition sees*")},
    Directed{Sabotage::check_first_event_only, cases("engine", "schema registry: every event*")},
    Directed{Sabotage::ignore_unknown_fields, cases("engine", "schema: a payload that fits*")},
    Directed{Sabotage::publish_schema_before_commit, cases("engine", "schema registry: a definition is in force*")},
    Directed{Sabotage::accept_incompatible_schema, cases("engine", "schema registry: a definition that some version*")},
    Directed{Sabotage::keep_schema_in_memory_only, cases("api", "engine schemas: a power cut keeps*")},
    Directed{Sabotage::forget_tombstone, cases("engine", "shard state: a context that is deleted for good*")},
    Directed{Sabotage::log_no_tombstone, cases("api", "lifecycle: nothing is ever stored*")},
    Directed{Sabotage::answer_removal_before_sync, cases("api", "lifecycle: a removal that was answered*")},
    Directed{Sabotage::hide_removed_range, cases("engine", "replay: what is removed*")},
    Directed{Sabotage::lose_marks_in_merge, cases("segments", "merge: marks*")},
    Directed{Sabotage::drop_one_too_many, cases("segments", "merge: removed events*")},
    Directed{Sabotage::forget_removed_ids, cases("api", "reclaim: a segment of which most*")},
    Directed{Sabotage::forget_removed_content, cases("api", "reclaim: a segment of which most*")},
    Directed{Sabotage::queue_shows_stubs, cases("api", "reclaim: subscribers pass over stubs*")},
    Directed{Sabotage::retain_one_too_few, cases("engine", "retention: by age*")},
    Directed{Sabotage::forget_retention_point, cases("api", "engine retention: a run that was cut short*")},
    Directed{Sabotage::forget_schema_versions, cases("engine", "schema registry: every event*")},
    Directed{Sabotage::trust_upcasters, cases("engine", "upcasting: an upcaster that fails*")},
    Directed{Sabotage::replay_forgets_upcasts, cases("api", "upcasting: replays and queries*")},
    Directed{Sabotage::query_forgets_upcasts, cases("api", "upcasting: replays and queries*")},
    Directed{Sabotage::queue_forgets_upcasts, cases("api", "upcasting: replays and queries*")},
    Directed{Sabotage::null_is_absent, cases("segments", "field columns: of random documents*")},
    Directed{Sabotage::stale_field_bounds, cases("segments", "field columns: a zone settles*")},
    Directed{Sabotage::narrow_time_index, cases("segments", "time index: of random rows*")},
    Directed{Sabotage::trust_unsure_rows, cases("engine", "zone scan: rows of which a segment is not sure*")},
    Directed{Sabotage::page_of_another_order, cases("segments", "pages: of random documents*")},
    Directed{Sabotage::mark_next_value, cases("segments", "field marks: rows are marked as their arrays say*")},
    Directed{Sabotage::number_texts_as_they_came, cases("segments", "field columns: of random documents*")},
    Directed{Sabotage::field_filter_forgets, cases("segments", "field columns: strings that are all different*")},
    Directed{Sabotage::negated_unknown_is_true, cases("engine", "zone scan: conditions find*")},
    Directed{Sabotage::prune_one_too_many, cases("engine", "zone scan: conditions find*")},
    Directed{Sabotage::read_next_payload, cases("engine", "zone scan: conditions find*")},
    Directed{Sabotage::required_text_forgets_escapes, cases("engine", "required text: *")},
    Directed{Sabotage::top_rows_lose_ties, cases("engine", "query run: ORDER BY sorts*")},
    Directed{Sabotage::gather_ahead_of_events, cases("engine", "view: an answer made in steps*")},
    Directed{Sabotage::keep_gathered_removed, cases("engine", "view: what was gathered is not read again*")},
    Directed{Sabotage::remember_in_memory_only, images("views")},
    Directed{Sabotage::forget_in_memory_only, images("views")},
    Directed{Sabotage::read_past_left_open, cases("engine", "json_model: database readers in other threads*")},
    Directed{Sabotage::forget_lost_changes, cases("engine", "json_model: database changes that are lost*")},
    Directed{Sabotage::forget_model_position, cases("engine", "projection: after a crash at any write*")},
    Directed{Sabotage::keep_failed_addition, cases("engine", "json_model: database additions that fail*")},
    Directed{Sabotage::tell_value_as_given, cases("engine", "json_model: an object told as it was written*")},
    Directed{Sabotage::answer_before_applied, cases("api", "event_sourcing_db: handled(0) waits for nothing*")},
    Directed{Sabotage::pass_failed_event, cases("engine", "projection: halted it stands at the event*")},
    Directed{Sabotage::forget_dead_letter, cases("engine", "projection: quarantine stops the context*")},
    Directed{Sabotage::ignore_projection_checksum, cases("engine", "projection: damage to what it keeps*")},
    Directed{Sabotage::swap_without_the_rest, cases("api", "projection: a rebuild that takes the live*")},
    Directed{Sabotage::commit_ahead_of_sync, cases("api", "es_model: a write whose sync fails*")},
    Directed{Sabotage::merge_keeps_removed, cases("api", "compact: removed events go*")},
    Directed{Sabotage::ignore_pause, cases("actors", "compaction control: one turn at a time*")},
    Directed{Sabotage::ignore_compaction_rate, cases("actors", "compaction control: what moves is counted*")},
};
static_assert(table.size() + 1 == static_cast<std::size_t>(Sabotage::count), "every mistake has its test");
static_assert([] {
  for (std::size_t i = 0; i < table.size(); ++i)
    if (static_cast<std::size_t>(table[i].mistake) != i + 1)
      return false;
  return true;
}());

struct Program {
  const char* name;
  const char* path;
  bool stage; ///< Else a doctest program.
};
constexpr std::array programs = {
    Program{"engine", WEIR_TESTS_ENGINE, false},     Program{"wal", WEIR_TESTS_WAL, false},
    Program{"segments", WEIR_TESTS_SEGMENTS, false}, Program{"actors", WEIR_TESTS_ACTORS, false},
    Program{"api", WEIR_TESTS_API, false},           Program{"damage", WEIR_TRUST_DAMAGE, true},
};

const Workload& workload_called(std::string_view name) {
  for (const Workload& workload : workloads())
    if (workload.name == name)
      return workload;
  throw std::runtime_error("there is no workload " + std::string(name));
}

/// Runs `search`; what it throws tells nothing once something was found.
template <class Search, class Counts> int finds(Search search, const Counts& counts) {
  try {
    search();
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    if (counts.findings() == 0)
      return 2;
  }
  return counts.findings() == 0 ? 0 : 1;
}

int crash(const Workload& workload, bool again, std::uint64_t every) {
  CrashPlan plan;
  plan.seed = fixed_seed;
  plan.every = every;
  plan.random_subsets = 2;
  plan.until_first_finding = true;
  plan.second_every = again ? UINT64_MAX : 0; // only what kills leave, and the first
  plan.kills_again = again;
  CrashCounts counts;
  return finds([&] { CrashRun(workload, plan, counts).run(); }, counts);
}

int fail_calls(const Workload& workload, std::uint64_t every) {
  FailurePlan plan;
  plan.seed = fixed_seed;
  plan.every = every;
  plan.until_first_finding = true;
  FailureCounts counts;
  return finds([&] { fail_calls(workload, plan, counts); }, counts);
}

int run_program(const DirectedTest& test, Sabotage mistake) {
  const auto program = std::find_if(programs.begin(), programs.end(),
                                    [&](const Program& each) { return std::string_view(each.name) == test.what; });
  if (program == programs.end())
    throw std::runtime_error("there is no program " + std::string(test.what));
  if (mistake == Sabotage::none)
    ::unsetenv("WEIR_SABOTAGE");
  else
    ::setenv("WEIR_SABOTAGE", test::sabotages()[static_cast<std::size_t>(mistake) - 1].name, 1);
  const std::string cases = std::string("--test-case=") + test.filter, seeded = std::to_string(fixed_seed);
  if (program->stage)
    ::execl(program->path, program->path, "--only", test.filter, "--seed", seeded.c_str(), nullptr);
  else
    ::execl(program->path, program->path, cases.c_str(), "--no-skip", nullptr);
  throw std::runtime_error(std::string("cannot run ") + program->path + ": " + std::strerror(errno));
}

} // namespace

std::string DirectedTest::name() const {
  switch (kind) {
  case Kind::crash_images: return std::string("crash_images ") + what;
  case Kind::recrashes: return std::string("crash_images, again in recovery, ") + what;
  case Kind::failed_calls: return std::string("failed_calls ") + what;
  case Kind::program: return std::string(what) + " \"" + filter + '"';
  }
  return {};
}

std::span<const Directed> directed_tests() {
  return table;
}

int run_directed(const DirectedTest& test, Sabotage mistake, std::uint64_t every) {
  if (test.kind == Kind::program)
    return run_program(test, mistake);
  commit_sabotage(mistake);
  const Workload& workload = workload_called(test.what);
  return test.kind == Kind::failed_calls ? fail_calls(workload, every)
                                         : crash(workload, test.kind == Kind::recrashes, every);
}

} // namespace weir::trust
