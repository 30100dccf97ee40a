// Mistakes that weir makes when a test tells it to, so that tests are tested.
//
// Purpose: a test that cannot fail shows nothing. In a build with WEIR_TEST_POINTS one of these mistakes can be
// committed; the trust stage "sabotage" does so with each of them and demands that a test sees it. In every other build
// sabotaged() is false while compiling, and nothing of it is left. What each mistake breaks:
// tests/support/sabotages.cpp. Owner: test programs. Threading: any thread asks; a test commits before the engine is
// there.
#pragma once

#include <cstdint>

#ifdef WEIR_TEST_POINTS
#include <atomic>
#endif

namespace weir {

enum class Sabotage : std::uint8_t {
  none,
  // What is not synced.
  skip_log_sync,
  skip_log_name_sync,
  skip_log_directory_sync,
  skip_successor_sync,
  skip_sync_at_change_over,
  skip_interval_sync,
  skip_recovery_sync,
  skip_recovery_name_sync,
  skip_segment_sync,
  skip_segment_name_sync,
  skip_segment_directory_sync,
  skip_catalog_sync,
  // What is answered.
  acknowledge_before_write,
  acknowledge_before_sync,
  believe_failed_sync,
  retry_failed_sync,
  swallow_error_of_followers,
  answer_twice,
  keep_numbers_after_failed_write,
  leave_hole_behind_lost_write,
  ignore_disk_reserve,
  forget_reserved_positions,
  // What the log is read and cut by.
  ignore_group_checksum,
  ignore_record_checksum,
  trust_event_count,
  take_damage_for_torn_tail,
  ignore_hole_between_logs,
  leave_recovered_log_unsealed,
  reuse_record_numbers,
  same_identity_for_all_files,
  recycle_linked_file,
  recycle_too_soon,
  cut_log_before_commit,
  cut_one_record_too_many,
  // What segments and the catalog are read and merged by.
  ignore_block_checksum,
  ignore_footer_checksum,
  ignore_catalog_checksum,
  ignore_catalog_sum,
  merge_drops_row,
  believe_merge,
  remove_merged_before_commit,
  sweep_unknown_files,
  verify_skips_last_segment,
  // What a backup, an export and an import hold.
  recycle_held_files,
  backup_omits_log_tail,
  believe_backup,
  believe_base,
  reuse_positions_after_restore,
  export_drops_row,
  import_ignores_ids,
  // What readers find.
  filter_misses_keys,
  hide_passive_memtables,
  show_stores_late,
  route_by_whole_id,
  // What a repeated or conditional store is told.
  forget_event_ids,
  overlook_ids_on_their_way,
  believe_expectations,
  believe_conditions,
  ignore_condition_position,
  tell_stale_sequence,
  answer_duplicate_before_sync,
  leave_out_last_context,
  expect_of_first_only,
  look_in_segments_only,
  believe_condition_look_up,
  ignore_event_content,
  forget_ids_in_merge,
  // What snapshots are believed by.
  ignore_snapshot_checksum,
  ignore_snapshot_schema_tag,
  believe_snapshot_of_lost_events,
  believe_snapshot_of_removed,
  older_snapshot_replaces_newer,
  // What consumers have dealt with.
  hand_out_context_twice,
  redeliver_for_ever,
  lose_acknowledgement,
  acknowledge_before_commit,
  checkpoint_before_effect,
  ignore_ack_deadline,
  ignore_nack_delay,
  exceed_in_flight_max,
  forget_deliveries,
  lose_parked_event,
  lose_checkpoint,
  lose_reset,
  // What subscribers see.
  settle_before_sync,
  publish_floor_after_draw,
  ignore_watermark,
  checkpoint_skips_held_back,
  checkpoint_skips_unread,
  start_behind_time,
  overlook_own_group,
  // What schemas let pass.
  check_first_event_only,
  ignore_unknown_fields,
  publish_schema_before_commit,
  accept_incompatible_schema,
  keep_schema_in_memory_only,
  // What becomes of what was removed.
  forget_tombstone,
  log_no_tombstone,
  answer_removal_before_sync,
  hide_removed_range,
  lose_marks_in_merge,
  drop_one_too_many,
  forget_removed_ids,
  forget_removed_content,
  queue_shows_stubs,
  retain_one_too_few,
  forget_retention_point,
  forget_schema_versions,
  trust_upcasters,
  replay_forgets_upcasts,
  query_forgets_upcasts,
  queue_forgets_upcasts,
  // What fields are kept as.
  null_is_absent,
  stale_field_bounds,
  narrow_time_index,
  trust_unsure_rows,
  page_of_another_order,
  mark_next_value,
  number_texts_as_they_came,
  field_filter_forgets,
  // What queries make of them.
  negated_unknown_is_true,
  prune_one_too_many,
  read_next_payload,
  required_text_forgets_escapes,
  top_rows_lose_ties,
  // What remembered queries show.
  gather_ahead_of_events,
  keep_gathered_removed,
  remember_in_memory_only,
  forget_in_memory_only,
  // What models have.
  read_past_left_open,
  forget_lost_changes,
  forget_model_position,
  keep_failed_addition,
  tell_value_as_given,
  answer_before_applied,
  pass_failed_event,
  forget_dead_letter,
  ignore_projection_checksum,
  swap_without_the_rest,
  commit_ahead_of_sync,
  // What compaction is told.
  merge_keeps_removed,
  ignore_pause,
  ignore_compaction_rate,
  count ///< Not one of them.
};

#ifdef WEIR_TEST_POINTS

namespace detail {
inline std::atomic<Sabotage> committed_sabotage{Sabotage::none};
} // namespace detail

/// Whether this mistake is to be made.
[[nodiscard]] inline bool sabotaged(Sabotage mistake) noexcept {
  return detail::committed_sabotage.load(std::memory_order_relaxed) == mistake;
}

/// From now on this one is made, and no other.
inline void commit_sabotage(Sabotage mistake) noexcept {
  detail::committed_sabotage.store(mistake, std::memory_order_relaxed);
}

#else

[[nodiscard]] consteval bool sabotaged(Sabotage) noexcept {
  return false;
}

#endif

} // namespace weir
