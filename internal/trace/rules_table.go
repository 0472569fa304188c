package trace

// The numbers are those of the kernel's arch/x86/entry/syscalls/syscall_64.tbl and syscall_32.tbl and of
// include/uapi/asm-generic/unistd.h. The order is the order in which the filter compares: busy calls first.

var rulesX86 = []rule{
	{nr: 202, act: actDeadline, when: ifWallFutex, layout: time64, ptrArg: 3},             // futex
	{nr: 228, act: actClockGettime, when: ifWallClock, layout: time64, ptrArg: 1},         // clock_gettime
	{nr: 96, act: actGettimeofday, layout: time64},                                        // gettimeofday
	{nr: 201, act: actTime, layout: time64},                                               // time
	{nr: 63, act: actUname},                                                               // uname
	{nr: 230, act: actDeadline, when: ifWallSleep, layout: time64, ptrArg: 2},             // clock_nanosleep
	{nr: 223, act: actDeadline, when: ifAbsolute, layout: time64, ptrArg: 2, offset: 16},  // timer_settime
	{nr: 286, act: actDeadline, when: ifAbsolute, layout: time64, ptrArg: 2, offset: 16},  // timerfd_settime
	{nr: 242, act: actDeadline, when: ifDeadline, layout: time64, ptrArg: 4},              // mq_timedsend
	{nr: 243, act: actDeadline, when: ifDeadline, layout: time64, ptrArg: 4},              // mq_timedreceive
	{nr: 449, act: actDeadline, when: ifWallWait, layout: time64, ptrArg: 3, clockArg: 4}, // futex_waitv
	{nr: 455, act: actDeadline, when: ifWallWait, layout: time64, ptrArg: 4, clockArg: 5}, // futex_wait
	{nr: 59, act: actExec},  // execve
	{nr: 322, act: actExec}, // execveat
	{nr: 159, act: actTimex, layout: time64, offset: timexSeconds64},                               // adjtimex
	{nr: 305, act: actTimex, when: ifWallClock, layout: time64, ptrArg: 1, offset: timexSeconds64}, // clock_adjtime
	{nr: 101, act: actPtrace, when: ifTracing},                                                     // ptrace
	{nr: 164, act: actRefuse},                    // settimeofday
	{nr: 227, act: actRefuse, when: ifWallClock}, // clock_settime
}

var rulesI386 = []rule{
	{nr: 240, act: actDeadline, when: ifWallFutex, layout: time32, ptrArg: 3},             // futex
	{nr: 422, act: actDeadline, when: ifWallFutex, layout: time64, ptrArg: 3},             // futex_time64
	{nr: 265, act: actClockGettime, when: ifWallClock, layout: time32, ptrArg: 1},         // clock_gettime
	{nr: 403, act: actClockGettime, when: ifWallClock, layout: time64, ptrArg: 1},         // clock_gettime64
	{nr: 78, act: actGettimeofday, layout: time32},                                        // gettimeofday
	{nr: 13, act: actTime, layout: time32},                                                // time
	{nr: 122, act: actUname},                                                              // uname
	{nr: 109, act: actUname},                                                              // olduname
	{nr: 59, act: actMissing},                                                             // oldolduname: fields of 9 bytes
	{nr: 267, act: actDeadline, when: ifWallSleep, layout: time32, ptrArg: 2},             // clock_nanosleep
	{nr: 407, act: actDeadline, when: ifWallSleep, layout: time64, ptrArg: 2},             // clock_nanosleep_time64
	{nr: 260, act: actDeadline, when: ifAbsolute, layout: time32, ptrArg: 2, offset: 8},   // timer_settime
	{nr: 409, act: actDeadline, when: ifAbsolute, layout: time64, ptrArg: 2, offset: 16},  // timer_settime64
	{nr: 325, act: actDeadline, when: ifAbsolute, layout: time32, ptrArg: 2, offset: 8},   // timerfd_settime
	{nr: 411, act: actDeadline, when: ifAbsolute, layout: time64, ptrArg: 2, offset: 16},  // timerfd_settime64
	{nr: 279, act: actDeadline, when: ifDeadline, layout: time32, ptrArg: 4},              // mq_timedsend
	{nr: 280, act: actDeadline, when: ifDeadline, layout: time32, ptrArg: 4},              // mq_timedreceive
	{nr: 418, act: actDeadline, when: ifDeadline, layout: time64, ptrArg: 4},              // mq_timedsend_time64
	{nr: 419, act: actDeadline, when: ifDeadline, layout: time64, ptrArg: 4},              // mq_timedreceive_time64
	{nr: 449, act: actDeadline, when: ifWallWait, layout: time64, ptrArg: 3, clockArg: 4}, // futex_waitv
	{nr: 455, act: actDeadline, when: ifWallWait, layout: time64, ptrArg: 4, clockArg: 5}, // futex_wait
	{nr: 11, act: actExec},  // execve
	{nr: 358, act: actExec}, // execveat
	{nr: 124, act: actTimex, layout: time32, offset: timexSeconds32},                               // adjtimex
	{nr: 343, act: actTimex, when: ifWallClock, layout: time32, ptrArg: 1, offset: timexSeconds32}, // clock_adjtime
	{nr: 405, act: actTimex, when: ifWallClock, layout: time64, ptrArg: 1, offset: timexSeconds64}, // clock_adjtime64
	{nr: 26, act: actPtrace, when: ifTracing},                                                      // ptrace
	{nr: 25, act: actRefuse},                     // stime
	{nr: 79, act: actRefuse},                     // settimeofday
	{nr: 264, act: actRefuse, when: ifWallClock}, // clock_settime
	{nr: 404, act: actRefuse, when: ifWallClock}, // clock_settime64
}

var rulesA64 = []rule{
	{nr: 98, act: actDeadline, when: ifWallFutex, layout: time64, ptrArg: 3},      // futex
	{nr: 113, act: actClockGettime, when: ifWallClock, layout: time64, ptrArg: 1}, // clock_gettime
	{nr: 169, act: actGettimeofday, layout: time64},                               // gettimeofday
	{nr: 160, act: actUname}, // uname
	{nr: 115, act: actDeadline, when: ifWallSleep, layout: time64, ptrArg: 2},             // clock_nanosleep
	{nr: 110, act: actDeadline, when: ifAbsolute, layout: time64, ptrArg: 2, offset: 16},  // timer_settime
	{nr: 86, act: actDeadline, when: ifAbsolute, layout: time64, ptrArg: 2, offset: 16},   // timerfd_settime
	{nr: 182, act: actDeadline, when: ifDeadline, layout: time64, ptrArg: 4},              // mq_timedsend
	{nr: 183, act: actDeadline, when: ifDeadline, layout: time64, ptrArg: 4},              // mq_timedreceive
	{nr: 449, act: actDeadline, when: ifWallWait, layout: time64, ptrArg: 3, clockArg: 4}, // futex_waitv
	{nr: 455, act: actDeadline, when: ifWallWait, layout: time64, ptrArg: 4, clockArg: 5}, // futex_wait
	{nr: 221, act: actExec}, // execve
	{nr: 281, act: actExec}, // execveat
	{nr: 171, act: actTimex, layout: time64, offset: timexSeconds64},                               // adjtimex
	{nr: 266, act: actTimex, when: ifWallClock, layout: time64, ptrArg: 1, offset: timexSeconds64}, // clock_adjtime
	{nr: 117, act: actPtrace, when: ifTracing},                                                     // ptrace
	{nr: 170, act: actRefuse},                    // settimeofday
	{nr: 112, act: actRefuse, when: ifWallClock}, // clock_settime
}
