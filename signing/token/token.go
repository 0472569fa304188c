//go:build cgo

package token

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/miekg/pkcs11"

	"github.com/selfsame-build/selfsame/signing/pkcs11uri"
	"github.com/selfsame-build/selfsame/signing/plugin"
)

// maxPIN bounds a PIN file in bytes.
const maxPIN = 4 << 10

// session is an open session with the one token that a URI names.
type session struct {
	ctx    *pkcs11.Ctx
	id     uint // of the slot
	handle pkcs11.SessionHandle
	uri    pkcs11uri.URI
	pin    string
}

// open loads the module and opens a session. pin is used where the URI has no pin-source.
func open(uri pkcs11uri.URI, module, pin string) (*session, error) {
	if uri.Module != "" {
		module = uri.Module
	}
	if module == "" {
		return nil, errors.New("no module is named: add ?module-path=/PATH/TO/MODULE.so")
	}
	if _, err := os.Stat(module); err != nil {
		return nil, fmt.Errorf("finding the module: %w", err)
	}
	ctx := pkcs11.New(module)
	if ctx == nil {
		return nil, fmt.Errorf("%s cannot be loaded as a PKCS #11 module", module)
	}
	s := &session{ctx: ctx, uri: uri, pin: pin}
	if err := ctx.Initialize(); err != nil {
		ctx.Destroy()
		return nil, fmt.Errorf("starting %s: %w", module, err)
	}
	var err error
	if s.id, err = s.slot(); err == nil {
		s.handle, err = ctx.OpenSession(s.id, pkcs11.CKF_SERIAL_SESSION)
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *session) close() {
	_ = s.ctx.Finalize()
	s.ctx.Destroy()
}

// slot finds the one token that the URI names. Two tokens with one label are an error: which of them signs must not be a matter of chance.
func (s *session) slot() (uint, error) {
	slots, err := s.ctx.GetSlotList(true)
	if err != nil {
		return 0, fmt.Errorf("listing tokens: %w", err)
	}
	var found []uint
	for _, id := range slots {
		info, err := s.ctx.GetTokenInfo(id)
		if err != nil || info.Flags&pkcs11.CKF_TOKEN_INITIALIZED == 0 {
			continue // pulled out meanwhile, or blank
		}
		u := s.uri
		if u.Slot != nil && *u.Slot != id || differs(u.Token, info.Label) || differs(u.Serial, info.SerialNumber) ||
			differs(u.Manufacturer, info.ManufacturerID) || differs(u.Model, info.Model) {
			continue
		}
		found = append(found, id)
	}
	switch len(found) {
	case 0:
		return 0, fmt.Errorf("no token matches the URI (%d tokens are there)", len(slots))
	case 1:
		return found[0], nil
	}
	return 0, fmt.Errorf("%d tokens match the URI: add serial=", len(found))
}

// differs compares what a URI asks for with a field of a token, which is filled up with blanks.
func differs(want, got string) bool { return want != "" && want != strings.TrimRight(got, " \x00") }

// login shows the PIN to the token, once.
func (s *session) login() error {
	pin := s.pin
	if s.uri.PINFile != "" {
		data, err := readPIN(s.uri.PINFile)
		if err != nil {
			return fmt.Errorf("reading the PIN: %w", err)
		}
		pin = data
	}
	info, err := s.ctx.GetTokenInfo(s.id)
	if err != nil {
		return fmt.Errorf("logging in: %w", err)
	}
	if pin == "" && info.Flags&pkcs11.CKF_PROTECTED_AUTHENTICATION_PATH == 0 { // else it has keys of its own to type it on
		return errors.New(plugin.WrongPIN)
	}
	err = s.ctx.Login(s.handle, pkcs11.CKU_USER, pin)
	var code pkcs11.Error
	switch errors.As(err, &code); {
	case err == nil, code == pkcs11.CKR_USER_ALREADY_LOGGED_IN:
		return nil
	case slices.Contains([]pkcs11.Error{pkcs11.CKR_PIN_INCORRECT, pkcs11.CKR_PIN_LEN_RANGE, pkcs11.CKR_PIN_INVALID, pkcs11.CKR_PIN_LOCKED, pkcs11.CKR_PIN_EXPIRED}, code):
		return fmt.Errorf("%s: %w", plugin.WrongPIN, code)
	}
	return fmt.Errorf("logging in: %w", err)
}

func readPIN(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxPIN+1))
	if err != nil || len(data) > maxPIN {
		return "", fmt.Errorf("%s: more than %d bytes, or %w", path, maxPIN, err)
	}
	return strings.TrimRight(string(data), "\r\n"), nil
}

// object finds the one object of a class that the URI names.
func (s *session) object(class uint, what string) (pkcs11.ObjectHandle, error) {
	template := []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_CLASS, class)}
	if s.uri.Object != "" {
		template = append(template, pkcs11.NewAttribute(pkcs11.CKA_LABEL, s.uri.Object))
	}
	if len(s.uri.ID) > 0 {
		template = append(template, pkcs11.NewAttribute(pkcs11.CKA_ID, s.uri.ID))
	}
	if err := s.ctx.FindObjectsInit(s.handle, template); err != nil {
		return 0, fmt.Errorf("looking for the %s: %w", what, err)
	}
	found, _, err := s.ctx.FindObjects(s.handle, 2)
	if end := s.ctx.FindObjectsFinal(s.handle); err == nil {
		err = end
	}
	switch {
	case err != nil:
		return 0, fmt.Errorf("looking for the %s: %w", what, err)
	case len(found) == 0:
		return 0, fmt.Errorf("the token has no %s that matches the URI", what)
	case len(found) > 1:
		return 0, fmt.Errorf("several objects are a %s that matches the URI: add id=", what)
	}
	return found[0], nil
}
