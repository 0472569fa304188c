/* Signals that a tracer uses itself must reach the program as they would without one. */
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile int traps;

static void count(int sig) { traps += sig == SIGTRAP; }

static int fail(const char *what) {
	puts(what);
	return 1;
}

int main(void) {
	signal(SIGTRAP, count);
	raise(SIGTRAP);
	kill(getpid(), SIGTRAP);
#ifdef __x86_64__
	__asm__ volatile("int3");
#else
	raise(SIGTRAP);
#endif
	if (traps != 3)
		return fail("SIGTRAP was lost");
	int st, wait[2];
	char seen = 0;
	if (pipe(wait) != 0)
		return fail("no pipe");
	pid_t child = fork();
	if (child == 0) {
		raise(SIGSTOP);
		_exit(read(wait[0], &seen, 1) == 1 ? 7 : 8); /* or it could have ended before it is seen to go on */
	}
	if (waitpid(child, &st, WUNTRACED) != child || !WIFSTOPPED(st) || WSTOPSIG(st) != SIGSTOP)
		return fail("a stopped child is not seen to stop");
	usleep(100000);
	if (waitpid(child, &st, WNOHANG | WUNTRACED) != 0)
		return fail("a stopped child does not stay stopped");
	kill(child, SIGCONT);
	if (waitpid(child, &st, WCONTINUED) != child || !WIFCONTINUED(st))
		return fail("a continued child is not seen to go on");
	if (write(wait[1], &seen, 1) != 1 || waitpid(child, &st, 0) != child || !WIFEXITED(st) || WEXITSTATUS(st) != 7)
		return fail("the child's exit code is lost");
	return 0;
}
