// anyOf and oneOf that fail: which branch was meant?
#include <algorithm>

#include <fmt/format.h>

#include "unplug/scenarios/json/schema_explain.hpp"

namespace unplug::scenarios {

namespace {

constexpr std::size_t max_complaints = 3;  // of branches that nobody gave a title

void add_missing(std::vector<std::string>& to, const std::vector<std::string>& from) {
  for (const std::string& s : from) {
    if (std::find(to.begin(), to.end(), s) == to.end()) to.push_back(s);
  }
}

}  // namespace

std::vector<std::string> SchemaExplainer::titles_of(const std::vector<const Subschema*>& schemas) {
  std::vector<std::string> out;
  for (const Subschema* s : schemas) {
    if (s->hasTitle()) add_missing(out, {s->getTitle()});
  }
  return out;
}

bool SchemaExplainer::choose(const std::vector<const Subschema*>& all, bool exactly_one) {
  const auto fitting = std::count_if(all.begin(), all.end(), [&](const Subschema* s) { return holds(*s, *value_); });
  if (fitting == 1 || (fitting != 0 && !exactly_one)) return true;
  if (fitting != 0) {
    fail(fmt::format("{} fits more than one form", label()), titles_of(all));
    return true;
  }
  using Score = std::pair<bool, std::size_t>;  // is of the wrong kind, how much is wrong
  Score best_score;
  std::vector<const Subschema*> best;
  std::vector<std::vector<SchemaFailure>> best_failures;
  for (const Subschema* s : all) {
    std::vector<SchemaFailure> failures = glance(*s);
    const bool wrong_kind =
        std::any_of(failures.begin(), failures.end(), [&](const SchemaFailure& f) { return f.wrong_kind && f.same_node(node_); });
    const Score score(wrong_kind, failures.size());
    if (best.empty() || score < best_score) {
      best_score = score;
      best.clear();
      best_failures.clear();
    }
    if (score != best_score) continue;
    best.push_back(s);
    best_failures.push_back(std::move(failures));
  }
  if (best.size() == 1 || best_score == Score(false, 0)) {
    if (!best.empty()) apply(*best.front());
  } else if (best_score.first && schema_->hasTitle()) {
    fail(fmt::format("{} is {}", label(), Node::kind_name(node_.kind())), titled({})).wrong_kind = true;
  } else if (!report_common(best_failures)) {
    std::vector<std::string> titles = titles_of(all), complaints;
    for (const std::vector<SchemaFailure>& failures : best_failures) {
      if (titles.empty() && complaints.size() < max_complaints) add_missing(complaints, {failures.front().message});
    }
    fail(fmt::format("{} fits none of its forms{}{}", label(), complaints.empty() ? "" : ": ", fmt::join(complaints, "; ")),
         std::move(titles));
  }
  return true;
}

// The failures of one branch as far as the children of this node: enough to tell which was meant, and cheap however deep the file is.
std::vector<SchemaFailure> SchemaExplainer::glance(const Subschema& branch) {
  std::vector<SchemaFailure> out;
  std::vector<SchemaFailure>* const outer = std::exchange(failures_, &out);
  const std::size_t deepest = std::exchange(deepest_, std::min(deepest_, path_.size() + 1));
  apply(branch);
  deepest_ = deepest;
  failures_ = outer;
  return out;
}

// Several branches fit equally badly: what all of them complain about, with the wishes of each.
bool SchemaExplainer::report_common(std::vector<std::vector<SchemaFailure>>& branches) {
  bool any = false;
  for (SchemaFailure& f : branches.front()) {
    bool common = true;
    for (auto branch = branches.begin() + 1; branch != branches.end() && common; ++branch) {
      const auto same = std::find_if(branch->begin(), branch->end(), [&](const SchemaFailure& g) { return f.same_as(g); });
      common = same != branch->end();
      if (!common) break;
      add_missing(f.options, same->options);
      add_missing(f.candidates, same->candidates);
    }
    if (!common) continue;
    any = true;
    failures_->push_back(std::move(f));
  }
  return any;
}

}  // namespace unplug::scenarios
