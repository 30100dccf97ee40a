#include "engine/query/sequence_plan.hpp"

#include "engine/query/column_names.hpp"
#include <weir/limits.hpp>

#include <algorithm>
#include <bit>
#include <limits>

namespace weir::query {
namespace {

static_assert(limits::query_steps_max <= 32, "SequenceEvent has a bit for each step");

/// Precondition of both: `name` is valid, as validate() has seen to.
std::size_t step_of(const Query& query, const StepField& field) {
  const auto found = std::find_if(query.steps.begin(), query.steps.end(),
                                  [&](const SequenceStep& step) { return step_name(step) == field.step; });
  return static_cast<std::size_t>(found - query.steps.begin());
}

/// A step's field as a field of the one event that is looked at.
class EventNames final : public NameSlots {
public:
  explicit EventNames(FieldTable& table) : table_(table) {}
  std::size_t slot(std::string_view name) override { return table_.add(parse_step_field(name)->field); }

private:
  FieldTable& table_;
};

/// A step's field as a field of a match.
class MatchNames final : public NameSlots {
public:
  MatchNames(const Query& query, FieldTable& table) : query_(query), table_(table) {}
  std::size_t slot(std::string_view name) override {
    const auto field = parse_step_field(name);
    return table_.add(field->field, step_of(query_, *field));
  }

private:
  const Query& query_;
  FieldTable& table_;
};

/// Bit s: `expression` names step s. Recursion is bounded by limits::query_depth_max.
std::uint32_t steps_named(const Query& query, const Expr& expression) {
  std::uint32_t steps = 0;
  if (expression.kind() == Expr::Kind::field || expression.kind() == Expr::Kind::exists)
    steps |= std::uint32_t{1} << step_of(query, *parse_step_field(expression.name()));
  for (const Expr& term : expression.terms())
    steps |= steps_named(query, term);
  return steps;
}

std::size_t last_step(std::uint32_t steps) {
  return steps == 0 ? 0 : static_cast<std::size_t>(std::bit_width(steps)) - 1;
}

void join(std::optional<Expr>& all, Expr term) {
  all = all ? *std::move(all) && std::move(term) : std::move(term);
}

/// Makes a CompiledSequence.
class Compiler {
public:
  Compiler(const Query& query, std::shared_ptr<const CompiledQuery> match)
      : query_(query), made_(std::make_shared<CompiledSequence>()), match_fields_(match->fields) {
    made_->match = std::move(match);
    made_->steps.resize(query.steps.size());
  }

  std::shared_ptr<const CompiledSequence> run() && {
    split_condition();
    compile_scan();
    compile_steps();
    for (const std::size_t slot : judged_)
      keep(slot);
    made_->kept_judged = made_->kept.size();
    keep_for_the_answer();
    hand_on();
    CompiledQuery& scan = made_->scan;
    scan.needed_columns = scan.fields.columns() | column_position;
    scan.gathers = made_.get();
    // All are kept, unless no match is.
    const bool none = !made_->match->grouped() && made_->match->rows_kept == 0;
    scan.rows_max = scan.rows_kept = none ? 0 : std::numeric_limits<std::uint64_t>::max();
    return made_;
  }

private:
  void split_condition() {
    alone_.resize(query_.steps.size());
    joint_.resize(query_.steps.size());
    if (!query_.condition)
      return;
    const auto sort_in = [&](const Expr& term) {
      const std::uint32_t steps = steps_named(query_, term);
      const std::size_t last = last_step(steps);
      join((steps & (steps - 1)) == 0 || steps == 0 ? alone_[last] : joint_[last], term);
    };
    if (query_.condition->kind() == Expr::Kind::conjunction)
      std::for_each(query_.condition->terms().begin(), query_.condition->terms().end(), sort_in);
    else
      sort_in(*query_.condition);
  }

  void compile_scan() {
    CompiledQuery& scan = made_->scan;
    const auto slot_of = [&](std::string_view name) { return scan.fields.add(*parse_field(name)); };
    // FOR, SINCE and UNTIL; WHERE of a sequence is not among what single events must fulfil.
    scan.predicate = Predicate::of_events(query_, scan.fields);
    made_->event_type = slot_of("event_type");
    made_->link = slot_of(query_.link);
    if (query_.within_time) {
      made_->within_us = query_.within_time->count();
      made_->time = slot_of(query_.time_field);
    }
    EventNames names(scan.fields);
    std::optional<Expr> any_step;
    for (std::size_t step = 0; step < query_.steps.size(); ++step) {
      Expr fits = has_type(step);
      if (alone_[step])
        fits = std::move(fits) && *alone_[step];
      any_step = any_step ? *std::move(any_step) || std::move(fits) : std::move(fits);
    }
    // Two levels more than the plan had may be too deep for an expression: then types alone are looked at first.
    if (any_step->kind() == Expr::Kind::too_deep || any_step->depth() > limits::query_depth_max) {
      made_->scan_is_exact = false;
      any_step.reset();
      for (std::size_t step = 0; step < query_.steps.size(); ++step)
        any_step = any_step ? *std::move(any_step) || has_type(step) : has_type(step);
    }
    scan.predicate.require(*any_step, names, &scan.fields);
  }

  [[nodiscard]] Expr has_type(std::size_t step) const {
    const SequenceStep& of = query_.steps[step];
    return Expr::compare(Expr::field(std::string(step_name(of)) + ".event_type"), Comparison::equal,
                         Expr::literal(of.event_type));
  }

  void compile_steps() {
    EventNames event_names(made_->scan.fields);
    MatchNames match_names(query_, match_fields_);
    for (std::size_t i = 0; i < made_->steps.size(); ++i) {
      CompiledSequence::Step& step = made_->steps[i];
      step.event_type = query_.steps[i].event_type;
      if (alone_[i])
        step.alone.emplace().require(*alone_[i], event_names, &made_->scan.fields);
      if (!joint_[i])
        continue;
      step.joint.emplace().require(*joint_[i], match_names, &match_fields_);
      for (const Leaf& leaf : step.joint->leaves()) {
        for (const std::size_t slot : leaf.slots()) {
          judged_.push_back(slot);
          if (match_fields_[slot].step < i &&
              std::find(step.inputs.begin(), step.inputs.end(), slot) == step.inputs.end())
            step.inputs.push_back(slot);
        }
      }
    }
  }

  void keep_for_the_answer() {
    const CompiledQuery& match = *made_->match;
    if (match.grouped())
      return; // COUNT
    for (const CompiledQuery::OrderKey& key : match.order)
      keep(key.source);
    for (std::size_t column = 0; column < match.outputs.size(); ++column) {
      keep(match.outputs[column]);
      if (match_fields_.ref(match.outputs[column]).is_whole_document())
        made_->documents.push_back(column);
    }
  }

  /// What the scan hands on of an event: all that SequenceGatherer looks at.
  void hand_on() {
    std::vector<std::size_t>& outputs = made_->scan.outputs;
    outputs = {made_->event_type, made_->link};
    if (made_->within_us)
      outputs.push_back(made_->time);
    for (const CompiledSequence::Kept& kept : made_->kept)
      outputs.push_back(kept.source);
    for (const CompiledSequence::Step& step : made_->steps) {
      if (!step.alone)
        continue;
      for (const Leaf& leaf : step.alone->leaves())
        outputs.insert(outputs.end(), leaf.slots().begin(), leaf.slots().end());
    }
    std::sort(outputs.begin(), outputs.end());
    outputs.erase(std::unique(outputs.begin(), outputs.end()), outputs.end());
  }

  /// Sees to it that the value of this slot of `match` is kept.
  void keep(std::size_t slot) {
    const FieldRef& ref = match_fields_.ref(slot);
    const std::size_t step = match_fields_[slot].step;
    const bool document = ref.is_whole_document();
    const std::size_t source = made_->scan.fields.add(document ? FieldRef{Core::position, {}} : ref);
    auto& kept = made_->kept;
    auto found = std::find_if(kept.begin(), kept.end(), [&](const CompiledSequence::Kept& value) {
      return value.source == source &&
             (value.slots[step] == CompiledSequence::Kept::no_slot || value.slots[step] == slot);
    });
    if (found == kept.end()) {
      CompiledSequence::Kept value;
      value.source = source;
      value.is_position = document || ref.core == Core::position;
      value.slots.assign(query_.steps.size(), CompiledSequence::Kept::no_slot);
      found = kept.insert(kept.end(), std::move(value));
    }
    made_->keeps_values |= !found->is_position;
    found->steps |= std::uint32_t{1} << step;
    found->slots[step] = slot;
  }

  const Query& query_;
  std::shared_ptr<CompiledSequence> made_;
  FieldTable match_fields_;                        ///< A copy, for names that are all in it.
  std::vector<std::optional<Expr>> alone_, joint_; ///< By step.
  std::vector<std::size_t> judged_;                ///< Slots of `match` that conditions over several steps read.
};

} // namespace

Result<std::shared_ptr<const CompiledSequence>> CompiledSequence::make(const Query& query) {
  auto match = CompiledQuery::make(query);
  if (!match)
    return std::move(match).error();
  return Compiler(query, *std::move(match)).run();
}

Result<std::shared_ptr<const CompiledQuery>> compile_scan(const Query& query, const PositionWindow& positions) {
  if (!query.is_sequence())
    return CompiledQuery::make(query, positions);
  auto sequence = CompiledSequence::make(query);
  if (!sequence)
    return std::move(sequence).error();
  const CompiledQuery* scan = &(*sequence)->scan;
  return std::shared_ptr<const CompiledQuery>(*std::move(sequence), scan);
}

} // namespace weir::query
