// Words for the hardware and for what takes it away.
#include <fmt/format.h>

#include "files.hpp"

using namespace unplug::scenarios::test;

namespace {

struct Driver {
  std::string kernel = "{}", probe, functions, remove, removal = R"("unbind")", tasks, expect;

  [[nodiscard]] std::string text() const {
    return fmt::format(
        R"({{"name": "t", "kernel": {}, "modules": {{"foo": {{"fops": {{"owner": null, "unlocked_ioctl": "foo_ioctl"}}}}}},
    "policies": ["none"],
      "functions": {{"foo_probe": [{}], {} "foo_remove": [{}]}},
      "run": {{"removal": [{}], "tasks": {{{}}}}}, "expect": [{}]}})",
        kernel, probe, functions, remove, removal, tasks, expect);
  }
};

constexpr const char* user = R"("u": {"do": [{"open": "dev", "to": "fd", "else": "out"}, {"ioctl": "fd"}, {"label": "out"}]})";

}  // namespace

TEST_CASE("unplug: registers read as all ones, interrupts stop, and then the driver is unbound") {
  Driver d;
  d.probe =
      R"({"kzalloc": "priv", "fields": {"late": 0}}, {"devm_ioremap_resource": "bar0", "regs": {"STATUS": [1]}},
    {"misc_register": "dev"})";
  d.functions =
      R"("foo_ioctl": [{"readb": "bar0.STATUS", "to": "b"}, {"readl": "bar0.STATUS", "to": "l"}, {"if": "l == 4294967295",
    "do": [{"kfree": "priv"}]},
    {"if": "b == 255", "do": [{"kfree": "priv"}]}],)";
  d.remove = R"({"misc_deregister": "dev"}, {"udelay": "1us"})";
  d.removal = R"("unplug", "unbind")";
  d.tasks = user;
  d.expect = R"({"removal": "unplug", "must": ["double-free(priv)@foo_ioctl", "use-after-unmap(bar0)@foo_ioctl"], "may": ["leak(priv)"]
},
    {"removal": "unbind", "must": ["use-after-unmap(bar0)@foo_ioctl", "leak(priv)"], "may": []})";
  meets(d.text());
}

TEST_CASE("unplug: an interrupt that the device has not raised yet does not come any more") {
  Driver d;
  d.probe = R"({"kzalloc": "priv", "fields": {"n": 0}}, {"request_irq": "irq", "fn": "foo_irq"})";
  d.functions = R"("foo_irq": [{"WRITE_ONCE": "priv.n", "value": 1}], "foo_ioctl": [],)";
  d.remove = R"({"kfree": "priv"}, {"free_irq": "irq"})";
  d.removal = R"("unplug")";
  d.tasks = R"("hw": {"raise": "irq"})";
  d.expect = R"({"must": ["use-after-free(priv)@foo_irq"], "may": [], "why": "one that was raised before still arrives"})";
  meets(d.text());
}

TEST_CASE("rebinding: the same module, everything else anew, another way to the device is refused where none is left") {
  Driver d;
  d.probe = R"({"kzalloc": "priv", "fields": {"n": 0}}, {"misc_register": "dev"})";
  d.functions = R"("foo_ioctl": [{"READ_ONCE": "priv.n", "to": "n"}],)";
  d.remove = R"({"misc_deregister": "dev"}, {"kfree": "priv"})";
  d.removal = R"(["unbind", "bind", "unbind", "rmmod"])";
  d.tasks = R"("u": {"do": [{"open": "dev", "to": "fd", "else": "out"}, {"label": "out"}]})";
  d.expect = R"({"must": []})";
  meets(d.text());
  d.tasks = user;
  d.removal = R"(["unbind", "bind"])";
  d.expect = R"({"must": ["use-after-free(priv)@foo_ioctl"], "may": ["leak"]})";
  meets(d.text());
}

TEST_CASE("PCI and USB removal unbind in their own ways") {
  Driver d;
  d.probe = R"({"devm_ioremap_resource": "bar0"}, {"misc_register": "dev"})";
  d.functions = R"("foo_ioctl": [{"writel": "bar0.A"}],)";
  d.remove = R"({"misc_deregister": "dev"})";
  d.removal = R"("pci_remove", "usb_disconnect", ["pci_remove", "rmmod"])";
  d.tasks = user;
  d.expect = R"({"removal": ["pci_remove", "usb_disconnect"], "must": ["use-after-unmap(bar0)@foo_ioctl"], "may": []},
    {"removal": "pci_remove+rmmod", "must": ["execute-after-free(foo)@foo_ioctl"], "may": ["*"]})";
  meets(d.text());
}

TEST_CASE("registers with contents: a write is posted, a read waits for it") {
  Driver d;
  d.probe =
      R"({"kzalloc": "priv", "fields": {"n": 0}}, {"devm_ioremap_resource": "bar0", "regs": {"CTRL": 5}}, {"readl": "bar0.CTRL",
    "to": "before"},
    {"writel": "bar0.CTRL", "value": 6}, {"readl": "bar0.CTRL", "to": "after"}, {"if": "before == 5", "do": [{"if": "after == 6",
    "do": [{"kfree": "priv"}]}]})";
  d.functions = R"("foo_ioctl": [],)";
  d.tasks = R"("nobody": {"do": []})";
  d.expect = R"({"must": []})";
  meets(d.text());
}

TEST_CASE("DMA: the device owns a mapping until it is stopped and idle, a read-back makes sure that it has been told") {
  Driver d;
  d.probe =
      R"({"kzalloc": "ring", "fields": {"x": 0}}, {"dma_map_single": "ring"}, {"dma_engine": "engine", "buffer": "ring", "transfers": 2},
    {"devm_ioremap_resource": "bar0", "regs": {"DMA": {"initial": 0, "doorbell": "engine"}}}, {"writel": "bar0.DMA", "value": 1})";
  d.functions = R"("foo_ioctl": [],)";
  d.remove =
      R"({"writel": "bar0.DMA", "value": 0}, {"readl": "bar0.DMA", "form": ["no wait", "stopped and idle"]},
    {"dma_wait_idle": "engine", "form": ["no read-back", "stopped and idle"]},
    {"dma_unmap_single": "ring"}, {"kfree": "ring"})";
  d.tasks = R"("nobody": {"do": []})";
  d.expect = R"({"form": ["no wait", "no read-back"], "must": ["dma-after-unmap(ring)", "use-after-free(ring)"], "may": []
}, {"form": "stopped and idle", "must": []})";
  meets(d.text());
d.probe = R"({"dma_alloc_coherent": "ring"}, {"dma_engine": "engine"}, {"dma_start": "engine", "buffer": "ring"})";
d.remove =
    R"({"dma_stop": "engine"}, {"dma_wait_idle": "engine", "form": "waits"}, {"dma_free_coherent": "ring"}, {"udelay": "1us",
    "form": "goes on"})";
  d.expect = R"({"form": "goes on", "must": ["dma-after-unmap(ring)"], "may": ["use-after-free(ring)"]
  }, {"form": "waits", "must": []})";
  meets(d.text());
  }

  TEST_CASE("PCI: no DMA without bus mastering, BARs claimed and mapped apart") {
    Driver d;
    d.probe = R"({"pci_enable_device": null}, {"pci_request_regions": null}, {"pci_iomap": "bar0"}, {"pci_set_master": null},
    {"dma_alloc_coherent": "ring"}, {"dma_engine": "engine"}, {"dma_start": "engine", "buffer": "ring"})";
    d.functions = R"("foo_ioctl": [{"readl": "bar0.A"}],)";
    d.remove =
        R"({"pci_clear_master": null, "form": "master cleared"}, {"dma_wait_idle": "engine"}, {"dma_free_coherent": "ring"},
    {"pci_iounmap": "bar0"},
    {"pci_release_regions": null}, {"pci_disable_device": null}, {"udelay": "1us", "form": "master"})";
    d.tasks = R"("nobody": {"do": []})";
  d.expect = R"({"form": "master cleared", "must": []}, {"form": "master", "must": ["dma-after-unmap(ring)"],
    "may": ["use-after-free(ring)"]
  })";
  meets(d.text());
  }

  TEST_CASE("regions: claimed by a step of their own, mapped by another; each has to be given back") {
    Driver d;
    d.probe = R"({"request_mem_region": "bar0", "else": "busy"}, {"ioremap": "bar0"}, {"misc_register": "dev"}, {"label": "busy"})";
    d.functions = R"("foo_ioctl": [],)";
    d.remove =
        R"({"misc_deregister": "dev"}, {"iounmap": "bar0"}, {"release_mem_region": "bar0", "form": "released"}, {"udelay": "1us",
    "form": "kept"})";
    d.tasks = R"("nobody": {"do": []})";
  d.expect = R"({"form": "released", "must": []}, {"form": "kept", "must": ["leak(bar0)"], "may": []
  })";
  meets(d.text());
  }

  TEST_CASE("clocks: no access while gated") {
    Driver d;
    d.probe =
        R"({"devm_clk_get": "clk"}, {"devm_ioremap_resource": "bar0", "clock": "clk"}, {"clk_prepare_enable": "clk"},
    {"misc_register": "dev"})";
    d.functions = R"("foo_ioctl": [{"iowrite32": "bar0.A"}],)";
    d.remove = R"({"misc_deregister": "dev"}, {"clk_disable_unprepare": "clk"})";
    d.tasks = user;
    d.expect = R"({"must": ["api-misuse(bar0)@foo_ioctl", "use-after-unmap(bar0)@foo_ioctl"], "may": []})";
    meets(d.text());
  }

  TEST_CASE("remove() that waits until nobody has the device open waits for user space") {
    Driver d;
    d.probe = R"({"kzalloc": "priv", "fields": {"n": 0}}, {"init_completion": "priv.closed"}, {"misc_register": "dev"})";
    d.functions = R"("foo_ioctl": [],)";
    d.remove = R"({"misc_deregister": "dev"}, {"wait_for_completion": "priv.closed", "owner": "user"}, {"kfree": "priv"})";
    d.tasks = R"("u": {"do": [{"open": "dev", "to": "fd"}]})";
    d.expect = R"({"must": ["unbounded-remove(priv.closed)@foo_remove"], "may": []})";
    meets(d.text());
  }
