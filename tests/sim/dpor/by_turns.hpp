// A search by several, in one thread: they take turns, an execution each, in a random order. So all orders of what they do to each other
// come up, and come up again.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "unplug/sim/dpor/walk.hpp"
#include "unplug/sim/hash.hpp"

namespace unplug::sim::test {

// Answers what went wrong.
inline std::string explore_by_turns(std::size_t walkers, std::uint64_t seed, const DporOptions& options,
                                    const std::function<std::unique_ptr<Program>()>& make,
                                    const std::function<void(Engine&, Program&, const Outcome&)>& visit, std::uint64_t& redundant) {
  struct Walker {
    Walker(const DporOptions& o, SearchTree& tree, std::unique_ptr<Program> p) : program(std::move(p)), walk(engine, o, tree) {}
    Engine engine;
    std::unique_ptr<Program> program;
    DporWalk walk;
    ExecutionInfo info{0, 0, &engine.names()};
    bool busy = false;
  };
  SearchTree tree;
  std::vector<std::unique_ptr<Walker>> all;
  for (std::size_t w = 0; w < walkers; ++w) all.push_back(std::make_unique<Walker>(options, tree, make()));
  Random dice(seed);
  Dpor::Result result;
  for (std::size_t busy = 1, first = 1; busy != 0 || first != 0; first = 0) {
    Walker& w = *all[dice.below(walkers)];
    if (!w.busy) w.busy = w.walk.take(false);
    if (w.busy) {
      const Dpor::Visit visit_it = [&](const Outcome& o) {
        visit(w.engine, *w.program, o);
        return true;
      };
      if (!Dpor::run_once(w.engine, *w.program, w.walk, w.info, result, visit_it)) return " " + result.message;
      if (!w.walk.backtrack()) {
        w.walk.finished();
        w.busy = false;
      } else if (dice.below(3) != 0) {
        w.walk.share();
      }
    }
    busy = 0;
    for (const auto& x : all) {
      if (!x->busy) x->busy = dice.below(2) == 0 && x->walk.take(false);
      busy += x->busy ? 1 : 0;
    }
    // Nobody may have taken what there is.
    for (std::size_t x = 0; busy == 0 && x < all.size(); ++x) busy += (all[x]->busy = all[x]->walk.take(false)) ? 1 : 0;
  }
  redundant += result.redundant;
  return {};
}

}  // namespace unplug::sim::test
