/* Ends without a leak; LeakSanitizer traces the program to find that out. */
#include <stdlib.h>

int main(void) {
	volatile char *p = malloc(10);
	p[0] = 1;
	free((void *)p);
	return 0;
}
