/* primes LIMIT prints how many primes are below LIMIT (at most 200000). */
#include <stdio.h>
#include <stdlib.h>

#define PART(n) unsigned part_##n(unsigned limit);
#include "table.h"
#undef PART

#define PART(n) part_##n,
static unsigned (*const parts[])(unsigned) = {
#include "table.h"
};

int main(int argc, char **argv)
{
	unsigned limit = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 200000;
	unsigned count = 0;

	for (unsigned i = 0; i < sizeof parts / sizeof *parts; i++)
		count += parts[i](limit);
	printf("%u primes below %u\n", count, limit);
	return 0;
}
