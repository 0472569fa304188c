//go:build linux

package trace

import (
	"encoding/binary"
	"fmt"
	"testing"

	"golang.org/x/net/bpf"
)

// decide runs a filter in an interpreter. The interpreter loads words in network order and the kernel in the machine's, so the
// structure is laid out word by word: the offsets are the kernel's, the low half of an argument first.
func decide(t *testing.T, abis []abi, arch, nr uint32, args ...uint64) uint32 {
	t.Helper()
	return decideAt(t, abis, nil, 0, arch, nr, args...)
}

func decideAt(t *testing.T, abis []abi, x *annex, ip uint64, arch, nr uint32, args ...uint64) uint32 {
	t.Helper()
	var raw []bpf.Instruction
	for _, f := range filter(abis, x) {
		raw = append(raw, bpf.RawInstruction{Op: f.Code, Jt: f.Jt, Jf: f.Jf, K: f.K}.Disassemble())
	}
	vm, err := bpf.NewVM(raw)
	if err != nil {
		t.Fatal(err)
	}
	words := []uint32{nr, arch, uint32(ip), uint32(ip >> 32)}
	for i := range 6 {
		v := uint64(0)
		if i < len(args) {
			v = args[i]
		}
		words = append(words, uint32(v), uint32(v>>32))
	}
	var packet []byte
	for _, w := range words {
		packet = binary.BigEndian.AppendUint32(packet, w)
	}
	verdict, err := vm.Run(packet)
	if err != nil {
		t.Fatal(err)
	}
	return uint32(verdict)
}

func TestFilterStopsOnlyWhatMatters(t *testing.T) {
	const allow, stop, perm, nosys = retAllow, retNotify, retErrno | 1, retErrno | 38
	const private, high = 0x80, 1 << 32
	x86, a64 := abis("amd64"), abis("arm64")
	for _, c := range []struct {
		name string
		abis []abi
		arch uint32
		nr   uint32
		args []uint64
		want uint32
	}{
		{"read", x86, archX86, 0, nil, allow},
		{"an unknown architecture", x86, 0x1234, 0, nil, stop},
		{"x32", x86, archX86, x32Bit | 228, nil, stop},
		{"clock_gettime realtime", x86, archX86, 228, []uint64{0}, stop},
		{"clock_gettime monotonic", x86, archX86, 228, []uint64{1}, allow},
		{"clock_gettime coarse", x86, archX86, 228, []uint64{5}, stop},
		{"clock_gettime alarm", x86, archX86, 228, []uint64{8}, stop},
		{"clock_gettime tai", x86, archX86, 228, []uint64{11}, stop},
		{"clock_gettime of a process", x86, archX86, 228, []uint64{0xfffffffa}, allow},
		{"clock_gettime ignores the high half", x86, archX86, 228, []uint64{high}, stop},
		{"time", x86, archX86, 201, nil, stop},
		{"uname", x86, archX86, 63, nil, stop},
		{"clone", x86, archX86, 56, []uint64{0x11}, allow},
		{"clone untraced", x86, archX86, 56, []uint64{0x00800011}, allow},
		{"clone3", x86, archX86, 435, nil, allow},
		{"execve", x86, archX86, 59, nil, stop},
		{"execveat", x86, archX86, 322, nil, stop},
		{"futex wait", x86, archX86, 202, []uint64{1, 0 | private, 0, 9}, allow},
		{"futex wait realtime is relative", x86, archX86, 202, []uint64{1, 0x100, 0, 9}, allow},
		{"futex wait_bitset monotonic", x86, archX86, 202, []uint64{1, 9 | private, 0, 9}, allow},
		{"futex wait_bitset realtime", x86, archX86, 202, []uint64{1, 0x109 | private, 0, 9}, stop},
		{"futex wait_bitset realtime, high pointer", x86, archX86, 202, []uint64{1, 0x109, 0, 7 * high}, stop},
		{"futex wait_bitset realtime, no deadline", x86, archX86, 202, []uint64{1, 0x109, 0, 0}, allow},
		{"futex lock_pi", x86, archX86, 202, []uint64{1, 6 | private, 0, 9}, stop},
		{"futex lock_pi2 monotonic", x86, archX86, 202, []uint64{1, 13, 0, 9}, allow},
		{"futex lock_pi2 realtime", x86, archX86, 202, []uint64{1, 0x10d, 0, 9}, stop},
		{"futex_waitv monotonic", x86, archX86, 449, []uint64{1, 1, 0, 9, 1}, allow},
		{"futex_waitv realtime", x86, archX86, 449, []uint64{1, 1, 0, 9, 0}, stop},
		{"clock_nanosleep relative", x86, archX86, 230, []uint64{0, 0, 9}, allow},
		{"clock_nanosleep absolute", x86, archX86, 230, []uint64{0, 1, 9}, stop},
		{"clock_nanosleep absolute monotonic", x86, archX86, 230, []uint64{1, 1, 9}, allow},
		{"timerfd_settime relative", x86, archX86, 286, []uint64{3, 0, 9}, allow},
		{"timerfd_settime absolute", x86, archX86, 286, []uint64{3, 3, 9}, stop},
		{"mq_timedreceive without a deadline", x86, archX86, 243, []uint64{3, 9, 8, 0, 0}, allow},
		{"mq_timedreceive", x86, archX86, 243, []uint64{3, 9, 8, 0, 7}, stop},
		{"ptrace traceme", x86, archX86, 101, []uint64{0}, stop},
		{"ptrace cont", x86, archX86, 101, []uint64{7}, allow},
		{"settimeofday", x86, archX86, 164, nil, perm},
		{"clock_settime", x86, archX86, 227, []uint64{0}, perm},

		{"i386 numbers mean other calls", x86, archI386, 228, []uint64{0}, allow},
		{"i386 execve", x86, archI386, 11, nil, stop},
		{"i386 oldolduname", x86, archI386, 59, nil, nosys},
		{"i386 time", x86, archI386, 13, nil, stop},
		{"i386 clock_gettime64", x86, archI386, 403, []uint64{0}, stop},
		{"i386 clock_gettime64 monotonic", x86, archI386, 403, []uint64{1}, allow},
		{"i386 uname", x86, archI386, 122, nil, stop},
		{"i386 stime", x86, archI386, 25, nil, perm},
		{"i386 last rule", x86, archI386, 404, []uint64{0}, perm},

		{"arm64 clock_gettime", a64, archA64, 113, []uint64{0}, stop},
		{"arm64 clock_gettime monotonic", a64, archA64, 113, []uint64{1}, allow},
		{"arm64 uname", a64, archA64, 160, nil, stop},
		{"arm64 execve", a64, archA64, 221, nil, stop},
		{"arm64 write", a64, archA64, 64, nil, allow},
		{"arm64 has no x32", a64, archA64, x32Bit, nil, allow},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := decide(t, c.abis, c.arch, c.nr, c.args...); got != c.want {
				t.Errorf("got %#x, want %#x", got, c.want)
			}
		})
	}
}

func TestFilterLeavesOutWhatTheWorldDoesNotMove(t *testing.T) {
	still := Options{KernelRelease: "1"}.covered("amd64")
	if got := decide(t, still, archX86, 228, 0); got != retAllow {
		t.Errorf("clock_gettime with no offset: %#x", got)
	}
	if got := decide(t, still, archX86, 63); got != retNotify {
		t.Errorf("uname: %#x", got)
	}
	named := Options{ClockOffset: 1e9}.covered("amd64")
	if got := decide(t, named, archX86, 63); got != retAllow {
		t.Errorf("uname with no name: %#x", got)
	}
}

func TestNoNumberTwice(t *testing.T) {
	for _, goarch := range []string{"amd64", "arm64"} {
		for _, a := range abis(goarch) {
			seen := map[uint32]bool{}
			for _, r := range a.rules {
				if seen[r.nr] {
					t.Errorf("%s", fmt.Sprintf("%#x: call %d has two rules", a.arch, r.nr))
				}
				seen[r.nr] = true
			}
		}
	}
}
