// The policies that a scenario runs under: names, files, or one with parts left out or for some of the resources only.
#include <algorithm>

#include <fmt/format.h>

#include "unplug/scenarios/json/check_keys.hpp"
#include "unplug/scenarios/json/values.hpp"
#include "unplug/scenarios/load/sections.hpp"

namespace unplug::scenarios {
namespace {

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string{} : path.substr(0, slash);
}

// `in`: where the parts stand in the file; nothing for those of the command line.
PolicyFile leave_out(PolicyFile p, const std::vector<std::string>& parts, Node in, Diagnostics& out) {
  const std::vector<std::string> known = removable_parts(p);
  for (const std::string& part : parts) {
    Node at = in;  // the word itself, if it is one of several
    for (std::size_t k = 0; in.is(Node::Kind::array) && k < in.size(); ++k)
      if (in.at(k).is(Node::Kind::string) && in.at(k).string() == part) at = in.at(k);
    if (std::ranges::find(known, part) != known.end()) {
      p = without(std::move(p), part);
    } else if (at) {
      at.error(out, fmt::format("a policy has no part '{}'", part), fmt::format("one of: {}", join(known)), nearest_word(part, known));
    } else {
      option_error(out, "--without", fmt::format("a policy has no part '{}'", part), fmt::format("one of: {}", join(known)),
                   nearest_word(part, known));
    }
  }
  return p;
}

void read_guards(Node n, PolicyFile& p, Diagnostics& out) {
  p.spec.guards = words(n, out, "names of resources");
  if (p.spec.guards.empty() && n.is(Node::Kind::array)) n.error(out, "no resources", "one at least, or no \"guards\": then it guards all");
  if (!p.guards_resources())
    n.error(out, fmt::format("policy '{}' does nothing about resources", p.name),
            "a policy with a mechanism for part \"resource\", or its hooks");
}

// An entry of the list. None if anything is wrong with it; then it has been reported.
std::optional<PolicyFile> read_entry(Node n, const std::string& directory, Diagnostics& out) {
  constexpr std::string_view expected = "the name of a policy, or {\"use\": NAME, \"without\": [PART...], \"guards\": [RESOURCE...]}";
  Node use = n, less, guards;
  if (n.is(Node::Kind::object)) {
    if (!check_keys(n, {"use", "without", "guards"}, {"use"}, "a policy", out)) return {};
    use = n.find("use");
    less = n.find("without");
    guards = n.find("guards");
  }
  if (!use.is(Node::Kind::string)) {
    use.error(out, fmt::format("found {}", Node::kind_name(use.kind())), std::string(expected));
    return {};
  }
  auto p = find_policy(std::string(use.string()), directory, use, out);
  if (!p) return {};
  const std::size_t errors = out.errors();
  if (guards) read_guards(guards, *p, out);
  PolicyFile made = less ? leave_out(std::move(*p), words(less, out, "parts of the policy to leave out"), less, out) : std::move(*p);
  return out.errors() == errors ? std::optional(std::move(made)) : std::nullopt;
}

// By a name that the caller gives: the file's own entry of that name, with what it says, else a policy that ships or a file.
std::optional<PolicyFile> named(const std::string& name, Node list, const std::string& directory, Diagnostics& out) {
  Diagnostics quiet;  // what else is wrong with the list doesn't matter
  for (std::size_t i = 0; list.is(Node::Kind::array) && i < list.size(); ++i)
    if (auto p = read_entry(list.at(i), directory, quiet); p && p->name == name) return p;
  return find_policy(name, {}, {}, out);
}

}  // namespace

void read_policies(Scenario& s, const LoadOptions& options, Diagnostics& out) {
  if (options.policy) {
    s.policies.push_back(*options.policy);
    return;
  }
  const std::string directory = directory_of(s.path);
  const Node list = s.document->root().find("policies");
  const auto take = [&](std::optional<PolicyFile> p, Node at) {
    if (!p) return;
    const std::size_t errors = out.errors();
    PolicyFile made = leave_out(std::move(*p), options.without, {}, out);
    if (out.errors() != errors) return;
    if (at && std::ranges::find(s.policies, made.name, &PolicyFile::name) != s.policies.end()) {
      at.error(out, fmt::format("policy '{}' stands here twice", made.name));
    } else {
      s.policies.push_back(std::move(made));
    }
  };
  if (!options.policies.empty()) {
    for (const std::string& name : options.policies) take(named(name, list, directory, out), {});
  } else if (list.is(Node::Kind::array)) {
    for (std::size_t i = 0; i < list.size(); ++i) {
      const Node n = list.at(i);
      take(read_entry(n, directory, out), n.is(Node::Kind::object) ? n.find("use") : n);
    }
  } else if (list) {
    list.error(out, fmt::format("found {}", Node::kind_name(list.kind())), "an array of policies");
  } else if (!s.document->root().find("modules")) {
    take(find_policy("none", directory, {}, out), {});
  } else {
    // Those in steps are of one driver's needs: they are asked for by name.
    for (const std::string& name : builtin_policies())
      if (auto p = find_policy(name, directory, {}, out); p && p->steps == nullptr) take(std::move(p), {});
    s.defaults_taken.emplace_back("all built-in policies of mechanisms (\"policies\")");
  }
}

void check_guarded(const Scenario& s, Diagnostics& out) {
  std::vector<std::string> known;
  for (const auto& program : s.programs)
    for (const EntitySpec& e : program->of(EntityKind::mapping))
      if (std::ranges::find(known, e.name) == known.end()) known.push_back(e.name);
  const Node list = s.document->root().find("policies");
  for (std::size_t i = 0; list.is(Node::Kind::array) && i < list.size(); ++i) {
    const Node guards = list.at(i).is(Node::Kind::object) ? list.at(i).find("guards") : Node{};
    const auto check = [&](Node n) {
      if (n.is(Node::Kind::string) && std::ranges::find(known, n.string()) == known.end())
        n.error(out, fmt::format("no resource '{}'", n.string()),
                known.empty() ? "the name of a mapping; this file makes none" : fmt::format("one of: {}", join(known)),
                nearest_word(n.string(), known));
    };
    if (guards.is(Node::Kind::string)) check(guards);
    for (std::size_t k = 0; guards.is(Node::Kind::array) && k < guards.size(); ++k) check(guards.at(k));
  }
}

}  // namespace unplug::scenarios
