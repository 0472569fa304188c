package cause

import "strings"

// epoch is the recipe's time as a shell has it.
const epochDate = `date -u -d "@$$SOURCE_DATE_EPOCH"`

func clockRemedies(f Finding) []Remedy {
	if strings.HasPrefix(f.Difference.Path, "etc/shadow") && !strings.HasSuffix(f.Difference.Path, "-") {
		return []Remedy{then("set the day", `sed -i -E "s/^([^:]*:[^:]*):[0-9]+:/\1:$((SOURCE_DATE_EPOCH / 86400)):/" /etc/shadow`)}
	}
	return []Remedy{
		together("take the time from SOURCE_DATE_EPOCH",
			replaced("", `\bdate\b( (?:-u|--utc|--universal)\b)?((?: -I\S*| --\S+| -R)*)( [+'"]| *[>)|;&\n]|$)`, epochDate+`$2$3`),
			replaced("", `\$EPOCHSECONDS\b`, `$$SOURCE_DATE_EPOCH`),
			replaced("", `\btime\.time\(\)`, `int(__import__("os").environ["SOURCE_DATE_EPOCH"])`),
			replaced("", `\bdatetime\.(?:utc)?now\([^()]*\)`, `datetime.fromtimestamp(int(__import__("os").environ["SOURCE_DATE_EPOCH"]), __import__("datetime").timezone.utc)`),
			replaced("", `\btime\.(strftime|ctime)\(([^()]*)\)`, `time.$1($2)`),
			replaced("", `(perl [^\n]*?)\b(localtime|gmtime)\b(?:\(\))?([^(\w])`, `${1}gmtime($$ENV{SOURCE_DATE_EPOCH})$3`),
			replaced("", `(perl [^\n]*?[ ,(])time\b([^.(\w])`, `${1}$$ENV{SOURCE_DATE_EPOCH}$2`),
			replaced("", `\bDate\.now\(\)`, `(process.env.SOURCE_DATE_EPOCH*1000)`),
			replaced("", `\bnew Date\(\)`, `new Date(process.env.SOURCE_DATE_EPOCH*1000)`),
		),
		packedPlain,
	}
}

// packedPlain packs without what the packer knows beside the content.
var packedPlain = together("pack with fixed times, owners and order",
	replaced("", `\btar (?:--\S+ )*-?([A-Za-z]*c[A-Za-z]*)`, `tar --sort=name --mtime="@$$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner -$1`),
	replaced("", `\btar (--create)`, `tar --sort=name --mtime="@$$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner $1`),
	replaced("", `\bgzip\b( -n)?( |$)`, `gzip -n$2`),
	replaced("", `\bpigz\b( -n)?( |$)`, `pigz -n$2`),
	replaced("", `(^|&& |; |\n\s*)zip\b( -X)?`, `${1}find . -exec touch -hd "@$$SOURCE_DATE_EPOCH" {} + && TZ=UTC zip -X`),
	replaced("", `\bar (-?)([rqcsu]*[rq][rqcsu]*)\b`, `ar $1${2}D`),
	replaced("", `\bar (-?)([rqcs]*U[rqcs]*)\b`, `ar ${1}rcsD`),
	replaced("", `\bcpio\b( --reproducible)?`, `cpio --reproducible`),
	replaced("", `\bjar (-?-?c\w*)`, `jar $1 --date=1980-01-02T00:00:00Z`),
)

func packRemedies(Finding) []Remedy { return []Remedy{packedPlain} }

// sortedTar packs in the order of names.
var sortedTar = replaced("pack in the order of names", `\btar ((?:-C \S+ |--\S+ )*(?:--create\b|-[A-Za-z]*c))`, `tar --sort=name $1`)

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
	replaced("", `\bgrep -(\w*)r(\w*)l([^|>\n]*)`, `grep -${1}r${2}l$3 | LC_ALL=C sort`),
	replaced("", `\bfind\(\{`, `find({ preprocess => sub { sort @_ },`),
	replaced("", `\bfor (\w+) in (names|files|filenames|filelist)\b`, `for $1 in sorted($2)`),
	replaced("", `(\w+, \w+, \w+) in os\.walk\(([^()]*)\)`, `$1 in sorted(os.walk($2))`),
	replaced("", `\breaddirSync\(([^()]*)\)`, `readdirSync($1).sort()`),
)

func orderRemedies(Finding) []Remedy { return []Remedy{sorted, sortedTar, packedPlain} }

var (
	oneThread = together("compress with one thread",
		replaced("", `(-T|--threads=|-p) ?"?(?:\$\(nproc\)|\d+)"?`, `${1}1`),
		replaced("", `\b(xz|zstd|pixz|lzip)((?: -(?:T ?\d+|-threads=\d+))?)\b`, `$1 -T1`),
		replaced("", `\bXZ_(OPT|DEFAULTS)=(["']?)([^"' ]*)`, `XZ_$1=${2}-T1`),
		replaced("", `(-T1) -T ?\d+`, `$1`),
		replaced("", `\bpigz\b(?: -p ?\S+)?`, `pigz -p 1`),
		replaced("", `\b(pbzip2|lbzip2)\b(?: -[pn] ?\d+)?`, `$1 -p1`),
	)
	fixedFolder    = replaced("build in a folder with a fixed name", `\$\(mktemp (?:-\w*d\w*|--directory)[^)]*\)`, `$$(mkdir -p /tmp/build && echo /tmp/build)`)
	fixedFile      = replaced("use a file with a fixed name", `\$\(mktemp[^)]*\)`, `/tmp/build.tmp`)
	fixedHost      = together("write a fixed name", replaced("", `\$\((?:hostname|uname -n)[^)]*\)|\$\{?HOSTNAME\}?`, `localhost`), replaced("", `\bhostname( -[sf])?\b`, `echo localhost`), replaced("", `\buname -n\b`, `echo localhost`), replaced("", `\b(?:cat )?/etc/hostname`, `echo localhost`), replaced("", `socket\.gethostname\(\)`, `"localhost"`))
	fixedKernel    = together("name the kernel", replaced("", `\$\(uname -\w*[rva]\w*\)`, `generic`), replaced("", `\buname -\w*[rva]\w*`, `echo generic`), replaced("", `\bcat /proc/version\b`, `echo generic`))
	fixedCPUs      = together("name the number of CPUs", replaced("", `\$\((?:nproc|getconf _NPROCESSORS_ONLN)\)`, `4`), replaced("", `\bnproc\b`, `echo 4`), replaced("", `\bos\.cpu_count\(\)`, `4`))
	fewerVariables = replaced("leave out what differs", `\b(env|printenv|export -p)\b *(\||>)`, `$1 | grep -v -e SELFSAME_CANARY -e HOSTNAME -e TZ -e LANG -e GLIBC_TUNABLES $2`)
	oneJob         = together("run one job after the other", replaced("", `\bmake\b((?: -\w+)*?) -j ?\S*`, `make$1 -j1`), replaced("", `(--jobs|-j)[= ]?(?:\$\(nproc\)|\d+)`, `-j1`), replaced("", `\bxargs\b([^|\n]*?) -P ?\S+`, `xargs$1 -P1`), replaced("", `\bxargs -([a-zA-Z]*)P ?\d+`, `xargs -${1}P1`))
	inTurn         = replaced("run one job after the other", `([^&])& *(done|\n)`, `$1; $2`)
	namedCPU       = together("name the CPU", replaced("", `-m(arch|tune|cpu)=native`, `-m$1=x86-64`), replaced("", `target-cpu=native`, `target-cpu=x86-64`))
	noVCS          = together("do not ask version control", replaced("", `\bgo build\b`, `go build -buildvcs=false`), replaced("", `\bgo install\b`, `go install -buildvcs=false`))
)

func randomRemedies(Finding) []Remedy {
	return []Remedy{
		together("fix the seed",
			exported("", "PYTHONHASHSEED=0", "PERL_HASH_SEED=0", "PERL_PERTURB_KEYS=0"),
			replaced("", `\b(gcc|g\+\+|cc|c\+\+|clang)( )`, `$1 -frandom-seed=selfsame$2`),
		),
		replaced("derive it from a name", `\buuidgen\b( -\w+)*`, `uuidgen --sha1 --namespace @dns --name selfsame`),
		replaced("derive it from a name", `\buuid\.uuid4\(\)`, `uuid.uuid5(uuid.NAMESPACE_DNS, "selfsame")`),
		replaced("fix the seed", `\b(random\.)(?:seed\(\)|SystemRandom\(\))`, `${1}seed(0)`),
	}
}

func toolRemedies(Finding) []Remedy {
	return []Remedy{
		replaced("check a .pyc by its source's digest", `(-m compileall)\b( --invalidation-mode \S+)?`, `$1 --invalidation-mode unchecked-hash`),
		exported("write no .pyc", "PYTHONDONTWRITEBYTECODE=1"),
		replaced("check a .pyc by its source's digest", `py_compile\.compile\(([^()]*)\)`, `py_compile.compile($1, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)`),
	}
}
