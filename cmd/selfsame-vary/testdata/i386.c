// A 32-bit program without a libc, so that it can be compiled where only a 64-bit libc is installed: it prints what time(2),
// gettimeofday, clock_gettime, clock_gettime64 and uname tell it, by system calls (int 0x80).
static int call(int nr, int a, int b, int c) {
  int r;
  __asm__ volatile("int $0x80" : "=a"(r) : "a"(nr), "b"(a), "c"(b), "d"(c) : "memory");
  return r;
}
static void text(const char *s) { int n = 0; while (s[n]) n++; call(4, 1, (int)s, n); }
static void fact(const char *name, unsigned v) {
  char b[12]; int i = 11;
  b[i] = 0; b[--i] = '\n';
  do { b[--i] = '0' + v % 10; v /= 10; } while (v);
  text(name); text(" "); text(b + i);
}
void _start(void) {
  static char u[390]; int t[4] = {0};
  fact("raw-time", call(13, 0, 0, 0));
  call(78, (int)t, 0, 0); fact("raw-gettimeofday", t[0]);
  call(265, 0, (int)t, 0); fact("raw-realtime", t[0]);
  call(403, 0, (int)t, 0); fact("raw-realtime64", t[0]);
  call(265, 1, (int)t, 0); fact("raw-monotonic", t[0]);
  call(122, (int)u, 0, 0); text("release "); text(u + 130); text("\n");
  call(1, 0, 0, 0);
}
