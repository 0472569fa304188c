package policy

// Epoch is what verdicts depend on beside image and policy: with another epoch each has to be reached anew.
type Epoch struct {
	Trust string `json:"trust"` // sha256 over the trust file, the roster and the keys and roots that they name
	Deny  int64  `json:"deny"`  // sequence number of the deny list; 0: there is none
}
