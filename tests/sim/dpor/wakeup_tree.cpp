// Wakeup trees: what is planned, what is covered already.
#include <string>

#include <doctest/doctest.h>

#include "unplug/sim/dpor/wakeup_tree.hpp"

using namespace unplug::sim;

namespace {

// "a1" writes object 1, "b" touches nothing, "c1r" reads object 1. Tasks are letters.
Move move(const std::string& text) {
  Move m{{NameId(static_cast<std::uint32_t>(text[0])), 0}, {}};
  if (text.size() > 1 && text[1] == '=') {
    m.label.choice = static_cast<std::uint32_t>(text[2] - '0');
  } else if (text.size() > 1) {
    m.touch = {NameId(static_cast<std::uint32_t>(text[1])), text.size() > 2 ? AccessKind::read : AccessKind::write};
  }
  return m;
}
std::vector<Move> moves(std::initializer_list<const char*> list) {
  std::vector<Move> out;
  for (const char* text : list) out.push_back(move(text));
  return out;
}

struct Forest {
  WakeupTrees trees;
  WakeupTrees::Index first = WakeupTrees::none;
  void insert(std::initializer_list<const char*> list) {
    std::vector<Move> sequence = moves(list);
    trees.insert(first, sequence);
    CHECK(sequence.empty());
  }
  // The branches from left to right, children in brackets.
  [[nodiscard]] std::string text() { return text_of(first); }
  std::string text_of(WakeupTrees::Index branch) {
    std::string out;
    while (branch != WakeupTrees::none) {
      const auto next = trees.next(branch);
      WakeupTrees::Index below = trees.take_children(branch);
      out += (out.empty() ? "" : " ") + std::string(1, static_cast<char>(trees.move(branch).label.task.index()));
      if (below != WakeupTrees::none) out += "(" + text_of(below) + ")";
      branch = next;
    }
    return out;
  }
};

}  // namespace

TEST_CASE("weak initial: first of its task, or absent, and independent of what comes before") {
  CHECK(weak_initial(move("a1"), moves({"a1", "b1"})));
  CHECK(weak_initial(move("a1"), moves({"b2", "a1"})));
  CHECK(!weak_initial(move("a1"), moves({"b1", "a1"})));
  CHECK(weak_initial(move("a1r"), moves({"b1r", "a1r"})));
  CHECK(weak_initial(move("a1"), moves({"b2", "c3"})));
  CHECK(!weak_initial(move("a1"), moves({"b2", "c1r"})));
  CHECK(weak_initial(move("a1"), {}));
  // The ways of one data choice exclude each other.
  CHECK(weak_initial(move("a=1"), moves({"b1", "a=1"})));
  CHECK(!weak_initial(move("a=0"), moves({"b1", "a=1"})));
}

TEST_CASE("wakeup tree: new chains go last, what a leaf covers is not planned again") {
  Forest f;
  f.insert({"a1", "b1"});
  CHECK(f.trees.size() == 2);
  f.insert({"b1", "a1"});
  f.insert({"a1"});              // a longer one is planned
  f.insert({"a1", "b1", "c1"});  // the leaf a b covers it: exploration below it goes on by itself
  f.insert({"c2", "a1", "c1"});  // begins with a just as well; then c2 c1 is new below it
  CHECK(f.trees.size() == 6);
  CHECK(f.text() == "a(b c(c)) b(a)");
}

TEST_CASE("wakeup tree: taking the children and removing a branch gives the nodes back") {
  Forest f;
  f.insert({"a1", "b1", "c1"});
  f.insert({"b1", "a1"});
  CHECK(f.trees.size() == 5);
  WakeupTrees::Index below = f.trees.take_children(f.first);
  f.trees.pop(f.first);
  CHECK(f.trees.size() == 4);
  CHECK(f.trees.has(f.first, {NameId('b'), 0}));
  CHECK(!f.trees.has(f.first, {NameId('a'), 0}));
  f.trees.pop(below);
  f.trees.pop(f.first);
  CHECK(f.trees.size() == 0);
  CHECK(f.first == WakeupTrees::none);
}
