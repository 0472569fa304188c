// Package trace runs a command, and everything below it, in another world: its wall clock is moved, its kernel has another
// name. It is how builder B differs from builder A without any change to a build step (DESIGN §4.3).
//
// The tracer holds the command by ptrace and stops it as seldom as it can:
//
//   - At each exec the fresh program's vDSO (the page of code that the kernel lends to every program to read the clock without
//     a system call) is redirected: its symbol table is made to point at a few instructions that call the original function
//     and add the offset. The original stays as it was, so reading the clock costs one addition more. Static programs, Go
//     programs and libc's all find the functions by that table. See code_x86.go, code_a64.go and vdso.go.
//   - Every other way to meet the clock or the kernel's name is a system call on a short list (rules_*.go). A seccomp filter
//     made from that list (filter.go) stops exactly these calls, and only where their arguments say that they matter: a
//     futex stops only when it carries a deadline on the wall clock. All other calls run at full speed.
//   - What a stop does is in stops.go: a clock read is answered by the tracer without entering the call at all; a uname is
//     corrected after it returned; a deadline that the program computed from the moved clock is moved back before the kernel
//     sees it, or it would lie a year ahead and every timed wait would hang.
//
// The rest is what a tracer must do to stay unseen (loop.go): stopped jobs stay stopped (PTRACE_LISTEN), signals arrive as they
// were sent, children are followed from birth, and a dead tracer takes its tracees with it (PTRACE_O_EXITKILL).
//
// What stays real, by design: times that the kernel gives by itself (file times, System V IPC times, SO_TIMESTAMP), clocks
// that are not wall clocks, io_uring's absolute timeouts, and the CPU's own counters. A program can tell the worlds apart if it
// tries to; this is a variation, not a sandbox.
package trace
