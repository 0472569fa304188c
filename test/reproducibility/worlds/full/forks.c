/* Many short processes, vforks, and threads that ask for the time. */
#include <pthread.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void *ask(void *unused) {
	struct timespec t;
	for (int i = 0; i < 1000; i++)
		clock_gettime(CLOCK_REALTIME, &t);
	return unused;
}

int main(void) {
	for (int i = 0; i < 50000; i++) {
		pid_t c = fork();
		if (c == 0)
			_exit(0);
		if (c < 0 || waitpid(c, NULL, 0) != c) {
			perror("fork");
			return 1;
		}
	}
	for (int i = 0; i < 1000; i++) {
		pid_t c = vfork();
		if (c == 0)
			_exit(0);
		waitpid(c, NULL, 0);
	}
	pthread_t threads[64];
	for (int i = 0; i < 64; i++)
		if (pthread_create(&threads[i], NULL, ask, NULL) != 0)
			return 1;
	for (int i = 0; i < 64; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
