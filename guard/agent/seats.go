package agent

import "sync"

// The bounds of who is served at once, in connections. containerd pulls a few images at a time, each with a connection of its own.
const (
	maxConnections = 256
	// maxOthers is of all users together who are neither root nor ourselves: what is left is for the node's own gates, whatever the members
	// of socket.group do.
	maxOthers = 128
	// maxOfUser is of one of them.
	maxOfUser = 32
)

// seats are the connections that are served, by who is at their other end.
type seats struct {
	mu          sync.Mutex
	all, others int
	of          map[int]int // by uid, of the others
}

// take gives a connection of a user a seat. ours: the user is root or we ourselves. why says, in the metric's word, why there is none.
func (s *seats) take(uid int, ours bool) (leave func(), why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.all >= maxConnections:
		return nil, "busy"
	case ours:
		s.all++
		return func() { s.mu.Lock(); defer s.mu.Unlock(); s.all-- }, ""
	case s.others >= maxOthers || s.of[uid] >= maxOfUser:
		return nil, "user"
	}
	if s.of == nil {
		s.of = map[int]int{}
	}
	s.all, s.others, s.of[uid] = s.all+1, s.others+1, s.of[uid]+1
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.all, s.others, s.of[uid] = s.all-1, s.others-1, s.of[uid]-1
		if s.of[uid] == 0 {
			delete(s.of, uid)
		}
	}, ""
}
