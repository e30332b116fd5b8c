/* confine COMMAND [ARG]...: executes the command under the seccomp filter that comes on stdin. */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	static struct sock_filter program[4096];
	ssize_t size = read(0, program, sizeof program);

	if (argc < 2 || size <= 0)
		return 2;
	struct sock_fprog filter = { .len = (unsigned short)((size_t)size / sizeof *program), .filter = program };
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) != 0) {
		perror("seccomp");
		return 3;
	}
	execvp(argv[1], argv + 1);
	perror(argv[1]);
	return 127;
}
