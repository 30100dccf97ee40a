// Remembered queries in random sequences: what was gathered before and what came since make the answer of now.
#include "trust/model/runner.hpp"

#include "engine/text.hpp"

#include <algorithm>

namespace weir::trust {

using test::pick;

namespace {
constexpr std::size_t views_max = 4;
// The reference finds groups one by one.
constexpr std::uint64_t grouped_events_max = 600;
} // namespace

void Runner::show(const std::string& name) {
  const Query& plan = known_.views.at(name);
  note(format("show {}: {}", name, to_text(plan)));
  ++tally_.views_shown;
  Query expected = plan;
  if (mistake_ == Mistake::views_miss_the_newest)
    expected.where(field("position") < reference_->position_max());
  check_answer("the view " + name, engine_->show(name), expected);
}

/// Names a query, and shows or forgets one.
void Runner::view() {
  settle();
  const std::string name = "view-" + std::to_string(pick(random_, views_max));
  const auto found = known_.views.find(name);
  if (found == known_.views.end() || pick(random_, 4) == 0) {
    const Query plan = random_plan();
    note(format("remember {}: {}", name, to_text(plan)));
    const Status remembered = engine_->remember(name, plan);
    if (found == known_.views.end()) {
      expect(remembered.ok(), "remember: " + (remembered.ok() ? "" : to_string(remembered.error())));
      known_.views.emplace(name, plan);
    } else if (to_text(found->second) != to_text(plan)) {
      expect(remembered.code() == Errc::invalid_argument, "a view became another one of its name");
    } else {
      expect(remembered.ok(), "a view may not be remembered again");
    }
  }
  std::uint64_t events = 0;
  const Query& plan = known_.views.at(name);
  for (const auto& [context, stored] : reference_->contexts())
    if (plan.context_ids.empty() ||
        std::find(plan.context_ids.begin(), plan.context_ids.end(), context) != plan.context_ids.end())
      events += stored.size();
  if (pick(random_, 10) != 0 && (plan.group_by.empty() || events <= grouped_events_max))
    return show(name);
  note("forget " + name);
  const Status forgotten = engine_->forget(name);
  expect(forgotten.ok(), "forget: " + (forgotten.ok() ? "" : to_string(forgotten.error())));
  expect(engine_->show(name).code() == Errc::not_found, "a view that was forgotten is shown");
  known_.views.erase(name);
}

void Runner::check_views() {
  std::vector<RememberedQuery> expected;
  for (const auto& [name, plan] : known_.views)
    expected.push_back({name, to_text(plan)});
  expect(engine_->remembered() == expected, "other queries are remembered than were");
}

} // namespace weir::trust
