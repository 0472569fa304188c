package strictjson

import "bytes"

// Document is JSON that has passed Check, or a value of such: whoever takes it apart further need not have it checked again. The bytes
// are not copied, so nobody may change them. The zero Document holds nothing, and decodes into nothing.
type Document struct {
	data         []byte
	allowUnknown bool
}

// Read checks data.
func Read(data []byte, l Limits) (Document, error) {
	if err := Check(data, l); err != nil {
		return Document{}, err
	}
	return Document{data, l.AllowUnknown}, nil
}

// Is tells whether d is of these very bytes, in this place of memory, and not only of equal ones.
func (d Document) Is(data []byte) bool {
	return len(d.data) > 0 && len(d.data) == len(data) && &d.data[0] == &data[0]
}

// Equal tells whether both hold the same bytes.
func (d Document) Equal(other Document) bool { return bytes.Equal(d.data, other.data) }

// Bytes are what was checked.
func (d Document) Bytes() []byte { return d.data }

// AllowUnknown is d with names let pass that a Go type does not have, as Limits.AllowUnknown says.
func (d Document) AllowUnknown() Document { return Document{d.data, true} }

// Unmarshal decodes d into v, a pointer, as the function of that name does. v is not to be used when an error is returned.
func (d Document) Unmarshal(v any) error {
	if len(d.data) == 0 {
		return &Error{Offset: -1, Reason: "nothing was checked"}
	}
	if decode(d.data, v, d.allowUnknown) {
		return nil
	}
	return unmarshal(d.data, v, d.allowUnknown)
}

// Members gives the members of the object that d is. Names that differ from one of known in case alone are refused; other names are
// the caller's to judge.
func (d Document) Members(known []string) (map[string]Document, error) {
	w := walker{scanner: scanner{data: d.data}, allowUnknown: true}
	fields := make(map[string]*shape, len(known))
	for _, name := range known {
		fields[name] = opaque
	}
	names := &shape{fields: fields}
	if w.space(); w.peek() != '{' {
		return nil, &Error{Offset: w.pos, Reason: "not an object"}
	}
	out := make(map[string]Document, len(known))
	w.pos++
	if w.space(); w.peek() == '}' {
		return out, nil
	}
	for {
		w.space()
		key, err := w.key()
		if err != nil {
			return nil, err
		}
		if _, err := w.member(names, key); err != nil {
			return nil, within(err, string(key))
		}
		w.space()
		w.pos++ // :
		w.space()
		start := w.pos
		if err := w.skip(); err != nil {
			return nil, err
		}
		out[string(key)] = Document{d.data[start:w.pos:w.pos], d.allowUnknown}
		if done, err := w.next('}'); done || err != nil {
			return out, err
		}
	}
}
