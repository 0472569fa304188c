package cause

import (
	"strings"

	"github.com/selfsame-build/selfsame/internal/lazyregexp"
)

// position is where a shell expects the name of a command. It is the first group of the patterns that begin with it.
const position = `(^\s*RUN\s+(?:--\S+\s+)*|[;&|({]\s*|\n\s*|\$\(\s*|\b(?:then|do|else|exec|time|sudo|env(?: \w+=\S+)*)\s+)`

// command changes a command and what belongs to it: name and rest are patterns, groups count from 2.
func command(name, rest, with string) Remedy {
	return replaced("", position+name+rest, "${1}"+with)
}

// epochDate is the recipe's time as a shell has it.
const epochDate = `date -u -d "@$$SOURCE_DATE_EPOCH"`

func clockRemedies(f Finding) []Remedy {
	if strings.HasPrefix(f.Difference.Path, "etc/shadow") && !strings.HasSuffix(f.Difference.Path, "-") {
		return []Remedy{then("set the day", `sed -i -E "s/^([^:]*:[^:]*):[0-9]+:/\1:$((SOURCE_DATE_EPOCH / 86400)):/" /etc/shadow`)}
	}
	return []Remedy{
		together("take the time from SOURCE_DATE_EPOCH",
			command(`date\b(?: (?:-u|--utc|--universal)\b)?`, `((?: -I\S*| --(?:rfc-\S+|iso-\S+)| -R)*)( [+'"]| *[>)|;&\n]|$)`, epochDate+`$2$3`),
			replaced("", `\$EPOCHSECONDS\b`, `$$SOURCE_DATE_EPOCH`),
			replaced("", `\btime\.time\(\)`, `int(__import__("os").environ["SOURCE_DATE_EPOCH"])`),
			replaced("", `\bdatetime\.(?:utc)?now\([^()]*\)`, `datetime.fromtimestamp(int(__import__("os").environ["SOURCE_DATE_EPOCH"]), __import__("datetime").timezone.utc)`),
			replaced("", `(perl [^\n]*?)\b(localtime|gmtime)\b(?:\(\))?([^(\w])`, `${1}gmtime($$ENV{SOURCE_DATE_EPOCH})$3`),
			replaced("", `(perl [^\n]*?[ ,(])time\b([^.(\w])`, `${1}$$ENV{SOURCE_DATE_EPOCH}$2`),
			replaced("", `\bDate\.now\(\)`, `(process.env.SOURCE_DATE_EPOCH*1000)`),
			replaced("", `\bnew Date\(\)`, `new Date(process.env.SOURCE_DATE_EPOCH*1000)`),
		),
		packedPlain,
	}
}

const (
	tarFlags = `((?:-C \S+ |--\S+ )*)-?([cvzjJpPhSf]*c[cvzjJpPhSf]*)\b`
	tarPlain = `tar --sort=name --mtime="@$$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner `
)

// packedPlain packs without what the packer knows beside the content.
var packedPlain = together("pack with fixed times, owners and order",
	command(`tar `, tarFlags, tarPlain+`$2-$3`),
	command(`tar `, `((?:-C \S+ |--\S+ )*)(--create\b)`, tarPlain+`$2$3`),
	command(`gzip\b(?: -n\b)?`, `( |$)`, `gzip -n$2`),
	command(`pigz\b(?: -n\b)?`, `( |$)`, `pigz -n$2`),
	command(`zip\b(?: -X\b)?`, `( )`, `find . -exec touch -hd "@$$SOURCE_DATE_EPOCH" {} + && TZ=UTC zip -X$2`),
	command(`ar `, `(-?)([rqcsu]*[rq][rqcsu]*)( )`, `ar $2${3}D$4`),
	command(`ar `, `(-?)[rqcs]*U[rqcs]*( )`, `ar ${2}rcsD$3`),
	command(`cpio\b(?: --reproducible)?`, `( )`, `cpio --reproducible$2`),
	command(`jar `, `(-?-?c\w*)`, `jar $2 --date=1980-01-02T00:00:00Z`),
)

func packRemedies(Finding) []Remedy { return []Remedy{packedPlain} }

// sortedTar packs in the order of names.
var sortedTar = together("pack in the order of names", command(`tar `, `((?:-C \S+ |--\S+ )*(?:--create\b|-[A-Za-z]*c))`, `tar --sort=name $2`))

// sorted puts lists of files in order.
var sorted = together("sort the list of files",
	replaced("", `\bls -U\b`, `LC_ALL=C ls`),
	replaced("", `\bls -f\b`, `LC_ALL=C ls -a`),
	replaced("", `\bls -(\w*)U(\w*)`, `LC_ALL=C ls -$1$2`),
	replaced("", `(\bfind [^|;&>)\n]*-print0)`, `$1 | LC_ALL=C sort -z`),
	replaced("", `(\bfind (?:[^|;&>)\n\\-]|-(?:type|name|path|maxdepth|mindepth|print|o|a|not|xdev|printf)\b)*[^|;&>)\n\\ -])( *[|>)\n]|$)`, `$1 | LC_ALL=C sort$2`),
	replaced("", `\bos\.(listdir|scandir)\(([^()]*)\)`, `sorted(os.$1($2))`),
	replaced("", `\b(i?glob\.i?glob)\(([^()]*)\)`, `sorted($1($2))`),
	replaced("", `\b(sorted\()(sorted\()`, `$1`),
	replaced("", `(perl [^\n]*?)(?:sort )?\breaddir[ (]*(\$?\w+)\)?`, `${1}sort readdir($2)`),
	replaced("", `\bfind\(\{`, `find({ preprocess => sub { sort @_ },`),
	replaced("", `\bfor (\w+) in (names|files|filenames|filelist)\b`, `for $1 in sorted($2)`),
	replaced("", `(\w+, \w+, \w+) in os\.walk\(([^()]*)\)`, `$1 in sorted(os.walk($2))`),
	replaced("", `\breaddirSync\(([^()]*)\)`, `readdirSync($1).sort()`),
)

func orderRemedies(Finding) []Remedy { return []Remedy{sorted, sortedTar, packedPlain} }

var (
	packer  = lazyregexp.New(position + `(xz|zstd|pixz|lzip|pigz|pbzip2|lbzip2)\b([^|;&\n)]*)`)
	threads = lazyregexp.New(` (?:-T|--threads=|-p|-n) ?"?(?:\$\(nproc\)|\d+)"?`)
)

// oneThread has each compressor use one: how content is cut for several shows in the result.
var oneThread = Remedy{Title: "compress with one thread", change: func(s string) string {
	return packer.ReplaceAllStringFunc(s, func(m string) string {
		g := packer.FindStringSubmatch(m)
		one := " -T1"
		if strings.HasPrefix(g[2], "p") && g[2] != "pixz" || g[2] == "lbzip2" {
			one = " -p1"
		}
		return g[1] + g[2] + one + threads.ReplaceAllString(g[3], "")
	})
}}

// single is a remedy for what stands there once: two names that were drawn are two, and must not become one.
func single(pattern string, r Remedy) Remedy {
	re := lazyregexp.New(pattern)
	change := r.change
	r.change = func(s string) string {
		if len(re.FindAllStringIndex(s, 2)) != 1 {
			return s
		}
		return change(s)
	}
	return r
}

var (
	fixedFolder = single(`\bmktemp\b`, replaced("build in a folder with a fixed name", `\$\(mktemp (?:-\w*d\w*|--directory)[^)]*\)`, `$$(mkdir -p /tmp/build && echo /tmp/build)`))
	fixedFile   = single(`\bmktemp\b`, replaced("use a file with a fixed name", `\$\(mktemp[^)]*\)`, `/tmp/build.tmp`))
	fixedHost   = together("write a fixed name",
		replaced("", `\$\((?:hostname|uname -n)(?: -[sf])?\)|\$\{HOSTNAME\}|\$HOSTNAME\b`, `localhost`),
		command(`(?:hostname(?: -[sf])?|uname -n|cat /etc/hostname)\b`, `( *[>)|;&\n]|$)`, `echo localhost$2`),
		replaced("", `socket\.gethostname\(\)`, `"localhost"`))
	fixedKernel = together("name the kernel",
		replaced("", `\$\(uname -\w*[rva]\w*\)`, `generic`),
		command(`(?:uname -\w*[rva]\w*|cat /proc/version)\b`, `()`, `echo generic`))
	fixedCPUs = together("name the number of CPUs",
		replaced("", `\$\((?:nproc|getconf _NPROCESSORS_ONLN)\)`, `4`), command(`nproc\b`, `( *[>)|;&\n]|$)`, `echo 4$2`), replaced("", `\bos\.cpu_count\(\)`, `4`))
	fewerVariables = together("leave out what differs", command(`(env|printenv|export -p)\b *`, `(\||>)`, `$2 | grep -v -e ^SELFSAME_CANARY= -e ^HOSTNAME= -e ^TZ= -e ^LANG= -e ^GLIBC_TUNABLES= $3`))
	oneJob         = together("run one job after the other",
		replaced("", `(\s)(?:--jobs|-j)(?:[= ]?(?:"?\$\(nproc\)"?|\d+))?(\s|$)`, `${1}-j1$2`),
		replaced("", `\bxargs\b([^|\n]*?) -P ?\S+`, `xargs$1 -P1`), replaced("", `\bxargs -([a-zA-Z]*)P ?\d+`, `xargs -${1}P1`))
	inTurn   = replaced("run one job after the other", `([^&])& *(done|\n)`, `$1; $2`)
	namedCPU = together("name the CPU", replaced("", `-m(arch|tune|cpu)=native`, `-m$1=x86-64`), replaced("", `target-cpu=native`, `target-cpu=x86-64`))
	noVCS    = together("do not ask version control", replaced("", `\bgo (build|install)\b( -buildvcs=\w+)?`, `go $1 -buildvcs=false`))
)

func randomRemedies(Finding) []Remedy {
	return []Remedy{
		exported("fix the seed", "PYTHONHASHSEED=0", "PERL_HASH_SEED=0", "PERL_PERTURB_KEYS=0"),
		together("fix the compiler's seed", command(`(gcc|g\+\+|cc|c\+\+)`, `( )`, `$2 -frandom-seed=selfsame$3`)),
		single(`\buuidgen\b`, replaced("derive it from a name", `\buuidgen\b(?: -\w+)*`, `uuidgen --sha1 --namespace @dns --name selfsame`)),
		single(`\buuid4\b`, replaced("derive it from a name", `\buuid\.uuid4\(\)`, `uuid.uuid5(uuid.NAMESPACE_DNS, "selfsame")`)),
	}
}

func toolRemedies(Finding) []Remedy {
	return []Remedy{
		replaced("check a .pyc by its source's digest", `(-m compileall)\b(?: --invalidation-mode \S+)?`, `$1 --invalidation-mode unchecked-hash`),
		exported("write no .pyc", "PYTHONDONTWRITEBYTECODE=1"),
		replaced("check a .pyc by its source's digest", `py_compile\.compile\(([^()]*)\)`, `py_compile.compile($1, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)`),
	}
}
