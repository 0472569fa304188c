package doctor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

const defaultContainerdSocket = "/run/containerd/containerd.sock"

// containerdTime is how long containerd may take to say its version.
const containerdTime = 5 * time.Second

// version sees that plugins are told images' digests, which is since 2.4 (api.Container.Image of NRI).
func (n Node) version(ctx context.Context, s settings) []Finding {
	version, place := n.Version, n.Containerd
	if version == "" {
		place = s.socket()
		var err error
		if version, err = askVersion(ctx, place); err != nil {
			return []Finding{{Code: "A0973", Place: place, Summary: "containerd does not say its version: " + firstLine(err), Why: "before 2.4 it tells NRI plugins no image",
				Fix: "start containerd, or give --containerd-version"}}
		}
	}
	if major, minor, ok := parseVersion(version); !ok || major < 2 || major == 2 && minor < 4 {
		return []Finding{{Code: "A0973", Place: place, Summary: fmt.Sprintf("containerd is `%.60s`, older than 2.4", version), Why: "before 2.4 it tells NRI plugins no image, so none can be judged at start",
			Fix: "upgrade containerd to 2.4 or later"}}
	}
	return nil
}

func (s settings) socket() string {
	for _, v := range append(s.all("plugins", "io.containerd.server.v1.grpc", "address"), s.all("grpc", "address")...) {
		if path, _ := v.any.(string); path != "" {
			return path
		}
	}
	return defaultContainerdSocket
}

// parseVersion reads the first two numbers of v2.4.2, 2.4.2-rc.1 or 2.4.2~ds1.
func parseVersion(s string) (major, minor int, ok bool) {
	a, rest, _ := strings.Cut(strings.TrimPrefix(s, "v"), ".")
	b, _, _ := strings.Cut(rest, ".")
	major, err1 := strconv.Atoi(a)
	minor, err2 := strconv.Atoi(b)
	return major, minor, err1 == nil && err2 == nil
}

// askVersion calls containerd.services.version.v1.Version/Version. One call with an empty message needs no gRPC library: it is a POST over
// HTTP/2, with five bytes before each message (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md).
func askVersion(ctx context.Context, socket string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, containerdTime)
	defer cancel()
	var d net.Dialer
	t := &http.Transport{Protocols: new(http.Protocols), DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return d.DialContext(ctx, "unix", socket) }}
	t.Protocols.SetUnencryptedHTTP2(true)
	defer t.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://containerd/containerd.services.version.v1.Version/Version", bytes.NewReader(make([]byte, 5)))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/grpc")
	req.Header.Set("TE", "trailers")
	res, err := t.RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }() // read to its end
	body, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil {
		return "", err
	}
	if res.StatusCode != http.StatusOK || len(body) < 5 || body[0] != 0 {
		return "", fmt.Errorf("HTTP %d, grpc-status %q, %d bytes", res.StatusCode, res.Header.Get("Grpc-Status")+res.Trailer.Get("Grpc-Status"), len(body))
	}
	return versionField(body[5:])
}

// versionField is field 1 of VersionResponse (api/services/version/v1/version.proto).
func versionField(b []byte) (string, error) {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return "", protowire.ParseError(n)
		}
		if b = b[n:]; num == 1 && typ == protowire.BytesType {
			s, n := protowire.ConsumeString(b)
			if n < 0 {
				return "", protowire.ParseError(n)
			}
			return s, nil
		}
		if n = protowire.ConsumeFieldValue(num, typ, b); n < 0 {
			return "", protowire.ParseError(n)
		}
		b = b[n:]
	}
	return "", errors.New("the answer holds no version")
}
