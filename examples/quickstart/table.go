package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/go-resty/resty/v2"
)

// feature is one thing that the stack does, and a request that shows it.
type feature struct {
	name, asked string
	run         func(*resty.Client) result
}

// result is how the request went.
type result struct {
	saw string // what the server saw, by its own answer
	got string // what the caller got
	ok  bool
}

// show runs the features one by one. It returns an error where one of them is not ok.
func show(out io.Writer, client *resty.Client, features []feature) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "FEATURE\tASKED\tTHE SERVER SAW\tTHE CALLER GOT")
	wrong := 0
	for _, f := range features {
		r, verdict := f.run(client), "ok"
		if !r.ok {
			wrong++
			verdict = "NOT OK"
		}
		if r.saw == "" {
			r.saw = "-"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", f.name, f.asked, r.saw, r.got, verdict)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if wrong > 0 {
		return fmt.Errorf("%d of %d are not ok", wrong, len(features))
	}
	fmt.Fprintf(out, "\nAll %d are ok.\n", len(features))
	return nil
}

// seen is something that the server saw, or nothing.
func seen(what, value string) string {
	if value == "" {
		return ""
	}
	return what + value
}

// outcome is what the caller got: the status, or the error.
func outcome(resp *resty.Response, err error) string {
	if err != nil {
		return err.Error()
	}
	return resp.Status()
}
