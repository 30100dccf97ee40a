#include "tests/support/sabotages.hpp"

#ifdef WEIR_TEST_POINTS

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace weir::test {

namespace {

constexpr std::array texts = {
    SabotageText{Sabotage::skip_log_sync, "skip_log_sync", "a group counts as synced and was only written"},
    SabotageText{Sabotage::skip_log_name_sync, "skip_log_name_sync",
                 "a log file is written to before its name is durable"},
    SabotageText{Sabotage::skip_log_directory_sync, "skip_log_directory_sync",
                 "a shard's first log lies in a directory that a power cut takes away"},
    SabotageText{Sabotage::skip_successor_sync, "skip_successor_sync",
                 "a seal promises a next file whose name is not durable"},
    SabotageText{Sabotage::skip_sync_at_change_over, "skip_sync_at_change_over",
                 "a log file is sealed with groups that were only written"},
    SabotageText{Sabotage::skip_interval_sync, "skip_interval_sync",
                 "written stores are never synced unless somebody asks"},
    SabotageText{Sabotage::skip_recovery_sync, "skip_recovery_sync",
                 "recovery shows readers what a power cut still takes away"},
    SabotageText{Sabotage::skip_recovery_name_sync, "skip_recovery_name_sync",
                 "recovery goes on in a file whose name is not durable"},
    SabotageText{Sabotage::skip_segment_sync, "skip_segment_sync",
                 "a segment is published before its bytes are durable"},
    SabotageText{Sabotage::skip_segment_name_sync, "skip_segment_name_sync",
                 "a segment is published before its name is durable"},
    SabotageText{Sabotage::skip_segment_directory_sync, "skip_segment_directory_sync",
                 "a shard's segments lie in a directory that a power cut takes away"},
    SabotageText{Sabotage::skip_catalog_sync, "skip_catalog_sync", "catalog transactions are committed and not synced"},
    SabotageText{Sabotage::acknowledge_before_write, "acknowledge_before_write",
                 "a store is answered as written before it is"},
    SabotageText{Sabotage::acknowledge_before_sync, "acknowledge_before_sync",
                 "a store is answered as synced before it is"},
    SabotageText{Sabotage::believe_failed_sync, "believe_failed_sync", "an error of fdatasync is ignored"},
    SabotageText{Sabotage::retry_failed_sync, "retry_failed_sync",
                 "a failed fdatasync is tried again, and its answer believed"},
    SabotageText{Sabotage::swallow_error_of_followers, "swallow_error_of_followers",
                 "of a failed group only the first call is told"},
    SabotageText{Sabotage::answer_twice, "answer_twice", "a call is answered twice"},
    SabotageText{Sabotage::keep_numbers_after_failed_write, "keep_numbers_after_failed_write",
                 "groups numbered on top of a lost one are logged all the same"},
    SabotageText{Sabotage::leave_hole_behind_lost_write, "leave_hole_behind_lost_write",
                 "the log goes on without a buffered store that it lost"},
    SabotageText{Sabotage::ignore_disk_reserve, "ignore_disk_reserve", "stores go on until no byte is free"},
    SabotageText{Sabotage::forget_reserved_positions, "forget_reserved_positions",
                 "positions are given out and not reserved in the catalog"},
    SabotageText{Sabotage::ignore_group_checksum, "ignore_group_checksum",
                 "the header of a log group is believed whatever its checksum says"},
    SabotageText{Sabotage::ignore_record_checksum, "ignore_record_checksum",
                 "a record of the log is believed whatever its checksum says"},
    SabotageText{Sabotage::trust_event_count, "trust_event_count",
                 "a stored call's count is believed against its length: half a call passes"},
    SabotageText{Sabotage::take_damage_for_torn_tail, "take_damage_for_torn_tail",
                 "damage in the middle of a log cuts what lies behind it"},
    SabotageText{Sabotage::ignore_hole_between_logs, "ignore_hole_between_logs",
                 "a log file is read though it follows another one"},
    SabotageText{Sabotage::leave_recovered_log_unsealed, "leave_recovered_log_unsealed",
                 "the log goes on behind a cut that no seal marks"},
    SabotageText{Sabotage::reuse_record_numbers, "reuse_record_numbers",
                 "the numbers of a failed write are given again"},
    SabotageText{Sabotage::same_identity_for_all_files, "same_identity_for_all_files",
                 "a recycled file's earlier life passes its checksums"},
    SabotageText{Sabotage::recycle_linked_file, "recycle_linked_file",
                 "a log file that a backup has linked is written over"},
    SabotageText{Sabotage::recycle_too_soon, "recycle_too_soon",
                 "a log file is recycled while it is the only place of its records"},
    SabotageText{Sabotage::cut_log_before_commit, "cut_log_before_commit",
                 "the log is cut before the catalog knows the segment"},
    SabotageText{Sabotage::cut_one_record_too_many, "cut_one_record_too_many",
                 "a flush cuts a record that is in no segment"},
    SabotageText{Sabotage::ignore_block_checksum, "ignore_block_checksum",
                 "a block of a segment is believed whatever its checksum says"},
    SabotageText{Sabotage::ignore_footer_checksum, "ignore_footer_checksum",
                 "a segment is believed to be the one that the catalog recorded"},
    SabotageText{Sabotage::ignore_catalog_checksum, "ignore_catalog_checksum",
                 "a catalog record is believed whatever its checksum says"},
    SabotageText{Sabotage::ignore_catalog_sum, "ignore_catalog_sum",
                 "catalog records of different times are believed together"},
    SabotageText{Sabotage::merge_drops_row, "merge_drops_row", "a merge leaves out rows"},
    SabotageText{Sabotage::believe_merge, "believe_merge",
                 "a merged segment is published without comparing it with its inputs"},
    SabotageText{Sabotage::remove_merged_before_commit, "remove_merged_before_commit",
                 "merged segments are removed before the catalog knows the new one"},
    SabotageText{Sabotage::sweep_unknown_files, "sweep_unknown_files",
                 "files that nobody knows are deleted, not kept in quarantine"},
    SabotageText{Sabotage::verify_skips_last_segment, "verify_skips_last_segment",
                 "verify does not look at the last segment"},
    SabotageText{Sabotage::recycle_held_files, "recycle_held_files",
                 "log files that a backup holds are recycled when they are cut"},
    SabotageText{Sabotage::backup_omits_log_tail, "backup_omits_log_tail",
                 "a backup leaves out the last log file of a shard"},
    SabotageText{Sabotage::believe_backup, "believe_backup",
                 "a backup's files are believed whatever their checksums say"},
    SabotageText{Sabotage::filter_misses_keys, "filter_misses_keys", "a filter denies contexts that are there"},
    SabotageText{Sabotage::hide_passive_memtables, "hide_passive_memtables",
                 "readers miss what is on its way from memory to a segment"},
    SabotageText{Sabotage::show_stores_late, "show_stores_late",
                 "an acknowledged store is visible only with the next one"},
    SabotageText{Sabotage::route_by_whole_id, "route_by_whole_id",
                 "contexts with one text in braces go to different shards"},
    SabotageText{Sabotage::forget_event_ids, "forget_event_ids",
                 "event ids in memtables and new segments are forgotten"},
    SabotageText{Sabotage::overlook_ids_on_their_way, "overlook_ids_on_their_way",
                 "two calls with one event id that are under way together are both stored"},
    SabotageText{Sabotage::believe_expectations, "believe_expectations", "every expectation is taken to hold"},
    SabotageText{Sabotage::answer_duplicate_before_sync, "answer_duplicate_before_sync",
                 "a retry is told that its event is synced before it is"},
    SabotageText{Sabotage::leave_out_last_context, "leave_out_last_context",
                 "of a call for several contexts the last one is not stored"},
    SabotageText{Sabotage::ignore_snapshot_checksum, "ignore_snapshot_checksum",
                 "a snapshot is believed whatever its checksums say"},
    SabotageText{Sabotage::ignore_snapshot_schema_tag, "ignore_snapshot_schema_tag",
                 "a snapshot is given to code that cannot read it"},
    SabotageText{Sabotage::believe_snapshot_of_lost_events, "believe_snapshot_of_lost_events",
                 "a snapshot is believed though a crash took its events"},
    SabotageText{Sabotage::older_snapshot_replaces_newer, "older_snapshot_replaces_newer",
                 "of two snapshots the one saved last stays, not the newer one"},
    SabotageText{Sabotage::hand_out_context_twice, "hand_out_context_twice",
                 "two members of a group have events of one context at once"},
    SabotageText{Sabotage::redeliver_for_ever, "redeliver_for_ever",
                 "an event that nobody can deal with is handed out without end"},
    SabotageText{Sabotage::lose_acknowledgement, "lose_acknowledgement",
                 "an acknowledgement is answered and not written down"},
    SabotageText{Sabotage::acknowledge_before_commit, "acknowledge_before_commit",
                 "an acknowledgement is answered before it is durable"},
    SabotageText{Sabotage::checkpoint_before_effect, "checkpoint_before_effect",
                 "a position is committed before the rows that belong to it"},
    SabotageText{Sabotage::settle_before_sync, "settle_before_sync", "the event queue shows what is not synced yet"},
    SabotageText{Sabotage::publish_floor_after_draw, "publish_floor_after_draw",
                 "a shard says that it is about to draw positions when it has drawn them"},
    SabotageText{Sabotage::ignore_watermark, "ignore_watermark",
                 "the event queue goes past positions that are still under way"},
    SabotageText{Sabotage::checkpoint_skips_held_back, "checkpoint_skips_held_back",
                 "a checkpoint lies behind an event that is held back"},
    SabotageText{Sabotage::overlook_own_group, "overlook_own_group",
                 "a condition does not see the calls before it in its own group"},
    SabotageText{Sabotage::check_first_event_only, "check_first_event_only",
                 "of a call only the first event is checked by its schema"},
    SabotageText{Sabotage::ignore_unknown_fields, "ignore_unknown_fields",
                 "a strict schema takes fields that it does not know"},
    SabotageText{Sabotage::publish_schema_before_commit, "publish_schema_before_commit",
                 "stores are judged by a schema that is not durable yet"},
    SabotageText{Sabotage::forget_tombstone, "forget_tombstone", "a context that is deleted for good takes stores"},
    SabotageText{Sabotage::hide_removed_range, "hide_removed_range",
                 "a replay passes over removed events without saying so"},
    SabotageText{Sabotage::lose_marks_in_merge, "lose_marks_in_merge",
                 "a merge forgets what was truncated and deleted"},
    SabotageText{Sabotage::drop_one_too_many, "drop_one_too_many",
                 "a merge leaves out the first event that is not removed"},
    SabotageText{Sabotage::forget_removed_ids, "forget_removed_ids",
                 "a merge leaves nothing of removed events that have ids"},
    SabotageText{Sabotage::forget_removed_content, "forget_removed_content",
                 "what is left of a removed event does not say what it was"},
    SabotageText{Sabotage::queue_shows_stubs, "queue_shows_stubs", "subscribers see what is left of removed events"},
    SabotageText{Sabotage::retain_one_too_few, "retain_one_too_few",
                 "retention truncates one event more than its rules say"},
    SabotageText{Sabotage::forget_retention_point, "forget_retention_point",
                 "a run of retention that was cut short is judged anew at another point"},
    SabotageText{Sabotage::forget_schema_versions, "forget_schema_versions",
                 "events are stored without the version they were judged by"},
    SabotageText{Sabotage::trust_upcasters, "trust_upcasters", "whatever an upcaster made is handed out"},
    SabotageText{Sabotage::null_is_absent, "null_is_absent", "a null in a column is read as a row without the field"},
    SabotageText{Sabotage::stale_field_bounds, "stale_field_bounds",
                 "the bounds of a field in a zone are those of its first row"},
    SabotageText{Sabotage::narrow_time_index, "narrow_time_index",
                 "the times of a segment's first stretch of positions end where they begin"},
    SabotageText{Sabotage::number_texts_as_they_came, "number_texts_as_they_came",
                 "strings of a column are numbered in another order than they are listed in"},
    SabotageText{Sabotage::field_filter_forgets, "field_filter_forgets",
                 "the filter of a field denies strings that are there"},
    SabotageText{Sabotage::negated_unknown_is_true, "negated_unknown_is_true",
                 "NOT of what is unknown is true where it is judged by columns"},
    SabotageText{Sabotage::prune_one_too_many, "prune_one_too_many",
                 "a zone whose largest number alone fits is left out"},
    SabotageText{Sabotage::read_next_payload, "read_next_payload",
                 "a payload that is read late is that of the next row"},
    SabotageText{Sabotage::top_rows_lose_ties, "top_rows_lose_ties",
                 "of rows that tie the later one comes first, and takes the last place of a bounded answer"},
    SabotageText{Sabotage::gather_ahead_of_events, "gather_ahead_of_events",
                 "a view counts as gathered what is not there yet"},
    SabotageText{Sabotage::keep_gathered_removed, "keep_gathered_removed",
                 "what a view has gathered stays, though events of it were removed"},
    SabotageText{Sabotage::remember_in_memory_only, "remember_in_memory_only",
                 "a view is acknowledged and the catalog does not know it"},
    SabotageText{Sabotage::forget_in_memory_only, "forget_in_memory_only",
                 "a view that was forgotten is there again after a crash"},
    SabotageText{Sabotage::merge_keeps_removed, "merge_keeps_removed", "merges keep what retention and others removed"},
    SabotageText{Sabotage::ignore_pause, "ignore_pause", "the background merges on while compaction is paused"},
    SabotageText{Sabotage::ignore_compaction_rate, "ignore_compaction_rate", "a merge is not held back"},
};
static_assert(texts.size() + 1 == static_cast<std::size_t>(Sabotage::count), "every sabotage has its text");
static_assert([] {
  for (std::size_t i = 0; i < texts.size(); ++i)
    if (static_cast<std::size_t>(texts[i].mistake) != i + 1)
      return false;
  return true;
}());

} // namespace

std::span<const SabotageText> sabotages() {
  return texts;
}

void commit_sabotage_of_environment() {
  const char* const name = std::getenv("WEIR_SABOTAGE");
  if (name == nullptr)
    return;
  const auto found = std::find_if(texts.begin(), texts.end(),
                                  [name](const SabotageText& text) { return text.name == std::string_view(name); });
  if (found == texts.end()) {
    std::fprintf(stderr, "WEIR_SABOTAGE: there is no sabotage called %s\n", name);
    std::exit(2);
  }
  commit_sabotage(found->mistake);
}

} // namespace weir::test

#endif
