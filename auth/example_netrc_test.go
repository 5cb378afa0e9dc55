package auth_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/go-resty/resty/v2"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
)

func ExampleNetrc() {
	srv := service()
	defer srv.Close()
	dir, _ := os.MkdirTemp("", "example")
	defer func() { _ = os.RemoveAll(dir) }()
	file := filepath.Join(dir, ".netrc")
	_ = os.WriteFile(file, []byte("machine 127.0.0.1 login Aladdin password \"open sesame\"\n"), 0o600)

	client := resty.New().SetBaseURL(srv.URL)
	err := middleware.Use(client, auth.Netrc{File: file}) // auth.Netrc{} reads ~/.netrc
	fmt.Println(err)
	whoami(client, "/whoami")
	// Output:
	// <nil>
	// Authorization: "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", X-API-Key: "", query: ""
}
