// kernel/poll: sleepers on wait queues in driver memory, poll(2) and epoll.
#include "unplug/model/kernel/fs/poll.hpp"
#include "unplug/model/mechanisms/policy.hpp"

#include "model/support.hpp"

namespace unplug::model::test {
namespace {

// A driver with a wait queue in its private memory, and a ->poll that looks at two flags.
struct Polled {
  Module module;
  FileOperations ops;
  Allocation priv, state;  // state: ready, dead
  PollQueue queue;
  File file;
  PollTable table;
  Epoll epoll;
  EpollItem item;
  EpollLinks links;
  FileBody release;
  Waiter opened;
  int polls = 0;

  static std::uint32_t poll(Context& c, File& f, PollTable& t, void* argument) {
    auto& p = *static_cast<Polled*>(argument);
    ++p.polls;
    poll_wait(c, f, p.queue, t);
    if (get(c, p.state, 1) != 0) return epollhup | epollerr;
    return get(c, p.state, 0) != 0 ? epollin : 0;
  }
  void init(Lab& l, Owner owner = Owner::hardware, bool in_epoll = false) {
    polls = 0;
    l.init(module, "foo");
    l.init(priv, "priv", {"x"});
    l.init(state, "state", {"ready", "dead"});
    l.init(opened, "opened");
    init_poll_queue(l.kernel, queue, l.name("queue"), l.name("queue"), priv.life, owner);
    init_poll_table(l.kernel, table, l.name("table"));
    init_epoll(l.kernel, epoll, l.name("epoll"), l.name("epoll"));
    init_epoll_item(l.kernel, item, epoll, l.name("item"));
    init_epoll_links(l.kernel, links, l.rcu, l.name("links"));
    ops = {};
    ops.owner = &module;
    ops.poll = poll;
    ops.poll_argument = this;
    if (release.body) {
      ops.release = FileBody::run;
      ops.release_argument = &release;
    }
    init_file(l.kernel, file, {.counted = true, .links = in_epoll ? &links : nullptr});
  }
  void open(Context& c) {
    must(fops_get(c, ops));
    file.ops = &ops;
    file.open = true;
    complete_all(c, opened);
  }
  std::uint32_t wait(Context& c) {
    const std::array<File*, 1> files{&file};
    return do_poll(c, files, epollin, table);
  }
};

}  // namespace

// Fact: poll-asked-again.
TEST_CASE("poll: a poll sleeps until an event or removal wakes it, and then asks again what there is") {
  Polled p;
  std::set<std::uint32_t> masks;
  std::set<int> polls;
  bool removed = true, event = true;
  Lab lab([&](Lab& l) {
    p.init(l);
    l.task("user", [&](Context& c) {
      p.open(c);
      const std::uint32_t mask = p.wait(c);
      if (!c.aborting()) masks.insert(mask);
      if (!c.aborting()) polls.insert(p.polls);
      vfs_close(c, p.file);
    });
    l.task("remover", [&](Context& c) {
      if (event) {
        set(c, p.state, 1, 0);
        wake_up_poll(c, p.queue);
      }
      if (removed) {
        set(c, p.state, 1, 1);
        wake_up_poll(c, p.queue);
      }
    });
  });
  CHECK(every(lab,
              [&] {
                CHECK(p.queue.tables.empty());
                CHECK(word(lab, p.file.count) == 0);
              })
            .text()
            .empty());
  CHECK(masks == std::set<std::uint32_t>{epollin, epollhup | epollerr});
  CHECK(polls == std::set<int>{1, 2});  // woken in vain or not at all: the flags are read after it has registered
  event = removed = false;
  Found f = every(lab);
  CHECK(f.blocked == f.executions);
  CHECK(f.text().empty());  // hardware may have an event yet
}

// Fact: poll-asked-again.
TEST_CASE("poll: a removal that sets the flag and wakes nobody leaves the sleeper asleep, one that wakes before it sets the flag as well") {
  Polled p;
  int form = 0;
  Lab lab([&](Lab& l) {
    p.init(l, Owner::driver);
    l.task("user", [&](Context& c) {
      p.open(c);
      p.wait(c);
    });
    l.task("remover", [&](Context& c) {
      if (form == 1) wake_up_poll(c, p.queue);
      set(c, p.state, 1, 1);
      if (form == 2) wake_up_poll(c, p.queue);
    });
  });
  for (form = 0; form < 2; ++form) CHECK(every(lab).text() == "deadlock(queue)@user");
  CHECK(every(lab).text().empty());
}

// Fact: poll-queue-until-return.
TEST_CASE("poll: the queue is touched until poll returns, freed before that it is a use after free, awake or asleep") {
  Polled p;
  bool wake = true, wait_for_it = false;
  Waiter done;
  Lab lab([&](Lab& l) {
    p.init(l);
    l.init(done, "done");
    l.task("user", [&](Context& c) {
      p.open(c);
      p.wait(c);
      complete(c, done);
    });
    l.task("remover", [&](Context& c) {
      wait_for_completion(c, p.opened);
      set(c, p.state, 1, 1);
      if (wake) wake_up_poll(c, p.queue);
      if (wait_for_it) wait_for_completion(c, done);
      kfree(c, p.priv);
    });
  });
  const auto places = [&] {
    std::set<std::string> out;
    every(lab, [&] {
      std::vector<Violation> violations;
      Checker checker;
      checker.judge(lab.kernel, lab.engine.trace(), violations);
      for (const Violation& v : violations)
        out.insert(v.event == Violation::no_event ? "asleep" : std::string(lab.engine.trace().events[v.event].operation->name));
    });
    return out;
  };
  CHECK(every(lab).text() == "use-after-free(priv)@user");
  const std::set<std::string> awake = places();
  CHECK(awake.contains("poll_freewait: remove entry"));
  CHECK(awake.contains("poll_wait: add entry"));
  CHECK(!awake.contains("asleep"));
  wake = false;
  CHECK(places().contains("asleep"));
  wake = wait_for_it = true;
  CHECK(every(lab).text().empty());
}

// Fact: poll-holds-file.
TEST_CASE("poll: a poll in flight holds the file, close by another thread waits with release until it returns") {
  Polled p;
  std::set<std::string> released_by;
  p.release.body = [&](Context& c, File&) {
    mark(c);
    must(p.queue.tables.empty());
    released_by.insert(c.kernel().text(c.engine().current_name()));
    return 0;
  };
  Descriptor d;
  Lab lab([&](Lab& l) {
    p.init(l, Owner::driver);
    init_descriptor(l.kernel, d, l.name("fd"));
    l.task("user", [&](Context& c) {
      p.open(c);
      d.file = p.file;
      fd_install(c, d);
      File mine;
      if (!fdget(c, d, mine)) return;
      const std::array<File*, 1> files{&mine};
      do_poll(c, files, epollin, p.table);
      fput(c, mine);
    });
    l.task("closer", [&](Context& c) { close_fd(c, d); });
    l.task("driver", [&](Context& c) {
      set(c, p.state, 1, 0);
      wake_up_poll(c, p.queue);
    });
  });
  CHECK(every(lab).text().empty());
  CHECK(released_by == std::set<std::string>{"user", "closer"});
}

// Fact: poll-holds-file.
TEST_CASE("poll: the entries of a sleeping poll hold the file by themselves, release runs in the task that polls") {
  Polled p;
  Waiter registered, closed;
  std::set<std::string> released_by;
  p.release.body = [&](Context& c, File&) {
    mark(c);
    must(p.queue.tables.empty());
    released_by.insert(c.kernel().text(c.engine().current_name()));
    return 0;
  };
  struct Argument {
    Polled* polled;
    Waiter* registered;
  } argument{&p, &registered};
  Lab lab([&](Lab& l) {
    p.init(l, Owner::driver);
    l.init(registered, "registered");
    l.init(closed, "closed");
    p.ops.poll = [](Context& c, File& f, PollTable& t, void* a) {
      auto& arg = *static_cast<Argument*>(a);
      const std::uint32_t mask = Polled::poll(c, f, t, arg.polled);
      complete(c, *arg.registered);
      return mask;
    };
    p.ops.poll_argument = &argument;
    l.task("user", [&](Context& c) {
      p.open(c);
      p.wait(c);
    });
    l.task("closer", [&](Context& c) {
      wait_for_completion(c, registered);
      File theirs = p.file;
      vfs_close(c, theirs);
      complete(c, closed);
    });
    l.task("driver", [&](Context& c) {
      wait_for_completion(c, closed);
      set(c, p.state, 1, 0);
      wake_up_poll(c, p.queue);
    });
  });
  CHECK(every(lab, [&] { CHECK(word(lab, p.file.count) == 0); }).text().empty());
  CHECK(released_by == std::set<std::string>{"user"});
}

// Fact: poll-asked-again.
TEST_CASE(
    "poll: without ->poll a file is readable and writable, a refused entry is EPOLLERR, and one ready file keeps poll from sleeping") {
  Polled p, q;
  PolicySpec spec;
  spec.mechanism[static_cast<std::size_t>(Part::entry)] = "srcu";
  Policy policy(spec);
  Device device;
  Binding binding;
  Sources sources;
  Lab lab([&](Lab& l) {
    p.init(l);
    l.init(device, "dev");
    l.init(binding, device, p.module, "foo binding");
    policy.init(l.kernel, l.rcu, l.name("policy"), {});
    q.ops = {};
    init_file(l.kernel, q.file);
    q.file.ops = &q.ops;
    q.file.open = true;
    l.task("user", [&](Context& c) {
      p.open(c);
      const std::array<File*, 2> files{&p.file, &q.file};
      must(do_poll(c, files, epollin, p.table) == epollin);
      must(vfs_poll(c, q.file, p.table) == default_pollmask);
      const std::array<File*, 2> swapped{&q.file, &p.file};
      const int before = p.polls;
      must(do_poll(c, swapped, epollin, p.table) == epollin);
      must(p.polls == before + 1);
      p.ops.guard = &policy.entry();
      policy.fence(c, binding, sources);
      must(vfs_poll(c, p.file, p.table) == epollerr);
      must(p.wait(c) == epollerr);
    });
  });
  CHECK(every(lab,
              [&] {
                CHECK(p.queue.tables.empty());
                // The second time round nothing was registered: the first file was ready.
                CHECK(find_event(lab, "user", "poll_wait: add entry", 2) == no_such_event);
              })
            .text()
            .empty());
}

// Fact: epoll-holds-no-file.
TEST_CASE("epoll: an item wakes its epoll, and goes with the file's last reference, before release, or by EPOLL_CTL_DEL") {
  Polled p;
  int form = 0;
  p.release.body = [&](Context& c, File&) {
    mark(c);
    must(p.queue.items.empty());
    kfree(c, p.priv);  // the queue with it
    return 0;
  };
  Lab lab([&](Lab& l) {
    p.init(l, Owner::hardware, true);
    l.task("user", [&](Context& c) {
      p.open(c);
      epoll_add(c, p.item, p.file);
      if (form == 0) {
        epoll_wait(c, p.epoll, Owner::hardware);
        must(vfs_poll(c, p.file, p.table) == epollin);
      }
      if (form == 1) {
        epoll_del(c, p.item, p.file);
        epoll_del(c, p.item, p.file);  // -ENOENT
      }
      vfs_close(c, p.file);
    });
    if (form == 0)
      l.task("driver", [&](Context& c) {
        set(c, p.state, 1, 0);
        wake_up_poll(c, p.queue);
      });
  });
  for (form = 0; form < 3; ++form) {
    const Found f = every(lab, [&] {
      CHECK(p.queue.items.empty());
      CHECK(p.links.items.empty());
    });
    // An epoll holds no reference on the file: a wake that comes late finds the queue gone.
    CHECK(f.text() == (form == 0 ? "use-after-free(priv)@driver" : ""));
    CHECK(f.blocked == 0);
  }
}

// Fact: wake_up_pollfree-then-grace-period.
TEST_CASE("epoll: a queue that dies before the file is touched when the item goes, after wake_up_pollfree and a grace period it is not") {
  enum class Form { free_it, wake, pollfree, pollfree_and_grace_period } form = Form::free_it;
  Polled p;
  Lab lab([&](Lab& l) {
    p.init(l, Owner::hardware, true);
    Waiter* const added = &p.opened;
    l.task("user", [&, added](Context& c) {
      must(fops_get(c, p.ops));
      p.file.ops = &p.ops;
      p.file.open = true;
      epoll_add(c, p.item, p.file);
      complete(c, *added);
      vfs_close(c, p.file);
    });
    l.task("remover", [&, added](Context& c) {
      wait_for_completion(c, *added);
      if (form == Form::wake) wake_up_poll(c, p.queue);
      if (form == Form::pollfree || form == Form::pollfree_and_grace_period) wake_up_pollfree(c, p.queue);
      if (form == Form::pollfree_and_grace_period) synchronize_rcu(c, l.rcu);
      kfree(c, p.priv);
    });
  });
  for (const Form f : {Form::free_it, Form::wake, Form::pollfree}) {
    form = f;
    CHECK(every(lab).text() == "use-after-free(priv)@user");
  }
  form = Form::pollfree_and_grace_period;
  CHECK(every(lab, [&] { CHECK(p.queue.items.empty()); }).text().empty());
}

// Fact: wake_up_pollfree-then-grace-period.
TEST_CASE("epoll: a file that has something when it is added is an event at once, a wake_up_pollfree is one too") {
  Polled p;
  bool ready = true;
  Lab lab([&](Lab& l) {
    p.init(l, Owner::driver, true);
    l.task("user", [&](Context& c) {
      if (ready) set(c, p.state, 1, 0);
      p.open(c);
      epoll_add(c, p.item, p.file);
      if (!ready) wake_up_pollfree(c, p.queue);
      epoll_wait(c, p.epoll, Owner::driver);
      must(get(c, p.state, 0) == (ready ? 1 : 0));
      complete(c, p.opened);
      epoll_wait(c, p.epoll, Owner::user);
    });
  });
  for (const bool yes : {true, false}) {
    ready = yes;
    const Found f = every(lab);
    CHECK(f.text().empty());
    CHECK(f.blocked == f.executions);
  }
}

}  // namespace unplug::model::test
