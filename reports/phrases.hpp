// The sentences of the reports for people, once, so that a terminal, a mail and a web page say the same in the same words.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "unplug/reports/summary.hpp"
#include "unplug/scenarios/result.hpp"

namespace unplug::reports {

// "execute-after-free @ foo_ioctl (text of foo)".
[[nodiscard]] std::string headline(const scenarios::Finding& finding);

// "2 preemptions", "no preemption", or "" if not known.
[[nodiscard]] std::string preemptions(const scenarios::Finding& finding);

// "drivers/misc/foo.c:120 foo_ioctl: readl#2 [user.0]", the maintainer's place first.
[[nodiscard]] std::string place(const scenarios::Place& place);

// "foo_ioctl < core_ioctl < user", or "" if the chain is the function alone.
[[nodiscard]] std::string call_chain(const scenarios::Place& place);

// What a table says in the place of a verdict when nothing broke: "none (exhaustive)", "none within bounds", "none found".
[[nodiscard]] std::string clean_word(Standing standing);

// The bounds that stand behind every verdict of the group: said once, so that what sets a verdict apart is seen.
[[nodiscard]] std::vector<std::string> common_bounds(const Group& group);

// The weight behind a verdict, one sentence per strategy: "sampled 10000 executions (mix), none failed: rate < 3/10000; within: 2
// preemptions", "exhaustive (dpor): all 812 traces, none failed". `timed` beside a strategy that searches: "times from 1000
// executions (timed)". Bounds in `said_before` are left out; a verdict over several members
// says "each" where they agree.
[[nodiscard]] std::vector<std::string> evidence_sentences(const Verdict& verdict, const std::vector<std::string>& said_before);

// Who a phase of removal had to wait for: "user without bound [synchronize_srcu(dev.srcu)]; driver [cancel_work_sync(poll)]", or "" if
// it never blocked.
[[nodiscard]] std::string waits_sentence(const std::vector<scenarios::Wait>& waits, scenarios::Wait::Phase phase);

// "remove()", "devres", "module exit", "module free".
[[nodiscard]] std::string phase_name(scenarios::Wait::Phase phase);

// "3120 of 20000 refused at entry (1 branch), 45 torn in mid-operation (2 branches)", "45 of 20000 torn in mid-operation (2
// branches)", or "" if none was.
[[nodiscard]] std::string operations_sentence(const scenarios::Operations& operations);

// The answer of rmmod in one word: "works", "pinned", "varies", "-" if it wasn't tried.
[[nodiscard]] std::string unload_word(const Verdict& verdict);

// The same as a sentence, or "" if it wasn't tried.
[[nodiscard]] std::string unload_sentence(const Verdict& verdict);

// "3.98..8.10 ms", "-" if not measured.
[[nodiscard]] std::string time_cell(const std::optional<scenarios::Quantiles>& ns);

// "4", "1..6", "-" if not measured.
[[nodiscard]] std::string grace_period_cell(const scenarios::Quantiles& count);

// "form fixed, bars=3", "" if the scenario has neither.
[[nodiscard]] std::string group_title(const std::string& form, const std::string& member);

// The items that every verdict of the group has in the list.
[[nodiscard]] std::vector<std::string> common_to_all(const Group& group, std::vector<std::string> Verdict::*list);

// `list` without the items of `said_before`.
[[nodiscard]] std::vector<std::string> without(std::vector<std::string> list, const std::vector<std::string>& said_before);

// Policies of one form by what became of them: "breaks", "not broken by samples" and so on, strongest statement last.
struct Answer {
  std::string form;
  std::vector<std::string> broken;  // "rcu-revoke", or "rcu-revoke (in 2 of 3 members)"
  std::vector<std::string> sampled, bounded, exhaustive;
};

// One per form. A policy stands where its weakest member stands.
[[nodiscard]] std::vector<Answer> answers(const ScenarioView& view);

}  // namespace unplug::reports
