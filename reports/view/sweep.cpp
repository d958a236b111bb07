#include "unplug/reports/view/sweep.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

#include "unplug/reports/view/members.hpp"

namespace unplug::reports {

namespace {

std::optional<std::int64_t> as_integer(const std::string& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return {};
  return value;
}

Series series_of(const std::string& policy, const std::map<std::int64_t, const Group*>& groups) {
  Series series{policy, {}, {}};
  for (const auto& [x, group] : groups) {
    const auto verdict = std::find_if(group->verdicts.begin(), group->verdicts.end(), [&](const Verdict& v) { return v.policy == policy; });
    const bool ran = verdict != group->verdicts.end();
    series.grace_periods.push_back(ran && verdict->grace_periods.count != 0 ? std::optional(verdict->grace_periods.p50) : std::nullopt);
    series.unbind_ns.push_back(ran && verdict->unbind_ns ? std::optional(verdict->unbind_ns->p50) : std::nullopt);
  }
  return series;
}

bool measured(const Series& series) {
  const auto any = [](const auto& values) {
    return std::any_of(values.begin(), values.end(), [](const auto& v) { return v.has_value(); });
  };
  return any(series.grace_periods) || any(series.unbind_ns);
}

}  // namespace

std::vector<Sweep> sweeps(const ScenarioView& view) {
  // (form, parameter, rest) -> its groups by the parameter's value; `order` keeps the first appearance.
  using Key = std::pair<std::string, std::pair<std::string, std::string>>;
  std::map<Key, std::map<std::int64_t, const Group*>> found;
  std::vector<Key> order;
  for (const Group& group : view.groups) {
    const Parameters parameters = member_parameters(group.member);
    for (const auto& [name, text] : parameters) {
      const std::optional<std::int64_t> value = as_integer(text);
      if (!value) continue;
      const Key key{group.form, {name, parameters_without(parameters, name)}};
      const auto [entry, fresh] = found.try_emplace(key);
      if (fresh) order.push_back(key);
      entry->second.emplace(*value, &group);
    }
  }
  std::vector<Sweep> out;
  for (const Key& key : order) {
    const auto& groups = found.at(key);
    if (groups.size() < 2) continue;
    Sweep sweep{key.first, key.second.first, key.second.second, {}, {}};
    for (const auto& [x, group] : groups) sweep.points.push_back(x);
    for (const std::string& policy : view.policies) {
      Series series = series_of(policy, groups);
      if (measured(series)) sweep.series.push_back(std::move(series));
    }
    if (!sweep.series.empty()) out.push_back(std::move(sweep));
  }
  return out;
}

std::optional<Growth> growth(const std::vector<std::int64_t>& points, const std::vector<std::optional<std::uint64_t>>& values) {
  std::optional<std::size_t> first, last;
  for (std::size_t i = 0; i < points.size() && i < values.size(); ++i) {
    if (!values[i]) continue;
    if (!first) first = i;
    last = i;
  }
  if (!first || *first == *last) return {};
  return Growth{static_cast<std::int64_t>(*values[*last] - *values[*first]), points[*last] - points[*first]};
}

}  // namespace unplug::reports
