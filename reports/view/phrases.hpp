// The sentences of the reports for people, once, so that a terminal, a mail and a web page say the same in the same words.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "unplug/reports/view/summary.hpp"
#include "unplug/scenarios/result/result.hpp"

namespace unplug::reports {

// "execute-after-free @ foo_ioctl (text of foo)".
[[nodiscard]] std::string headline(const scenarios::Finding& finding);

// "2 preemptions", "no preemption", "3 preemptions or fewer" where no search has shown that there are none with fewer, "" if not known.
[[nodiscard]] std::string preemptions(const scenarios::Finding& finding);

// "drivers/misc/foo.c:120 foo_ioctl: readl#2 [user.0]", the maintainer's place first.
[[nodiscard]] std::string place(const scenarios::Place& place);

// "foo_ioctl < core_ioctl < user", or "" if the chain is the function alone.
[[nodiscard]] std::string call_chain(const scenarios::Place& place);

// What a table says in the place of a verdict when nothing broke: "no failing trace" (exhaustive), "no failure in bounds", "no failure
// found" (sampled), "vacuous"; "clean by refusal: no failing trace" where that is because the module was not always let go.
[[nodiscard]] std::string clean_word(const Verdict& verdict);

// The weight behind a verdict, one sentence per strategy: "sampled 10000 executions (mix), none failed: rate < 3/10000; within: 2
// preemptions", "exhaustive (dpor): all 812 traces, none failed". `timed` beside a strategy that searches: "times from 1000
// executions (timed)". Bounds in `said_before` are left out; a verdict over several members
// says "each" where they agree.
[[nodiscard]] std::vector<std::string> evidence_sentences(const Verdict& verdict, const std::vector<std::string>& said_before);

// Those whom one phase of removal had to wait for, with the calls that did; waits that never blocked are left out.
struct WaitedFor {
  scenarios::Wait::Phase phase = scenarios::Wait::Phase::remove;
  std::string owner;
  bool bounded = true;
  std::string calls;  // "synchronize_rcu() for bar0, synchronize_rcu() for bar1, 4 more"
};
[[nodiscard]] std::vector<WaitedFor> waited_for(const std::vector<scenarios::Wait>& waits);

// The same for one phase as a sentence: "user without bound [synchronize_srcu(dev.srcu)]; driver [cancel_work_sync(poll)]", or "" if it
// never blocked.
[[nodiscard]] std::string waits_sentence(const std::vector<scenarios::Wait>& waits, scenarios::Wait::Phase phase);

// "remove()", "devres", "module exit", "module free".
[[nodiscard]] std::string phase_name(scenarios::Wait::Phase phase);

// What policies made of user space's operations: "3120 of 20000 refused at entry (1 branch)", "45 of 20000 torn in mid-operation (2
// branches)"; empty if nothing was refused.
[[nodiscard]] std::vector<std::string> operations_phrases(const scenarios::Operations& operations);

// The answer of rmmod in one word: "works", "pinned", "varies", "-" if it wasn't tried.
[[nodiscard]] std::string unload_word(const Verdict& verdict);

// What to add to that word: "always refused", "also with a file still open", "".
[[nodiscard]] std::string unload_remark(const Verdict& verdict);

// "3.98..8.10 ms", "-" if not measured.
[[nodiscard]] std::string time_cell(const std::optional<scenarios::Quantiles>& ns);

// "4", "1..6", "-" if not measured.
[[nodiscard]] std::string grace_period_cell(const scenarios::Quantiles& count);

// Where a form and policy show a finding: "only in bars=3", "in 2 of 6: bars=3, ...", "" if wherever they ran: a reader asks for
// exceptions.
[[nodiscard]] std::string where_shown(const ScenarioView& view, const FindingView& finding, const std::string& form,
                                      const std::string& policy);

// The simplest of the places where each form and policy shows a signature: the one whose failure file is kept.
[[nodiscard]] std::vector<const FindingView::Under*> simplest(const FindingView& finding);
// "none", "none, form buggy"
[[nodiscard]] std::string under_title(const FindingView::Under& under);

// "form fixed, bars=3", "" if the scenario has neither.
[[nodiscard]] std::string group_title(const std::string& form, const std::string& member);

// What is true of every row of a table and is said once, under or over it: bounds and steps never reached, and all sentences of evidence
// but the first, which stands beside its verdict always.
struct SaidOnce {
  std::vector<std::string> bounds, evidence, never_reached, never, accepted, kept_apart, not_judged;
};
[[nodiscard]] SaidOnce said_once(const Group& group);

// `list` without the items of `said_before`.
[[nodiscard]] std::vector<std::string> without(std::vector<std::string> list, const std::vector<std::string>& said_before);

// Policies of one form by what became of them, the strongest statement last.
struct Answer {
  std::string form;
  std::vector<std::string> broken;   // "rcu-revoke", or "rcu-revoke (in 2 of 3 members)"
  std::vector<std::string> vacuous;  // of which nothing is said
  std::vector<std::string> refused;  // clean, because the module was not always let go: "fd-refcount (exhaustive)"
  std::vector<std::string> sampled, bounded, exhaustive;
};

// One per form. A policy stands where its weakest member stands.
[[nodiscard]] std::vector<Answer> answers(const ScenarioView& view);

}  // namespace unplug::reports
