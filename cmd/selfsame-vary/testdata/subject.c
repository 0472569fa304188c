// A program with many habits, run by the tests with and without the tracer. It prints facts, "name value" a line, and the test
// judges them; or it checks what only it can see and exits with a number that is not 0.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <mqueue.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void fact(const char *name, long long value) { printf("%s %lld\n", name, value); fflush(stdout); }
static void check(int ok, const char *what) { if (!ok) { printf("failed: %s (errno %d)\n", what, errno); exit(9); } }
static int64_t ms(clockid_t id) { struct timespec t; clock_gettime(id, &t); return t.tv_sec * 1000LL + t.tv_nsec / 1000000; }

static void clocks(void) {
  struct timespec t; struct timeval v; time_t s;
  static const struct { const char *name; int id; } ids[] = {
    {"realtime", CLOCK_REALTIME}, {"coarse", CLOCK_REALTIME_COARSE}, {"tai", CLOCK_TAI}, {"alarm", CLOCK_REALTIME_ALARM},
    {"monotonic", CLOCK_MONOTONIC}, {"boottime", CLOCK_BOOTTIME}};
  for (unsigned i = 0; i < sizeof ids / sizeof *ids; i++) {
    char name[64];
    if (!clock_gettime(ids[i].id, &t)) fact(ids[i].name, t.tv_sec);
    snprintf(name, sizeof name, "raw-%s", ids[i].name);
    if (!syscall(SYS_clock_gettime, ids[i].id, &t)) fact(name, t.tv_sec);
  }
  fact("time", time(0));
  time(&s); fact("time-stored", s);
  gettimeofday(&v, 0); fact("gettimeofday", v.tv_sec);
  struct timezone z = {7, 7};
  check(!syscall(SYS_gettimeofday, &v, &z) && z.tz_minuteswest == 0, "raw gettimeofday");
  fact("raw-gettimeofday", v.tv_sec);
  check(v.tv_usec >= 0 && v.tv_usec < 1000000, "microseconds");
#ifdef SYS_time
  fact("raw-time", syscall(SYS_time, 0));
#endif
  check(syscall(SYS_clock_gettime, 0, (void *)8) == -1 && errno == EFAULT, "a bad pointer is EFAULT");
  check(syscall(SYS_clock_gettime, 77, &t) == -1 && errno == EINVAL, "a bad clock is EINVAL");
  struct timex x = {0};
  if (adjtimex(&x) >= 0) fact("adjtimex", x.time.tv_sec);
  int64_t a = ms(CLOCK_REALTIME), m = ms(CLOCK_MONOTONIC);
  usleep(50000);
  a = ms(CLOCK_REALTIME) - a; m = ms(CLOCK_MONOTONIC) - m;
  check(a - m < 20 && m - a < 20, "the wall clock runs as fast as the other");
}

// expect runs a wait that must end about 100 ms after its start.
static struct timespec in100ms(void) {
  struct timespec t; clock_gettime(CLOCK_REALTIME, &t);
  t.tv_nsec += 100000000; if (t.tv_nsec >= 1000000000) { t.tv_nsec -= 1000000000; t.tv_sec++; }
  return t;
}
static int64_t started;
static void begin(void) { started = ms(CLOCK_MONOTONIC); }
static void end(const char *what) {
  int64_t took = ms(CLOCK_MONOTONIC) - started;
  if (took < 80 || took > 8000) { printf("failed: %s took %lld ms\n", what, (long long)took); exit(9); }
}
static volatile int rang;
static void ring(int s) { (void)s; rang = 1; }

static void deadlines(void) {
  struct timespec t, saved; pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; pthread_cond_t cond = PTHREAD_COND_INITIALIZER; sem_t sem;
  sem_init(&sem, 0, 0);
  begin(); t = in100ms(); check(sem_timedwait(&sem, &t) == -1 && errno == ETIMEDOUT, "sem_timedwait"); end("sem_timedwait");
  begin(); t = in100ms(); saved = t; pthread_mutex_lock(&mutex);
  check(pthread_cond_timedwait(&cond, &mutex, &t) == ETIMEDOUT, "pthread_cond_timedwait"); end("pthread_cond_timedwait");
  check(!memcmp(&t, &saved, sizeof t), "the program's deadline is not touched");
  begin(); t = in100ms(); check(pthread_mutex_timedlock(&mutex, &t) == ETIMEDOUT, "pthread_mutex_timedlock"); end("pthread_mutex_timedlock");
  begin(); t = in100ms(); check(!clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &t, 0), "clock_nanosleep"); end("clock_nanosleep");
  struct itimerspec spec = {0}; uint64_t ticks;
  int fd = timerfd_create(CLOCK_REALTIME, 0);
  begin(); spec.it_value = in100ms(); check(!timerfd_settime(fd, TFD_TIMER_ABSTIME, &spec, 0) && read(fd, &ticks, 8) == 8, "timerfd"); end("timerfd");
  fd = timerfd_create(CLOCK_MONOTONIC, 0);
  begin(); clock_gettime(CLOCK_MONOTONIC, &spec.it_value); spec.it_value.tv_sec++;
  check(!timerfd_settime(fd, TFD_TIMER_ABSTIME, &spec, 0) && read(fd, &ticks, 8) == 8, "monotonic timerfd"); end("monotonic timerfd");
  timer_t timer; signal(SIGALRM, ring);
  struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
  check(!timer_create(CLOCK_REALTIME, &ev, &timer), "timer_create");
  begin(); spec.it_value = in100ms(); check(!timer_settime(timer, TIMER_ABSTIME, &spec, 0), "timer_settime");
  while (!rang && ms(CLOCK_MONOTONIC) - started < 9000) usleep(5000);
  end("timer_settime");
  struct mq_attr attr = {.mq_maxmsg = 1, .mq_msgsize = 8}; char buf[8], name[40];
  snprintf(name, sizeof name, "/selfsame-vary-%d", getpid());
  mqd_t q = mq_open(name, O_CREAT | O_RDWR, 0600, &attr);
  if (q != (mqd_t)-1) {
    mq_unlink(name);
    begin(); t = in100ms(); check(mq_timedreceive(q, buf, 8, 0, &t) == -1 && errno == ETIMEDOUT, "mq_timedreceive"); end("mq_timedreceive");
  }
  begin(); t = in100ms(); static uint32_t word;
  check(syscall(SYS_futex, &word, 6 /* LOCK_PI */, 0, &t) == 0 && syscall(SYS_futex, &word, 7, 0) == 0, "FUTEX_LOCK_PI"); // free: at once
  // A stop and a continue make the kernel restart the wait: it must be moved once, not twice.
  pid_t self = getpid(), helper = fork();
  if (!helper) { usleep(30000); kill(self, SIGSTOP); usleep(30000); kill(self, SIGCONT); _exit(0); }
  begin(); t = in100ms(); check(sem_timedwait(&sem, &t) == -1 && errno == ETIMEDOUT, "restarted sem_timedwait"); end("restarted sem_timedwait");
  waitpid(helper, 0, 0);
  helper = fork();
  if (!helper) { usleep(30000); kill(self, SIGSTOP); usleep(30000); kill(self, SIGCONT); _exit(0); }
  begin(); t = in100ms(); check(!clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &t, 0), "restarted clock_nanosleep"); end("restarted clock_nanosleep");
  waitpid(helper, 0, 0);
}

static void *thread(void *arg) {
  struct timespec t; (void)arg;
  for (int i = 0; i < 20; i++) { syscall(SYS_clock_gettime, CLOCK_REALTIME, &t); if (llabs((long long)t.tv_sec - time(0)) > 60) _exit(8); }
  pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER; pthread_cond_t c = PTHREAD_COND_INITIALIZER;
  pthread_mutex_lock(&m); t = in100ms();
  return (void *)(intptr_t)pthread_cond_timedwait(&c, &m, &t);
}
static void threads(int n) {
  pthread_t p[256]; void *r;
  begin();
  for (int i = 0; i < n; i++) check(!pthread_create(&p[i], 0, thread, 0), "pthread_create");
  for (int i = 0; i < n; i++) { pthread_join(p[i], &r); check((intptr_t)r == ETIMEDOUT, "every thread's wait ends"); }
  fact("threads", n);
}

static char *self;
static void *execer(void *mode) { execl(self, self, mode, (char *)0); _exit(7); }
static void *idle(void *a) { for (;;) pause(); return a; }

static int traps;
static void trap(int s, siginfo_t *i, void *c) { (void)s; (void)c; traps += i->si_code == SI_TKILL ? 1 : i->si_code == SI_KERNEL ? 10 : 100; }
static void sigtrap(void) {
  struct sigaction a = {.sa_sigaction = trap, .sa_flags = SA_SIGINFO};
  sigaction(SIGTRAP, &a, 0);
  raise(SIGTRAP);
#if defined __x86_64__
  __asm__ volatile("int3");
#else
  traps += 10;
#endif
  check(traps == 11, "SIGTRAP arrives with its details");
}

static char stateof(pid_t p) {
  char path[64], b[512] = ""; snprintf(path, sizeof path, "/proc/%d/stat", p);
  int fd = open(path, 0); ssize_t n = read(fd, b, sizeof b - 1); close(fd);
  return n > 0 && strrchr(b, ')') ? strrchr(b, ')')[2] : '?';
}
static void jobs(void) {
  int st; pid_t p = fork();
  if (!p) { prctl(PR_SET_PDEATHSIG, SIGKILL); alarm(60); for (volatile long i = 0;; i++) { } } // it ends, whatever becomes of us
  kill(p, SIGSTOP);
  check(waitpid(p, &st, WUNTRACED) == p && WIFSTOPPED(st) && WSTOPSIG(st) == SIGSTOP, "the parent sees the stop");
  usleep(50000);
  check(stateof(p) == 'T' || stateof(p) == 't', "a stopped process stays stopped");
  kill(p, SIGCONT);
  check(waitpid(p, &st, WCONTINUED) == p && WIFCONTINUED(st), "the parent sees it go on");
  usleep(50000);
  check(stateof(p) == 'R', "a continued process runs");
  kill(p, SIGTSTP);
  check(waitpid(p, &st, WUNTRACED) == p && WIFSTOPPED(st) && WSTOPSIG(st) == SIGTSTP, "the parent sees SIGTSTP");
  kill(p, SIGTERM); kill(p, SIGCONT);
  while (waitpid(p, &st, 0) == p && !WIFSIGNALED(st)) { }
  check(WIFSIGNALED(st) && WTERMSIG(st) == SIGTERM, "a signal sent while stopped arrives");
}

static void *rawloop(void *n) { struct timespec t; for (long i = 0; i < (long)n; i++) syscall(SYS_clock_gettime, 0, &t); return 0; }
static void loops(const char *mode, long n) {
  struct timespec t; struct utsname u; pthread_t p[4];
  if (!strcmp(mode, "vdsoloop")) for (long i = 0; i < n; i++) clock_gettime(CLOCK_REALTIME, &t);
  if (!strcmp(mode, "unameloop")) for (long i = 0; i < n; i++) uname(&u);
  if (!strcmp(mode, "rawthreads")) { for (int i = 0; i < 4; i++) pthread_create(&p[i], 0, rawloop, (void *)n); for (int i = 0; i < 4; i++) pthread_join(p[i], 0); }
}

// Sites that call over and over are led past the tracer after a while: nothing but the answer may change, before, after or meanwhile.
static volatile int over;
static void alarmed(int s) { (void)s; struct timespec t; int e = errno; if (syscall(SYS_clock_gettime, CLOCK_REALTIME, &t) || llabs((long long)t.tv_sec - time(0)) > 60) _exit(8); errno = e; }
static int blocked[2];
static void *blockedReader(void *a) { char c = 0; (void)a; check(syscall(SYS_read, blocked[0], &c, 1) == 1 && c == 'x', "a call that was blocked meanwhile goes on"); return 0; }
static int64_t seconds(clockid_t id) { struct timespec t; clock_gettime(id, &t); return t.tv_sec; }
static void *siteThread(void *n) {
  struct timespec t; struct timeval v; time_t s;
  for (long i = 0; i < (long)n && !over; i++) {
    check(!syscall(SYS_clock_gettime, CLOCK_REALTIME, &t) && llabs(t.tv_sec - seconds(CLOCK_REALTIME)) < 60, "realtime");
    check(!syscall(SYS_clock_gettime, CLOCK_TAI, &t) && llabs(t.tv_sec - seconds(CLOCK_TAI)) < 60, "tai");
    check(!syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t) && llabs(t.tv_sec - seconds(CLOCK_MONOTONIC)) < 60, "monotonic");
    check(!syscall(SYS_gettimeofday, &v, 0) && llabs(v.tv_sec - seconds(CLOCK_REALTIME)) < 60, "gettimeofday");
    check(!syscall(SYS_gettimeofday, 0, 0), "gettimeofday of nothing");
#ifdef SYS_time
    check(llabs((s = syscall(SYS_time, 0)) - seconds(CLOCK_REALTIME)) < 60, "time");
    check(syscall(SYS_time, &s) == s && llabs(s - seconds(CLOCK_REALTIME)) < 60, "time stored");
    check(syscall(SYS_time, 8) == -1 && errno == EFAULT, "time at a bad pointer");
#endif
    check(syscall(SYS_clock_gettime, 77, &t) == -1 && errno == EINVAL, "a bad clock");
    check(syscall(SYS_clock_gettime, CLOCK_REALTIME, (void *)8) == -1 && errno == EFAULT, "a bad pointer");
    check(syscall(SYS_getppid) == getppid() && syscall(SYS_gettid) == gettid(), "other calls");
  }
  return 0;
}
#if defined __x86_64__
// rawSite calls from a place of its own, whose number is loaded right before the call, and sees that registers and flags survive.
static void rawSite(int loops) {
  struct timespec t;
  for (int i = 0; i < loops; i++) {
    long result, ok; register long r8 __asm__("r8") = 0x8888, r9 __asm__("r9") = 0x9999, r10 __asm__("r10") = 0x1010;
    __asm__ volatile("movq $0x5a5a, -8(%%rsp)\n\tstc\n\tmov $228, %%eax\n\tsyscall\n\tsetc %%cl\n\tmovzbl %%cl, %%ecx\n\tcmpq $0x5a5a, -8(%%rsp)\n\tje 1f\n\txor %%ecx, %%ecx\n1:"
      : "=a"(result), "=&c"(ok), "+r"(r8), "+r"(r9), "+r"(r10) : "D"(CLOCK_REALTIME), "S"(&t) : "r11", "memory", "cc");
    check(!result && ok == 1 && r8 == 0x8888 && r9 == 0x9999 && r10 == 0x1010, "registers, flags and stack");
    check(llabs(t.tv_sec - seconds(CLOCK_REALTIME)) < 60, "a site of its own");
  }
}
#else
static void rawSite(int loops) { (void)loops; }
#endif
static void sites(long n) {
  struct utsname first, u; pthread_t p[4], r; struct itimerval every = {{0, 2000}, {0, 2000}};
  pipe(blocked); pthread_create(&r, 0, blockedReader, 0);
  struct sigaction a = {.sa_handler = alarmed, .sa_flags = SA_RESTART}; sigaction(SIGALRM, &a, 0); setitimer(ITIMER_REAL, &every, 0);
  memset(&first, 0, sizeof first); uname(&first);
  for (long i = 0; i < n; i++) { memset(&u, 0, sizeof u); check(!uname(&u) && !memcmp(&u, &first, sizeof u), "uname"); check(uname((void *)8) == -1 && errno == EFAULT, "uname at a bad pointer"); }
  rawSite(n);
  for (int i = 0; i < 4; i++) pthread_create(&p[i], 0, siteThread, (void *)n);
  for (int i = 0; i < 4; i++) pthread_join(p[i], 0);
  write(blocked[1], "x", 1); pthread_join(r, 0);
  every.it_value.tv_usec = 0; setitimer(ITIMER_REAL, &every, 0);
  pid_t child = fork(); int st;
  if (!child) { siteThread((void *)100); rawSite(100); struct timespec t; syscall(SYS_clock_gettime, 0, &t); fact("child", t.tv_sec); execl(self, self, "clocks", (char *)0); _exit(7); }
  check(waitpid(child, &st, 0) == child && !st, "the child lives in the same world");
  struct timespec t; syscall(SYS_clock_gettime, CLOCK_REALTIME, &t); fact("realtime", t.tv_sec);
}

// Threads and processes that are killed, or become other programs, just when a tracer may hold them. None may stay, and no program may come
// to harm. The delays are in loops and microseconds; where in a call they hit is chance, so there are many.
static void ends(pid_t p, int wanted, const char *what) {
  int st = 0; pid_t w = 0;
  for (int i = 0; i < 20000 && !(w = waitpid(p, &st, WNOHANG)); i++) usleep(1000);
  check(w == p, what); check(wanted < 0 || st == wanted, what);
}
static void spin(long n) { for (volatile long i = 0; i < n; i++) { } }
static volatile int go;
static long delay;
static void *becomes(void *script) { while (!go) { } spin(delay); if (script) execl("/bin/sh", "sh", "-c", script, (char *)0); else execl("/bin/true", "true", (char *)0); _exit(7); }
static void *names(void *a) { struct utsname u; for (int i = 0; i < 400; i++) { syscall(SYS_uname, &u); go = i > 30; } pause(); return a; }
static void kills(long n) { // between a fork and an exec's end
  for (long i = 0; i < n; i++) {
    pid_t p = fork();
    if (!p) { execl("/bin/true", "true", (char *)0); _exit(7); }
    usleep(rand() % 1500); kill(p, SIGKILL); ends(p, -1, "a killed child ends");
  }
}
static void becoming(long n, int hot) { // a thread's exec, while the first thread is in a call, or while the process is being changed
  for (long i = 0; i < n; i++) {
    delay = rand() % 3000;
    pid_t p = fork();
    if (!p) {
      pthread_t t; pthread_create(&t, 0, becomes, hot ? "exec /bin/true" : 0);
      if (hot) { pthread_create(&t, 0, names, 0); for (;;) pause(); }
      struct utsname u; go = 1; for (int k = 0; k < 300; k++) uname(&u);
      for (;;) pause();
    }
    ends(p, 0, "a thread's exec");
  }
}
static void *leaves(void *a) { (void)a; usleep(100000); exit(7); }
static void ownFilter(void) { // no mmap any more: nothing may make that call in this program's name
  struct sock_filter f[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  struct sock_fprog p = {4, f}; struct utsname u;
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  check(!prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p), "own filter");
  for (int i = 0; i < 200; i++) check(!syscall(SYS_uname, &u), "uname");
}

static int untracedChild(void *a) { (void)a; struct timespec t; syscall(SYS_clock_gettime, 0, &t); fact("raw-untraced", t.tv_sec); return 0; }

static void inner(void) {
  struct sock_filter f[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE | 5), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  struct sock_fprog p = {4, f};
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  check(!prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p), "own filter");
  check(syscall(SYS_getppid) == -1 && errno == ENOSYS, "a trace answer without a tracer of one's own is ENOSYS");
}

int main(int argc, char **argv) {
  const char *mode = argv[1]; long n = argc > 2 ? atol(argv[2]) : 0; int st;
  self = argv[0];
  if (!strcmp(mode, "clocks")) clocks();
  else if (!strcmp(mode, "uname")) { struct utsname u; uname(&u); printf("%s|%s|%s|%s\n", u.sysname, u.release, u.version, u.machine); }
  else if (!strcmp(mode, "deadlines")) deadlines();
  else if (!strcmp(mode, "threads")) threads(n);
  else if (!strcmp(mode, "sigtrap")) sigtrap();
  else if (!strcmp(mode, "jobs")) jobs();
  else if (!strcmp(mode, "inner")) inner();
  else if (!strcmp(mode, "sites")) sites(n);
  else if (!strcmp(mode, "kills")) kills(n);
  else if (!strcmp(mode, "becoming")) becoming(n, 0);
  else if (!strcmp(mode, "becoming-hot")) becoming(n, 1);
  else if (!strcmp(mode, "own-filter")) ownFilter();
  else if (!strcmp(mode, "leader-waits")) { // the first thread waits for a deadline when another one ends the program
    pthread_t p; sem_t never; struct timespec t; sem_init(&never, 0, 0); pthread_create(&p, 0, leaves, 0);
    clock_gettime(CLOCK_REALTIME, &t); t.tv_sec += 100; sem_timedwait(&never, &t); return 3; }
#if defined __x86_64__
  else if (!strcmp(mode, "vsyscall")) { // as programs of 2008 do; without the page this ends by SIGSEGV, with the tracer and without
    time_t (*ask)(time_t *) = (time_t (*)(time_t *))0xffffffffff600400; time_t now = 0; for (int i = 0; i < 100; i++) { now = ask(0); check(now > 1000000000, "time"); } fact("vsyscall", now); }
#endif
  else if (!strcmp(mode, "threadexec")) {
    pthread_t p; for (int i = 0; i < 8; i++) pthread_create(&p, 0, idle, 0);
    pthread_create(&p, 0, execer, "clocks"); for (;;) pause();
  }
  else if (!strcmp(mode, "forks")) { for (long i = 0; i < n; i++) { pid_t p = fork(); if (!p) _exit(i % 200); check(waitpid(p, &st, 0) == p && WEXITSTATUS(st) == i % 200, "fork"); } fact("forks", n); }
  else if (!strcmp(mode, "vforks")) { for (long i = 0; i < n; i++) { pid_t p = vfork(); if (!p) { execl(self, self, "exit", "5", (char *)0); _exit(1); } check(waitpid(p, &st, 0) == p && WEXITSTATUS(st) == 5, "vfork"); } fact("vforks", n); }
  else if (!strcmp(mode, "exit")) return n;
  else if (!strcmp(mode, "die")) { signal(n, SIG_DFL); kill(getpid(), n); pause(); }
  else if (!strcmp(mode, "ptrace")) check(ptrace(PTRACE_TRACEME, 0, 0, 0) == -1 && errno == EPERM, "PTRACE_TRACEME is EPERM");
  else if (!strcmp(mode, "untraced")) { static char stack[65536]; pid_t p = clone(untracedChild, stack + 65536, CLONE_UNTRACED | SIGCHLD, 0); check(waitpid(p, &st, 0) == p && !st, "clone"); }
  else if (!strcmp(mode, "settime")) { struct timespec t = {0, -1}; /* never valid: harmless untraced */ check(syscall(SYS_clock_settime, CLOCK_REALTIME, &t) == -1 && errno == EPERM, "clock_settime is EPERM"); }
  else if (!strcmp(mode, "euid")) fact("euid", geteuid());
  else if (!strcmp(mode, "drop")) { check(!setresgid(65534, 65534, 65534) && !setresuid(65534, 65534, 65534), "setresuid"); execv(argv[2], argv + 2); return 7; }
  else if (!strcmp(mode, "tree")) { // a grandchild that would live long; its id is printed
    pid_t p = fork(); if (!p) { setsid(); if (!fork()) { fact("grandchild", getpid()); sleep(n); } _exit(0); } waitpid(p, 0, 0); sleep(n); }
  else if (!strcmp(mode, "term")) { signal(SIGTERM, ring); fact("ready", 1); while (!rang) usleep(5000); return 42; }
  else if (!strcmp(mode, "vdsoloop") || !strcmp(mode, "unameloop") || !strcmp(mode, "rawthreads")) loops(mode, n);
  else return 2;
  return 0;
}
