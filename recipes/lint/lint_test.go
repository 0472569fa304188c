package lint

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/selfsame-build/selfsame/internal/diag"
	"github.com/selfsame-build/selfsame/recipes"
)

const head = "recipe: v1\nname: shop\nplatforms: [linux/amd64]\n"

func parse(t testing.TB, text string) *recipes.Recipe {
	t.Helper()
	r, err := recipes.Parse("recipe.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// found writes each diagnostic as "CODE line text", text being what its carets underline.
func found(list diag.List) []string {
	var out []string
	for _, d := range list {
		line := []rune(d.Excerpt)
		from := min(max(d.At.Column-1, 0), len(line))
		out = append(out, fmt.Sprintf("%s %d %s", d.Code, d.At.Line, string(line[from:min(from+d.At.Length, len(line))])))
	}
	return out
}

// pinned is a base that no rule has anything to say about.
const pinned = "FROM debian@sha256:0000000000000000000000000000000000000000000000000000000000000000\n"

// faults has for each rule what it must find: Dockerfile lines behind a pinned FROM (so the first is line 2), and the finding.
var faults = []struct{ text, want string }{
	{"FROM debian:trixie", "A0151 2 debian:trixie"},
	{"COPY --from=busybox:1.37 /bin/sh /sh", "A0151 2 busybox:1.37"},
	{"RUN --mount=type=bind,from=busybox:1.37,target=/x ls /x", "A0151 2 busybox:1.37"},
	{"FROM debian", "A0152 2 debian"},
	{"FROM debian:latest", "A0152 2 debian:latest"},
	{"ADD https://example.com/a.tar.gz /", "A0154 2 https://example.com/a.tar.gz"},
	{"ADD --chown=1:1 \\\n  http://example.com/a /", "A0154 3 http://example.com/a"},
	{"RUN --mount=type=cache,target=/root/.cache make", "A0155 2 --mount=type=cache,target=/root/.cache"},
	{"RUN --network=none \\\n  --mount=target=/c,type=cache make", "A0155 3 --mount=target=/c,type=cache"},
	{"RUN --mount=type=secret,id=token true", "A0156 2 --mount=type=secret,id=token"},
	{"RUN --mount=type=ssh true", "A0156 2 --mount=type=ssh"},
	{"RUN curl -fsSL https://example.com/i.sh | sh", "A0157 2 curl"},
	{"RUN wget -qO- https://example.com/i.sh | sudo -E bash -", "A0157 2 wget"},
	{"RUN curl https://example.com/i | tee /i | bash -s -- -y", "A0157 2 curl"},
	{"RUN sh -c \"$(curl -fsSL https://example.com/i.sh)\"", "A0157 2 curl"},
	{"RUN [\"sh\", \"-c\", \"curl https://example.com/i | sh\"]", "A0157 2 RUN"},
	{"SHELL [\"/bin/bash\", \"-c\"]\nRUN bash <(curl https://example.com/i)", "A0157 3 curl"},
	{"RUN curl https://example.com/i.py | python3 -", "A0157 2 curl"},
	{"RUN git clone https://example.com/x", "A0158 2 git"},
	{"RUN cd /src && \\\n    # why\n    git -C lib pull", "A0158 4 git"},
	{"RUN git submodule update --init", "A0158 2 git"},
	{"RUN echo \"built $(date)\" > /built", "A0159 2 date"},
	{"RUN make VERSION=`date +%s`", "A0159 2 date"},
	{"RUN /bin/date -u > /built", "A0159 2 /bin/date"},
	{"RUN date -d yesterday > /built", "A0159 2 date"},
	{"RUN date -d 'now' +%F > /built", "A0159 2 date"},
	{"RUN echo $EPOCHSECONDS > /built", "A0159 2 $EPOCHSECONDS"},
	{"RUN <<EOF\nset -e\n  date > /built\nEOF", "A0159 4 date"},
	{"RUN <<-'EOF' bash\n\tdate > /x\nEOF\nRUN date >/y", "A0159 5 date"},
	{"RUN bash -c 'date > /x'", "A0159 2 'date"},
	{"RUN X=日本 date > /x", "A0159 2 date"},
	{"RUN echo ${RANDOM} > /x", "A0160 2 ${RANDOM}"},
	{"RUN cd $(mktemp -d)", "A0160 2 mktemp"},
	{"RUN uuidgen > /id", "A0160 2 uuidgen"},
	{"RUN openssl rand -hex 16 > /key", "A0160 2 openssl"},
	{"RUN head -c 16 /dev/urandom > /key", "A0160 2 /dev/urandom"},
	{"RUN tr -dc a-z < /dev/urandom > /key", "A0160 2 /dev/urandom"},
	{"RUN dd if=/dev/urandom of=/key", "A0160 2 if=/dev/urandom"},
	{"RUN shuf -n 1 /list > /x", "A0160 2 shuf"},
	{"RUN gcc -O2 -march=native a.c", "A0161 2 -march=native"},
	{"RUN CFLAGS=\"-O2 -mtune=native\" make", "A0161 2 CFLAGS=\"-O2"},
	{"ENV RUSTFLAGS=\"-C target-cpu=native\"", "A0161 2 target-cpu=native"},
	{"ARG CFLAGS=-march=native", "A0161 2 -march=native"},
	{"RUN echo 'CFLAGS=-march=native' >> /etc/make.conf", "A0161 2 'CFLAGS=-march=native'"},
	{"COPY <<EOF /a.c\nchar *d = __DATE__;\nEOF", "A0162 3 __DATE__"},
	{"RUN cat > /a.c <<EOF\nint x;\nchar *d = __TIME__;\nEOF", "A0162 4 __TIME__"},
	{"RUN echo 'char *d = __DATE__;' > /a.c", "A0162 2 'char"},
	{"RUN apt-get update && apt-get -y upgrade", "A0163 2 apt-get"},
	{"RUN apt-get -o Dpkg::Options::=--force-confold dist-upgrade -y", "A0163 2 apt-get"},
	{"RUN apk upgrade --no-cache", "A0163 2 apk"},
	{"RUN dnf -y update", "A0163 2 dnf"},
	{"RUN apt-get install -y curl", "A0164 2 apt-get"},
	{"RUN apt-get install -y curl && rm -rf /var/log/*", "A0164 2 apt-get"},
	{"RUN sudo DEBIAN_FRONTEND=noninteractive apt install -y curl && rm -rf /var/cache/ldconfig/aux-cache", "A0164 2 apt"},
	{"RUN ssh-keygen -A", "A0165 2 ssh-keygen"},
	{"RUN ssh-keygen -t ed25519 -f /key -N ''", "A0165 2 ssh-keygen"},
	{"RUN systemd-machine-id-setup", "A0166 2 systemd-machine-id-setup"},
	{"RUN dbus-uuidgen --ensure", "A0166 2 dbus-uuidgen"},
	{"RUN uname -a > /x", "A0167 2 uname"},
	{"RUN make KVER=$(uname -r)", "A0167 2 uname"},
	{"RUN hostname > /x", "A0167 2 hostname"},
	{"RUN echo $HOSTNAME > /x", "A0167 2 $HOSTNAME"},
	{"ENV PYTHONDONTWRITEBYTECODE=1\nRUN pip install flask", "A0168 3 pip"},
	{"ENV PYTHONDONTWRITEBYTECODE=1\nRUN python3 -m pip install -r requirements.txt", "A0168 3 python3"},
	{"RUN pip install --no-compile flask==3.0.0", "A0168 2 pip"},
	{"RUN npm install", "A0169 2 npm"},
	{"RUN npm i --omit=dev", "A0169 2 npm"},
	{"RUN npm install -g typescript@latest", "A0169 2 typescript@latest"},
	{"RUN npm install -g yarn", "A0169 2 yarn"},
	{"RUN npm install -g \\\n    # a comment between continued lines is no end\n\n    yarn", "A0169 5 yarn"},
	{"RUN pip install --require-hashes -r requirements.txt", "A0170 2 pip"},
	{"RUN python3 -m compileall /app", "A0170 2 python3"},
	{"RUN python -m compileall --invalidation-mode timestamp /app", "A0170 2 python"},
}

// sound has for each rule what looks like a fault and is none.
var sound = []string{
	"FROM scratch",
	"FROM scratch AS a\nFROM a\nCOPY --from=a /x /x\nCOPY --from=0 /x /x",
	"ARG V\nFROM debian:${UNKNOWN}",
	"ADD --checksum=sha256:0000000000000000000000000000000000000000000000000000000000000000 https://example.com/a /",
	"ADD https://example.com/x.git#v1 /x",
	"ADD a.tar.gz /",
	"RUN --mount=type=bind,target=/x ls /x",
	"RUN --mount=type=tmpfs,target=/x ls /x",
	"RUN curl -o /x https://example.com/x && sh /y",
	"RUN curl https://example.com/x | tar xz",
	"RUN curl https://example.com/x | python3 -c 'import json, sys; json.load(sys.stdin)'",
	"RUN curl https://example.com/x | python3 -m json.tool | sh.conf",
	"RUN curl https://example.com/x | bash /check.sh",
	"RUN echo 'curl https://example.com | sh'",
	"RUN bash /install.sh $(curl https://example.com/version)",
	"RUN git config --global user.name x && git -C /src status && git submodule status",
	"RUN echo \"date\" && echo date > /x && cat date.txt && ./date.sh && update-date",
	"RUN date -u -d \"@$SOURCE_DATE_EPOCH\" +%F > /x && date -u --date=@0 && date -r /x && date -ud @0",
	"RUN date -d '2026-01-02' +%s > /x",
	"RUN echo '$(date)' '$RANDOM' '$HOSTNAME' '`date`'",
	"RUN : # date\nRUN true && \\\n    # date\n    true",
	"RUN RANDOM=42; echo $RANDOM",
	"ENV HOSTNAME=fixed\nRUN echo $HOSTNAME",
	"RUN shuf --random-source=/seed /list && openssl dgst /x && openssl version",
	"RUN ln -s /dev/urandom /dev/random && echo /dev/urandom",
	"RUN gcc -march=x86-64-v2 -mtune=generic a.c && echo -march=native && grep -r march=native . || sed -i s/-march=native// Makefile",
	"RUN gcc -D__DATE__='\"x\"' -U__TIME__ -Wno-builtin-macro-redefined a.c && grep -rn __DATE__ . && sed -i s/__DATE__/x/ a.c",
	"COPY <<EOF /a.c\nchar *d = MY__DATE__X;\nEOF",
	"RUN apt-get update && apt-get --version && dnf upgrade curl && pip install --upgrade --no-compile --no-index pip",
	"RUN apt-get install -y curl && rm -rf /var/lib/apt/lists/* /var/log/* /var/cache/ldconfig/aux-cache",
	"RUN apt-get install -y curl \\\n && rm -rf /var/lib/{apt,dpkg}/lists /var/{cache,log}/*",
	"RUN --mount=type=tmpfs,target=/var/log --mount=type=tmpfs,target=/var/cache/ldconfig apt-get install -y curl",
	"RUN apt-get download curl && apt-get install --download-only curl && dpkg --list && apt-cache show curl",
	"RUN ssh-keygen -l -f /key && ssh-keygen -R host && ssh-keyscan host",
	"RUN ssh-keygen -A && rm -f /etc/ssh/ssh_host_*",
	"RUN systemd-machine-id-setup && : > /etc/machine-id",
	"RUN dbus-uuidgen --get",
	"RUN case $(uname -m) in x86_64) a=amd64;; esac; uname; uname -s; uname -sm; hostname box; echo hostname",
	"RUN pip install --no-compile . && pip install --no-compile ./a.whl /b.whl -e .",
	"ENV PYTHONDONTWRITEBYTECODE=1\nRUN pip install --require-hashes -r r.txt && pip list && pip --version",
	"RUN PYTHONDONTWRITEBYTECODE=1 pip install --no-index x",
	"RUN export PYTHONDONTWRITEBYTECODE=1; pip install --no-index x",
	"RUN pip install --no-index x && find / -name '*.pyc' -delete",
	"RUN npm ci && npm run install && npm install -g typescript@5.9.2 @scope/x@1.2.3 && npm --version",
	"RUN python3 -m compileall --invalidation-mode unchecked-hash /app && python3 -m http.server",
	"SHELL [\"pwsh\", \"-Command\"]\nRUN date",
	"RUN <<EOF\n#!/usr/bin/env python3\nimport date\ndate\nEOF",
	"RUN if then fi ((( date",
	"CMD date\nENTRYPOINT [\"sh\", \"-c\", \"date\"]\nHEALTHCHECK CMD date\nLABEL x=\"$(date)\"",
	"RUN nproc && make -j$(nproc)",
}

func TestFaultsAreFound(t *testing.T) {
	r := parse(t, head+"build: {dockerfile: Dockerfile}\n")
	tested := map[diag.Code]bool{diag.CodeRecipeDockerfile: true, diag.CodeLintSyntax: true} // below
	for _, c := range faults {
		list := Check(r, []byte(pinned+c.text+"\n"), "Dockerfile")
		if d := cmp.Diff([]string{c.want}, found(list)); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.text, d)
		}
		for _, d := range list {
			tested[d.Code] = true
			if d.Severity == diag.SeverityError || d.Why == "" || d.Help == "" || d.At.File != "Dockerfile" {
				t.Errorf("%s: says too little: %+v", c.text, d)
			}
		}
	}
	for _, info := range diag.Table() {
		if info.Code >= "A0150" && info.Code < "A0180" && !tested[info.Code] {
			t.Errorf("%s (%s) is never tested", info.Code, info.Title)
		}
	}
}

func TestSoundLinesAreLeftAlone(t *testing.T) {
	r := parse(t, head+"build: {dockerfile: Dockerfile}\n")
	for _, text := range sound {
		if got := found(Check(r, []byte(pinned+text+"\n"), "Dockerfile")); len(got) > 0 {
			t.Errorf("%s\nwas warned of: %q", text, got)
		}
	}
}

func TestSyntaxLine(t *testing.T) {
	r := parse(t, head+"build: {dockerfile: Dockerfile}\n")
	for ref, want := range map[string]bool{
		"docker/dockerfile:1": false, "docker/dockerfile:1.7": false, "docker.io/docker/dockerfile:1-labs": false,
		"example.com/f@sha256:0000000000000000000000000000000000000000000000000000000000000000": false,
		"docker/dockerfile": true, "docker/dockerfile:latest": true, "docker/dockerfile:10": true, "example.com/frontend:1": true, "docker/dockerfile-upstream:master": true,
	} {
		got := found(Check(r, []byte("# syntax="+ref+"\n"+pinned), "Dockerfile"))
		if want != (len(got) > 0) {
			t.Errorf("%s gave %q", ref, got)
		}
		if want && got[0] != "A0153 1 "+ref {
			t.Errorf("%s gave %q", ref, got)
		}
	}
}

func TestBrokenDockerfile(t *testing.T) {
	r := parse(t, head+"build: {dockerfile: Dockerfile}\n")
	for text, line := range map[string]int{
		pinned + "FORM x\n": 2, "": 0, "RUN x\n": 1, pinned + "RUN <<EOF\nx\n": 2, pinned + "COPY x\n": 2, pinned + strings.Repeat("# x\n", 1<<19): 0,
	} {
		list := Check(r, []byte(text), "Dockerfile")
		if len(list) != 1 || list[0].Code != diag.CodeRecipeDockerfile || list[0].Severity != diag.SeverityError || list[0].At.Line != line {
			t.Errorf("%.40q gave %v", text, list)
		}
	}
}

// TestOnlyTheImageCounts: what another stage leaves behind is not in the image.
func TestOnlyTheImageCounts(t *testing.T) {
	const text = pinned + `RUN apt-get install -y gcc
FROM scratch AS final
COPY --from=0 /app /app
FROM final AS test
RUN apt-get install -y openssh-server dbus
`
	for target, want := range map[string][]string{
		"":      {"A0164 6 apt-get", "A0165 6 openssh-server", "A0166 6 dbus"},
		"final": nil,
		"0":     {"A0164 2 apt-get"},
		"TEST":  {"A0164 6 apt-get", "A0165 6 openssh-server", "A0166 6 dbus"},
	} {
		recipe := head + "build: {dockerfile: Dockerfile, target: \"" + target + "\"}\n"
		if target == "" {
			recipe = head + "build: {dockerfile: Dockerfile}\n"
		}
		if d := cmp.Diff(want, found(Check(parse(t, recipe), []byte(text), "Dockerfile"))); d != "" {
			t.Errorf("target %q (-want +got):\n%s", target, d)
		}
	}
}

func TestNamesOfTheRecipe(t *testing.T) {
	r := parse(t, head+`build:
  dockerfile: Dockerfile
  args: {BASE: "debian:12", FLAGS: x}
  contexts:
    node: {debian: {suite: trixie}}
    "tools:1": {image: alpine}
`)
	const text = "ARG BASE=ubuntu\nFROM $BASE\nFROM docker.io/library/node:latest\nCOPY --from=tools:1 /a /a\n"
	want := []string{"A0151 2 $BASE", "A0152 9 alpine"}
	if d := cmp.Diff(want, found(Check(r, []byte(text), "Dockerfile"))); d != "" {
		t.Error(d)
	}
}

func TestEnvIsInherited(t *testing.T) {
	r := parse(t, head+"build: {dockerfile: Dockerfile}\n")
	text := strings.TrimSpace(pinned) + " AS a\nENV PYTHONDONTWRITEBYTECODE=1\nFROM a\nRUN pip install --no-index x\n" + pinned + "RUN pip install --no-index x\n"
	if d := cmp.Diff([]string{"A0170 6 pip"}, found(Check(r, []byte(text), "Dockerfile"))); d != "" {
		t.Error(d)
	}
}

func TestRecipeStages(t *testing.T) {
	r := parse(t, head+`build:
  stages:
    - name: build
      from: debian:12
      env: {CFLAGS: -march=native}
      steps:
        - run: date > /x
        - run: |
            set -e
            X=é hostname > /y
        - run: >
            set -e;
            date
        - run: "quoted; date"
        - run: apt-get install -y gcc
    - name: final
      from: {debian: {suite: trixie}}
      steps:
        - copy: {from: busybox, sources: [/bin/sh], to: /sh}
        - copy: {from: build, sources: [/x], to: /x}
        - run: |-
            apt-get install -y dbus
`)
	want := []string{
		"A0151 7 debian:12", "A0161 8 -march=native", "A0159 10 date", "A0167 13 hostname", "A0159 14 >", "A0159 17 \"quoted; date\"",
		"A0152 22 busybox", "A0164 25 apt-get", "A0166 25 dbus",
	}
	if d := cmp.Diff(want, found(Check(r, nil, "Dockerfile"))); d != "" {
		t.Error(d)
	}
}

func TestCarriageReturnsAndBackticks(t *testing.T) {
	r := parse(t, head+"build: {dockerfile: Dockerfile}\n")
	text := "# escape=`\n" + pinned + "RUN true && `\n  date\n"
	for _, text := range []string{text, strings.ReplaceAll(text, "\n", "\r\n")} {
		if d := cmp.Diff([]string{"A0159 4 date"}, found(Check(r, []byte(text), "Dockerfile"))); d != "" {
			t.Error(d)
		}
	}
}

func FuzzCheck(f *testing.F) {
	for _, c := range faults {
		f.Add(pinned + c.text)
	}
	for _, s := range sound {
		f.Add(pinned + s)
	}
	r := parse(f, head+"build: {dockerfile: Dockerfile}\n")
	f.Fuzz(func(t *testing.T, text string) {
		list := Check(r, []byte(text), "Dockerfile")
		lines := strings.Split(text, "\n")
		for _, d := range list {
			if d.At.Line < 0 || d.At.Line > len(lines) || d.Help == "" {
				t.Fatalf("%+v", d)
			}
		}
		if !slices.IsSortedFunc(list, func(a, b *diag.Diagnostic) int { return a.At.Line - b.At.Line }) {
			t.Fatal("not in order")
		}
	})
}
