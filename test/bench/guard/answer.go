package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// maxAnswer bounds an answer, in bytes.
const maxAnswer = 64 << 10

// readAnswer reads one answer of HTTP/1.1 (RFC 9112) that says its length, and wants the review of this uid allowed. again: another one can
// follow on the connection.
func readAnswer(in *bufio.Reader, uid []byte) (again bool, err error) {
	line, err := headLine(in)
	if err != nil {
		return false, err
	}
	fine, status := bytes.HasPrefix(line, []byte("HTTP/1.1 200 ")), ""
	if !fine {
		status = string(line)
	}
	size, again, err := head(in)
	if err != nil {
		return false, err
	}
	if size < 0 || size > maxAnswer {
		return false, fmt.Errorf("%s: an answer of %d bytes", status, size)
	}
	body, err := in.Peek(min(size, in.Size()))
	if size > len(body) && err == nil { // no allowed review is that long
		long := make([]byte, size)
		_, err = io.ReadFull(in, long)
		body = long
	} else if err == nil {
		_, err = in.Discard(size) // which leaves body as it is until the next read
	}
	switch {
	case err != nil:
		return false, err
	case !fine:
		return again, fmt.Errorf("%s: %s", status, body)
	case !allowed(body, uid):
		return again, fmt.Errorf("not allowed, or not the review %s: %s", uid, body)
	}
	return again, nil
}

// head reads the fields of a head; size is -1 where none says it.
func head(in *bufio.Reader) (size int, again bool, err error) {
	size, again = -1, true
	for {
		line, err := headLine(in)
		if err != nil || len(line) == 0 {
			return size, again, err
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if size, err = strconv.Atoi(string(value)); err != nil {
				return size, false, err
			}
		case bytes.EqualFold(name, []byte("Connection")):
			again = !bytes.EqualFold(value, []byte("close"))
		}
	}
}

// headLine is a line of a head without its end. It stands until the next read.
func headLine(in *bufio.Reader) ([]byte, error) {
	text, err := in.ReadSlice('\n')
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return bytes.TrimRight(text, "\r\n"), err
}

// allowed says whether an answer allows the review of this uid. Both servers' encoders write no space between a name and its value; one that
// did would count as a failure, not as a verdict.
func allowed(body, uid []byte) bool {
	const before = `"uid":"`
	at := bytes.Index(body, uid)
	return at >= len(before) && string(body[at-len(before):at]) == before && bytes.HasPrefix(body[at+len(uid):], []byte(`"`)) &&
		bytes.Contains(body, []byte(`"allowed":true`))
}
