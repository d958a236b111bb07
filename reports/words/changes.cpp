#include "unplug/reports/words/changes.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace unplug::reports {
namespace {

using scenarios::Change;
using scenarios::Changes;

constexpr std::array<std::string_view, 4> kinds{"fixes", "introduces", "leaves", "moves"};

std::string preemptions(const Change::Reached& r) {
  const std::string count = r.preemptions == 0   ? "no preemption"
                            : r.preemptions == 1 ? "1 preemption"
                                                 : fmt::format("{} preemptions", r.preemptions);
  return r.fewest ? count : count + " or fewer";
}

std::string detail(const Change& c, const Changes& all) {
  switch (c.kind) {
    case Change::Kind::fixes: return all.evidence_after;
    case Change::Kind::introduces: return preemptions(*c.after);
    case Change::Kind::leaves: return preemptions(*c.after);
    case Change::Kind::moves: return fmt::format("{} before, {} now", preemptions(*c.before), preemptions(*c.after));
  }
  return {};
}

nlohmann::ordered_json json(const std::optional<Change::Reached>& r) {
  if (!r) return nullptr;
  return {{"preemptions", r->preemptions}, {"fewest", r->fewest}};
}

}  // namespace

std::string write_changes(const std::vector<Changes>& all) {
  std::string out;
  for (const Changes& c : all) {
    if (!out.empty()) out += "\n";
    out += c.scenario;
    if (!c.member.empty()) out += fmt::format(" [{}]", c.member);
    out += fmt::format(", policy {}", c.policy);
    if (c.before != c.after) out += fmt::format(": {} -> {}", c.before, c.after);
    out += "\n";
    std::size_t width = 0;
    for (const Change& x : c.list) width = std::max(width, x.violation.size());
    for (const Change& x : c.list)
      out += fmt::format("  {:<11} {:<{}}  {}{}\n", kinds[static_cast<std::size_t>(x.kind)], x.violation, width, x.note ? "note; " : "",
                         detail(x, c));
    if (c.list.empty()) out += fmt::format("  nothing before ({}), nothing after ({})\n", c.evidence_before, c.evidence_after);
    if (!c.but_before.empty()) out += fmt::format("  {:<11} {}\n", "before", c.but_before);
    if (!c.but_after.empty()) out += fmt::format("  {:<11} {}\n", "after", c.but_after);
    for (const std::string& n : c.not_judged) out += fmt::format("  {:<11} {}\n", "not judged", n);
  }
  return out;
}

std::string write_changes_json(const std::vector<Changes>& all) {
  nlohmann::ordered_json j{{"unplug", "changes/1"}, {"changes", nlohmann::ordered_json::array()}};
  for (const Changes& c : all) {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const Change& x : c.list)
      list.push_back({{"kind", kinds[static_cast<std::size_t>(x.kind)]},
                      {"violation", x.violation},
                      {"note", x.note},
                      {"before", json(x.before)},
                      {"after", json(x.after)}});
    j["changes"].push_back({{"scenario", c.scenario},
                            {"member", c.member},
                            {"policy", c.policy},
                            {"before", c.before},
                            {"after", c.after},
                            {"evidence_before", c.evidence_before},
                            {"evidence_after", c.evidence_after},
                            {"but_before", c.but_before},
                            {"but_after", c.but_after},
                            {"not_judged", c.not_judged},
                            {"list", list}});
  }
  return j.dump(2) + "\n";
}

}  // namespace unplug::reports
