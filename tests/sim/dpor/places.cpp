// Places of a guarded step among additions: against all sets there are, for random orders, amounts and guards.
#include "unplug/sim/dpor/places.hpp"

#include <algorithm>
#include <set>

#include "sim/support.hpp"

using namespace unplug::sim;
using namespace unplug::sim::test;

namespace {

using Set = std::uint32_t;  // of additions, a bit each

// A few additions by a few tasks, ordered by a relation that is transitive and has each task's in their order.
struct Additions {
  std::vector<Places::Addition> all;
  std::vector<Set> after;  // by addition: those that it happens before

  explicit Additions(Random& r) {
    static constexpr std::uint64_t amounts[] = {
        1, 1, 2, 4, 12, 64, UINT64_MAX - 62, UINT64_MAX, UINT64_MAX, UINT64_MAX - 3, std::uint64_t{1} << 62};
    const std::uint64_t n = 1 + r.below(8), tasks = 1 + r.below(4), density = r.below(6);
    for (std::uint32_t e = 0; e < n; ++e)
      all.push_back({e, static_cast<std::uint32_t>(r.below(tasks)), amounts[r.below(std::size(amounts))]});
    after.resize(n);
    for (std::size_t i = n; i-- > 0;)
      for (std::size_t k = i + 1; k < n; ++k)
        if (all[i].task == all[k].task || r.below(12) < density) after[i] |= Set{1} << k | after[k];
  }
  [[nodiscard]] bool before(std::uint32_t i, std::uint32_t k) const { return (after[i] >> k & 1) != 0; }
  [[nodiscard]] bool closed(Set s) const {
    for (std::size_t i = 0; i < all.size(); ++i)
      if ((s >> i & 1) != 0 && (after[i] & ~s) != 0) return false;
    return true;
  }
};

Guard any_guard(Random& r) {
  static constexpr std::uint64_t masks[] = {UINT64_MAX, UINT64_MAX, UINT64_MAX, 3, 12, 0x3f, ~std::uint64_t{3}, 9, 0x303};
  static constexpr std::uint64_t values[] = {0, 0, 1, 2, 4, 5, 64, UINT64_MAX};
  return {static_cast<Guard::Op>(1 + r.below(4)), values[r.below(std::size(values))], masks[r.below(std::size(masks))]};
}

}  // namespace

TEST_CASE("dpor: the places of a guarded step are the least closed sets without which its guard holds, all of them and no other") {
  Places places;
  std::vector<std::uint32_t> firsts;
  std::uint64_t sets = 0;
  for (std::uint64_t seed = 0; seed < 20'000; ++seed) {
    Random r(combine(5, seed));
    const Additions a(r);
    const Guard guard = any_guard(r);
    const std::uint64_t word = r.below(4) == 0 ? r.next() : r.below(70);
    const bool with_each = r.below(3) != 0;
    const Set everything = (Set{1} << a.all.size()) - 1;

    std::vector<Set> good;
    for (Set s = 0; s <= everything; ++s) {
      std::uint64_t left = word;
      for (std::size_t i = 0; i < a.all.size(); ++i)
        if ((s >> i & 1) != 0) left -= a.all[i].amount;
      if (a.closed(s) && guard.holds(left)) good.push_back(s);
    }
    std::set<Set> least;
    const auto add_least = [&](Set with) {
      for (const Set s : good)
        if ((s & with) == with && std::ranges::none_of(good, [&](Set t) { return t != s && (t & s) == t && (t & with) == with; }))
          least.insert(s);
    };
    if (!with_each) add_least(0);
    for (std::size_t i = 0; with_each && i < a.all.size(); ++i) add_least(Set{1} << i);

    places.clear();
    for (auto i = a.all.rbegin(); i != a.all.rend(); ++i) places.add(*i);
    places.find(guard, word, with_each, [&](std::uint32_t i, std::uint32_t k) { return a.before(i, k); });
    std::set<Set> found;
    for (std::size_t k = 0; k < places.size(); ++k) {
      places.firsts(k, firsts);
      CHECK(std::ranges::is_sorted(firsts));
      Set s = 0;
      for (const std::uint32_t i : firsts) s |= Set{1} << i | a.after[i];
      found.insert(s);
    }
    if (found != least) FAIL_CHECK("seed " << seed << ": " << found.size() << " sets instead of " << least.size());
    CHECK(found.size() == places.size());  // none twice
    sets += found.size();
  }
  CHECK(sets > 20'000);
}
