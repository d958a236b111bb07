// What a file says that is most likely not meant: steps that nothing reaches, interrupts that nobody frees or that come too early, locks
// kept, members that are not there.
#pragma once

#include "unplug/scenarios/json/document.hpp"
#include "unplug/scenarios/language/variant.hpp"
#include "unplug/scenarios/program/program.hpp"

namespace unplug::scenarios {

// `nodes`: the steps of Program::sites. A step that stands for several instructions (a repeat) is reached if one of them is, and if it is
// in some form.
void find_reached(const Program& program, const std::vector<Node>& nodes, Reached& into);
void warn_about_steps(const Reached& reached, Diagnostics& out);

// Interrupts that are requested by the driver itself and freed by nothing that remove() calls.
void warn_about_interrupts(const Program& program, const std::vector<Node>& nodes, Diagnostics& out);

// What is set up after an interrupt, an attribute or a node whose functions use it, in the order of the text: they may run by then. Of
// declarations that are no steps (set_up.hpp), so that no execution shows it.
void warn_about_order(const Program& program, const std::vector<Node>& nodes, Diagnostics& out);

// Members of memory by way of a local, where what the local points to has none of that name: an error if the text says what it is, else a
// warning if no memory of the file has one.
void check_members(const Program& program, const std::vector<Node>& nodes, Diagnostics& out);

// Names of memory that is allocated with "to", or of what is in it. Allocated in one place, once in its life, the name means that one
// (Instruction::named); where each time makes another one, it does not say which: an error.
void find_names_of_many(Program& program, const std::vector<Node>& nodes, Diagnostics& out);

// Locks that a function takes and on some path returns with, as far as its own steps tell: functions that others call, and hooks
// of policies (enter, exit), may do so on purpose.
void warn_about_locks(const Program& program, const std::vector<Node>& nodes, Diagnostics& out);

// Loops that change something each time round and that nothing bounds, as far as their own steps tell: neither a wait, nor a count, nor a
// list or a table that gets shorter. An exhaustive search visits an execution for each number of rounds: it doesn't end.
void warn_about_loops(const Program& program, const std::vector<Node>& nodes, Diagnostics& out);

}  // namespace unplug::scenarios
