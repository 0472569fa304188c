package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"
)

// maxIdle is how many connections an API server keeps that are not in use (k8s.io/client-go/transport/cache.go).
const maxIdle = 25

// caller speaks to one webhook as API servers do to those that are services: HTTP/1.1, because their HTTP/2 would send everything to one
// replica (k8s.io/apiserver/pkg/util/webhook/client.go), at most maxIdle idle connections, the one that was used last first, and no TLS
// session kept. Who finds no idle one has another opened, and takes that or the first that others give back, as net/http.Transport has it.
//
// It runs on the processors that it loads. So it is not net/http: requests are made before they are due, and answers are read by readAnswer.
type caller struct {
	address string
	config  *tls.Config
	wait    time.Duration // for an answer, as long as an API server may be told to wait

	mu      sync.Mutex
	idle    []*line
	waiting []chan dialed
}

// line is a connection. in has net/http's size.
type line struct {
	conn    *tls.Conn
	in      *bufio.Reader
	request []byte    // the last one that was sent
	since   time.Time // when it was last given back
}

type dialed struct {
	line *line
	err  error
}

func newCaller(address string, ca []byte) *caller {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	host, _, _ := net.SplitHostPort(address)
	return &caller{address: address, wait: 30 * time.Second, config: &tls.Config{ServerName: host, RootCAs: pool, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}}
}

func (c *caller) take(ctx context.Context) (*line, error) {
	for {
		l, mine := c.next()
		switch {
		case l == nil:
			go func() { c.give(c.dial(ctx)) }()
			got := <-mine
			return got.line, got.err
		case time.Since(l.since) < time.Second || l.alive():
			return l, nil
		}
		_ = l.conn.Close()
	}
}

// next is the idle connection that was used last. Where there is none, one can be waited for.
func (c *caller) next() (*line, chan dialed) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if last := len(c.idle) - 1; last >= 0 {
		l := c.idle[last]
		c.idle = c.idle[:last]
		return l, nil
	}
	mine := make(chan dialed, 1)
	c.waiting = append(c.waiting, mine)
	return nil, mine
}

// alive says whether the server has left a connection open on which nothing was asked for some time. net/http waits for that all the time.
func (l *line) alive() bool {
	_ = l.conn.SetReadDeadline(time.Now().Add(time.Millisecond)) // exchange sets another one
	_, err := l.in.Peek(1)
	return errors.Is(err, os.ErrDeadlineExceeded)
}

func (c *caller) dial(ctx context.Context) (*line, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	conn, err := (&tls.Dialer{Config: c.config}).DialContext(ctx, "tcp", c.address)
	if err != nil {
		return nil, err
	}
	return &line{conn: conn.(*tls.Conn), in: bufio.NewReaderSize(conn, 4<<10)}, nil
}

// give hands a connection, or why there is none, to who waits longest; else it is kept, if there is room.
func (c *caller) give(l *line, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l != nil {
		l.since = time.Now()
	}
	switch {
	case len(c.waiting) > 0:
		c.waiting[0] <- dialed{l, err}
		c.waiting = c.waiting[1:]
	case err != nil: // who waited has another
	case len(c.idle) < maxIdle:
		c.idle = append(c.idle, l)
	default:
		_ = l.conn.Close()
	}
}

// post sends a review under a number, which is part of its uid, and wants it allowed.
func (c *caller) post(ctx context.Context, r *prepared, number int) error {
	l, err := c.take(ctx)
	if err != nil {
		return err
	}
	again, err := l.exchange(r, number, c.wait)
	if again {
		c.give(l, nil)
	} else {
		_ = l.conn.Close()
	}
	return err
}

// buffer is how much net/http has written at once, and so how large a TLS record is: an API server's request is the same on the wire.
const buffer = 4 << 10

// exchange sends a request and reads its answer, all of it within wait; again: the connection can be used for another one.
func (l *line) exchange(r *prepared, number int, wait time.Duration) (again bool, err error) {
	if err := l.conn.SetDeadline(time.Now().Add(wait)); err != nil {
		return false, err
	}
	l.request = append(l.request[:0], r.text...)
	uid := l.request[r.uid : r.uid+len(zeroUID)]
	setUID(uid, number)
	for rest := l.request; len(rest) > 0; {
		part := rest[:min(buffer, len(rest))]
		if _, err := l.conn.Write(part); err != nil {
			return false, err
		}
		rest = rest[len(part):]
	}
	return readAnswer(l.in, uid)
}

// prepared is a request, up to its uid.
type prepared struct {
	text []byte
	uid  int // where the uid begins
}

// zeroUID is that of a review which nobody numbered.
const zeroUID = "705ab4f5-6393-11e8-b7cc-000000000000"

// setUID writes a number into the last digits.
func setUID(uid []byte, number int) {
	for i := len(uid) - 1; i >= len(uid)-12; i-- {
		uid[i] = byte('0' + number%10)
		number /= 10
	}
}

// prepare makes a request as API servers send it. body has zeroUID.
func (c *caller) prepare(path, body string) *prepared {
	text := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: kube-apiserver-admission\r\nContent-Length: %d\r\nAccept: application/json, */*\r\nContent-Type: application/json\r\nAccept-Encoding: gzip\r\n\r\n%s",
		path, c.address, len(body), body)
	return &prepared{[]byte(text), bytes.Index([]byte(text), []byte(zeroUID))}
}

// pod is the body of a review of a pod of some 6 kB.
func pod(images ...string) string {
	var containers []string
	for i, image := range images {
		containers = append(containers, fmt.Sprintf(`{"name":"c%d","image":%q,"ports":[{"containerPort":8080}],"env":[{"name":"A","value":"b"}],"resources":{"limits":{"cpu":"1"}}}`, i, image))
	}
	return fmt.Sprintf(`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":%q,"kind":{"group":"","version":"v1","kind":"Pod"},
"resource":{"group":"","version":"v1","resource":"pods"},"operation":"CREATE","namespace":"shop","userInfo":{"username":"system:serviceaccount:kube-system:replicaset-controller"},
"object":{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","annotations":{"padding":%q}},"spec":{"containers":[%s]}},"oldObject":null,"dryRun":false}}`,
		zeroUID, strings.Repeat("x", 5000), strings.Join(containers, ","))
}
