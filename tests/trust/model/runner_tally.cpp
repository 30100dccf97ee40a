// What was played, in figures.
#include "trust/model/runner.hpp"

#include <array>

namespace weir::trust {

namespace {

struct Figure {
  const char* name;
  std::uint64_t Tally::*count;
};

constexpr auto tally_figures = std::to_array<Figure>({
    {"store_calls", &Tally::calls},
    {"events_stored", &Tally::events},
    {"calls_refused", &Tally::refused},
    {"retries", &Tally::retries},
    {"checks", &Tally::checks},
    {"removals", &Tally::removals},
    {"together", &Tally::together},
    {"conditions", &Tally::conditions},
    {"conditions_failed", &Tally::conditions_failed},
    {"definitions", &Tally::definitions},
    {"upcast_events", &Tally::upcast_events},
    {"replays", &Tally::replays},
    {"queries", &Tally::queries},
    {"query_rows", &Tally::rows},
    {"views_shown", &Tally::views_shown},
    {"bad_inputs", &Tally::bad_inputs},
    {"flushes", &Tally::flushes},
    {"segments_flushed", &Tally::segments_flushed},
    {"merges", &Tally::segments_merged},
    {"compactions", &Tally::compactions},
    {"reopens", &Tally::reopens},
    {"power_cuts", &Tally::power_cuts},
    {"process_kills", &Tally::kills},
    {"backups", &Tally::backups},
    {"restores", &Tally::restores},
    {"consumer_turns", &Tally::consumed},
    {"group_turns", &Tally::group_turns},
    {"group_resets", &Tally::group_resets},
    {"deliveries", &Tally::deliveries},
    {"snapshots", &Tally::snapshots},
    {"snapshots_given", &Tally::snapshots_given},
    {"retentions", &Tally::retentions},
});

} // namespace

void Tally::add(const Tally& other) noexcept {
  operations += other.operations;
  for (const Figure& figure : tally_figures)
    this->*figure.count += other.*figure.count;
}

std::vector<std::pair<std::string, std::uint64_t>> Tally::figures() const {
  std::vector<std::pair<std::string, std::uint64_t>> all;
  for (const Figure& figure : tally_figures)
    all.emplace_back(figure.name, this->*figure.count);
  return all;
}

} // namespace weir::trust
