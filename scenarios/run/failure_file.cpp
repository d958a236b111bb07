#include "unplug/scenarios/run/failure_file.hpp"

#include <cstdio>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "unplug/scenarios/json/check_keys.hpp"
#include "unplug/sim/hash.hpp"
#include "unplug/sim/semantics.hpp"
#include "unplug/version.hpp"

namespace unplug::scenarios {
namespace {

using Json = nlohmann::ordered_json;

std::string hex(std::uint64_t v) { return fmt::format("0x{:016x}", v); }

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::size_t from = 0;
  for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', from)) {
    lines.push_back(text.substr(from, end - from));
    from = end + 1;
  }
  lines.push_back(text.substr(from));
  return lines;
}

Json decision_json(const sim::Decision& d) {
  Json j;
  j["step"] = d.step;
  j["task"] = d.task;
  j["op"] = d.operation;
  if (d.choice) {
    j["choice"] = *d.choice;
    j["of"] = d.bound;
  } else {
    j["among"] = d.alternatives;
  }
  return j;
}

// Reads the members of a failure file; complains once about what is not as it was written.
class FailureReader {
 public:
  explicit FailureReader(Diagnostics& out) : out_(out) {}
  std::string text(Node n, std::string_view key) {
    return expect(n, key, Node::Kind::string) ? std::string(n.find(key).string()) : std::string{};
  }
  std::uint64_t number(Node n, std::string_view key, std::int64_t most = INT64_MAX) {
    if (!expect(n, key, Node::Kind::integer)) return 0;
    const std::int64_t v = n.find(key).integer();
    if (v < 0 || v > most) n.find(key).error(out_, fmt::format("{} is out of range", v), fmt::format("a count (0 to {})", most));
    return static_cast<std::uint64_t>(v);
  }
  bool flag(Node n, std::string_view key) { return expect(n, key, Node::Kind::boolean) && n.find(key).boolean(); }
  std::uint64_t hex_number(Node n, std::string_view key) {
    const std::string s = text(n, key);
    if (s.size() == 18 && s.starts_with("0x") && s.find_first_not_of("0123456789abcdef", 2) == std::string::npos)
      return std::stoull(s.substr(2), nullptr, 16);
    if (!s.empty()) n.find(key).error(out_, fmt::format("'{}' is no 64-bit number", s), "\"0x\" and 16 hex digits");
    return 0;
  }
  // Complains about all that is not there, in one message. Whether anything was found wrong is the caller's to know.
  void finish(Node root) {
    if (!missing_.empty())
      root.error(out_, fmt::format("the failure file lacks '{}'", fmt::join(missing_, "', '")), "a file that unplug wrote, whole");
    missing_.clear();
  }
  Node section(Node n, std::string_view key, Node::Kind kind) { return expect(n, key, kind) ? n.find(key) : Node{}; }

 private:
  bool expect(Node n, std::string_view key, Node::Kind kind) {
    const Node v = n.is(Node::Kind::object) ? n.find(key) : Node{};
    if (v.is(kind)) return true;
    if (v) {
      v.error(out_, fmt::format("found {}", Node::kind_name(v.kind())), std::string(Node::kind_name(kind)));
    } else if (n) {
      missing_.emplace_back(key);
    }
    return false;
  }
  Diagnostics& out_;
  std::vector<std::string> missing_;
};

std::string joined_lines(Node list) {
  std::string text;
  for (std::size_t i = 0; list && i < list.size(); ++i) {
    if (i != 0) text += '\n';
    if (list.at(i).is(Node::Kind::string)) text += list.at(i).string();
  }
  return text;
}

}  // namespace

std::string text_hash(std::string_view text) { return fmt::format("{:016x}", sim::hash_bytes(text)); }

std::string to_json(const FailureFile& f) {
  Json j;
  j["unplug"] = "failure/1";
  j["engine_semantics"] = f.engine_semantics;
  j["tool_version"] = f.tool_version;
  j["violation"] = {{"class", f.violation_class}, {"signature", f.signature}, {"message", f.message}};
  j["scenario"] = {{"path", f.scenario_path}, {"hash", f.scenario_hash}};
  j["form"] = f.form;
  j["params"] = Json::object();
  for (const auto& [k, v] : f.params) j["params"][k] = Json::parse(v);
  j["removal"] = f.removal;
  if (f.grace_period) j["grace_period_ns"] = *f.grace_period;
  Json parts = Json::object();
  for (const model::PartInfo& p : model::parts()) parts[std::string(p.name)] = std::string(f.policy.spec[p.part]);
  j["policy"] = {{"name", f.policy.name}, {"parts", parts}};
  if (!f.policy.spec.guards.empty()) j["policy"]["guards"] = f.policy.spec.guards;
  if (f.policy.steps != nullptr) {
    Json names = Json::array();
    for (const Hook h : f.policy.hooks) names.push_back(std::string(hooks()[static_cast<std::size_t>(h)].name));
    j["policy"]["path"] = f.policy.steps->name();
    j["policy"]["hooks"] = names;
    j["policy"]["text"] = lines_of(f.policy.steps->text());
  }
  j["strategy"] = {{"name", f.strategy}, {"seed", f.seed}, {"index", f.index}};
  j["timed"] = f.timed;
  j["steps"] = f.steps;
  j["fingerprint"] = hex(f.fingerprint);
  // One decision a line: a failure is read by people, too.
  std::string text = j.dump(2);
  text.resize(text.size() - 2);
  text += ",\n  \"decisions\": [";
  for (std::size_t i = 0; i < f.decisions.size(); ++i) text += (i == 0 ? "\n    " : ",\n    ") + decision_json(f.decisions[i]).dump();
  text += f.decisions.empty() ? "]" : "\n  ]";
  text += ",\n  \"scenario_text\": [";
  const auto lines = lines_of(f.scenario_text);
  for (std::size_t i = 0; i < lines.size(); ++i) text += (i == 0 ? "\n    " : ",\n    ") + Json(lines[i]).dump();
  text += "\n  ]\n}\n";
  return text;
}

std::optional<FailureFile> read_failure(const std::string& path, Diagnostics& out, bool lenient) {
  const auto document = Document::load(path, out);
  return document ? read_failure(*document, out, lenient) : std::nullopt;
}

std::optional<FailureFile> read_failure(const Document& document, Diagnostics& out, bool lenient) {
  const std::size_t errors = out.errors();
  const Node root = document.root();
  if (root.is(Node::Kind::object) && !root.find("unplug")) {
    root.error(out, "this is no failure file", "\"unplug\": \"failure/1\"; a scenario is run with: unplug run FILE");
    return {};
  }
  if (!check_kind(root, "failure/1", out)) return {};
  FailureReader r(out);
  FailureFile f;
  f.engine_semantics = static_cast<int>(r.number(root, "engine_semantics", INT32_MAX));
  f.tool_version = r.text(root, "tool_version");
  if (root.find("engine_semantics").is(Node::Kind::integer) && f.engine_semantics != sim::engine_semantics && !lenient) {
    root.find("engine_semantics")
        .error(out, fmt::format("written by engine semantics {} (unplug {})", f.engine_semantics, f.tool_version),
               fmt::format("engine semantics {}: schedules of another version mean something else; find the failure again with its seed, "
                           "or try --lenient",
                           sim::engine_semantics));
    return {};
  }
  const Node violation = r.section(root, "violation", Node::Kind::object);
  f.violation_class = r.text(violation, "class");
  f.signature = r.text(violation, "signature");
  f.message = r.text(violation, "message");
  const Node scenario = r.section(root, "scenario", Node::Kind::object);
  f.scenario_path = r.text(scenario, "path");
  f.scenario_hash = r.text(scenario, "hash");
  f.form = r.text(root, "form");
  f.removal = r.text(root, "removal");
  if (const Node params = r.section(root, "params", Node::Kind::object)) {
    for (std::size_t i = 0; i < params.size(); ++i) {
      const Node v = params.at(i);
      f.params[std::string(params.key(i))] = v.is(Node::Kind::string)    ? nlohmann::json(std::string(v.string())).dump()
                                             : v.is(Node::Kind::integer) ? std::to_string(v.integer())
                                             : v.is(Node::Kind::boolean) ? (v.boolean() ? "true" : "false")
                                                                         : "null";
    }
  }
  if (root.find("grace_period_ns")) f.grace_period = r.number(root, "grace_period_ns");
  const Node policy = r.section(root, "policy", Node::Kind::object);
  f.policy.name = r.text(policy, "name");
  if (const Node parts = r.section(policy, "parts", Node::Kind::object)) {
    for (const model::PartInfo& p : model::parts()) {
      const std::string mechanism = r.text(parts, p.name);
      bool known = false;
      for (const model::MechanismInfo& m : model::mechanisms()) known = known || (m.part == p.part && m.name == mechanism);
      if (!known && !mechanism.empty())
        parts.find(p.name).error(out, fmt::format("no mechanism '{}'", mechanism), "a mechanism of this version");
      f.policy.spec.mechanism[static_cast<std::size_t>(p.part)] = mechanism;
    }
  }
  if (policy && policy.find("guards")) {
    const Node names = r.section(policy, "guards", Node::Kind::array);
    for (std::size_t i = 0; names && i < names.size(); ++i)
      if (names.at(i).is(Node::Kind::string)) f.policy.spec.guards.emplace_back(names.at(i).string());
  }
  if (policy && policy.find("text")) {
    const std::string text = joined_lines(r.section(policy, "text", Node::Kind::array));
    auto steps = Document::parse(text, r.text(policy, "path"), out);
    const auto whole = steps ? read_policy(std::move(steps), out) : std::nullopt;
    if (whole) f.policy.steps = whole->steps;
    const Node names = r.section(policy, "hooks", Node::Kind::array);
    for (std::size_t i = 0; names && i < names.size(); ++i) {
      const auto hook = names.at(i).is(Node::Kind::string) ? find_hook(names.at(i).string()) : std::nullopt;
      if (hook) f.policy.hooks.push_back(*hook);
    }
  }
  const Node strategy = r.section(root, "strategy", Node::Kind::object);
  f.strategy = r.text(strategy, "name");
  f.seed = r.number(strategy, "seed");
  f.index = r.number(strategy, "index");
  f.timed = r.flag(root, "timed");
  f.steps = r.number(root, "steps");
  f.fingerprint = r.hex_number(root, "fingerprint");
  const Node decisions = r.section(root, "decisions", Node::Kind::array);
  for (std::size_t i = 0; decisions && i < decisions.size() && out.errors() == errors; ++i) {
    const Node n = decisions.at(i);
    sim::Decision d;
    d.step = r.number(n, "step");
    d.task = r.text(n, "task");
    d.operation = r.text(n, "op");
    if (n.is(Node::Kind::object) && n.find("choice")) {
      d.choice = static_cast<std::uint32_t>(r.number(n, "choice", UINT32_MAX));
      d.bound = static_cast<std::uint32_t>(r.number(n, "of", UINT32_MAX));
    } else if (const Node among = r.section(n, "among", Node::Kind::array)) {
      for (std::size_t k = 0; k < among.size(); ++k)
        if (among.at(k).is(Node::Kind::string)) d.alternatives.emplace_back(among.at(k).string());
    } else if (!n.is(Node::Kind::object)) {
      n.error(out, fmt::format("found {}", Node::kind_name(n.kind())), "a decision: an object");
    }
    f.decisions.push_back(std::move(d));
  }
  const Node text = r.section(root, "scenario_text", Node::Kind::array);
  f.scenario_text = joined_lines(text);
  r.finish(root);
  if (out.errors() == errors && text_hash(f.scenario_text) != f.scenario_hash)
    scenario.find("hash").error(out, "the scenario's text is not the one that failed",
                                fmt::format("text with hash {} (this one has {})", f.scenario_hash, text_hash(f.scenario_text)));
  return out.errors() == errors ? std::optional(std::move(f)) : std::nullopt;
}

std::string file_name(const Finding& f, const std::string& variant) {
  std::string slug = fmt::format("{}-{}-{}", f.violation_class, f.object, f.offender.function);
  for (char& c : slug)
    if ((c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-') c = '_';
  if (slug.size() > 80) slug.resize(80);
  return fmt::format("{}-{}.json", slug, text_hash(f.signature + "|" + variant).substr(0, 8));
}

std::optional<ReplayResult> replay_failure(const FailureFile& f, Diagnostics& out, bool lenient) {
  LoadOptions options;
  for (const auto& [k, v] : f.params) options.params.emplace_back(k, v);
  if (!f.form.empty()) options.forms.push_back(f.form);
  options.policy = f.policy;  // the scenario's list need not exist here
  options.removal = f.removal;
  options.grace_period = f.grace_period;
  const auto scenario = parse_scenario(f.scenario_text, f.scenario_path, options, out);
  if (!scenario) return {};
  if (scenario->members.empty()) {
    Diagnostic d;
    d.file = f.scenario_path;
    d.message = fmt::format("the scenario has no way of removal '{}'", f.removal);
    out.add(std::move(d));
    return {};
  }
  Explainer explainer(scenario->program(0, 0, 0), f.policy.spec);
  ReplayResult r;
  r.run = explainer.replay(f.decisions, sim::execution_seed(f.seed, f.index), f.timed, f.signature, lenient);
  r.same_fingerprint = r.run.fingerprint == f.fingerprint;
  if (r.run.outcome.kind == sim::Outcome::Kind::failed) {
    r.kind = ReplayResult::Kind::failed;
  } else if (r.run.divergence) {
    r.kind = ReplayResult::Kind::diverged;
  } else if (r.run.finding && (lenient || r.same_fingerprint)) {
    r.kind = ReplayResult::Kind::reproduced;
  } else {
    r.kind = ReplayResult::Kind::without_violation;
  }
  return r;
}

}  // namespace unplug::scenarios
