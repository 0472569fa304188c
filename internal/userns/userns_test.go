package userns

import (
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
)

func TestRangesOf(t *testing.T) {
	const text = "# comment\nann:100000:65536\n\n1001:300000:10\nbob:165536:65536\nbob:x:1\nbob:5\nbob:0:9\nbob:400000:5\n"
	for _, c := range []struct {
		name string
		uid  int
		want []idRange
	}{
		{"ann", 1000, []idRange{{100000, 65536}}},
		{"bob", 1001, []idRange{{300000, 10}, {165536, 65536}, {400000, 5}}},
		{"eve", 1002, nil},
	} {
		if got, free := rangesOf(text, c.name, c.uid); !reflect.DeepEqual(got, c.want) || free != 400005 {
			t.Errorf("%s: %v, free from %d", c.name, got, free)
		}
	}
	if got, free := rangesOf("", "ann", 1000); got != nil || free != 100000 {
		t.Errorf("no file: %v, free from %d", got, free)
	}
}

func TestCheckOfIDs(t *testing.T) {
	u := user{name: "ann", free: 165536}
	if c := u.check("/etc/subuid", "--add-subuids", []idRange{{1, 65000}, {100000, 535}}); !c.OK {
		t.Errorf("enough, in two ranges: %+v", c)
	}
	c := u.check("/etc/subgid", "--add-subgids", []idRange{{1, 65534}})
	if c.OK || c.Help != "run `usermod --add-subgids 165536-231071 ann` as root" || !strings.Contains(c.Detail, "65534") {
		t.Errorf("one too few: %+v", c)
	}
}

func TestPartial(t *testing.T) {
	for text, want := range map[string]bool{
		"         0          0 4294967295\n": false,
		"         0       1001          1\n": true,
		"0 1001 1\n1 100000 65536\n":         true,
		"         0          0 4294967294\n": true,
		"":                                   true,
	} {
		if got := partial(text); got != want {
			t.Errorf("partial(%q) = %v", text, got)
		}
	}
}

func TestSwitch(t *testing.T) {
	for _, c := range []struct {
		files map[string]string
		want  string
	}{
		{map[string]string{}, ""},
		{map[string]string{"kernel/unprivileged_userns_clone": "1\n", "user/max_user_namespaces": "96364\n"}, ""},
		{map[string]string{"kernel/unprivileged_userns_clone": "0\n"}, "kernel.unprivileged_userns_clone=1"},
		{map[string]string{"user/max_user_namespaces": "0\n"}, "user.max_user_namespaces=15000"},
		{map[string]string{"kernel/apparmor_restrict_unprivileged_userns": "1\n"}, "kernel.apparmor_restrict_unprivileged_userns=0"},
	} {
		got := switchedOff(func(path string) ([]byte, error) {
			if text, ok := c.files[strings.TrimPrefix(path, "/proc/sys/")]; ok {
				return []byte(text), nil
			}
			return nil, os.ErrNotExist
		})
		if !strings.Contains(got, c.want) || (got == "") != (c.want == "") {
			t.Errorf("%v: %s", c.files, got)
		}
	}
	if got := switchedOff(func(string) ([]byte, error) { return nil, errors.New("unreadable") }); got != "" {
		t.Error(got)
	}
}
