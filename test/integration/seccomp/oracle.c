/*
 * Compiles a seccomp profile with libseccomp, as the oracle for utsuwa's own compiler.
 *
 * stdin, one item a line:
 *   default VALUE                       SCMP_ACT_… as a number
 *   arch TOKEN                          SCMP_ARCH_… as a number
 *   rule VALUE NAME [INDEX OP A B]...   OP is the number of SCMP_CMP_…
 * stdout: the program. stderr: `unknown NAME` for calls that libseccomp has never heard of.
 */
#include <errno.h>
#include <inttypes.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void die(const char *what, int error)
{
	fprintf(stderr, "%s: %s\n", what, strerror(error));
	exit(1);
}

static void add_rule(scmp_filter_ctx filter, char *words)
{
	struct scmp_arg_cmp conditions[6];
	unsigned int count = 0;
	char *rest = NULL;
	uint32_t action = (uint32_t)strtoul(strtok_r(words, " \n", &rest), NULL, 10);
	char *name = strtok_r(NULL, " \n", &rest);
	int number = seccomp_syscall_resolve_name(name);
	char *word;

	if (number == __NR_SCMP_ERROR) {
		fprintf(stderr, "unknown %s\n", name);
		return;
	}
	while ((word = strtok_r(NULL, " \n", &rest)) != NULL) {
		struct scmp_arg_cmp *condition = &conditions[count++];
		condition->arg = (unsigned int)strtoul(word, NULL, 10);
		condition->op = (enum scmp_compare)strtoul(strtok_r(NULL, " \n", &rest), NULL, 10);
		condition->datum_a = strtoull(strtok_r(NULL, " \n", &rest), NULL, 10);
		condition->datum_b = strtoull(strtok_r(NULL, " \n", &rest), NULL, 10);
	}
	int result = seccomp_rule_add_array(filter, action, number, count, conditions);
	if (result < 0)
		die(name, -result);
}

int main(void)
{
	scmp_filter_ctx filter = NULL;
	char line[4096];

	while (fgets(line, sizeof line, stdin) != NULL) {
		char *rest = strchr(line, ' ') + 1;
		if (strncmp(line, "default ", 8) == 0) {
			filter = seccomp_init((uint32_t)strtoul(rest, NULL, 10));
			if (filter == NULL)
				die("seccomp_init", EINVAL);
		} else if (strncmp(line, "arch ", 5) == 0) {
			int result = seccomp_arch_add(filter, (uint32_t)strtoul(rest, NULL, 10));
			if (result < 0 && result != -EEXIST)
				die("seccomp_arch_add", -result);
		} else if (strncmp(line, "rule ", 5) == 0) {
			add_rule(filter, rest);
		}
	}
	int result = seccomp_export_bpf(filter, 1);
	if (result < 0)
		die("seccomp_export_bpf", -result);
	return 0;
}
