package main

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// answerAt serves reviews as any server that says yes to everything at once: what the same load costs with nothing to decide.
func answerAt(address, pair string) error {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":"705ab4f5-6393-11e8-b7cc-42010a800002","allowed":true}}`)
	})
	s := &http.Server{Addr: address, Handler: h, ReadHeaderTimeout: 30 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	return s.ListenAndServeTLS(filepath.Join(pair, "tls.crt"), filepath.Join(pair, "tls.key"))
}

// control starts such a server in a process of its own, which is killed by stop.
func control(ctx context.Context, pair string) (url string, pid int, stop func(), err error) {
	at, err := free()
	if err != nil {
		return "", 0, nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return "", 0, nil, err
	}
	cmd := exec.CommandContext(ctx, self, "-answer", at, "-pair", pair) //nolint:gosec // this very program
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return "", 0, nil, err
	}
	stop = func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }
	if err := soon(func() error {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", at)
		if err == nil {
			_ = conn.Close()
		}
		return err
	}); err != nil {
		stop()
		return "", 0, nil, err
	}
	return "https://" + at, cmd.Process.Pid, stop, nil
}

// free is an address of loopback that was free a moment ago.
func free() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
