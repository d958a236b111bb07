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
  struct Branch {
    const Subschema* schema;
    std::vector<SchemaFailure> failures;
    std::pair<bool, std::size_t> score;  // is of the wrong kind, how much is wrong
  };
  std::vector<Branch> branches;
  for (const Subschema* s : all) {
    std::vector<SchemaFailure> failures = glance(*s);
    const bool wrong_kind =
        std::any_of(failures.begin(), failures.end(), [&](const SchemaFailure& f) { return f.wrong_kind && f.same_node(node_); });
    const std::size_t count = failures.size();
    branches.push_back({s, std::move(failures), {wrong_kind, count}});
  }
  if (branches.empty()) return true;
  std::stable_sort(branches.begin(), branches.end(), [](const Branch& a, const Branch& b) { return a.score < b.score; });
  const Branch& best = branches.front();
  std::vector<std::vector<SchemaFailure>> tied;
  for (const Branch& b : branches) {
    if (b.score == best.score) tied.push_back(b.failures);
  }
  if (best.score.first && schema_->hasTitle()) {
    fail(fmt::format("{} is {}", label(), Node::kind_name(node_.kind())), titled({})).wrong_kind = true;
  } else if (tied.size() == 1 && best.failures.size() == 1 && best.failures.front().same_node(node_)) {
    // The value itself is wrong, so other kinds of value would have been right too.
    SchemaFailure f = best.failures.front();
    for (const Branch& b : branches) {
      for (const SchemaFailure& g : b.failures) {
        if (g.wrong_kind && g.same_node(node_)) add_missing(f.options, g.options);
      }
    }
    failures_->push_back(std::move(f));
  } else if (tied.size() == 1 || best.failures.empty()) {
    apply(*best.schema);
  } else if (!report_common(tied)) {
    std::vector<std::string> titles = titles_of(all), complaints;
    for (const std::vector<SchemaFailure>& failures : tied) {
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
