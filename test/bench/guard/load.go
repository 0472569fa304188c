package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// caller is a client as API servers have it for webhooks that are services: HTTP/1.1, because their HTTP/2 would send everything to one
// replica (k8s.io/apiserver/pkg/util/webhook/client.go), at most 25 idle connections (k8s.io/client-go/transport/cache.go), and no TLS
// session kept.
func caller(ca []byte) *http.Client {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 25, IdleConnTimeout: 90 * time.Second,
		TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}}}
}

// review posts a review, and wants it allowed.
func review(ctx context.Context, c *http.Client, url, body string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := c.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err == nil && (resp.StatusCode != http.StatusOK || !strings.Contains(string(got), `"allowed":true`)) {
		err = fmt.Errorf("%d %s", resp.StatusCode, got)
	}
	return err
}

// underway is how many pods an API server works on at once (its --max-mutating-requests-inflight, unless it is told otherwise).
const underway = 200

// load is an open one: call i is due i/rate seconds after the first, whatever became of the ones before it, and its time counts from then
// on, also what it waits because as many as may be are under way. One that begins when an answer is there would ask a slow server less
// often, and leave out what its callers wait.
//
// failed counts the calls that brought no verdict, and first says why one of them did not.
func load(ctx context.Context, rate, n int, call func(ctx context.Context, i int) error) (all times, failed int64, first error) {
	took := make([]time.Duration, n)
	slots := make(chan struct{}, underway)
	var count atomic.Int64
	var once sync.Once
	var wait sync.WaitGroup
	began := time.Now()
	for i := range n {
		due := began.Add(time.Duration(i) * time.Second / time.Duration(rate))
		time.Sleep(time.Until(due))
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			if err := call(ctx, i); err != nil {
				count.Add(1)
				once.Do(func() { first = err })
			}
			took[i] = time.Since(due)
		})
	}
	wait.Wait()
	return sorted(took), count.Load(), first
}

// pod is a review of a pod of some 6 kB, as an API server sends it.
func pod(images ...string) string {
	var containers []string
	for i, image := range images {
		containers = append(containers, fmt.Sprintf(`{"name":"c%d","image":%q,"ports":[{"containerPort":8080}],"env":[{"name":"A","value":"b"}],"resources":{"limits":{"cpu":"1"}}}`, i, image))
	}
	return fmt.Sprintf(`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"705ab4f5-6393-11e8-b7cc-42010a800002","kind":{"group":"","version":"v1","kind":"Pod"},
"resource":{"group":"","version":"v1","resource":"pods"},"operation":"CREATE","namespace":"shop","userInfo":{"username":"system:serviceaccount:kube-system:replicaset-controller"},
"object":{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","annotations":{"padding":%q}},"spec":{"containers":[%s]}},"oldObject":null,"dryRun":false}}`,
		strings.Repeat("x", 5000), strings.Join(containers, ","))
}
