// A plugin of QEMU's user mode that counts the instructions of a program and says so at its end.
// The declarations are those of QEMU's plugin API, version 1.

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

typedef uint64_t plugin;
struct qemu_plugin_tb; // a block of translated code

extern void qemu_plugin_register_vcpu_tb_trans_cb(plugin, void (*)(plugin, struct qemu_plugin_tb *));
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
extern void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *, int, void *, uint64_t);
extern void qemu_plugin_register_atexit_cb(plugin, void (*)(plugin, void *), void *);

int qemu_plugin_version = 1;

enum { add = 0 };

static uint64_t count;

static void translated(plugin id, struct qemu_plugin_tb *block)
{
	(void)id;
	qemu_plugin_register_vcpu_tb_exec_inline(block, add, &count, qemu_plugin_tb_n_insns(block));
}

static void at_end(plugin id, void *unused)
{
	(void)id;
	(void)unused;
	fprintf(stderr, "instructions %" PRIu64 "\n", count);
}

int qemu_plugin_install(plugin id, const void *info, int argc, char **argv)
{
	(void)info;
	(void)argc;
	(void)argv;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, at_end, NULL);
	return 0;
}
