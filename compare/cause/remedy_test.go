package cause

import (
	"testing"

	"github.com/selfsame-build/selfsame/compare"
)

// TestRemedies applies the first remedy that changes an instruction.
func TestRemedies(t *testing.T) {
	for _, c := range []struct {
		name  string
		class Class
		path  string
		old   string
		want  string
	}{
		{"date", "T1", "built", "RUN date >/built\n", "RUN date -u -d \"@$SOURCE_DATE_EPOCH\" >/built\n"},
		{"date with a format", "T1", "built", "RUN echo $(date +%s)\n", "RUN echo $(date -u -d \"@$SOURCE_DATE_EPOCH\" +%s)\n"},
		{"a word that has date in it", "T1", "built", "RUN update --all && apt-get update\n", ""},
		{"log", "T1", "var/log/dpkg.log", "RUN dpkg -i /x.deb\n", "RUN dpkg -i /x.deb \\\n && rm -f /var/log/dpkg.log\n"},
		{"heredoc", "T1", "var/log/x.log", "RUN <<EOF\nmake\nEOF\n", "RUN <<EOF\nmake\nrm -f /var/log/x.log\nEOF\n"},
		{"tar", "T3", "a.tar", "RUN tar -cf a.tar d\n", "RUN tar --sort=name --mtime=\"@$SOURCE_DATE_EPOCH\" --owner=0 --group=0 --numeric-owner -cf a.tar d\n"},
		{"tar without a dash", "T3", "a.tar", "RUN tar czf a.tar d\n", "RUN tar --sort=name --mtime=\"@$SOURCE_DATE_EPOCH\" --owner=0 --group=0 --numeric-owner -czf a.tar d\n"},
		{"untar", "T3", "a", "RUN tar -xf a.tar\n", ""},
		{"gzip", "T3", "a.gz", "RUN gzip a\n", "RUN gzip -n a\n"},
		{"xz", "T5", "a.xz", "RUN xz -T0 a\n", "RUN xz -T1 a\n"},
		{"mktemp", "T6", "bin", "RUN cd $(mktemp -d) && make\n", "RUN cd $(mkdir -p /tmp/build && echo /tmp/build) && make\n"},
		{"zone", "T10", "d", "RUN --mount=type=bind,target=/s date -r /s/x\n", "RUN --mount=type=bind,target=/s export TZ=UTC && date -r /s/x\n"},
		{"zone, exec form", "T10", "d", `RUN ["date", "-r", "/x"]` + "\n", `RUN ["env", "TZ=UTC", "date", "-r", "/x"]` + "\n"},
		{"CPUs", "T12", "j", "RUN make -j$(nproc)\n", "RUN make -j4\n"},
		{"what is left out stays out", "T3", "a", "RUN tar --exclude=secret.key -czf /src.tgz .\n", "RUN tar --sort=name --mtime=\"@$SOURCE_DATE_EPOCH\" --owner=0 --group=0 --numeric-owner --exclude=secret.key -czf /src.tgz .\n"},
		{"a test is no list of words", "T10", "x", "RUN [ \"$DEBUG\" = 1 ] && make debug || true\n", "RUN export TZ=UTC && [ \"$DEBUG\" = 1 ] && make debug || true\n"},
		{"a host's name in a text", "T7", "x", "RUN echo \"hostname=$(hostname)\" >x\n", "RUN echo \"hostname=localhost\" >x\n"},
		{"a date in a text", "T1", "x", "RUN (echo build date; date) >x\n", "RUN (echo build date; date -u -d \"@$SOURCE_DATE_EPOCH\") >x\n"},
		{"two that were drawn", "T6", "x", "RUN a=$(mktemp) b=$(mktemp) && comm $a $b >x\n", "RUN export TMPDIR=/tmp && a=$(mktemp) b=$(mktemp) && comm $a $b >x\n"},
		{"patch", "T5", "x", "RUN patch -p0 <x && xz -T0 y\n", "RUN patch -p0 <x && xz -T1 y\n"},
		{"a library's name", "T15", "x", "RUN ld lib-j8.so\n", ""},
		{"installing a compiler", "T13", "x", "RUN apt-get install -y gcc && python3 gen.py\n", "RUN export PYTHONHASHSEED=0 PERL_HASH_SEED=0 PERL_PERTURB_KEYS=0 && apt-get install -y gcc && python3 gen.py\n"},
		{"a repository's folder", "T25", "srv/repo.git/work/.git/index", "RUN git init\n", "RUN git init \\\n && rm -rf /srv/repo.git/work/.git\n"},
		{"another heredoc", "T1", "var/log/x.log", "RUN cat <<EOF >/x\nmake\nEOF\n", ""},
		{"a script with its own shell", "T10", "x", "RUN <<EOF\n#!/bin/bash -e\nmake\nEOF\n", ""},
		{"the end of find", "T1", "var/log/x.log", "RUN find . -exec touch {} \\;\n", ""},
		{"race", "T15", "j", "RUN make -j8 all\n", "RUN make -j1 all\n"},
		{"background", "T15", "j", "RUN for i in 1 2; do x $i & done; wait\n", "RUN for i in 1 2; do x $i ; done; wait\n"},
		{"native", "T16", "b", "RUN gcc -march=native x.c\n", "RUN gcc -march=x86-64 x.c\n"},
		{"find", "T18", "l", "RUN find . -type f >l\n", "RUN find . -type f | LC_ALL=C sort >l\n"},
		{"listdir", "T18", "l", "RUN python3 -c 'print(os.listdir(\".\"))'\n", "RUN python3 -c 'print(sorted(os.listdir(\".\")))'\n"},
		{"machine id", "T13", "etc/machine-id", "RUN systemd-machine-id-setup\n", ""},
		{"git", "T25", "src/.git/index", "RUN git init /src\n", "RUN git init /src \\\n && rm -rf /src/.git\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ""
			for _, r := range Remedies(Finding{Class: c.class, Difference: compare.Difference{Kind: compare.KindModified, Path: c.path}}) {
				if text, ok := r.Apply(c.old); ok {
					got = text
					break
				}
			}
			if c.name == "machine id" {
				if got == "" {
					t.Error("nothing was changed")
				}
				return
			}
			if got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

// TestOddPaths: a name that a shell would take apart is never put into a command.
func TestOddPaths(t *testing.T) {
	for _, p := range []string{"var/log/$(reboot)", "var/log/a b", "var/log/a;b", "var/log/\nx", "var/log/`x`", "var/log/*", "etc/passwd", "usr/bin/x", "../var/log/x y"} {
		for _, r := range deleted(Finding{Difference: compare.Difference{Kind: compare.KindModified, Path: p}}) {
			if text, ok := r.Apply("RUN true\n"); ok {
				t.Errorf("%q: %q", p, text)
			}
		}
	}
}
