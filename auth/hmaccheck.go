package auth

import (
	"crypto"
	"errors"
	"fmt"
	"slices"
)

func checkParts(parts []Part, withMAC bool) error {
	var errs []error
	for _, p := range parts {
		if p == nil {
			errs = append(errs, errors.New("a part is nil"))
			continue
		}
		errs = append(errs, p.check(withMAC))
	}
	return errors.Join(errs...)
}

// writesMAC tells whether the signature is among parts.
func writesMAC(parts []Part) bool {
	return slices.ContainsFunc(parts, func(p Part) bool {
		inner, ok := p.(partFunc)
		return p == PartMAC || (ok && writesMAC(inner.inner))
	})
}

func checkHash(h crypto.Hash) error {
	if !h.Available() {
		return fmt.Errorf("the hash %s is not linked in: import its package", h)
	}
	return nil
}
