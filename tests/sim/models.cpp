#include "models.hpp"

#include <fmt/format.h>

namespace unplug::sim::test {

std::uint64_t Ops::R(unsigned v) { return read(engine_, model_.objects_[v]); }
void Ops::W(unsigned v, std::uint64_t value) { write(engine_, model_.objects_[v], value); }
std::uint64_t Ops::U(unsigned v, std::uint64_t delta) { return add(engine_, model_.objects_[v], delta); }
void Ops::A(unsigned v, std::uint64_t delta) {
  model_.additions_ ? count(engine_, model_.objects_[v], delta) : static_cast<void>(U(v, delta));
}
void Ops::L(unsigned v) { acquire(engine_, model_.objects_[v]); }
void Ops::X(unsigned v) { release(engine_, model_.objects_[v]); }
std::uint64_t Ops::G(unsigned v, std::uint64_t value) { return wait(engine_, model_.objects_[v], Guard::equal(value)); }
std::uint32_t Ops::C(std::uint32_t alternatives) { return engine_.choose(pick_one, alternatives); }

void Ops::free() {
  if (model_.lifted_) {
    end(engine_, model_.device_);
  } else {
    write(engine_, model_.freed_, 1);
  }
}

void Ops::touch() {
  if (model_.lifted_) {
    use(engine_, model_.device_);
  } else {
    model_.bad = read(engine_, model_.freed_) != 0 || model_.bad;
  }
}

void StepModel::setup(Engine& engine) {
  bad = false;
  objects_.clear();
  for (const Variable& v : variables_) objects_.push_back(engine.new_object(engine.names().intern(v.name), v.value));
  if (lifted_) {
    device_ = engine.new_lifetime(engine.names().intern("device"), 0, true);
  } else {
    freed_ = engine.new_object(engine.names().intern("freed"));
  }
  for (std::size_t i = 0; i < bodies_.size(); ++i) {
    const auto body = [this, i, &engine] {
      Ops ops(engine, *this);
      bodies_[i](ops);
    };
    engine.spawn(fmt::format("f{}", i), body, false, symmetry_ ? groups_[i] : 0);
  }
}

constexpr std::uint64_t minus_one = UINT64_MAX;

StepModel readers(unsigned n) {
  enum : unsigned { x };
  StepModel m{{"x"}};
  m.fiber([](Ops& o) { o.W(x, 1); });
  m.fibers(n, [](Ops& o) { o.R(x); });
  return m;
}

StepModel lastzero(unsigned n) {
  StepModel m{{"a0"}, {"a1"}, {"a2"}, {"a3"}, {"a4"}, {"a5"}};
  m.fiber([n](Ops& o) {
    for (unsigned i = n; o.R(i) != 0;) --i;
  });
  for (unsigned j = 1; j <= n; ++j) m.fiber([j](Ops& o) { o.W(j, o.R(j - 1) + 1); });
  return m;
}

StepModel flag_mutex(unsigned n) {
  enum : unsigned { m, gone };
  StepModel model{{"m"}, {"gone"}};
  model.fiber([](Ops& o) {
    o.L(m);
    o.W(gone, 1);
    o.X(m);
    o.free();
  });
  model.fibers(n, [](Ops& o) {
    o.L(m);
    if (o.R(gone) == 0) o.touch();
    o.X(m);
  });
  return model;
}

StepModel flag_nolock(unsigned n) {
  enum : unsigned { gone };
  StepModel model{{"gone"}};
  model.fiber([](Ops& o) {
    o.W(gone, 1);
    o.free();
  });
  model.fibers(n, [](Ops& o) {
    if (o.R(gone) == 0) o.touch();
  });
  return model;
}

namespace {

enum KrefVariable : unsigned { kref_m, kref_ptr, kref_ref };

StepModel kref_remover() {
  StepModel model{{"m"}, {"ptr", 1}, {"ref", 1}};
  model.fiber([](Ops& o) {
    o.L(kref_m);
    o.W(kref_ptr, 0);
    o.X(kref_m);
    if (o.U(kref_ref, minus_one) == 1) o.free();
  });
  return model;
}

}  // namespace

StepModel kref(unsigned n) {
  StepModel model = kref_remover();
  model.fibers(n, [](Ops& o) {
    o.L(kref_m);
    const bool p = o.R(kref_ptr) != 0;
    if (p) o.A(kref_ref, 1);
    o.X(kref_m);
    if (!p) return;
    o.touch();
    if (o.U(kref_ref, minus_one) == 1) o.free();
  });
  return model;
}

StepModel broken_kref(unsigned n, Mistake mistake) {
  StepModel model = kref_remover();
  model.fibers(n, [mistake](Ops& o) {
    if (mistake != Mistake::nolock) o.L(kref_m);
    const bool p = o.R(kref_ptr) != 0;
    if (p && mistake != Mistake::noget) o.U(kref_ref, 1);
    if (mistake != Mistake::nolock) o.X(kref_m);
    if (p && mistake != Mistake::lateuse) o.touch();
    if (p && mistake != Mistake::noget && o.U(kref_ref, minus_one) == 1) o.free();
    if (p && mistake == Mistake::lateuse) o.touch();
  });
  return model;
}

StepModel drain(unsigned n) {
  enum : unsigned { m, dead, active };
  StepModel model{{"m"}, {"dead"}, {"active"}};
  model.fiber([](Ops& o) {
    o.L(m);
    o.W(dead, 1);
    o.X(m);
    o.G(active, 0);
    o.free();
  });
  model.fibers(n, [](Ops& o) {
    o.L(m);
    const bool alive = o.R(dead) == 0;
    if (alive) o.A(active, 1);
    o.X(m);
    if (!alive) return;
    o.touch();
    o.A(active, minus_one);
  });
  return model;
}

StepModel drain_nolock(unsigned n) {
  enum : unsigned { dead, active };
  StepModel model{{"dead"}, {"active"}};
  model.fiber([](Ops& o) {
    o.W(dead, 1);
    o.G(active, 0);
    o.free();
  });
  model.fibers(n, [](Ops& o) {
    if (o.R(dead) != 0) return;
    o.A(active, 1);
    o.touch();
    o.A(active, minus_one);
  });
  return model;
}

StepModel srcu2(unsigned n) {
  enum : unsigned { idx, c0, c1, ptr };
  StepModel model{{"idx"}, {"c0"}, {"c1"}, {"ptr", 1}};
  model.fiber([](Ops& o) {
    o.W(ptr, 0);
    o.W(idx, 1);
    o.G(c0, 0);
    o.W(idx, 0);
    o.G(c1, 0);
    o.free();
  });
  model.fibers(n, [](Ops& o) {
    const unsigned c = o.R(idx) == 0 ? c0 : c1;
    o.A(c, 1);
    if (o.R(ptr) != 0) o.touch();
    o.A(c, minus_one);
  });
  return model;
}

StepModel work_cancel(unsigned n) {
  enum : unsigned { m, dead, pending, running };
  StepModel model{{"m"}, {"dead"}, {"pending"}, {"running"}};
  model.fiber([](Ops& o) {
    o.L(m);
    o.W(dead, 1);
    o.W(pending, 0);
    o.X(m);
    o.G(running, 0);
    o.free();
  });
  model.fiber([](Ops& o) {
    o.L(m);
    const bool work = o.R(pending) != 0;
    if (work) {
      o.W(pending, 0);
      o.W(running, 1);
    }
    o.X(m);
    if (!work) return;
    o.touch();
    o.W(running, 0);
  });
  model.fibers(n, [](Ops& o) {
    o.L(m);
    if (o.R(dead) == 0) o.W(pending, 1);
    o.X(m);
  });
  return model;
}

StepModel irq_choice(unsigned n) {
  enum : unsigned { s, enabled };
  StepModel model{{"s"}, {"enabled", 1}};
  model.fiber([](Ops& o) {
    o.L(s);
    o.W(enabled, 0);
    o.X(s);
    o.free();
  });
  model.fibers(n, [](Ops& o) {
    if (o.C(2) == 0) return;
    o.L(s);
    if (o.R(enabled) != 0) o.touch();
    o.X(s);
  });
  return model;
}

StepModel missed_wake(unsigned n) {
  enum : unsigned { f, done };
  StepModel model{{"f"}, {"done"}};
  model.fiber([](Ops& o) {
    o.W(f, 1);
    o.W(f, 0);
  });
  model.fibers(n, [](Ops& o) {
    o.G(f, 1);
    o.U(done, 1);
  });
  return model;
}

StepModel abba(unsigned n) {
  enum : unsigned { a, b };
  StepModel model{{"a"}, {"b"}};
  const auto body = [](unsigned first, unsigned second) {
    return [=](Ops& o) {
      o.L(first);
      o.L(second);
      o.X(second);
      o.X(first);
    };
  };
  model.fibers(n, body(a, b));
  model.fibers(n, body(b, a));
  return model;
}

StepModel pad(unsigned n, unsigned k) {
  enum : unsigned { gone, own };
  StepModel model{{"gone"}};
  model.fiber([](Ops& o) {
    o.W(gone, 1);
    o.free();
  });
  for (unsigned i = 0; i < n; ++i) {
    model.variable(fmt::format("p{}", i)).fiber([i, k](Ops& o) {
      for (unsigned j = 0; j < k; ++j) o.W(own + i, j);
      if (o.R(gone) == 0) o.touch();
      for (unsigned j = 0; j < k; ++j) o.W(own + i, j);
    });
  }
  return model;
}

StepModel deep(unsigned n, unsigned k) {
  enum : unsigned { dead, active, own };
  StepModel model{{"dead"}, {"active"}};
  model.fiber([](Ops& o) {
    o.W(dead, 1);
    o.G(active, 0);
    o.free();
  });
  for (unsigned i = 0; i < n; ++i) {
    model.variable(fmt::format("p{}", i)).fiber([i, k](Ops& o) {
      for (unsigned j = 0; j < k; ++j) o.W(own + i, j);
      if (o.R(dead) != 0) return;
      o.U(active, 1);
      for (unsigned j = 0; j < k; ++j) o.W(own + i, j);
      o.touch();
      o.U(active, minus_one);
    });
  }
  return model;
}

}  // namespace unplug::sim::test
