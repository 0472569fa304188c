// Package trace runs a command, and everything below it, in another world: its wall clock is moved, its kernel has another
// name. It is how builder B differs from builder A without any change to a build step (DESIGN §4.3).
//
// A seccomp filter made from a short list of system calls (rules_*.go, filter.go) hands exactly those to the tracer, and only where their
// arguments say that they matter: a futex only when it carries a deadline on the wall clock. All others run at full speed, and so do forks,
// signals and job control: nothing is traced for longer than one such call.
//
//   - An exec is let through, and the fresh program is held for a moment by ptrace (hold_linux.go). Its vDSO (the page of code that the
//     kernel lends to every program to read the clock without a system call) is redirected: its symbol table is made to point at a few
//     instructions that call the original function and add the offset. The original stays as it was, so reading the clock costs one
//     addition more. Static programs, Go programs and libc's all find the functions by that table. See code_x86.go, code_a64.go, vdso.go.
//   - A clock read by a plain system call is answered by the tracer (clocks_linux.go).
//   - A call whose answer only the kernel can give is held while it runs. A uname is corrected after it returned; a deadline that the
//     program computed from the moved clock is moved back before the kernel sees it, or it would lie a year ahead and every timed wait
//     would hang.
//   - A place that asks for the time or the name over and over is led past the tracer, to code of its own (site.go, reroute_linux.go).
//
// Many attendants serve the calls (serve_linux.go), so that one which waits keeps no other waiting.
//
// What stays real, by design: times that the kernel gives by itself (file times, System V IPC times, SO_TIMESTAMP), clocks
// that are not wall clocks, io_uring's absolute timeouts, and the CPU's own counters. A program can tell the worlds apart if it
// tries to; this is a variation, not a sandbox.
package trace
