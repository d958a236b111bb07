// The fields of the result model, once: their JSON keys in the order in which they are written. The JSON writer, the JSON reader and
// whatever must touch every string go through this list, so a field can't be written and forgotten by the reader.
//
// each(object, visit) calls visit("key", object.field) for every field; the object may be const.
#pragma once

#include "unplug/scenarios/result/result.hpp"

namespace unplug::reports {

template <typename T> struct Fields;

template <> struct Fields<scenarios::Quantiles> {
  static void each(auto& q, auto&& visit) {
    visit("count", q.count);
    visit("p50", q.p50);
    visit("p90", q.p90);
    visit("p99", q.p99);
    visit("max", q.max);
  }
};

template <> struct Fields<scenarios::Evidence> {
  static void each(auto& e, auto&& visit) {
    visit("kind", e.kind);
    visit("executions", e.executions);
    visit("searched", e.searched);
    visit("distinct_traces", e.distinct_traces);
    visit("new_at_the_end", e.new_at_the_end);
    visit("bounds", e.bounds);
  }
};

template <> struct Fields<scenarios::Place> {
  static void each(auto& p, auto&& visit) {
    visit("task", p.task);
    visit("role", p.role);
    visit("function", p.function);
    visit("step", p.step);
    visit("operation", p.operation);
    visit("source", p.source);
    visit("call_chain", p.call_chain);
    visit("time_ns", p.time_ns);
  }
};

// `note` has no key: it is said by the list that the finding stands in.
template <> struct Fields<scenarios::Finding> {
  static void each(auto& f, auto&& visit) {
    visit("class", f.violation_class);
    visit("object", f.object);
    visit("signature", f.signature);
    visit("message", f.message);
    visit("count", f.count);
    visit("lowest_index", f.lowest_index);
    visit("preemptions", f.preemptions);
    visit("fewest", f.fewest);
    visit("feasibility", f.feasibility);
    visit("failure_file", f.failure_file);
    visit("replay_command", f.replay_command);
    visit("offender", f.offender);
    visit("ended_by", f.ended_by);
    visit("created_by", f.created_by);
    visit("serves", f.serves);
    visit("also_at", f.also_at);
  }
};

template <> struct Fields<scenarios::Wait> {
  static void each(auto& w, auto&& visit) {
    visit("phase", w.phase);
    visit("what", w.what);
    visit("function", w.function);
    visit("owner", w.owner);
    visit("waited_for", w.waited_for);
    visit("bounded", w.bounded);
    visit("executions", w.executions);
    visit("blocked", w.blocked);
    visit("ns", w.ns);
  }
};

template <> struct Fields<scenarios::Operations> {
  static void each(auto& o, auto&& visit) {
    visit("started", o.started);
    visit("completed", o.completed);
    visit("refused_at_entry", o.refused_at_entry);
    visit("torn", o.torn);
    visit("failed", o.failed);
    visit("unfinished", o.unfinished);
    visit("entry_branches", o.entry_branches);
    visit("torn_branches", o.torn_branches);
  }
};

template <> struct Fields<scenarios::Unload> {
  static void each(auto& u, auto&& visit) {
    visit("attempted", u.attempted);
    visit("refused", u.refused);
    visit("done_while_open", u.done_while_open);
  }
};

// `met` has no key: see expectations in Fields<Cell>.
template <> struct Fields<scenarios::Expectation> {
  static void each(auto& e, auto&& visit) {
    visit("text", e.text);
    visit("why", e.why);
    visit("detail", e.detail);
  }
};

template <> struct Fields<scenarios::Never> {
  static void each(auto& n, auto&& visit) {
    visit("what", n.what);
    visit("how", n.how);
    visit("why", n.why);
  }
};

template <> struct Fields<scenarios::KeptApart> {
  static void each(auto& k, auto&& visit) {
    visit("what", k.what);
    visit("by", k.by);
  }
};

template <> struct Fields<scenarios::Cell::Races> {
  static void each(auto& r, auto&& visit) {
    visit("on", r.on);
    visit("traces", r.traces);
  }
};

// Expectations are one list here and two in JSON: {"met": [...], "unmet": [...]}.
template <> struct Fields<scenarios::Cell> {
  static void each(auto& c, auto&& visit) {
    visit("member", c.member);
    visit("form", c.form);
    visit("policy", c.policy);
    visit("strategy", c.strategy);
    visit("seed", c.seed);
    visit("executions", c.executions);
    visit("blocked", c.blocked);
    visit("failing", c.failing);
    visit("verdict", c.verdict);
    visit("evidence", c.evidence);
    visit("violations", c.violations);
    visit("notes", c.notes);
    visit("remove_ns", c.remove_ns);
    visit("unbind_ns", c.unbind_ns);
    visit("rmmod_ns", c.rmmod_ns);
    visit("grace_periods", c.grace_periods);
    visit("waits", c.waits);
    visit("operations", c.operations);
    visit("unload", c.unload);
    visit("final_states", c.final_states);
    visit("stuck_states", c.stuck_states);
    visit("expectations", c.expectations);
    visit("never_reached", c.never_reached);
    visit("never", c.never);
    visit("kept_apart", c.kept_apart);
    visit("races", c.races);
    visit("not_judged", c.not_judged);
    visit("unreplayed_predictions", c.unreplayed_predictions);
  }
};

template <> struct Fields<scenarios::PolicyLabel> {
  static void each(auto& p, auto&& visit) {
    visit("name", p.name);
    visit("title", p.title);
    visit("shipped_by", p.shipped_by);
    visit("since", p.since);
    visit("description", p.description);
    visit("parts", p.parts);
  }
};

template <> struct Fields<scenarios::ScenarioResult> {
  static void each(auto& s, auto&& visit) {
    visit("name", s.name);
    visit("path", s.path);
    visit("title", s.title);
    visit("source", s.source);
    visit("text_hash", s.text_hash);
    visit("kernel", s.kernel);
    visit("defaults_taken", s.defaults_taken);
    visit("model_limits", s.model_limits);
    visit("primitives", s.primitives);
    visit("policies", s.policies);
    visit("cells", s.cells);
  }
};

template <> struct Fields<scenarios::Result> {
  static void each(auto& r, auto&& visit) {
    visit("tool_version", r.tool_version);
    visit("engine_semantics", r.engine_semantics);
    visit("command", r.command);
    visit("incomplete", r.incomplete);
    visit("self_check", r.self_check);
    visit("scenarios", r.scenarios);
  }
};

}  // namespace unplug::reports
