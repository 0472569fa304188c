package main

import "strings"

// project is one build of somebody else's.
type project struct {
	name string
	what string // for the page
	// source is a Debian source package, built as Debian builds it; empty: dockerfile is all.
	source string
	// architecture is what dpkg-buildpackage builds: "any" or "all".
	architecture string
	dockerfile   string
	// note is what somebody has found out about its build.
	note string
}

// projects are chosen for their build systems: no two have the same.
var projects = []project{
	{name: "gdbm", what: "C, autotools", source: "gdbm", architecture: "any"},
	{name: "yaml-cpp", what: "C++, CMake", source: "yaml-cpp", architecture: "any", note: "Whether its builds agree is chance: debian/rules builds a static " +
		"and a shared library and installs both at once, each with files of one name, and either may come last. One run of two differed so."},
	{name: "age", what: "Go, its modules from their proxy", dockerfile: goModule},
	{name: "thin-provisioning-tools", what: "Rust, cargo with Debian's crates", source: "thin-provisioning-tools", architecture: "any"},
	{name: "pylibmc", what: "Python, a C extension by setuptools", source: "pylibmc", architecture: "any"},
	{name: "uglify-js", what: "Node, a bundle made by itself", source: "uglify-js", architecture: "all"},
	{name: "commons-cli", what: "Java, Maven", source: "libcommons-cli-java", architecture: "all"},
	{name: "sqlite", what: "a database, C and Tcl", source: "sqlite3", architecture: "any"},
	{name: "lighttpd", what: "a web server, C, Meson", source: "lighttpd", architecture: "any"},
	{name: "seabios", what: "firmware that needs no kernel, make and Kconfig", source: "seabios", architecture: "all"},
}

// debianSource builds a package the way Debian does, less its tests and documentation. What is published are the packages.
const debianSource = `FROM debian:trixie AS build
ENV DEB_BUILD_OPTIONS="nocheck nodoc noautodbgsym parallel=2" DEB_BUILD_PROFILES="nocheck nodoc" DEBIAN_FRONTEND=noninteractive
RUN sed -i 's/^Types: deb$/Types: deb deb-src/' /etc/apt/sources.list.d/debian.sources \
 && apt-get update \
 && apt-get install -y --no-install-recommends build-essential fakeroot \
 && apt-get build-dep -y --no-install-recommends SOURCE
WORKDIR /src
RUN apt-get source SOURCE && cd */ && dpkg-buildpackage --build=ARCHITECTURE --no-sign

FROM scratch
COPY --from=build /src/*.deb /
`

// goModule builds a program of a module. Its checksum database is not asked: the lock has every module's digest.
const goModule = `FROM debian:trixie AS build
RUN apt-get update && apt-get install -y --no-install-recommends golang-go ca-certificates
ENV CGO_ENABLED=0 GOTOOLCHAIN=local GOSUMDB=off GOBIN=/out
RUN go install -trimpath -ldflags=-buildid= filippo.io/age/cmd/age@v1.2.0

FROM scratch
COPY --from=build /out/age /
`

const recipe = `recipe: v1
name: NAME
platforms: [linux/amd64]
epoch: 1760000000
build:
  dockerfile: Dockerfile
  contexts:
    debian:trixie:
      debian: {suite: trixie}
`

// files are the project's recipe and Dockerfile.
func (p project) files() map[string]string {
	dockerfile := p.dockerfile
	if dockerfile == "" {
		dockerfile = strings.NewReplacer("SOURCE", p.source, "ARCHITECTURE", p.architecture).Replace(debianSource)
	}
	return map[string]string{"recipe.yaml": strings.ReplaceAll(recipe, "NAME", p.name), "Dockerfile": dockerfile}
}
