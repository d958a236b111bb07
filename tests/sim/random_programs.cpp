#include "random_programs.hpp"

#include <cstdlib>

#include <fmt/format.h>

#include "support/slower.hpp"

namespace unplug::sim::test {

std::uint64_t how_many_programs(std::uint64_t usual) {
  const char* const many = std::getenv("UNPLUG_RANDOM_PROGRAMS");
  return many != nullptr ? std::strtoull(many, nullptr, 10) : usual / unplug::test::slower;
}

RandomProgram::RandomProgram(std::uint64_t seed, bool additions) : additions_(additions) {
  Random r(seed);
  const auto below = [&](std::uint64_t n) { return static_cast<std::uint32_t>(r.below(n)); };
  used_lifetimes_ = 1 + below(lifetimes);
  for (auto& v : initial_) v = below(3) == 0 ? 1 : 0;
  const bool protections = below(2) == 0, keep = below(2) == 0;
  std::array<bool, lifetimes> ended{};
  std::array<Style, lifetimes> styles{};
  for (auto& s : styles) s = keep ? std::array{Style::locked, Style::ref, Style::lock_drain}[below(3)] : static_cast<Style>(below(5));
  const std::uint32_t n = 2 + below(protections ? 2 : 3);
  for (std::uint32_t t = 0; t < n; ++t) {
    auto& pieces = tasks_.emplace_back();
    const std::uint32_t length = 1 + below(protections ? (n > 2 ? 1 : 2) : (n > 3 ? 2 : 3));
    for (std::uint32_t i = 0; i < length; ++i) pieces.push_back(protections ? guarded(r, t == 0, keep, ended, styles) : tagged(r));
  }
  // A life that begins does so in one place or more, in some order with its ends or in none.
  from_start_.fill(true);
  const bool many = !keep && below(3) == 0;
  for (std::uint32_t l = 0; l < used_lifetimes_; ++l) {
    if (below(many ? 2 : 4) != 0) continue;
    from_start_[l] = many && below(2) == 0;
    for (std::uint32_t b = 0; b <= (many ? below(3) : 0); ++b) {
      auto& pieces = tasks_[below(n)];
      pieces.insert(pieces.begin() + below(pieces.size() + 1), Piece{.op = Op::count, .lifetime = l, .begins = true});
    }
  }
  // Some tasks are created by the one before them, at some point of its life: now and then before its first step.
  spawned_.assign(n, false);
  for (std::uint32_t t = 1; t < n; ++t) {
    if (below(5) != 0) continue;
    spawned_[t] = true;
    auto& pieces = tasks_[t - 1];
    pieces.insert(pieces.begin() + below(pieces.size() + 1), Piece{.op = Op::count, .spawns = t});
  }
}

RandomProgram::Piece RandomProgram::tagged(Random& r) const {
  const auto below = [&](std::uint64_t n) { return static_cast<std::uint32_t>(r.below(n)); };
  constexpr std::array tags{Tag::use,    Tag::use,        Tag::use,  Tag::use_two, Tag::end_before,
                            Tag::end_on, Tag::end_branch, Tag::none, Tag::none};
  Piece p;
  p.op = static_cast<Op>(below(static_cast<std::uint32_t>(Op::guarded)));
  p.variable = below(3);
  p.x = below(2);
  p.y = below(2);
  p.tag = tags[below(tags.size())];
  p.lifetime = below(used_lifetimes_);
  p.other = below(used_lifetimes_);
  return p;
}

RandomProgram::Piece RandomProgram::guarded(Random& r, bool first, bool keep, std::array<bool, lifetimes>& ended,
                                            const std::array<Style, lifetimes>& styles) const {
  const auto below = [&](std::uint64_t n) { return static_cast<std::uint32_t>(r.below(n)); };
  Piece p;
  p.op = Op::guarded;
  p.lifetime = below(used_lifetimes_);
  p.other = below(used_lifetimes_);
  p.y = below(5);
  p.style = styles[p.lifetime];
  if (keep) {
    // One end each, everything else uses: the protections hold.
    p.role = ended[p.lifetime] ? Role::use : Role::end;
    ended[p.lifetime] = true;
    return p;
  }
  if (below(5) == 0) p.style = std::array{Style::flag, Style::locked, Style::drain}[below(3)];
  const std::uint32_t what = below(first ? 17 : 12);
  p.role = what < 6 ? Role::use : what < 7 ? Role::raw : what < 8 ? Role::choice : what < 9 ? Role::branch : Role::end;
  return p;
}

void RandomProgram::setup(Engine& e) {
  const auto object = [&](std::string_view name, std::uint32_t i, std::uint64_t word) {
    return e.new_object(e.names().child(e.names().intern("o"), name, i), word);
  };
  for (std::uint32_t i = 0; i < 3; ++i) world_.variables[i] = object("x", i, initial_[i]);
  for (std::uint32_t l = 0; l < lifetimes; ++l) {
    world_.lock[l] = object("lock", l, 0);
    world_.gone[l] = object("gone", l, 0);
    world_.ref[l] = object("ref", l, 1);
    world_.active[l] = object("active", l, 0);
    world_.life[l] = e.new_lifetime(e.names().child(e.names().intern("o"), "life", l), l, from_start_[l]);
  }
  for (std::uint32_t t = 0; t < tasks_.size(); ++t)
    if (!spawned_[t]) spawn(e, t);
}

void RandomProgram::spawn(Engine& e, std::uint32_t task) {
  e.spawn(fmt::format("t{}", task), [this, &e, task] { body(e, tasks_[task]); });
}

void RandomProgram::body(Engine& e, const std::vector<Piece>& pieces) {
  std::uint64_t last = 0;
  for (const Piece& p : pieces) {
    const LifetimeId life = world_.life[p.lifetime], other = world_.life[p.other];
    if (p.spawns != 0) spawn(e, p.spawns);
    if (p.begins) begin(e, life);
    if (p.op == Op::count) continue;
    if (p.op == Op::guarded) {
      protected_piece(e, p);
      continue;
    }
    if (p.tag == Tag::end_before) e.step({.operation = &end_life, .uses = {other}, .ends = life});
    Witnesses uses;
    if (p.tag == Tag::use || p.tag == Tag::use_two) uses.add(life);
    if (p.tag == Tag::use_two) uses.add(other);
    last = operation(e, p, last, uses, p.tag == Tag::end_on ? life : LifetimeId{});
    if (p.tag == Tag::end_branch && last != 0) end(e, life);
  }
}

std::uint64_t RandomProgram::operation(Engine& e, const Piece& p, std::uint64_t last, Witnesses uses, LifetimeId ends) {
  Step s{.operation = &nothing, .access = {world_.variables[p.variable], AccessKind::write}, .uses = uses, .ends = ends};
  const auto increment = [&](std::uint64_t& w) { return std::exchange(w, (w + 1 + p.x) % 3); };
  switch (p.op) {
    case Op::get: s.access.kind = AccessKind::read; return e.step(s, [](std::uint64_t w) { return w; });
    case Op::set: e.step(s, [&](std::uint64_t& w) { w = p.x; }); return last;
    case Op::set_seen:
      if (additions_) {
        count(e, s.access.object, p.x != 0 ? UINT64_MAX : 2, uses, ends);
        return last;
      }
      e.step(s, [&](std::uint64_t& w) { w = (last + p.x) % 2; });
      return last;
    case Op::bump:
      if (!additions_) return e.step(s, increment);
      count(e, s.access.object, p.x != 0 ? UINT64_MAX : 1, uses, ends);
      return last;
    case Op::wait_for:
      s.access.kind = AccessKind::read;
      s.guard = Guard::equal(p.x);
      return e.step(s, [](std::uint64_t w) { return w; });
    case Op::bump_when: s.guard = p.y != 0 ? Guard::equal(p.x) : Guard::at_least(p.x); return e.step(s, increment);
    case Op::choose: {
      if (ends) e.step({.operation = &end_life, .uses = uses, .ends = ends});
      const std::uint32_t c = e.choose(pick_one, 2 + p.y, uses);
      if (c == 1) add(e, world_.variables[p.variable], 1);
      return c;
    }
    default: return last;
  }
}

void RandomProgram::protected_piece(Engine& e, const Piece& p) {
  const std::uint32_t l = p.lifetime;
  const LifetimeId life = world_.life[l];
  const auto use_body = [&] {
    const ObjectId x = world_.variables[0];
    switch (p.y) {
      case 0: use(e, life); break;
      case 1: e.step({.operation = &load, .access = {x, AccessKind::read}, .uses = {life}}); break;
      case 2: e.step({.operation = &store, .access = {x, AccessKind::write}, .uses = {life}}, [](std::uint64_t& w) { w = 1; }); break;
      case 3: e.step({.operation = &await, .access = {x, AccessKind::read}, .guard = Guard::equal(0), .uses = {life}}); break;
      default: e.step({.operation = &update, .access = {x, AccessKind::write}, .uses = {life}}, [](std::uint64_t& w) { ++w; }); break;
    }
  };
  if (p.role == Role::raw) return use_body();
  if (p.role == Role::choice || p.role == Role::branch) {
    const std::uint64_t go = p.role == Role::choice ? e.choose(pick_one, 2) : read(e, world_.variables[0]);
    if (go != 0) e.step({.operation = &end_life, .uses = {world_.life[p.other]}, .ends = life});
    return;
  }
  const bool ending = p.role == Role::end, locked = p.style == Style::locked || p.style == Style::ref || p.style == Style::lock_drain;
  const bool drains = p.style == Style::drain || p.style == Style::lock_drain, counted = drains || p.style == Style::ref;
  const bool count_first = p.style == Style::drain && p.y % 2 == 1;  // the right order without a lock: count, then look at the flag
  const ObjectId counter = drains ? world_.active[l] : world_.ref[l];
  if (locked) acquire(e, world_.lock[l]);
  const auto up = [&] { drains&& additions_ ? count(e, counter, 1) : static_cast<void>(add(e, counter, 1)); };
  if (count_first && !ending) up();
  bool go = false;
  if (ending) {
    write(e, world_.gone[l], 1);
  } else {
    go = read(e, world_.gone[l]) == 0;
  }
  if (counted && go && !count_first) up();
  if (p.style == Style::locked && go) use_body();
  if (locked) release(e, world_.lock[l]);
  if (p.style != Style::locked && go) use_body();
  if (ending && drains) wait(e, counter, Guard::equal(0));
  if (additions_ && drains && !ending) {
    if (go || count_first) count(e, counter, UINT64_MAX);
    return;
  }
  std::uint64_t old = ending ? 1 : 0;
  if (counted && (go || (!ending && count_first) || (ending && p.style == Style::ref))) old = add(e, counter, UINT64_MAX);
  if (old == 1 && (ending || p.style == Style::ref)) end(e, life);
}

}  // namespace unplug::sim::test
