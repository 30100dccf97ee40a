#include "engine/query/column_predicate.hpp"

#include "engine/query/column_loops.hpp"

#include <algorithm>
#include <functional>
#include <utility>

namespace weir::query {
namespace {

/// Reading single rows of a field costs as much as so many of all of them.
constexpr std::size_t single_row_cost = 8;

std::optional<ColumnBit> core_column(Core core) noexcept {
  switch (core) {
  case Core::event_type: return column_type;
  case Core::position: return column_position;
  case Core::timestamp: return column_timestamp;
  case Core::recorded_at: return column_recorded_at;
  default: return std::nullopt;
  }
}

/// Adds low ... high to `ranges`, which end before `low`.
void add_range(std::vector<NumberRange>& ranges, std::uint64_t low, std::uint64_t high) {
  if (!ranges.empty() && ranges.back().high + 1 == low)
    ranges.back().high = high;
  else
    ranges.push_back({low, high});
}

void add_slot(std::vector<std::size_t>& slots, std::size_t slot) {
  if (std::find(slots.begin(), slots.end(), slot) == slots.end())
    slots.push_back(slot);
}

/// Outcomes of codes, as tables of bytes for mark_codes().
class CodeTable {
public:
  explicit CodeTable(std::size_t codes) : may_be_true_(codes), may_be_unknown_(codes) {}
  void set(std::size_t code, Outcomes outcomes) {
    may_be_true_[code] = outcomes.may_be_true() ? 1 : 0;
    may_be_unknown_[code] = outcomes.may_be_unknown() ? 1 : 0;
    seen_ = seen_ | outcomes;
  }
  /// For the rows of `codes`, each of which was set to one outcome.
  void evaluate(std::span<const std::uint32_t> codes, OutcomeBits& out) const {
    if (seen_.is_one())
      return out.fill(seen_);
    out.fill(Outcomes());
    if (seen_.may_be_true())
      mark_codes(codes, may_be_true_, out.may_be_true());
    if (seen_.may_be_unknown())
      mark_codes(codes, may_be_unknown_, out.may_be_unknown());
    for (std::size_t w = 0; w < out.words(); ++w)
      out.may_be_false()[w] = ~(out.may_be_true()[w] | out.may_be_unknown()[w]);
  }

private:
  std::vector<std::uint8_t> may_be_true_, may_be_unknown_;
  Outcomes seen_;
};

/// Rows whose outcome is asked for, and where these are.
struct OpenRows {
  const RowBits& rows;
  WordWindow window;
};

} // namespace

/// One condition over one zone.
class ColumnPredicate::Evaluation {
public:
  Evaluation(const ColumnPredicate& predicate, const SegmentPlan& plan, std::span<const Outcomes> by_leaf,
             ZoneValues& values, Pacer& pacer)
      : predicate_(predicate), leaves_(predicate.target_.predicate.leaves()), plan_(plan), by_leaf_(by_leaf),
        values_(values), pacer_(pacer), scratch_(pacer) {}

  /// What `node` is for the rows of `open`; for others the outcome means nothing. Where it only counts whether the
  /// condition can be true (`positive`), rows for which it cannot are not looked at further.
  Status evaluate(const Node& node, const OpenRows& open, bool positive, OutcomeBits& out) {
    switch (node.kind) {
    case Expr::Kind::conjunction: return evaluate_terms(node, open, positive, true, out);
    case Expr::Kind::disjunction: return evaluate_terms(node, open, positive, false, out);
    case Expr::Kind::negation: {
      WEIR_TRY(evaluate(node.terms.front(), open, false, out));
      out.negate();
      return {};
    }
    default: return evaluate_leaf(node.leaf, open, out);
    }
  }

private:
  Status evaluate_terms(const Node& node, const OpenRows& open, bool positive, bool conjunction, OutcomeBits& out) {
    RowBits undecided = open.rows;
    WordWindow window = open.window;
    std::optional<OutcomeBits> term;
    bool first = true;
    for (const Node& each : node.terms) {
      if (is_known(each, Outcomes::of(conjunction)))
        continue; // changes nothing
      const WordWindow inner = window_of(window.of(std::as_const(undecided).words()));
      window = {window.first + inner.first, inner.count};
      if (window.count == 0)
        break;
      if (first) {
        WEIR_TRY(evaluate(each, {undecided, window}, positive, out));
        first = false;
      } else {
        if (!term)
          term.emplace(values_.rows());
        WEIR_TRY(evaluate(each, {undecided, window}, positive, *term));
        if (conjunction)
          out.combine_both(*term, window);
        else
          out.combine_either(*term, window);
      }
      if (&each == &node.terms.back())
        break;
      const auto f = window.of(out.may_be_false()), u = window.of(out.may_be_unknown()),
                 t = window.of(out.may_be_true());
      const auto left = window.of(undecided.words());
      for (std::size_t w = 0; w < left.size(); ++w) {
        if (!conjunction)
          left[w] &= f[w] | u[w];
        else
          left[w] &= positive ? t[w] : t[w] | u[w];
      }
    }
    if (first)
      out.fill(Outcomes::of(conjunction));
    return {};
  }

  /// Metadata say that a leaf has this one outcome for every row.
  [[nodiscard]] bool is_known(const Node& node, Outcomes outcome) const noexcept {
    return !is_tree(node.kind) && by_leaf_[node.leaf] == outcome;
  }

  Status evaluate_leaf(std::size_t number, const OpenRows& open, OutcomeBits& out) {
    if (by_leaf_[number].is_one()) {
      out.fill(by_leaf_[number]);
      return {};
    }
    const Leaf& leaf = leaves_[number];
    const auto slots = leaf.slots();
    if (!std::all_of(slots.begin(), slots.end(), [this](std::size_t slot) { return values_.has_column(slot); })) {
      out.fill(Outcomes::any());
      return {};
    }
    const bool core = leaf.is_simple() && leaf.core();
    if (core) {
      WEIR_TRY(pacer_.spend(values_.rows() / rows_per_work));
      const auto marked = mark_core(number, leaf, open, out);
      if (!marked || *marked)
        return marked ? Status{} : Status(marked.error());
    }
    const auto ranges =
        !core && leaf.is_simple() ? predicate_.steps_[number].ranges_of(values_.form(leaf.slot())) : std::nullopt;
    if (ranges) {
      WEIR_TRY(pacer_.spend(values_.rows() / rows_per_work));
      const auto marked = mark_field(leaf, *ranges, open, out);
      if (!marked || *marked)
        return marked ? Status{} : Status(marked.error());
    }
    const bool few = !core && open.rows.count() * single_row_cost < values_.rows();
    // Those of one sort are read together: a read of several columns costs little more than one of a single one.
    const std::span<const std::size_t> together = core ? predicate_.core_slots_ : predicate_.field_slots_;
    WEIR_TRY(values_.read(ranges ? slots : together, 0, few ? &open.rows : nullptr));
    if (!leaf.is_simple())
      return evaluate_rows(leaf, open, out);
    if (core)
      return evaluate_core(number, leaf, out);
    WEIR_TRY(pacer_.spend(values_.rows() / rows_per_work));
    return few ? evaluate_some(number, leaf, open, out) : evaluate_field(number, leaf, out);
  }

  /// Without reading the column. False: that cannot be done.
  Result<bool> mark_core(std::size_t number, const Leaf& leaf, const OpenRows& open, OutcomeBits& out) {
    const auto column = core_column(*leaf.core());
    if (!column)
      return false;
    const auto ranges = *column == column_type ? type_ranges(number) : predicate_.steps_[number].ranges();
    if (!ranges)
      return false;
    std::ranges::fill(open.window.of(out.may_be_true()), 0);
    const auto done = values_.mark(*column, *ranges, open.rows, out.may_be_true());
    if (done && *done)
      out.decide_rest(open.window);
    return done;
  }

  /// As mark_core() for a payload field.
  Result<bool> mark_field(const Leaf& leaf, const FieldRanges& ranges, const OpenRows& open, OutcomeBits& out) {
    RowBits with_value(values_.rows()), with_null(values_.rows());
    std::ranges::fill(open.window.of(out.may_be_true()), 0);
    const auto done =
        values_.mark_field(leaf.slot(), ranges, open.rows, {out.may_be_true(), with_value.words(), with_null.words()});
    if (!done || !*done)
      return done;
    out.set_marked(open.window, open.rows.words(), with_value.words(), with_null.words(),
                   leaf.evaluate(ValueView::absent()), leaf.evaluate(ValueView{}));
    return true;
  }

  /// The types for which the leaf is true, if it is true or false for each that the zone has.
  [[nodiscard]] std::optional<std::vector<NumberRange>> type_ranges(std::size_t number) const {
    const auto types = plan_.of_types(number);
    std::vector<NumberRange> ranges;
    for (std::size_t type = 0; type < types.size(); ++type) {
      if (!plan_.zones()[values_.zone()].has_type(type))
        continue;
      if (types[type].may_be_unknown())
        return std::nullopt;
      if (types[type].is_true())
        add_range(ranges, type, type);
    }
    return ranges.size() <= marked_ranges_max ? std::optional(std::move(ranges)) : std::nullopt;
  }

  /// Of a field whose rows in `open` alone were read.
  Status evaluate_some(std::size_t number, const Leaf& leaf, const OpenRows& open, OutcomeBits& out) {
    const LeafSteps& steps = predicate_.steps_[number];
    const FieldColumn& column = values_.field(leaf.slot());
    const Outcomes absent = leaf.evaluate(ValueView::absent()), null = leaf.evaluate(ValueView{});
    const auto set = [&](const auto& of) {
      open.rows.each([&](std::size_t row) {
        const Presence presence = column.presence.empty() ? Presence::value : column.presence[row];
        out.set(row, presence == Presence::value ? of(row) : presence == Presence::null ? null : absent);
      });
    };
    out.fill(Outcomes::never()); // an empty set would pass for decided where terms are joined
    switch (column.type) {
    case FieldForm::boolean: set([&](std::size_t row) { return steps.booleans().at(column.integers[row]); }); break;
    case FieldForm::int64: set([&](std::size_t row) { return steps.integers().at(column.integers[row]); }); break;
    case FieldForm::float64: set([&](std::size_t row) { return steps.reals().at(column.reals[row]); }); break;
    case FieldForm::string: {
      std::vector<Outcomes> known(column.texts.size()); // Empty: not asked for yet.
      std::uint64_t judged = 0;
      set([&](std::size_t row) {
        Outcomes& outcomes = known[column.codes[row]];
        if (outcomes.empty()) {
          outcomes = leaf.evaluate(ValueView::of(column.texts[column.codes[row]]), &scratch_.watch());
          ++judged;
        }
        return outcomes;
      });
      WEIR_TRY(scratch_.watch().going());
      return pacer_.spend(judged);
    }
    case FieldForm::none:
    case FieldForm::mixed: set([&](std::size_t) { return absent; }); break;
    }
    return {};
  }

  Status evaluate_core(std::size_t number, const Leaf& leaf, OutcomeBits& out) {
    const LeafSteps& steps = predicate_.steps_[number];
    switch (*leaf.core()) {
    case Core::sequence: steps.naturals().evaluate(values_.sequences(), out); break;
    case Core::position: steps.naturals().evaluate(values_.positions(), out); break;
    case Core::timestamp: steps.times().evaluate(values_.timestamps(), out); break;
    case Core::recorded_at: steps.times().evaluate(values_.recorded_at(), out); break;
    case Core::event_type: {
      const auto types = plan_.of_types(number);
      CodeTable table(types.size());
      for (std::size_t type = 0; type < types.size(); ++type)
        if (plan_.zones()[values_.zone()].has_type(type))
          table.set(type, types[type]);
      table.evaluate(values_.types(), out);
      break;
    }
    case Core::context_id: return evaluate_texts(leaf, values_.contexts(), values_.context_texts(), out);
    default: out.fill(Outcomes::any());
    }
    return {};
  }

  Status evaluate_texts(const Leaf& leaf, std::span<const std::uint32_t> codes, std::span<const std::string_view> texts,
                        OutcomeBits& out) {
    CodeTable table(texts.size());
    for (std::size_t i = 0; i < texts.size(); ++i)
      table.set(i, leaf.evaluate(ValueView::of(texts[i]), &scratch_.watch()));
    WEIR_TRY(scratch_.watch().going());
    table.evaluate(codes, out);
    return pacer_.spend(texts.size());
  }

  Status evaluate_field(std::size_t number, const Leaf& leaf, OutcomeBits& out) {
    const LeafSteps& steps = predicate_.steps_[number];
    const FieldColumn& column = values_.field(leaf.slot());
    switch (column.type) {
    case FieldForm::boolean: steps.booleans().evaluate(column.integers, out); break;
    case FieldForm::int64: steps.integers().evaluate(column.integers, out); break;
    case FieldForm::float64: steps.reals().evaluate(column.reals, out); break;
    case FieldForm::string:
      if (column.texts.empty())
        out.fill(leaf.evaluate(ValueView::absent()));
      else
        WEIR_TRY(evaluate_texts(leaf, column.codes, column.texts, out));
      break;
    case FieldForm::none:
    case FieldForm::mixed: out.fill(leaf.evaluate(ValueView::absent())); break;
    }
    if (column.presence.empty())
      return {};
    for (const Presence missing : {Presence::absent, Presence::null}) {
      RowBits rows(values_.rows());
      mark_equal(column.presence, missing, rows.words());
      if (rows.any())
        out.set(rows.words(), leaf.evaluate(missing == Presence::null ? ValueView{} : ValueView::absent()));
    }
    return {};
  }

  Status evaluate_rows(const Leaf& leaf, const OpenRows& open, OutcomeBits& out) {
    out.fill(Outcomes::never());
    row_.resize(predicate_.target_.fields.size());
    Status going;
    open.rows.each([&](std::size_t row) {
      if (!going)
        return;
      for (const std::size_t slot : leaf.slots())
        row_[slot] = values_.value(slot, row);
      scratch_.clear();
      out.set(row, leaf.evaluate(row_, scratch_));
      going = pacer_.spend(1);
      if (going)
        going = scratch_.watch().going();
    });
    return going;
  }

  const ColumnPredicate& predicate_;
  const std::vector<Leaf>& leaves_;
  const SegmentPlan& plan_;
  std::span<const Outcomes> by_leaf_;
  ZoneValues& values_;
  Pacer& pacer_;
  std::vector<ValueView> row_;
  Scratch scratch_;
};

ColumnPredicate::ColumnPredicate(const ScanTarget& target) : target_(target) {
  for (const Leaf& leaf : target.predicate.leaves()) {
    steps_.push_back(leaf.is_simple() ? LeafSteps(leaf) : LeafSteps());
    for (const std::size_t slot : leaf.slots())
      add_slot(leaf.is_simple() && leaf.core() ? core_slots_ : field_slots_, slot);
  }
  root_ = prepare(target.predicate.root(), false);
  page_root_ = prepare(target.predicate.root(), true);
  collect_demands(root_);
}

void ColumnPredicate::collect_demands(const Node& node) {
  if (node.kind == Expr::Kind::conjunction) {
    for (const Node& term : node.terms)
      collect_demands(term);
    return;
  }
  if (is_tree(node.kind))
    return;
  const Leaf& leaf = target_.predicate.leaves()[node.leaf];
  const auto column = leaf.core() ? core_column(*leaf.core()) : std::nullopt;
  const auto& ranges = steps_[node.leaf].ranges();
  if (column && ranges)
    demands_.push_back({node.leaf, {*column, *ranges}});
}

unsigned ColumnPredicate::cost_of(const Leaf& leaf, bool by_position) noexcept {
  if (!leaf.is_simple())
    return 1'000;
  const unsigned text = leaf.kind() == Leaf::Kind::like ? 10 : 0;
  // Numbers first: bounds of groups of rows often tell, and what they rule out needs no further look. In pages rows lie
  // by type, so a type rules out nearly all groups.
  const bool type = leaf.core() && *leaf.core() == Core::event_type;
  const bool number = leaf.core() && !type && *leaf.core() != Core::context_id;
  return text + (leaf.in_document() ? 100 : type && by_position ? 0 : number ? 1 : 2);
}

ColumnPredicate::Node ColumnPredicate::prepare(const Predicate::Node& node, bool by_position) const {
  Node prepared;
  prepared.kind = node.kind;
  prepared.leaf = node.leaf;
  for (const Predicate::Node& term : node.terms)
    prepared.terms.push_back(prepare(term, by_position));
  if (!is_tree(node.kind))
    prepared.cost = cost_of(target_.predicate.leaves()[node.leaf], by_position);
  for (const Node& term : prepared.terms)
    prepared.cost = std::max(prepared.cost, term.cost);
  std::stable_sort(prepared.terms.begin(), prepared.terms.end(),
                   [](const Node& a, const Node& b) { return a.cost < b.cost; });
  return prepared;
}

Status ColumnPredicate::evaluate(const SegmentPlan& plan, std::span<const Outcomes> by_leaf, ZoneValues& values,
                                 RowBits& rows, RowBits& certain, Pacer& pacer) const {
  OutcomeBits outcomes(values.rows());
  const Node& root = plan.by_position() ? page_root_ : root_;
  WEIR_TRY(Evaluation(*this, plan, by_leaf, values, pacer)
               .evaluate(root, {rows, window_of(std::as_const(rows).words())}, true, outcomes));
  outcomes.keep_matches(rows, certain);
  return {};
}

} // namespace weir::query
