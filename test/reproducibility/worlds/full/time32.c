/* A 32-bit program is answered as a 64-bit one is, or not at all, but never with nonsense. */
#include <stdio.h>
#include <sys/utsname.h>
#include <time.h>

int main(void) {
	struct utsname u;
	if (sizeof(void *) != 4 || uname(&u) != 0)
		return 1;
	return time(NULL) > 1700000000 ? 0 : 2;
}
