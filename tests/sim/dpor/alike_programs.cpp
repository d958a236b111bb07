#include "sim/dpor/alike_programs.hpp"

#include <fmt/format.h>

namespace unplug::sim::test {
namespace {

constexpr std::uint64_t minus_one = UINT64_MAX;
// The word that readers and a writer share: bit 0 is the writer's, above it the readers are counted.
constexpr std::uint64_t writing = 1, reader = 2;
constexpr std::array<std::uint64_t, 8> amounts{1, 1, 1, minus_one, minus_one, minus_one, 2, 4};
constexpr std::array<Guard, amounts.size()> guards{Guard::equal(0),   Guard::equal(0),    Guard::equal(1),    Guard::at_least(1),
                                                   Guard::at_most(1), Guard::equal(0, 3), Guard::equal(4, 4), Guard::not_equal(0)};

}  // namespace

AlikeProgram::AlikeProgram(std::uint64_t seed) {
  Random r(seed);
  const auto below = [&](std::uint64_t n) { return static_cast<std::uint32_t>(r.below(n)); };
  const std::uint32_t variables = 1 + below(shared);
  for (std::uint32_t v = 0; v <= shared; ++v) initial_.push_back(below(3) == 0 ? 1 : 0);
  const bool owning = below(3) == 0;
  const auto piece = [&](bool may_spawn) {
    static constexpr std::array often{Op::count,    Op::count,      Op::count,      Op::count,      Op::wait_for, Op::wait_for,
                                      Op::wait_for, Op::get,        Op::set,        Op::set,        Op::bump,     Op::bump_when,
                                      Op::choose,   Op::use_living, Op::use_living, Op::end_living, Op::skip};
    Piece p{often[below(often.size())], below(variables), below(amounts.size()), below(3)};
    if (below(owning ? 2 : 6) == 0) p.variable = shared;
    if (may_spawn && below(owning ? 4 : 12) == 0) p.op = Op::spawn;
    return p;
  };
  std::uint32_t group = 0;
  for (std::uint32_t kinds = 1 + below(2); kinds > 0; --kinds) {
    const std::uint32_t n = 1 + below(3), left = 4 - static_cast<std::uint32_t>(tasks_.size());
    Code code;
    for (std::uint32_t k = 1 + below(n > 2 ? 3 : 4); k > 0; --k) code.push_back(piece(n < 3));
    const bool exclusive = below(5) == 0;
    if (!exclusive && below(5) == 0) {
      code.insert(code.begin(), {Op::share});
      code.push_back({Op::unshare});
    }
    if (n > 1) ++group;
    for (std::uint32_t i = 0; i < std::min(n, left); ++i) {
      tasks_.push_back(code);
      groups_.push_back(n > 1 ? group : 0);
      locked_.push_back(exclusive);
    }
  }
  for (std::uint32_t k = 1 + below(2); k > 0; --k) child_.push_back(piece(false));
}

void AlikeProgram::setup(Engine& e) {
  NameTable& names = e.names();
  std::vector<ObjectId> all;
  for (std::uint32_t v = 0; v < shared; ++v) all.push_back(e.new_object(names.child(names.intern("o"), "x", v), initial_[v]));
  lock_ = e.new_object(names.intern("lock"));
  const LifetimeId life = e.new_lifetime(names.intern("life"), 0, true);
  places_.clear();
  for (std::uint32_t t = 0; t < tasks_.size(); ++t) {
    const NameId name = names.intern(fmt::format("t{}", t));
    Place& place = places_.emplace_back();
    place.variables = all;
    place.variables.push_back(e.new_object(names.child(name, "own", 1), initial_[shared]));
    place.lifetimes = {life, e.new_lifetime(names.child(name, "life", 1), 0, true)};
  }
  for (std::uint32_t t = 0; t < tasks_.size(); ++t) {
    const auto entry = [this, &e, t] {
      if (locked_[t])
        e.step({.operation = &lock, .access = {lock_, AccessKind::write}, .guard = Guard::equal(0)}, [](std::uint64_t& w) { w = writing; });
      body(e, tasks_[t], places_[t]);
      if (locked_[t]) e.step({.operation = &unlock, .access = {lock_, AccessKind::write}}, [](std::uint64_t& w) { w -= writing; });
    };
    e.spawn(fmt::format("t{}", t), entry, false, groups_[t]);
  }
}

void AlikeProgram::body(Engine& e, const Code& code, const Place& place) {
  std::uint64_t last = 0;
  for (std::size_t i = 0; i < code.size(); ++i) {
    if (code[i].op == Op::skip) {  // the next piece, by what was seen last
      i += last != 0 ? 1 : 0;
      continue;
    }
    take(e, code[i], place, last);
  }
}

void AlikeProgram::take(Engine& e, const Piece& p, const Place& place, std::uint64_t& last) {
  const ObjectId x = place.variables[p.variable];
  const LifetimeId life = place.lifetimes[p.x % 2];
  Step s{.operation = &nothing, .access = {x, AccessKind::write}};
  if (p.y == 0) s.uses.add(life);
  switch (p.op) {
    case Op::count: test::count(e, x, amounts[p.x], s.uses); break;
    case Op::get: last = read(e, x); break;
    case Op::set: write(e, x, p.x > 4 ? last : p.x % 2); break;
    case Op::bump: last = add(e, x, 1); break;
    case Op::wait_for:
      s.access.kind = AccessKind::read;
      s.guard = guards[p.x];
      last = e.step(s, [](std::uint64_t w) { return w; });
      break;
    case Op::bump_when:
      s.guard = guards[p.x];
      e.step(s, [](std::uint64_t& w) { w = 1 - w; });
      break;
    case Op::choose:
      last = e.choose(pick_one, 2 + p.x % 2);
      if (last == 1) count(e, x, amounts[p.y]);
      if (last == 2) write(e, x, 0);
      break;
    case Op::use_living: use(e, life); break;
    case Op::end_living: end(e, life); break;
    case Op::spawn: {
      const std::string name = e.names().text(e.own_name("child"));
      e.spawn(name, [this, &e, &place] { body(e, child_, place); });
      break;
    }
    case Op::share:
      e.step({.operation = &lock, .access = {lock_, AccessKind::add}, .guard = Guard::equal(0, writing)},
             [](std::uint64_t& w) { w += reader; });
      break;
    case Op::unshare: count(e, lock_, 0 - reader); break;
    default: break;
  }
}

}  // namespace unplug::sim::test
