package observe

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"strconv"
)

//go:embed page/page.html
var pageHTML string

//go:embed page/page.css
var pageCSS string

//go:embed page/page.js
var pageJS string

// Handler is a page that shows what the Recorder knows, to mount where an operator finds it:
//
//	mux.Handle("/debug/http", recorder.Handler())
//
// It shows for each origin and route the rate, errors, latencies, retries, waits and bytes;
// what the steps say of themselves, such as budgets, breakers and tokens; the last failures
// with all their sends and waits as they followed each other; and the pipeline of each client.
// It refreshes itself, also without JavaScript, and needs nothing from elsewhere: one
// answer, under a Content-Security-Policy that lets nothing else in.
//
// What it shows is redacted and escaped. It asks nobody who they are: whose eyes it is for
// is up to the service that mounts it.
func (r *Recorder) Handler() http.Handler {
	page, err := template.New("page").Funcs(template.FuncMap{"legend": legend}).Parse(pageHTML)
	return &pageHandler{of: r, page: page, wrong: err, policy: "default-src 'none'; style-src " + hashOf(pageCSS) + "; script-src " + hashOf(pageJS) +
		"; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"}
}

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

type pageHandler struct {
	of     *Recorder
	page   *template.Template
	wrong  error
	policy string
}

// pageRefresh is after how many seconds the page asks anew.
const pageRefresh = 2

func (h *pageHandler) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.Method != http.MethodGet && req.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "the page is there to be read: GET it", http.StatusMethodNotAllowed)
		return
	}
	view := newPageView(h.of.Snapshot())
	view.CSS, view.JS = template.CSS(pageCSS), template.JS(pageJS) //nolint:gosec // they are ours
	if req.URL.Query().Get("pause") == "" {
		view.Refresh = pageRefresh
	}
	var out bytes.Buffer
	err := h.wrong
	if err == nil {
		err = h.page.Execute(&out, view)
	}
	if err != nil {
		http.Error(w, "the page is broken: "+err.Error(), http.StatusInternalServerError)
		return
	}
	for name, value := range map[string]string{
		"Content-Type":                 "text/html; charset=utf-8",
		"Content-Length":               strconv.Itoa(out.Len()),
		"Content-Security-Policy":      h.policy,
		"Cache-Control":                "no-store",
		"Referrer-Policy":              "no-referrer",
		"X-Content-Type-Options":       "nosniff",
		"X-Frame-Options":              "DENY",
		"Cross-Origin-Resource-Policy": "same-origin",
	} {
		w.Header().Set(name, value)
	}
	if req.Method != http.MethodHead {
		_, _ = w.Write(out.Bytes()) // whoever asked has gone
	}
}
