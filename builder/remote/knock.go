package remote

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

// knockTimeout is how long a builder may take to say its first word.
const knockTimeout = 10 * time.Second

// Knock looks whether a builder answers at an address (unix:///path, tcp://host:port) and accepts us. BuildKit's own client tries
// again and again whatever the reason, and then says only that it took too long.
func Knock(ctx context.Context, address string, t TLS) error {
	config, err := t.Config()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, knockTimeout)
	defer cancel()
	network, at, _ := strings.Cut(address, "://")
	c, err := (&net.Dialer{}).DialContext(ctx, network, at)
	if err != nil {
		return err
	}
	defer c.Close()
	deadline, _ := ctx.Deadline()
	if err := c.SetDeadline(deadline); err != nil {
		return err
	}
	if config != nil {
		config.ServerName, _, err = net.SplitHostPort(at)
		if err != nil {
			return err
		}
		config.NextProtos = []string{"h2"}
		secure := tls.Client(c, config)
		if err := secure.HandshakeContext(ctx); err != nil {
			return err
		}
		c = secure
	}
	var first [1]byte // a gRPC server speaks first, or says that it does not like our certificate
	_, err = c.Read(first[:])
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded) && config == nil:
		return errors.New("something listens and says nothing: no builder, or one that wants TLS")
	case err != nil:
		return fmt.Errorf("no builder answers: %w", err)
	}
	return nil
}
