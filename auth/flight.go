package auth

import "golang.org/x/oauth2"

// wish is what a mint is for.
type wish struct {
	last    *oauth2.Token // the newest that was had, or nil
	refused string        // one that would be of no use, as it is sent
}

// made is what a mint came to.
type made struct {
	token   *oauth2.Token
	shared  bool  // others have minted it
	trouble error // that of a store, without which it went on
}

// mintFunc makes a token.
type mintFunc func(wish) (made, error)

// flight is a mint under way.
type flight struct {
	done  chan struct{}
	ahead bool // nobody waits for it
	once  bool // the token has no lifetime: it is for those who waited
	made
	err error
}
