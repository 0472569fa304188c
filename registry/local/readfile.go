package local

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"

	"github.com/selfsame-build/selfsame/registry/artifact"
)

// maxFile bounds what is read at once, in bytes: a descriptor repeats a manifest's annotations, and escaped a byte of these takes up to six.
const maxFile = 8 * artifact.MaxManifest

var errTooLarge = errors.New("it is larger than anything that is written there")

// readFile reads a file of about size bytes. It asks the kernel four times where os.ReadFile asks ten: what is served is a folder of small files,
// and reading them was a third of what serving them took.
func readFile(path string, size int64) ([]byte, error) {
	fd, err := retry(func() (int, error) { return unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0) })
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	defer func() { _ = unix.Close(fd) }() // it was only read
	data := make([]byte, 0, min(max(size, 0), artifact.MaxManifest)+1)
	for {
		n, err := retry(func() (int, error) { return unix.Read(fd, data[len(data):cap(data)]) })
		if err != nil {
			return nil, &fs.PathError{Op: "read", Path: path, Err: err}
		}
		if n == 0 {
			return data, nil
		}
		if data = data[:len(data)+n]; len(data) > maxFile {
			return nil, &fs.PathError{Op: "read", Path: path, Err: errTooLarge}
		}
		if len(data) == cap(data) {
			data = append(data, 0)[:len(data)]
		}
	}
}

// retry calls again what a signal interrupted, as package os does.
func retry(call func() (int, error)) (n int, err error) {
	for {
		if n, err = call(); err != unix.EINTR { //nolint:errorlint // a plain errno
			return n, err
		}
	}
}
