package authtest

import (
	"context"
	"crypto/rand"
	"strings"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// login is an authorization request. The engine is given copies.
type login struct {
	id      string
	asked   oidc.AuthRequest
	family  *family
	granted bool
}

// code is an authorization code.
type code struct {
	login *login
	used  bool
}

// device is a device that asked for a token (RFC 8628).
type device struct {
	code, user string
	state      op.DeviceAuthorizationState
	polled     time.Time
}

func (l *login) GetID() string                      { return l.id }
func (*login) GetACR() string                       { return "" }
func (*login) GetAMR() []string                     { return []string{"pwd"} }
func (l *login) GetAudience() []string              { return []string{l.asked.ClientID} }
func (l *login) GetAuthTime() time.Time             { return l.family.at }
func (l *login) GetClientID() string                { return l.asked.ClientID }
func (l *login) GetNonce() string                   { return l.asked.Nonce }
func (l *login) GetRedirectURI() string             { return l.asked.RedirectURI }
func (l *login) GetResponseType() oidc.ResponseType { return l.asked.ResponseType }
func (l *login) GetResponseMode() oidc.ResponseMode { return l.asked.ResponseMode }
func (l *login) GetScopes() []string                { return l.asked.Scopes }
func (l *login) GetState() string                   { return l.asked.State }
func (l *login) GetSubject() string                 { return l.family.subject }
func (l *login) Done() bool                         { return l.granted }
func (l *login) GetCodeChallenge() *oidc.CodeChallenge {
	if l.asked.CodeChallenge == "" {
		return nil
	}
	return &oidc.CodeChallenge{Challenge: l.asked.CodeChallenge, Method: l.asked.CodeChallengeMethod}
}

// CreateAuthRequest keeps an authorization request until someone logs in.
func (s *storage) CreateAuthRequest(_ context.Context, asked *oidc.AuthRequest, _ string) (op.AuthRequest, error) {
	l := &login{id: rand.Text(), asked: *asked, family: newFamily(asked.ClientID, "", asked.Scopes)}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logins[l.id] = l
	return l.copy(), nil
}

func (l *login) copy() *login { c := *l; return &c }

// AuthRequestByID finds an authorization request.
func (s *storage) AuthRequestByID(_ context.Context, id string) (op.AuthRequest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.logins[id]
	if l == nil {
		return nil, errUnknown
	}
	return l.copy(), nil
}

// SaveAuthCode keeps a code.
func (s *storage) SaveAuthCode(_ context.Context, id, text string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.logins[id]
	if l == nil {
		return errUnknown
	}
	s.codes[text] = &code{login: l}
	return nil
}

// AuthRequestByCode spends a code. One that is used twice ends what came of it (RFC 6749
// section 4.1.2).
func (s *storage) AuthRequestByCode(_ context.Context, text string) (op.AuthRequest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.codes[text]
	if c == nil {
		return nil, errUnknown
	}
	if c.used {
		c.login.family.revoked = true
		return nil, errUnknown
	}
	c.used = true
	return c.login.copy(), nil
}

// challenged tells whether a code was asked for with a challenge.
func (s *state) challenged(text string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.codes[text]
	return c != nil && c.login.asked.CodeChallenge != ""
}

// DeleteAuthRequest forgets an authorization request. Its code is kept, to be known again.
func (s *storage) DeleteAuthRequest(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.logins, id)
	return nil
}

// grant lets a user log in.
func (s *state) grant(id, user string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.logins[id]
	if l == nil || l.granted {
		return false
	}
	l.granted, l.family.subject, l.family.at = true, user, time.Now()
	return true
}

// StoreDeviceAuthorization keeps what a device asked for.
func (s *storage) StoreDeviceAuthorization(_ context.Context, client, deviceCode, userCode string, expires time.Time, scopes []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.devices[deviceCode] = &device{
		code: deviceCode, user: userCode,
		state: op.DeviceAuthorizationState{ClientID: client, Scopes: scopes, Expires: expires},
	}
	return nil
}

// GetDeviceAuthorizatonState is how far a device is. It spends the code of one that is
// approved. The engine says slow_down for [context.DeadlineExceeded].
func (s *storage) GetDeviceAuthorizatonState(_ context.Context, client, text string) (*op.DeviceAuthorizationState, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.devices[text]
	if d == nil || d.state.ClientID != client {
		return nil, errUnknown
	}
	now := time.Now()
	soon := now.Sub(d.polled) < s.interval*9/10 // the network may bring two polls nearer to each other
	d.polled = now
	state := d.state
	switch {
	case state.Done, state.Denied:
		delete(s.devices, text)
	case soon:
		return nil, context.DeadlineExceeded
	}
	return &state, nil
}

// holds tells whether a device code is one of the client's.
func (s *state) holds(client, text string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.devices[text]
	return d != nil && d.state.ClientID == client
}

// decide says what a user says to a device, by the code it shows.
func (s *state) decide(userCode, user string, yes bool) bool {
	plain := strings.NewReplacer("-", "", " ", "")
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.devices {
		if strings.EqualFold(plain.Replace(d.user), plain.Replace(userCode)) && !d.state.Done && !d.state.Denied {
			d.state.Done, d.state.Denied, d.state.Subject, d.state.AuthTime = yes, !yes, user, time.Now()
			return true
		}
	}
	return false
}
