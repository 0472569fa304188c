package cause

// kernelName is the running kernel's name or version.
var kernelName = Cause{
	Class: "T8", Title: "kernel name", judge: func(s *spot) (verdict, bool) { return s.planted("T8") },
	Remedy: "do not ask for the running kernel (uname, /proc/version): name the version, or leave it out",
	Page: `A program asked for the kernel that runs the build (uname, /proc/version) and wrote it down, or looked for its modules.

The kernel is the builder's, not the image's. Name the version that you build for (KVER=..., make KERNELRELEASE=...).`,
}
