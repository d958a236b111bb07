// Words for the hardware and for what takes it away.
#include <fmt/format.h>

#include "short_driver.hpp"

using namespace unplug::scenarios::test;

namespace {

struct HardwareDriver {
  std::string kernel = "{}", probe, functions, remove, removal = R"("unbind")", tasks, expect;

  [[nodiscard]] std::string text() const {
    const bool called = functions.find("foo_ioctl") != std::string::npos;
    return fmt::format(R"({{"name": "t", "kernel": {}, "modules": {{"foo": {{{}}}}}, "policies": ["none"],
      "functions": {{"foo_probe": [{}], {} "foo_remove": [{}]}},
      "run": {{"removal": [{}], "tasks": {{{}}}}}, "expect": [{}]}})",
                       kernel, called ? R"("fops": {"owner": null, "unlocked_ioctl": "foo_ioctl"})" : "", probe, functions, remove, removal,
                       tasks, expect);
  }
};

constexpr const char* user = R"j("u": {"do": [{"open": "dev", "to": "fd", "else": "out"}, {"ioctl": "fd"}, {"label": "out"}]})j";

}  // namespace

TEST_CASE("unplug: registers read as all ones, interrupts stop, and then the driver is unbound") {
  HardwareDriver d;
  d.probe = R"j({"kzalloc": "priv", "fields": {"late": 0}}, {"devm_ioremap_resource": "bar0", "regs": {"STATUS": [1]}},
    {"misc_register": "dev"})j";
  d.functions = R"j("foo_ioctl": [{"readb": "bar0.STATUS", "to": "b"}, {"readl": "bar0.STATUS", "to": "l"},
    {"if": "l == 4294967295", "do": [{"kfree": "priv"}]},
    {"if": "b == 255", "do": [{"kfree": "priv"}]}],)j";
  d.remove = R"j({"misc_deregister": "dev"}, {"udelay": "1us"})j";
  d.removal = R"j("unplug", "unbind")j";
  d.tasks = user;
  d.expect = R"j({"removal": "unplug", "must": ["double-free(priv)@foo_ioctl", "use-after-unmap(bar0)@foo_ioctl"], "may": ["leak(priv)"]},
    {"removal": "unbind", "must": ["use-after-unmap(bar0)@foo_ioctl", "leak(priv)"], "may": []})j";
  meets(d.text());
}

TEST_CASE("unplug: an interrupt that the device has not raised yet does not come any more") {
  HardwareDriver d;
  d.probe = R"j({"kzalloc": "priv", "fields": {"n": 0}}, {"request_irq": "irq", "fn": "foo_irq"})j";
  d.functions = R"j("foo_irq": [{"WRITE_ONCE": "priv.n", "value": 1}],)j";
  d.remove = R"j({"kfree": "priv"}, {"free_irq": "irq"})j";
  d.removal = R"j("unplug")j";
  d.tasks = R"j("hw": {"raise": "irq"})j";
  d.expect = R"j({"must": ["use-after-free(priv)@foo_irq"], "may": [], "why": "one that was raised before still arrives"})j";
  meets(d.text());
}

TEST_CASE("rebinding: the same module, everything else anew, another way to the device is refused where none is left") {
  HardwareDriver d;
  d.probe = R"j({"kzalloc": "priv", "fields": {"n": 0}}, {"misc_register": "dev"})j";
  d.functions = R"j("foo_ioctl": [{"READ_ONCE": "priv.n", "to": "n"}],)j";
  d.remove = R"j({"misc_deregister": "dev"}, {"kfree": "priv"})j";
  d.removal = R"j(["unbind", "bind", "unbind", "rmmod"])j";
  d.tasks = R"j("u": {"do": [{"open": "dev", "to": "fd", "else": "out"}, {"label": "out"}]})j";
  d.expect = R"j({"must": [], "never": ["foo_ioctl"], "why": "nobody calls it here"})j";
  meets(d.text());
  d.tasks = user;
  d.removal = R"j(["unbind", "bind"])j";
  d.expect = R"j({"must": ["use-after-free(priv)@foo_ioctl"], "may": ["leak"]})j";
  meets(d.text());
}

TEST_CASE("PCI and USB removal unbind in their own ways") {
  HardwareDriver d;
  d.probe = R"j({"devm_ioremap_resource": "bar0"}, {"misc_register": "dev"})j";
  d.functions = R"j("foo_ioctl": [{"writel": "bar0.A"}],)j";
  d.remove = R"j({"misc_deregister": "dev"})j";
  d.removal = R"j("pci_remove", "usb_disconnect", ["pci_remove", "rmmod"])j";
  d.tasks = user;
  d.expect = R"j({"removal": ["pci_remove", "usb_disconnect"], "must": ["use-after-unmap(bar0)@foo_ioctl"], "may": []},
    {"removal": "pci_remove+rmmod", "must": ["execute-after-free(foo)@foo_ioctl"], "may": ["*"]})j";
  meets(d.text());
}

TEST_CASE("registers with contents: a write is posted, a read waits for it") {
  HardwareDriver d;
  d.probe = R"j({"kzalloc": "priv", "fields": {"n": 0}}, {"devm_ioremap_resource": "bar0", "regs": {"CTRL": 5}},
    {"readl": "bar0.CTRL", "to": "before"},
    {"writel": "bar0.CTRL", "value": 6}, {"readl": "bar0.CTRL", "to": "after"},
    {"if": "before == 5", "do": [{"if": "after == 6", "do": [{"kfree": "priv"}]}]})j";
  d.tasks = R"j("nobody": {"do": []})j";
  d.expect = R"j({"must": []})j";
  meets(d.text());
}

TEST_CASE("DMA: the device owns a mapping until it is stopped and idle, a read-back makes sure that it has been told") {
  HardwareDriver d;
  d.probe = R"j({"kzalloc": "ring", "fields": {"x": 0}}, {"dma_map_single": "ring"},
    {"dma_engine": "engine", "buffer": "ring", "transfers": 2},
    {"devm_ioremap_resource": "bar0", "regs": {"DMA": {"initial": 0, "doorbell": "engine"}}}, {"writel": "bar0.DMA", "value": 1})j";
  d.remove = R"j({"writel": "bar0.DMA", "value": 0}, {"readl": "bar0.DMA", "form": ["no wait", "stopped and idle"]},
    {"dma_wait_idle": "engine", "form": ["no read-back", "stopped and idle"]},
    {"dma_unmap_single": "ring"}, {"kfree": "ring"})j";
  d.tasks = R"j("nobody": {"do": []})j";
  d.expect = R"j({"form": ["no wait", "no read-back"], "must": ["dma-after-unmap(ring)"], "may": ["use-after-free(ring)"]},
    {"form": "stopped and idle", "must": []})j";
  meets(d.text());
  d.probe = R"j({"dma_alloc_coherent": "ring"}, {"dma_engine": "engine"}, {"dma_start": "engine", "buffer": "ring"})j";
  d.remove = R"j({"dma_stop": "engine"}, {"dma_wait_idle": "engine", "form": "waits"}, {"dma_free_coherent": "ring"},
    {"udelay": "1us", "form": "goes on"})j";
  d.expect = R"j({"form": "goes on", "must": ["dma-after-unmap(ring)"], "may": ["use-after-free(ring)"]},
    {"form": "waits", "must": []})j";
  meets(d.text());
}

TEST_CASE("PCI: no DMA without bus mastering, BARs claimed and mapped apart") {
  HardwareDriver d;
  d.probe = R"j({"pci_enable_device": null}, {"pci_request_regions": null}, {"pci_iomap": "bar0"}, {"pci_set_master": null},
    {"dma_alloc_coherent": "ring"}, {"dma_engine": "engine"}, {"dma_start": "engine", "buffer": "ring"})j";
  d.remove = R"j({"pci_clear_master": null, "form": "master cleared"}, {"dma_wait_idle": "engine"}, {"dma_free_coherent": "ring"},
    {"pci_iounmap": "bar0"},
    {"pci_release_regions": null}, {"pci_disable_device": null}, {"udelay": "1us", "form": "master"})j";
  d.tasks = R"j("nobody": {"do": []})j";
  d.expect = R"j({"form": "master cleared", "must": []},
    {"form": "master", "must": ["dma-after-unmap(ring)"], "may": ["use-after-free(ring)"]})j";
  meets(d.text());
}

TEST_CASE("regions: claimed by a step of their own, mapped by another, each has to be given back") {
  HardwareDriver d;
  d.probe = R"j({"request_mem_region": "bar0", "else": "busy"}, {"ioremap": "bar0"}, {"misc_register": "dev"}, {"label": "busy"})j";
  d.remove = R"j({"misc_deregister": "dev"}, {"iounmap": "bar0"}, {"release_mem_region": "bar0", "form": "released"},
    {"udelay": "1us", "form": "kept"})j";
  d.tasks = R"j("nobody": {"do": []})j";
  d.expect = R"j({"form": "released", "must": []}, {"form": "kept", "must": ["leak(bar0)"], "may": []})j";
  meets(d.text());
}

TEST_CASE("what the kernel does about late accesses is configured") {
  HardwareDriver d;
  d.kernel = R"j({"lazy_vunmap_flush": true, "iommu": "strict"})j";
  d.tasks = R"j("nobody": {"do": []})j";
  unplug::scenarios::Diagnostics out;
  const auto s = unplug::scenarios::parse_scenario(d.text(), "t", {}, out);
  REQUIRE(s != nullptr);
  CHECK(s->program(0, 0, 0)->kernel.lazy_vunmap_flush);
  CHECK(s->program(0, 0, 0)->kernel.iommu == unplug::model::Iommu::strict);
}

TEST_CASE("clocks: no access while gated") {
  HardwareDriver d;
  d.probe = R"j({"devm_clk_get": "clk"}, {"devm_ioremap_resource": "bar0", "clock": "clk"}, {"clk_prepare_enable": "clk"},
    {"misc_register": "dev"})j";
  d.functions = R"j("foo_ioctl": [{"iowrite32": "bar0.A"}],)j";
  d.remove = R"j({"misc_deregister": "dev"}, {"clk_disable_unprepare": "clk"})j";
  d.tasks = user;
  d.expect = R"j({"must": ["api-misuse(bar0)@foo_ioctl", "use-after-unmap(bar0)@foo_ioctl"], "may": []})j";
  meets(d.text());
}

TEST_CASE("remove() that waits until nobody has the device open waits for user space") {
  HardwareDriver d;
  d.probe = R"j({"kzalloc": "priv", "fields": {"n": 0}}, {"init_completion": "priv.closed", "owner": "user"}, {"misc_register": "dev"})j";
  d.remove = R"j({"misc_deregister": "dev"}, {"wait_for_completion": "priv.closed"}, {"kfree": "priv"})j";
  d.tasks = R"j("u": {"do": [{"open": "dev", "to": "fd"}]})j";
  d.expect = R"j({"must": ["unbounded-remove(priv.closed)@foo_remove"], "may": []})j";
  meets(d.text());
}

TEST_CASE("runtime PM: a device that is suspended may not be accessed, and where it is disabled nothing resumes it") {
  ShortDriver d;
  d.probe = R"j({"pm_runtime_enable": "pm"}, {"ioremap": "bar0", "runtime_pm": "pm"})j";
  d.remove = R"j({"pm_runtime_disable": "pm"}, {"iounmap": "bar0"})j";
  const std::string unmapped = "use-after-unmap(bar0)@foo_ioctl", suspended = "api-misuse(bar0)@foo_ioctl";
  d.ioctl = R"j({"writel": "bar0.A"})j";
  CHECK(shows(d) == suspended + ", " + unmapped);
  // Counts without resuming: the same.
  d.ioctl = R"j({"pm_runtime_get_noresume": "pm"}, {"writel": "bar0.A"}, {"pm_runtime_put_noidle": "pm"})j";
  CHECK(shows(d) == suspended + ", " + unmapped);
  // Once disabled, it is refused: what is left is an operation that was in before.
  d.ioctl = R"j({"pm_runtime_resume_and_get": "pm", "else": "out"}, {"writel": "bar0.A"}, {"pm_runtime_put": "pm"}, {"label": "out"})j";
  CHECK(shows(d) == unmapped);
  d.ioctl = R"j({"pm_runtime_get_sync": "pm", "to": "error"}, {"if": "error", "goto": "out"}, {"writel": "bar0.A"}, {"label": "out"},
    {"pm_runtime_put_sync": "pm"})j";
  CHECK(shows(d) == unmapped);
  // pm_runtime_get_sync() counts even when it fails; pm_runtime_resume_and_get() does not.
  d.ioctl = R"j({"pm_runtime_resume_and_get": "pm", "to": "error"}, {"pm_runtime_put": "pm"})j";
  CHECK(shows(d) == "api-misuse(pm)@foo_ioctl");
}

TEST_CASE("runtime PM: devres disables what devm_pm_runtime_enable() enabled, and nothing disables what a driver forgets") {
  ShortDriver d;
  // Only an operation that is refused puts what it doesn't have.
  d.ioctl = R"j({"pm_runtime_resume_and_get": "pm", "else": [{"pm_runtime_put": "pm"}, {"return": "-EACCES"}]}, {"pm_runtime_put": "pm"})j";
  d.probe = R"j({"devm_pm_runtime_enable": "pm"})j";
  CHECK(shows(d) == "api-misuse(pm)@foo_ioctl");
  d.probe = R"j({"pm_runtime_enable": "pm"})j";
  CHECK(shows(d) == "");
}
